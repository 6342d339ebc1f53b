"""From a configuration to what the kernel and Docker are given. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address

from wgplugin.codes import Code
from wgplugin.errors import PluginError
from wgplugin.model import prefixes
from wgplugin.model.addresses import choose
from wgplugin.model.configuration import InterfaceConfig, PeerEndpoint, TunnelSettings
from wgplugin.model.device import DeviceConfig, PeerConfig, SocketAddress
from wgplugin.model.docker_routes import NEXT_HOPS, Route, on_link, plan
from wgplugin.model.namespace import Plan
from wgplugin.model.prefixes import Address, Interface, Network

DEFAULT_MTU = 1500
OVERHEAD = 80


def device_config(
    config: InterfaceConfig, endpoints: Mapping[PeerEndpoint, SocketAddress]
) -> DeviceConfig:
    """Return what makes a fresh device the one of the file; ``endpoints`` are those resolved.

    A peer whose endpoint isn't among them has none, until it calls or is found.
    """
    peers = (
        PeerConfig(
            public_key=peer.public_key,
            preshared_key=peer.preshared_key,
            endpoint=endpoints.get(peer.endpoint) if peer.endpoint else None,
            persistent_keepalive=peer.persistent_keepalive,
            replace_allowed_ips=True,
            allowed_ips=peer.allowed_ips,
        )
        for peer in config.peers
    )
    return DeviceConfig(
        private_key=config.private_key,
        listen_port=config.listen_port,
        fwmark=config.fwmark,
        replace_peers=True,
        peers=tuple(peers),
    )


def tunnel_mtu(path_mtus: Iterable[int]) -> int:
    """Return wg-quick's choice of MTU (linux.bash), less WireGuard's overhead.

    ``path_mtus`` are those of the ways to the peers, or else of the default route.
    """
    return min(path_mtus, default=DEFAULT_MTU) - OVERHEAD


def check_tunnel(tunnel: TunnelSettings) -> None:
    """See that the settings of a tunnel go together.

    Raises:
        PluginError: they don't.
    """
    if tunnel.bypass and tunnel.default == "gateway":
        raise PluginError(
            Code.BYPASS_AND_GATEWAY,
            "wireguard-bypass takes prefixes out of the tunnel's own routes, and with "
            "wireguard-default=gateway it has none; leave out one of them",
        )


def warnings(
    file_name: str, config: InterfaceConfig, subnets: Iterable[Network]
) -> tuple[str, ...]:
    """Return what a user should know of a configuration that is accepted.

    ``subnets`` are those of the network, from which Docker assigns addresses.
    """
    said = [fault.within(file_name) for fault in config.warnings]
    has_ipv6 = any(each.version == 6 for each in (*config.addresses, *subnets))
    if 6 in prefixes.full_families(_allowed_ips(config)) and not has_ipv6:
        said.append(
            f"{file_name} has ::/0 in AllowedIPs and no IPv6 Address: what the container sends by "
            "IPv6 goes into the tunnel, from a made-up address, and stays unanswered "
            f"[{Code.NO_IPV6_ADDRESS}]"
        )
    return tuple(said)


def needs_blackhole_address(
    config: InterfaceConfig, addresses: Iterable[Interface], tunnel: TunnelSettings
) -> bool:
    """Tell whether a container needs a made-up IPv6 address, to have an IPv6 route at all."""
    has_ipv6 = any(address.version == 6 for address in addresses)
    return not has_ipv6 and any(net.version == 6 for net in _blackholed(config, tunnel))


@dataclass(frozen=True, slots=True)
class Attachment:
    """The network of a container, as Docker sets it: addresses, routes, and its gateways if any."""

    addresses: tuple[Interface, ...]
    routes: tuple[Route, ...]
    gateways: tuple[Address, ...]


def container_addresses(
    file_name: str,
    config: InterfaceConfig,
    tunnel: TunnelSettings,
    endpoint_id: str,
    own: Sequence[Interface],
    assigned: Iterable[Interface],
) -> tuple[Interface, ...]:
    """Return a container's addresses, with one for IPv6 leak protection if there is no other.

    Args:
        file_name: the configuration, as the user should see it.
        config: the configuration.
        tunnel: the settings of the container's tunnel.
        endpoint_id: Docker's id; the made-up address is always the same for it.
        own: the addresses of the container's option; if empty, those of the file count.
        assigned: what Docker's IPAM assigned.

    Raises:
        PluginError: Docker assigned another address than the container's own, or there is none.
    """
    addresses = choose(file_name, tuple(own) or config.addresses, assigned)
    if needs_blackhole_address(config, addresses, tunnel):
        addresses += (prefixes.blackhole_address(endpoint_id),)
    return addresses


def attachment(
    config: InterfaceConfig, addresses: Iterable[Interface], tunnel: TunnelSettings
) -> Attachment:
    """Return what Docker is to set in a container that has these addresses."""
    addresses = tuple(addresses)
    if not config.routes:
        return Attachment(addresses, (), ())
    if tunnel.default == "gateway":
        families: set[int] = {address.version for address in addresses}
        allowed = _allowed_ips(config)
        gateways = {NEXT_HOPS[net.version] for net in allowed if _is_default(net, families)}
        rest = [net for net in allowed if net.prefixlen]
        planned = (*on_link(gateways), *plan(addresses, rest))
        return Attachment(addresses, tuple(dict.fromkeys(planned)), tuple(gateways))
    wanted = (*_allowed_ips(config), *_blackholed(config, tunnel))
    return Attachment(addresses, plan(addresses, wanted, tunnel.bypass), ())


def container_plan(
    device: str, config: InterfaceConfig, addresses: Iterable[Interface], tunnel: TunnelSettings
) -> Plan:
    """Return what a tunnel gets inside its container, where that can be entered.

    ``device`` is the device's name on the host. With ``wireguard-default=gateway`` the routes are
    left to Docker.
    """
    routed = (*_allowed_ips(config), *_blackholed(config, tunnel)) if config.routes else ()
    return Plan(
        device=device,
        addresses=tuple(addresses),
        routed=tuple(dict.fromkeys(routed)),
        bypass=tunnel.bypass,
        own_table=tunnel.default != "gateway",
        dns=dns_server(config, tunnel),
    )


def dns_server(config: InterfaceConfig, tunnel: TunnelSettings) -> IPv4Address | None:
    """Return whom the live edition has a container ask: Docker's resolver is asked by IPv4."""
    if tunnel.dns == "off":
        return None
    return next((server for server in config.dns if isinstance(server, IPv4Address)), None)


def _blackholed(config: InterfaceConfig, tunnel: TunnelSettings) -> tuple[Network, ...]:
    if not config.routes or not tunnel.sink or tunnel.default == "gateway":
        return ()
    return prefixes.blackholed(_allowed_ips(config))


def _allowed_ips(config: InterfaceConfig) -> list[Network]:
    return [net for peer in config.peers for net in peer.allowed_ips]


def _is_default(net: Network, families: set[int]) -> bool:
    return net.prefixlen == 0 and net.version in families
