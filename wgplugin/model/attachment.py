"""From a configuration to the values for the kernel and for Docker. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address

from wgplugin.codes import Code
from wgplugin.errors import PluginError
from wgplugin.model import prefixes, without_ipv6
from wgplugin.model.addresses import choose
from wgplugin.model.configuration import InterfaceConfig, PeerEndpoint, TunnelSettings
from wgplugin.model.device import DeviceConfig, PeerConfig, SocketAddress
from wgplugin.model.docker_routes import NEXT_HOPS, DockerRoute, on_link, plan
from wgplugin.model.identity import device_name, network_number
from wgplugin.model.namespace import Plan
from wgplugin.model.prefixes import InterfaceAddress, IPAddress, Prefix
from wgplugin.model.without_ipv6 import Families

DEFAULT_MTU = 1500
OVERHEAD = 80
IPV6_MIN_MTU = 1280
MTU_OPTION = "com.docker.network.driver.mtu"
"""Docker's own option for the MTU of a network, as its bridges have it."""


def device_config(
    config: InterfaceConfig, endpoints: Mapping[PeerEndpoint, SocketAddress]
) -> DeviceConfig:
    """Return the file's configuration for a fresh device; ``endpoints`` has the resolved ones.

    A peer whose endpoint isn't resolved has none, until it connects or its name is resolved later.
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
    """Return the tunnel's MTU in bytes, by wg-quick's rule: smallest path MTU less overhead.

    ``path_mtus``: those of the paths to the peers, or else of the default route; if there are
    none, `DEFAULT_MTU` counts. Source: wg-quick's linux.bash.
    """
    return min(path_mtus, default=DEFAULT_MTU) - OVERHEAD


def check_tunnel(tunnel: TunnelSettings) -> None:
    """Check that the settings of a tunnel don't conflict.

    Raises:
        PluginError: they conflict.
    """
    if tunnel.bypass and tunnel.default == "gateway":
        raise PluginError(
            Code.BYPASS_AND_GATEWAY,
            "wireguard-bypass takes prefixes out of the tunnel's own routes, and with "
            "wireguard-default=gateway it has none; leave out one of them",
        )
    only_shared = {
        "isolate=on": tunnel.isolate,
        "nat=off": tunnel.nat is False,
        "forward": bool(tunnel.forward),
    }
    given = [f"wireguard-{text}" for text, is_given in only_shared.items() if is_given]
    if given and tunnel.mode != "shared":
        raise PluginError(
            Code.SHARED_ONLY,
            f"{' and '.join(given)} is for shared networks, and this one's mode is "
            "container; leave it out, or create the network with wireguard-mode=shared",
        )
    ports = Counter(each for forward in tunnel.forward for each in forward.takes)
    for (port, protocol, _), count in ports.items():
        if count > 1:
            message = f"wireguard-forward has port {port}/{protocol} twice; remove one of them"
            raise PluginError(Code.BAD_FORWARD, message)


def warnings(
    file_name: str, config: InterfaceConfig, subnets: Iterable[Prefix], families: Families
) -> tuple[str, ...]:
    """Return the warnings about a configuration that is accepted.

    ``subnets`` are those of the network, from which Docker assigns addresses. ``families`` are
    those of the host.
    """
    found = [fault.within(file_name) for fault in config.warnings]
    has_ipv6 = any(each.version == 6 for each in (*config.addresses, *subnets))
    full = prefixes.full_families(allowed_ips(config))
    if 6 in families and 6 in full and not has_ipv6:
        found.append(
            f"{file_name} has ::/0 in AllowedIPs and no IPv6 Address: the container's IPv6 "
            "traffic goes into the tunnel from a made-up address, and gets no reply "
            f"[{Code.NO_IPV6_ADDRESS}]"
        )
    return tuple(found)


def mtu_warnings(
    file_name: str, config: InterfaceConfig, network_mtu: int | None
) -> tuple[str, ...]:
    """Return the warnings about a network's MTU option, which is in bytes or None.

    The file's MTU wins over it.
    """
    if network_mtu is None:
        return ()
    if config.mtu == network_mtu:
        return ()
    if config.mtu:
        message = (
            f"{file_name} has MTU {config.mtu}, which counts, and not {network_mtu} of the "
            f"network's option {MTU_OPTION}; remove one of them"
        )
        return (f"{message} [{Code.OTHER_MTU}]",)
    if network_mtu < IPV6_MIN_MTU and any(each.version == 6 for each in config.addresses):
        message = f"{MTU_OPTION}: IPv6 doesn't work with an MTU below {IPV6_MIN_MTU}"
        return (f"{message} [{Code.SMALL_MTU}]",)
    return ()


def probe_trouble(config: InterfaceConfig, tunnel: TunnelSettings) -> str:
    """Return why a tunnel's probe can't be asked by a configuration; empty if it can, or none is.

    WireGuard sends nothing to an address outside of AllowedIPs, which looks like a silent peer.
    """
    target = tunnel.probe
    if target is None or any(target.address in net for net in allowed_ips(config)):
        return ""
    return (
        f"{target} can't be asked through the tunnel: it isn't in the AllowedIPs of a peer; give "
        f"wireguard-probe another address [{Code.NOT_PROBED}]"
    )


def needs_blackhole_address(
    config: InterfaceConfig, addresses: Iterable[InterfaceAddress], tunnel: TunnelSettings
) -> bool:
    """Return whether a container needs a made-up IPv6 address for IPv6 leak protection.

    It does if it has no other: without one, Docker sets no IPv6 route.
    """
    has_ipv6 = any(address.version == 6 for address in addresses)
    return not has_ipv6 and any(net.version == 6 for net in leak_protection(config, tunnel))


@dataclass(frozen=True, slots=True)
class Attachment:
    """A container's network as Docker sets it up: addresses, routes, and gateways, if any."""

    addresses: tuple[InterfaceAddress, ...]
    routes: tuple[DockerRoute, ...]
    gateways: tuple[IPAddress, ...]


