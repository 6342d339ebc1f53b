"""From a container's files and options to the plan of its tunnel (live edition). Pure."""

from __future__ import annotations

from wgplugin.codes import Code
from wgplugin.conf.settings import Settings, override
from wgplugin.errors import PluginError
from wgplugin.model.attachment import container_addresses, container_plan, gateways
from wgplugin.model.configuration import InterfaceConfig, TunnelSettings
from wgplugin.model.namespace import Plan
from wgplugin.model.without_ipv6 import Families, check_endpoints, left_out
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
    tunnel = _tunnel(endpoint, network, settings)
    name = endpoint.configuration
    check_endpoints(f"{name}.conf", config, families)
    addresses = container_addresses(
        f"{name}.conf",
        config,
        tunnel,
        endpoint.id,
        endpoint.own_addresses,
        endpoint.assigned_addresses,
        families,
    )
    has, wants = bool(endpoint.gateways), bool(gateways(config, addresses, tunnel))
    if wants > has or (has and tunnel.default != "gateway"):
        message = "wireguard-default counts at the container's next start"
        raise PluginError(Code.NEXT_START, message)
    return container_plan(
        endpoint.id, endpoint.network_id, name, config, addresses, tunnel, families
    )


def warnings(
    endpoint: Endpoint,
    network: Network | None,
    config: InterfaceConfig,
    settings: Settings,
    families: Families,
) -> tuple[str, ...]:
    """Return the warnings about what is left out of the tunnel on this host."""
    tunnel, name = _tunnel(endpoint, network, settings), f"{endpoint.configuration}.conf"
    return tuple(left_out(name, config, tunnel, families, endpoint.own_addresses))


def _tunnel(endpoint: Endpoint, network: Network | None, settings: Settings) -> TunnelSettings:
    options = (network.tunnel if network else {}, endpoint.tunnel)
    return override(settings.tunnel(endpoint.configuration), *options)
