"""Checks whether a container uses its configuration's DNS servers. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from wgplugin.model.prefixes import IPAddress
from wgplugin.model.without_ipv6 import Families, usable


def advice(
    file_name: str,
    servers: Sequence[IPAddress],
    asked: Collection[str],
    families: Families,
) -> str | None:
    """Return advice for a container that uses none of its file's DNS servers, else None.

    ``servers`` are the file's. ``asked`` are the servers that Docker's resolver forwards to.
    ``families`` are those of the host.
    """
    wanted = [str(server) for server in usable(servers, families)]
    if servers and not wanted:
        named = ", ".join(map(str, servers))
        return (
            f"{file_name} names DNS {named} alone, and this host has no IPv6; add an IPv4 server "
            "to DNS, and start the container with --dns and that server"
        )
    if not wanted or set(asked) & set(wanted):
        return None
    flags = " ".join(f"--dns {server}" for server in wanted)
    return (
        f"{file_name} names DNS {', '.join(wanted)}, which the container doesn't ask; start it "
        f"with {flags}, or in Compose dns: [{', '.join(wanted)}] (Docker before 25 doesn't show "
        "this to the plugin)"
    )
