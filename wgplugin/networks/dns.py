"""Whether a container asks the DNS servers that its configuration names. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from ipaddress import IPv4Address, IPv6Address


def advice(
    file_name: str,
    servers: Sequence[IPv4Address | IPv6Address],
    asked: Collection[str],
) -> str | None:
    """Return the advice for a container that asks none of the file's DNS servers, else None.

    ``servers`` are those of the file, ``asked`` those that Docker's resolver asks.
    """
    wanted = [str(server) for server in servers]
    if not wanted or set(asked) & set(wanted):
        return None
    flags = " ".join(f"--dns {server}" for server in wanted)
    return (
        f"{file_name} names DNS {', '.join(wanted)}, which the container doesn't ask; start it "
        f"with {flags}, or in Compose dns: [{', '.join(wanted)}] (Docker before 25 doesn't tell "
        "the plugin whether you did)"
    )