def container_addresses(
    file_name: str,
    config: InterfaceConfig,
    tunnel: TunnelSettings,
    made_up: InterfaceAddress,
    own: Sequence[InterfaceAddress],
    assigned: Iterable[InterfaceAddress],
    families: Families,
) -> tuple[InterfaceAddress, ...]:
    """Return a container's addresses, with a made-up one if IPv6 leak protection needs it.

    Args:
        file_name: the configuration's name, as messages show it.
        config: the configuration.
        tunnel: the settings of the container's tunnel.
        made_up: the address for IPv6 leak protection, by prefixes.blackhole_address().
        own: the addresses of the container's option; if empty, those of the file count.
        assigned: the addresses that Docker's IPAM assigned.
        families: those of the host; addresses of others are left out.

    Raises:
        PluginError: the container has no address, or Docker assigned one that isn't among the
            container's own addresses of that family, or one that the host can't have.
    """
    assigned = tuple(assigned)
    own = without_ipv6.own_addresses(file_name, config, own, assigned, families)
    addresses = choose(file_name, own, assigned)
    if 6 in families and needs_blackhole_address(config, addresses, tunnel):
        addresses += (made_up,)
    return addresses


def attachment(
    config: InterfaceConfig, addresses: Iterable[InterfaceAddress], tunnel: TunnelSettings
) -> Attachment:
    """Return the network that Docker sets up in a container with these addresses."""
    addresses = tuple(addresses)
    if not config.routes:
        return Attachment(addresses, (), ())
    if tunnel.default == "gateway":
        hops = gateways(config, addresses, tunnel)
        rest = [net for net in allowed_ips(config) if net.prefixlen]
        planned = (*on_link(hops), *plan(addresses, rest))
        return Attachment(addresses, tuple(dict.fromkeys(planned)), tuple(hops))
    wanted = (*allowed_ips(config), *leak_protection(config, tunnel))
    return Attachment(addresses, plan(addresses, wanted, tunnel.bypass), ())


def gateways(
    config: InterfaceConfig, addresses: Iterable[InterfaceAddress], tunnel: TunnelSettings
) -> set[IPAddress]:
    """Return the gateways for Docker to choose from: none unless the settings leave that to it."""
    if not config.routes or tunnel.default != "gateway":
        return set()
    families: set[int] = {address.version for address in addresses}
    return {NEXT_HOPS[net.version] for net in allowed_ips(config) if _is_default(net, families)}


def container_plan(
    endpoint_id: str,
    network_id: str,
    name: str,
    config: InterfaceConfig,
    addresses: Iterable[InterfaceAddress],
    tunnel: TunnelSettings,
    families: Families,
) -> Plan:
    """Return the plan for the inside of a container, which only the live edition carries out.

    ``name`` is the configuration's. ``families`` are those of the host. With
    ``wireguard-default=gateway``, Docker sets the routes.
    """
    routed = (*allowed_ips(config), *leak_protection(config, tunnel)) if config.routes else ()
    return Plan(
        device=device_name(endpoint_id),
        owner=network_number(network_id),
        addresses=tuple(addresses),
        routed=without_ipv6.usable(dict.fromkeys(routed), families),
        bypass=without_ipv6.usable(tunnel.bypass, families),
        own_table=tunnel.default != "gateway",
        dns=dns_server(config, tunnel),
        domains=config.dns_search,
        priority=tunnel.priority,
        configuration=name,
        opens=tunnel.disconnect == "open",
    )


def dns_server(config: InterfaceConfig, tunnel: TunnelSettings) -> IPv4Address | None:
    """Return the server for a container's DNS queries (live edition); None leaves them alone.

    It is the file's first IPv4 server: queries to Docker's resolver, which it replaces, use IPv4.
    """
    if tunnel.dns == "off":
        return None
    return next((server for server in config.dns if isinstance(server, IPv4Address)), None)


def leak_protection(config: InterfaceConfig, tunnel: TunnelSettings) -> tuple[Prefix, ...]:
    """Return the prefixes to route for IPv6 leak protection; none if it is off or not needed."""
    if not config.routes or not tunnel.sink or tunnel.default == "gateway":
        return ()
    return prefixes.blackholed(allowed_ips(config))


def allowed_ips(config: InterfaceConfig) -> list[Prefix]:
    """Return the AllowedIPs of all peers."""
    return [net for peer in config.peers for net in peer.allowed_ips]


def _is_default(net: Prefix, families: set[int]) -> bool:
    return net.prefixlen == 0 and net.version in families
