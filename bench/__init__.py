"""Benchmarks: the plugin compared with the bare kernel, the tools and Docker's own networks."""
