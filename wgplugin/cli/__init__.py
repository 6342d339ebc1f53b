"""What a person types: ``wgplugin check`` and ``wgplugin status``."""
