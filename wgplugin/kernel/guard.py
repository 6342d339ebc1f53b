"""Whether tunnels' nftables are as they were installed, by the namespace's generation. Pure.

Each change of nftables, by whomever, makes the generation one larger: NFT_MSG_GETGEN in
linux/netfilter/nf_tables.h, nf_tables_commit() in net/netfilter/nf_tables_api.c.
"""

from __future__ import annotations


class Guard:
    """The tunnels of one namespace, by the numbers of their networks (owners)."""

    __slots__ = ("_generation", "_owners")

    def __init__(self) -> None:
        self._generation = -1
        self._owners: dict[int, bool] = {}

    def changed(self, before: int, own: int, after: int) -> bool:
        """Take note of ``own`` changes between two generations.

        Returns whether nobody else made one meanwhile. If somebody did, or did before, no tunnel
        is guarded until it is installed again.
        """
        alone = after == before + own
        if before != self._generation or not alone:
            self._owners = dict.fromkeys(self._owners, False)
        self._generation = after
        return alone

    def installed(self, owner: int, guarded: bool) -> None:
        """Take note that a tunnel's nftables were installed, or not for sure."""
        self._owners[owner] = guarded

    def removed(self, owner: int) -> None:
        """Take note that a tunnel's nftables are no longer wanted."""
        self._owners.pop(owner, None)

    def is_complete(self) -> bool:
        """Return whether there are tunnels, and all of them are guarded, as far as is known."""
        return bool(self._owners) and all(self._owners.values())

    def holds(self, generation: int) -> bool:
        """Return whether all tunnels are guarded at this generation."""
        return self.is_complete() and generation == self._generation
