"""Values and pure decisions, and the interfaces that the kernel side implements."""
