"""The commands of a hub, on files in a folder of their own."""
