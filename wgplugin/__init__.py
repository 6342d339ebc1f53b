"""A Docker network plugin that puts kernel WireGuard interfaces into containers."""

__version__ = "0.1.0"
