"""Published ports: from records to plans, and what the base edition says of them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from wgplugin.codes import Code
from wgplugin.model.prefixes import InterfaceAddress, IPAddress
from wgplugin.model.published import (
    Link,
    PortBinding,
    Publication,
    PublishedPort,
    link_addresses,
    link_name,
)
from wgplugin.model.without_ipv6 import Families
from wgplugin.state.records import Endpoint, Network

Answers = tuple[tuple[IPAddress, IPAddress], ...]


def port_warnings(published: Sequence[PortBinding]) -> tuple[str, ...]:
    """Return the base edition's warning about published ports; none without any.

    Docker sends the ports also if a network that it attaches later publishes them, so the warning
    is true of both cases.
    """
    if not published:
        return ()
    message = (
        f"this network doesn't publish {', '.join(map(str, published))}: that takes the live "
        "edition, or a bridge as the container's second network, unless it has one: docker network "
        "connect BRIDGE CONTAINER, or in Compose networks: [default, NETWORK]; docs/web-app.md has "
        "the whole setup"
    )
    return (f"{message} [{Code.PORTS_NOT_PUBLISHED}]",)


def conflict(
    wanted: Iterable[PortBinding], others: Iterable[Endpoint]
) -> tuple[PublishedPort, Endpoint] | None:
    """Return a port that is asked for without a choice, and the endpoint that has it, if any."""
    fixed = [each for each in wanted if each.first and each.first == each.last]
    for other in others:
        for port in other.ports:
            if any(each.may_take(port) for each in fixed):
                return port, other
    return None


def reached(endpoint: Endpoint, network: Network | None, families: Families) -> frozenset[int]:
    """Return the families in which the host reaches a container by its link.

    ``families`` are those of the host. The router of a shared network leads to an address of the
    container.
    """
    if not _is_shared(network):
        return frozenset(families)
    return frozenset(families) & {each.version for each in endpoint.target_values}


def publication(endpoint: Endpoint, network: Network | None, families: Families) -> Publication:
    """Return what the host publishes for an endpoint; ``families`` are those of the host."""
    way = endpoint.network_id if _is_shared(network) else endpoint.id
    addresses = _on_link(endpoint, network, families)
    return Publication(link_name(way), tuple(each.ip for each in addresses), endpoint.ports)


def container_link(endpoint: Endpoint, families: Families) -> Link | None:
    """Return the link of a container with a tunnel of its own; None without published ports."""
    if not endpoint.number:
        return None
    return Link(link_name(endpoint.id), link_addresses(endpoint.number, families))


def router_link(
    network: Network, endpoints: Iterable[Endpoint], families: Families
) -> tuple[Link | None, Answers]:
    """Return the link of a shared network's router, and what its addresses stand for.

    ``endpoints`` are the network's. Without published ports there is no link.
    """
    pairs = [
        (address, target)
        for endpoint in endpoints
        if endpoint.number
        for address in _on_link(endpoint, network, families)
        for target in endpoint.target_values
        if target.version == address.version
    ]
    if not pairs:
        return None, ()
    link = Link(link_name(network.id), tuple(address for address, _ in pairs))
    return link, tuple((address.ip, target) for address, target in pairs)


def _is_shared(network: Network | None) -> bool:
    return network is not None and network.mode == "shared"


def _on_link(
    endpoint: Endpoint, network: Network | None, families: Families
) -> tuple[InterfaceAddress, ...]:
    return link_addresses(endpoint.number, reached(endpoint, network, families))
