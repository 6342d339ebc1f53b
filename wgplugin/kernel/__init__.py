"""The kernel's side: rtnetlink, WireGuard's netlink, nftables, namespaces, capabilities."""
