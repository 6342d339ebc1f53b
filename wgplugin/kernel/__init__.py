"""Access to the kernel: rtnetlink, WireGuard's netlink, nftables, namespaces, capabilities."""
