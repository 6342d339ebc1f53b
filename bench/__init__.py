"""Benchmarks: the plugin beside the kernel alone, the tools, and Docker's own networks."""
