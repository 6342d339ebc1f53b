"""From files, options and records to plans (live edition). Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace

from wgplugin.codes import Code
from wgplugin.conf.settings import Settings, override
from wgplugin.errors import PluginError
from wgplugin.model.attachment import check_tunnel, container_addresses, container_plan, gateways
from wgplugin.model.configuration import InterfaceConfig, TunnelSettings
from wgplugin.model.hub import check_alone
from wgplugin.model.namespace import Plan
from wgplugin.model.prefixes import IPAddress, blackhole_address
from wgplugin.model.router import Forward, RouterPlan
from wgplugin.model.shared import (
    made_up_gateways,
    member_addresses,
    member_gateways,
    member_plan,
    router_plan,
)
from wgplugin.model.shared_checks import check_network, member_forwards
from wgplugin.model.without_ipv6 import Families, check_endpoints, left_out
from wgplugin.networks.modes import tunnel_settings
from wgplugin.networks.ports import container_link, router_link
from wgplugin.state.records import Endpoint, Network


def plan(
    endpoint: Endpoint,
    network: Network | None,
    config: InterfaceConfig,
    settings: Settings,
    families: Families,
) -> Plan:
    """Return the plan of an endpoint's tunnel; ``families`` are those of the host.

    Raises:
        PluginError: the settings conflict, or count at the container's next start alone.
    """
    check_endpoints(f"{endpoint.configuration}.conf", config, families)
    if network and network.mode == "shared":
        return _member_plan(endpoint, network, config, settings, families)
    tunnel = settings_of(endpoint, network, settings)
    name = endpoint.configuration
    check_alone(f"{name}.conf", config)
    addresses = container_addresses(
        f"{name}.conf",
        config,
        tunnel,
        blackhole_address(endpoint.id),
        endpoint.own_addresses,
        endpoint.assigned_addresses,
        families,
    )
    _check_gateways(endpoint, tunnel, gateways(config, addresses, tunnel))
    own = container_plan(
        endpoint.id, endpoint.network_id, name, config, addresses, tunnel, families
    )
    return replace(own, link=container_link(endpoint, families))


def _member_plan(
    endpoint: Endpoint,
    network: Network,
    config: InterfaceConfig,
    settings: Settings,
    families: Families,
) -> Plan:
    tunnel = settings_of(endpoint, network, settings)
    name, routers = endpoint.configuration, network.gateway_values
    assigned = endpoint.assigned_addresses
    addresses = member_addresses(
        f"{name}.conf", config, tunnel, endpoint.id, network.id, assigned, families
    )
    _check_gateways(endpoint, tunnel, member_gateways(config, addresses, tunnel, routers))
    own = member_plan(endpoint.id, network.id, name, config, addresses, tunnel, routers, families)
    return replace(own, answers=bool(endpoint.number))


def _check_gateways(
    endpoint: Endpoint, tunnel: TunnelSettings, found: Collection[IPAddress]
) -> None:
    has, wants = bool(endpoint.gateways), bool(found)
    if wants > has or (has and tunnel.default != "gateway"):
        message = "wireguard-default counts at the container's next start"
        raise PluginError(Code.NEXT_START, message)


def router(
    network: Network,
    endpoints: Iterable[Endpoint],
    config: InterfaceConfig,
    settings: Settings,
    families: Families,
    mtu: int | None,
) -> RouterPlan:
    """Return the plan of a shared network's router; ``endpoints`` are the network's.

    Raises:
        PluginError: the settings conflict, or the file and the network's subnets do.
    """
    configuration, gateway_values = network.configuration_in_use, network.gateway_values
    name = f"{configuration}.conf"
    tunnel = tunnel_settings(network, settings, configuration)
    check_tunnel(tunnel)
    check_endpoints(name, config, families)
    subnets = [each.network for each in gateway_values]
    check_network(name, config, tunnel, subnets, gateway_values, internal=network.internal)
    endpoints = tuple(endpoints)
    forwards = (each for endpoint in endpoints for each in forwards_of(endpoint))
    own = router_plan(
        network.id,
        gateway_values,
        config,
        tunnel,
        families,
        forwards,
        internal=network.internal,
        mtu=mtu,
    )
    link, answers = router_link(network, endpoints, families)
    gateways = (*own.gateways, *made_up_gateways(network.id, (to for _, to in answers)))
    return replace(own, gateways=gateways, link=link, answers=answers)


def is_in_router(endpoint: Endpoint) -> bool:
    """Return whether the plan of its network's router depends on an endpoint."""
    return "forward" in endpoint.tunnel or bool(endpoint.number)


def forwards_of(endpoint: Endpoint) -> tuple[Forward, ...]:
    """Return the forwarded ports of a container's own option, each with an address of its own.

    Raises:
        PluginError: the option is wrong.
    """
    text = endpoint.tunnel.get("forward", "")
    own = override(TunnelSettings(), {"forward": text}).forward
    return member_forwards(own, endpoint.assigned_addresses)


def warnings(
    endpoint: Endpoint,
    network: Network | None,
    config: InterfaceConfig,
    settings: Settings,
    families: Families,
) -> tuple[str, ...]:
    """Return the warnings about what is left out of the tunnel on this host."""
    tunnel, name = settings_of(endpoint, network, settings), f"{endpoint.configuration}.conf"
    return tuple(left_out(name, config, tunnel, families, endpoint.own_addresses))


def settings_of(endpoint: Endpoint, network: Network | None, settings: Settings) -> TunnelSettings:
    """Return the settings of an endpoint's tunnel.

    Raises:
        PluginError: an option is wrong.
    """
    if network:
        return tunnel_settings(network, settings, endpoint.configuration, endpoint.tunnel)
    return override(settings.tunnel(endpoint.configuration), endpoint.tunnel)
