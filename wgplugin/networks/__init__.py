"""The kinds of network, and the supervision of their tunnels."""
