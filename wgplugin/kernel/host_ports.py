"""Work on published ports in the host's network namespace, by its open sockets."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from itertools import product

from wgplugin.kernel import forwarding, legacy, link_messages
from wgplugin.kernel.connections import Place, is_stale
from wgplugin.kernel.host_firewall import HostFirewall
from wgplugin.kernel.host_links import HostLinks
from wgplugin.kernel.link_messages import GET_NETCONF
from wgplugin.kernel.listeners import listeners
from wgplugin.kernel.netfilter import LACKING, NetfilterSocket
from wgplugin.kernel.netlink import NetlinkSocket
from wgplugin.kernel.port_table import port_table, serves
from wgplugin.kernel.space import Space
from wgplugin.model.backends import Published
from wgplugin.model.published import Publication, PublishedPort

_CLOSED = "not all clients outside this host reach published ports: "
_FORWARDING = {4: "net.ipv4.ip_forward", 6: "net.ipv6.conf.all.forwarding"}


class HostPorts:
    """The published ports of one plugin, and what is known of their nftables."""

    def __init__(self, owner: str) -> None:
        """``owner``: this plugin, as others on the host may publish ports, too."""
        self._name = f"wireguard-ports-{hashlib.sha256(owner.encode()).hexdigest()[:8]}"
        self._firewall = HostFirewall(self._name)
        self._ports: dict[int, set[Place]] = {}

    def publish(self, space: Space, publications: Collection[Publication]) -> Published:
        """Bring the host in line with publications; see `PublishingKernel`.

        Raises:
            OSError: the kernel refuses.
        """
        links = HostLinks(space.route, self._name)
        here = list(_here(links, publications))
        taken = _taken(here)
        free = [
            replace(each, ports=tuple(p for p in each.ports if p not in taken)) for each in here
        ]
        done = list(links.delete_all_but({each.device for each in publications}))
        # First what stops packets, then what lets them pass.
        table = port_table(self._name, free) if here else None
        versions = _versions(free)
        done += self._firewall.set(space.netfilter, table, versions, links=links.exist())
        self._forget_stale(space.netfilter, links, _datagrams(free))
        for device in dict.fromkeys(each.device for each in here):
            if link := links.find(device):
                addresses = [a for each in here if each.device == device for a in each.addresses]
                done += links.set_up(link, addresses)
        closed = "; ".join(self._closed(space.route, links, versions))
        return Published(tuple(done), taken, f"{_CLOSED}{closed}" if closed else "")

    def _forget_stale(
        self, netfilter: NetfilterSocket, links: HostLinks, ports: dict[int, set[Place]]
    ) -> None:
        """Forget connections of UDP that go where ports led to before."""
        if ports == self._ports:
            return
        known: dict[int, set[Place]] = {each: set() for each in self._ports} | ports
        for version in (4, 6):
            try:
                found = netfilter.connections(version)
            except OSError as error:
                if error.errno not in LACKING:
                    raise
            else:
                own = links.addresses()
                netfilter.forget([each for each in found if is_stale(each, known, own)])
        self._ports = ports

    def _closed(
        self, route: NetlinkSocket, links: HostLinks, versions: Collection[int]
    ) -> Iterator[str]:
        """Yield what keeps clients outside away."""
        for version in sorted(versions):
            if version == 6 and not links.has_ipv6():
                continue
            answer = route.ask(GET_NETCONF, link_messages.get_forwarding(version))
            if not link_messages.is_forwarded(answer):
                setting = _FORWARDING[version]
                yield f"IPv{version} isn't forwarded (try: sysctl -w {setting}=1)"
            if version not in self._firewall.docker_s and (chain := legacy.closed(version)):
                yield forwarding.iptables_advice(version, chain)
        yield from self._firewall.closed


def _here(links: HostLinks, publications: Iterable[Publication]) -> Iterator[Publication]:
    """Yield the publications whose links are there, with the addresses that these can carry."""
    for each in publications:
        if link := links.find(each.device):
            addresses = tuple(a for a in each.addresses if a.version in link.families)
            yield replace(each, addresses=addresses)


def _taken(publications: Iterable[Publication]) -> frozenset[PublishedPort]:
    """Return the ports that another program listens on."""
    ports = {port for each in publications for port in each.ports}
    found = list(listeners({port.protocol for port in ports})) if ports else []
    return frozenset(port for port in ports if any(map(port.overlaps, found)))


def _datagrams(publications: Iterable[Publication]) -> dict[int, set[Place]]:
    """Return the places that the ports of UDP lead to."""
    found: dict[int, set[Place]] = {}
    for each in publications:
        for port, address in product(each.ports, each.addresses):
            if port.protocol == "udp" and serves(port, address):
                found.setdefault(port.host_port, set()).add((address, port.port))
    return found


def _versions(publications: Iterable[Publication]) -> frozenset[int]:
    """Return the IP versions of the ports that others can reach."""
    return frozenset(
        address.version
        for each in publications
        for address in each.addresses
        for port in each.ports
        if serves(port, address) and not (port.address and port.address.is_loopback)
    )
