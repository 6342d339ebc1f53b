"""What the user sees: real Docker, kernel WireGuard, and the plugin that the Makefile makes.

Needs root, Docker, WireGuard, iproute2, wireguard-tools, make and a static busybox; uses only
pytest besides the standard library, as it runs on the Python of whatever machine has all that.
"""
