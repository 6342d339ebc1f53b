"""A host without IPv6 (``ipv6.disable=1``): what it leaves out of a configuration. Pure.

There is no IPv6 in its containers either. So IPv4 works as elsewhere, and IPv6 leak protection has
nothing to do. ``families`` are the host's (4, and 6 if it has IPv6), as HostKernel has them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import TypeVar

from wgplugin.codes import Code
from wgplugin.errors import PluginError
from wgplugin.model.addresses import ADDRESS_OPTION
from wgplugin.model.configuration import InterfaceConfig, PeerEndpoint, TunnelSettings
from wgplugin.model.prefixes import InterfaceAddress, IPAddress, Prefix

Families = Collection[int]

SHOWN = 3
"""The number of values of a kind that a warning lists."""

T = TypeVar("T", bound=InterfaceAddress | IPAddress | Prefix)


def usable(values: Iterable[T], families: Families) -> tuple[T, ...]:
    """Return the addresses or prefixes that a host can have."""
    return tuple(value for value in values if value.version in families)


def check_network(
    file_name: str, config: InterfaceConfig, subnets: Iterable[Prefix], families: Families
) -> None:
    """Check that a host can have a network with this configuration and these subnets.

    Raises:
        PluginError: a subnet is of IPv6, the file has only IPv6 addresses, or so has a peer.
    """
    subnets = tuple(subnets)
    for subnet in subnets:
        if subnet.version not in families:
            raise PluginError(
                Code.NO_IPV6,
                f"the network has the IPv6 subnet {subnet}, and this host has no IPv6; "
                "create it without --ipv6 and without this --subnet, or enable IPv6 on the host",
            )
    if not subnets:
        _check_some(file_name, config.addresses, families)
    check_endpoints(file_name, config, families)


def check_endpoints(file_name: str, config: InterfaceConfig, families: Families) -> None:
    """Check that no peer's endpoint is an IPv6 address, unless the host has IPv6.

    Raises:
        PluginError: one is.
    """
    for peer in config.peers:
        if peer.endpoint and _is_ipv6(peer.endpoint) and 6 not in families:
            raise unreachable(f"{file_name}: the endpoint {peer.endpoint.host}")


def unreachable(endpoint: str) -> PluginError:
    """Return the error for an endpoint that has no IPv4 address."""
    return PluginError(
        Code.NO_IPV6,
        f"{endpoint} has no IPv4 address, and this host has no IPv6; "
        "write an Endpoint that has one, or enable IPv6 on the host",
    )


def own_addresses(
    file_name: str,
    config: InterfaceConfig,
    option: Iterable[InterfaceAddress],
    assigned: Iterable[InterfaceAddress],
    families: Families,
) -> tuple[InterfaceAddress, ...]:
    """Return a container's own addresses that the host can have.

    Args:
        file_name: the configuration's name, as messages show it.
        config: the configuration.
        option: the addresses of the container's option; if empty, those of the file count.
        assigned: the addresses that Docker's IPAM assigned, and sets.
        families: the host's.

    Raises:
        PluginError: Docker assigned an IPv6 address, or the container has no other ones.
    """
    option, assigned = tuple(option), tuple(assigned)
    for address in assigned:
        if address.version not in families:
            raise PluginError(
                Code.NO_IPV6,
                f"Docker assigned {address.ip}, and this host has no IPv6; "
                "create the network anew without --ipv6, or enable IPv6 on the host",
            )
    own = option or config.addresses
    if not assigned:
        _check_some(ADDRESS_OPTION if option else file_name, own, families)
    return usable(own, families)


def left_out(
    file_name: str,
    config: InterfaceConfig,
    tunnel: TunnelSettings,
    families: Families,
    option: Iterable[InterfaceAddress] = (),
) -> tuple[str, ...]:
    """Return a warning about what a host leaves out of a container's network, if anything.

    ``option``: the addresses of the container's option, which replace those of the file.
    """
    option = tuple(option)
    kinds: tuple[tuple[str, Iterable[InterfaceAddress | IPAddress | Prefix]], ...] = (
        (ADDRESS_OPTION if option else "Address", option or config.addresses),
        ("DNS", config.dns),
        ("AllowedIPs", (net for peer in config.peers for net in peer.allowed_ips)),
        ("wireguard-bypass", tunnel.bypass),
    )
    found = [text for kind, values in kinds for text in _lacking(kind, values, families)]
    if not found:
        return ()
    listed = "; ".join(found)
    text = f"{file_name}: this host has no IPv6, so this is left out: {listed} [{Code.NO_IPV6}]"
    return (text,)


def _is_ipv6(endpoint: PeerEndpoint) -> bool:
    # A host name has no colon.
    return ":" in endpoint.host


def _check_some(source: str, own: tuple[InterfaceAddress, ...], families: Families) -> None:
    addresses = ", ".join(map(str, own))
    if own and not usable(own, families):
        raise PluginError(
            Code.NO_IPV6,
            f"{source} has only IPv6 addresses ({addresses}), and this host has no IPv6; "
            "add an IPv4 address, or enable IPv6 on the host",
        )


def _lacking(
    kind: str, values: Iterable[InterfaceAddress | IPAddress | Prefix], families: Families
) -> Iterator[str]:
    found = list(dict.fromkeys(str(each) for each in values if each.version not in families))
    if found:
        rest = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
        yield f"{kind} {', '.join(found[:SHOWN])}{rest}"
