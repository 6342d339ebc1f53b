"""Tests on a host without IPv6: the lab with ``--kernel-arg ipv6.disable=1``."""
