"""The commands for people, of ``wgplugin`` and ``docker wireguard``."""
