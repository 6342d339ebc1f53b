"""Shared networks: what containers behind one tunnel have of it, of each other, and of Docker."""
