"""What happens: the kinds of network, and what watches over their tunnels."""
