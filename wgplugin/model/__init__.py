"""Values and pure decisions; the protocols that the kernel's side implements."""
