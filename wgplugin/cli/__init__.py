"""The commands for people: ``wgplugin check`` and ``wgplugin status``."""
