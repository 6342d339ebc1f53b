"""Checks whether a container uses its configuration's DNS servers. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from wgplugin.model.prefixes import IPAddress


def advice(
    file_name: str,
    servers: Sequence[IPAddress],
    asked: Collection[str],
) -> str | None:
    """Return advice for a container that uses none of its file's DNS servers, else None.

    ``servers`` are the file's. ``asked`` are the servers that Docker's resolver forwards to.
    """
    wanted = [str(server) for server in servers]
    if not wanted or set(asked) & set(wanted):
        return None
    flags = " ".join(f"--dns {server}" for server in wanted)
    return (
        f"{file_name} names DNS {', '.join(wanted)}, which the container doesn't ask; start it "
        f"with {flags}, or in Compose dns: [{', '.join(wanted)}] (Docker before 25 doesn't show "
        "this to the plugin)"
    )
