"""The plugin's records on disk."""
