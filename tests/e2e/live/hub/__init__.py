"""A hub, and what dials into it."""
