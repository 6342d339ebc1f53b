"""Networks with a pool of configurations, of which each container gets one of its own."""
