"""Whether a container asks the DNS servers that its configuration names. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import IPv4Address, IPv6Address
from typing import Any

SERVERS = "com.docker.network.endpoint.dnsservers"


def advice(
    file_name: str,
    servers: Sequence[IPv4Address | IPv6Address],
    options: Mapping[str, Any] | None,
) -> str | None:
    """Return what to tell the user if the container asks none of the file's servers.

    ``options`` are those of CreateEndpoint, where Docker 25 and newer puts the servers of
    ``--dns``, of Compose and of daemon.json (moby, daemon/container_operations.go).
    """
    given = (options or {}).get(SERVERS)
    asked = {str(server) for server in given} if isinstance(given, list) else set()
    wanted = [str(server) for server in servers]
    if not wanted or asked & set(wanted):
        return None
    flags = " ".join(f"--dns {server}" for server in wanted)
    return (
        f"{file_name} names DNS {', '.join(wanted)}, which the container doesn't ask; start it "
        f"with {flags}, or in Compose dns: [{', '.join(wanted)}] (Docker before 25 doesn't tell "
        "the plugin whether you did)"
    )
