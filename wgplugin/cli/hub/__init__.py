"""The commands that look after a hub's file and its peers."""
