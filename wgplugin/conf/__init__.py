"""The user's files: WireGuard configurations and wgplugin.yaml, from text to values."""
