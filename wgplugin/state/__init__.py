"""What the plugin remembers, on disk."""
