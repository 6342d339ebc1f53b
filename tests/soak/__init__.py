"""Many containers, and many of Docker's calls: all are served, and the plugin doesn't grow."""
