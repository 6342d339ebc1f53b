"""A shared network: the plan of its router, and of each container on it. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from ipaddress import ip_interface

from wgplugin.model import hub, without_ipv6
from wgplugin.model.attachment import (
    Attachment,
    allowed_ips,
    container_addresses,
    container_plan,
    leak_protection,
)
from wgplugin.model.configuration import InterfaceConfig, TunnelSettings
from wgplugin.model.docker_routes import NEXT_HOPS, on_link, plan_by_hops
from wgplugin.model.identity import device_name, network_number
from wgplugin.model.namespace import Plan
from wgplugin.model.prefixes import InterfaceAddress, IPAddress, blackhole_address
from wgplugin.model.router import Forward, RouterPlan
from wgplugin.model.shared_checks import no_gateway
from wgplugin.model.without_ipv6 import Families


def router_plan(
    network_id: str,
    gateways: Iterable[InterfaceAddress],
    config: InterfaceConfig,
    tunnel: TunnelSettings,
    families: Families,
    forwards_of_containers: Iterable[Forward] = (),
    *,
    internal: bool = False,
    mtu: int | None = None,
) -> RouterPlan:
    """Return the plan of a network's router.

    Args:
        network_id: Docker's id of the network.
        gateways: the router's addresses, one in each subnet.
        config: the network's configuration.
        tunnel: the settings of the network.
        families: those of the host; addresses of others are left out.
        forwards_of_containers: those of the containers' options, with their addresses.
        internal: whether nothing may go into the tunnel.
        mtu: in bytes, or None.
    """
    forwards = (*tunnel.forward, *forwards_of_containers)
    has_routes = config.routes and not internal
    routed = allowed_ips(hub.summed_up(config, tunnel)) if has_routes else ()
    return RouterPlan(
        device=device_name(network_id),
        owner=network_number(network_id),
        gateways=without_ipv6.usable(gateways, families),
        addresses=without_ipv6.usable(config.addresses, families),
        routed=without_ipv6.usable(dict.fromkeys(routed), families),
        mtu=mtu,
        nat=hub.has_nat(config, tunnel),
        isolate=tunnel.isolate,
        internal=internal,
        hub=hub.is_hub(config, tunnel),
        limits=hub.limits(config, families),
        forwards=tuple(
            forward
            for forward in forwards
            if forward.address and forward.address.version in families and not internal
        ),
    )


def member_addresses(
    file_name: str,
    config: InterfaceConfig,
    tunnel: TunnelSettings,
    endpoint_id: str,
    network_id: str,
    assigned: Iterable[InterfaceAddress],
    families: Families,
) -> tuple[InterfaceAddress, ...]:
    """Return a container's addresses: Docker's, and a made-up one if leak protection needs it.

    The other arguments are those of attachment.container_addresses(). Docker's resolver tells the
    other containers the made-up one, too, so they reach it: it is in a subnet of their network.

    Raises:
        PluginError: Docker assigned none, or one that the host can't have.
    """
    assigned = tuple(assigned)
    if not assigned:
        raise no_gateway()
    # The file's Address is the router's.
    config = replace(config, addresses=())
    made_up = blackhole_address(endpoint_id, network_id)
    return container_addresses(file_name, config, tunnel, made_up, (), assigned, families)


def member_routes(
    config: InterfaceConfig,
    addresses: Iterable[InterfaceAddress],
    tunnel: TunnelSettings,
    gateways: Iterable[InterfaceAddress],
) -> Attachment:
    """Return the network that Docker sets up in a container with these addresses.

    Every route leads to the router, which has the addresses ``gateways``.
    """
    addresses = tuple(addresses)
    hops = next_hops(addresses, gateways)
    config = hub.summed_up(config, tunnel)
    if not config.routes:
        return Attachment(addresses, (), ())
    if tunnel.default != "gateway":
        wanted = (*allowed_ips(config), *leak_protection(config, tunnel))
        return Attachment(addresses, plan_by_hops(addresses, wanted, hops, tunnel.bypass), ())
    found = member_gateways(config, addresses, tunnel, gateways)
    far = [hop for hop in found if not any(hop in each.network for each in addresses)]
    rest = [net for net in allowed_ips(config) if net.prefixlen]
    routes = dict.fromkeys((*on_link(far), *plan_by_hops(addresses, rest, hops)))
    return Attachment(addresses, tuple(routes), found)


def member_gateways(
    config: InterfaceConfig,
    addresses: Iterable[InterfaceAddress],
    tunnel: TunnelSettings,
    gateways: Iterable[InterfaceAddress],
) -> tuple[IPAddress, ...]:
    """Return the gateways for Docker to choose from: none unless the settings leave that to it."""
    if not config.routes or tunnel.default != "gateway":
        return ()
    addresses = tuple(addresses)
    versions = {address.version for address in addresses}
    hops = next_hops(addresses, gateways)
    whole = {net.version for net in allowed_ips(config) if net.prefixlen == 0}
    return tuple(hops[version] for version in sorted(whole & versions))


def next_hops(
    addresses: Sequence[InterfaceAddress], gateways: Iterable[InterfaceAddress]
) -> dict[int, IPAddress]:
    """Return a container's router by IP version: IPv4, and IPv6 if it has an address of it.

    It is the gateway of the subnet of the container's address, or else the first one. Without any
    it is the address that a container with a tunnel of its own has as its next hop: the router has
    the one of IPv6, and nobody the one of IPv4, so that nothing is reached by it.
    """
    gateways = tuple(gateways)
    hops: dict[int, IPAddress] = {}
    for version in sorted({4, *(address.version for address in addresses)}):
        own = [address.ip for address in addresses if address.version == version]
        known = [each for each in gateways if each.version == version]
        near = [each for each in known if any(ip in each.network for ip in own)]
        hops[version] = (*(each.ip for each in (*near, *known)), NEXT_HOPS[version])[0]
    return hops


def member_plan(
    endpoint_id: str,
    network_id: str,
    name: str,
    config: InterfaceConfig,
    addresses: Sequence[InterfaceAddress],
    tunnel: TunnelSettings,
    gateways: Sequence[InterfaceAddress],
    families: Families,
) -> Plan:
    """Return the plan for the inside of a container; see attachment.container_plan().

    Where the router can't be reached, as with IPv4 in a network of IPv6 alone, prefixes are
    blocked.
    """
    versions = {address.version for address in addresses}
    hops = (hop for version, hop in next_hops(addresses, gateways).items() if version in versions)
    subnets = dict.fromkeys(each.network for each in (*gateways, *addresses))
    config = hub.summed_up(config, tunnel)
    own = container_plan(endpoint_id, network_id, name, config, addresses, tunnel, families)
    return replace(
        own,
        hops=without_ipv6.usable(hops, families),
        subnets=without_ipv6.usable(subnets, families),
    )


def targets(addresses: Iterable[InterfaceAddress]) -> tuple[str, ...]:
    """Return the addresses at which a container's published ports reach it: one of each family."""
    by_version: dict[int, str] = {}
    for address in addresses:
        by_version.setdefault(address.version, str(address.ip))
    return tuple(by_version.values())


def made_up_gateways(network_id: str, targets: Iterable[IPAddress]) -> tuple[InterfaceAddress, ...]:
    """Return the router's address in the subnet of made-up ones; none if no target is in it."""
    subnet = blackhole_address("", network_id).network
    if any(each in subnet for each in targets if each.version == subnet.version):
        return (ip_interface((subnet[1], subnet.prefixlen)),)
    return ()


def mac_address(addresses: Sequence[InterfaceAddress]) -> str:
    """Return a container's MAC address, made of its first address: always the same for that.

    With an IPv4 address it is that of Docker's own bridges before 28 (moby,
    libnetwork/netutils/utils.go), so that its neighbours find a container again that was restarted.
    """
    ipv4 = [address.ip.packed for address in addresses if address.version == 4]
    rest = ipv4[0] if ipv4 else hashlib.sha256(addresses[0].ip.packed).digest()[:4]
    return ":".join(f"{byte:02x}" for byte in (0x02, 0x42, *rest))
