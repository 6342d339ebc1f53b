"""The nftables of published ports in the host's namespace, among those of others.

Others change the host's nftables all the time: Docker with each container. So what stands is looked
at again only after a change, and made again only if it isn't as it was.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from wgplugin.kernel import forwarding
from wgplugin.kernel.netfilter import NetfilterSocket
from wgplugin.kernel.nftables import INET, Table
from wgplugin.kernel.nftables_lists import FoundChain, FoundRule
from wgplugin.kernel.nftables_messages import change_chain


class HostFirewall:
    """The own table, the plugin's rules in DOCKER-USER, and what was last seen of them.

    ``docker_s``: the IP versions for which there is a DOCKER-USER. ``closed``: the chains of
    others that stop what links forward, each with what to do.
    """

    def __init__(self, name: str) -> None:
        """Use ``name`` for the table."""
        self._name = name
        self._table: Table | None = None
        self._identity: object = None
        self._asked: object = None
        self._generation = -1
        self.docker_s: frozenset[int] = frozenset()
        self.closed: tuple[str, ...] = ()

    def set(
        self,
        netfilter: NetfilterSocket,
        table: Table | None,
        versions: Collection[int],
        *,
        links: bool,
    ) -> Iterator[str]:
        """Install a table, or remove it without one, and set DOCKER-USER; yield the changes.

        ``versions``: the IP versions that are forwarded by links. ``links``: whether there are any.

        Raises:
            OSError: the kernel refuses.
        """
        asked, generation = (table, versions, links), netfilter.generation()
        if (asked, generation) == (self._asked, self._generation):
            return
        commits, chains = netfilter.commits, netfilter.chains()
        yield from self._set_table(netfilter, table, chains)
        docker_s = [chain for chain in chains if forwarding.is_docker_s(chain)]
        for chain in docker_s:
            yield from _set_docker_s(netfilter, chain, links)
        self.docker_s = frozenset(chain.version for chain in docker_s)
        self.closed = tuple(
            forwarding.advice(chain)
            for chain in chains
            if chain.table != self._name
            and forwarding.is_passed(chain, versions)
            and forwarding.stops(chain, _rules(netfilter, chain))
        )
        after = netfilter.generation()
        is_alone = after == generation + netfilter.commits - commits
        self._asked, self._generation = asked, after if is_alone else -1

    def _set_table(
        self, netfilter: NetfilterSocket, table: Table | None, chains: Collection[FoundChain]
    ) -> Iterator[str]:
        if table is None:
            if any(map(self._is_own, chains)):
                netfilter.delete(self._name, INET)
                yield "nftables removed"
        elif table != self._table or self._seen(netfilter, chains) != self._identity:
            netfilter.install(table)
            self._identity = self._seen(netfilter, netfilter.chains())
            yield "nftables installed"
        self._table = table

    def _seen(self, netfilter: NetfilterSocket, chains: Collection[FoundChain]) -> object:
        """Return what tells whether the own table is as it was: a rule that is replaced differs."""
        own = tuple(chain for chain in chains if self._is_own(chain))
        rules = netfilter.rules(INET, self._name) if own else ()
        return own, tuple((rule.chain, rule.handle) for rule in rules)

    def _is_own(self, chain: FoundChain) -> bool:
        return (chain.family, chain.table) == (INET, self._name)


def _set_docker_s(netfilter: NetfilterSocket, chain: FoundChain, wanted: bool) -> Iterator[str]:
    """Set or remove the rules in DOCKER-USER; yield the change."""
    edit = forwarding.edit(_rules(netfilter, chain), wanted)
    if edit.delete or edit.add:
        place = (chain.family, chain.table, chain.name)
        netfilter.send(change_chain(*place, edit.delete, edit.add, edit.before))
        yield f"{chain.name} of IPv{chain.version} {'lets links pass' if wanted else 'as before'}"


def _rules(netfilter: NetfilterSocket, chain: FoundChain) -> list[FoundRule]:
    return netfilter.rules(chain.family, chain.table, chain.name)
