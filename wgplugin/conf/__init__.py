"""The user's files: WireGuard configurations and wgplugin.yaml, parsed into values."""
