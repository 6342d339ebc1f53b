"""Docker's requests as values. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address, ip_interface, ip_network
from typing import Any

import msgspec

from wgplugin.codes import Code
from wgplugin.docker import protocol
from wgplugin.docker.options import endpoint_options, network_options
from wgplugin.docker.protocol import (
    INTERNAL,
    CreateEndpointRequest,
    CreateNetworkRequest,
    EndpointInterface,
)
from wgplugin.errors import RequestError
from wgplugin.model.published import PROTOCOLS, PortBinding
from wgplugin.networks.kinds import NewEndpoint, NewNetwork

DNS_SERVERS = "com.docker.network.endpoint.dnsservers"
"""The option in which Docker 25 and newer sends the servers of --dns, Compose and daemon.json.

Source: moby, daemon/container_operations.go.
"""

PORT_MAP = "com.docker.network.portmap"
"""The option in which Docker sends the ports of --publish.

Source: moby, libnetwork/netlabel/labels.go.
"""

_PROTOCOLS = {number: name for name, number in PROTOCOLS.items()}

NULL_IPAM = "null"


def new_network(request: CreateNetworkRequest) -> NewNetwork:
    """Return the network that a request asks to create.

    Raises:
        PluginError: an option or a subnet is invalid.
    """
    options = network_options(request.options)
    given = (*(request.ipv4_data or ()), *(request.ipv6_data or ()))
    pools = tuple(data for data in given if data.address_space != NULL_IPAM)
    try:
        subnets = tuple(ip_network(data.pool) for data in pools)
        gateways = tuple(ip_interface(data.gateway) for data in pools if data.gateway)
    except ValueError as error:
        raise RequestError(Code.BAD_REQUEST, f"a subnet can't be read: {error}") from None
    return NewNetwork(
        id=request.network_id,
        configuration=options.configuration,
        tunnel=options.tunnel,
        mtu=options.mtu,
        subnets=subnets,
        gateways=gateways,
        internal=_is_internal(request.options or {}),
    )


def new_endpoint(request: CreateEndpointRequest) -> NewEndpoint:
    """Return the container that a request asks to attach.

    Raises:
        PluginError: an option, an address or a published port is invalid.
    """
    options = endpoint_options(request.options)
    interface = request.interface or EndpointInterface()
    try:
        assigned = tuple(
            map(ip_interface, filter(None, (interface.address, interface.address_ipv6)))
        )
    except ValueError as error:
        raise RequestError(Code.BAD_REQUEST, f"an address can't be read: {error}") from None
    return NewEndpoint(
        id=request.endpoint_id,
        network_id=request.network_id,
        tunnel=options.tunnel,
        addresses=options.addresses,
        assigned=assigned,
        mac_address=interface.mac_address,
        dns_servers=_dns_servers(request.options or {}),
        published=_published(request.options or {}),
    )


def _is_internal(options: Mapping[str, Any]) -> bool:
    # A bool, but a text where Docker passes on what libnetwork's labels say.
    return str(options.get(INTERNAL)).lower() in ("true", "1")


def _dns_servers(options: Mapping[str, Any]) -> frozenset[str]:
    given = options.get(DNS_SERVERS)
    return frozenset(map(str, given)) if isinstance(given, list) else frozenset()


def _published(options: Mapping[str, Any]) -> tuple[PortBinding, ...]:
    given = options.get(PORT_MAP) or ()
    try:
        bindings = msgspec.convert(given, tuple[protocol.PortBinding, ...])
        return tuple(map(_port, bindings))
    except (msgspec.ValidationError, ValueError) as error:
        message = f"a published port can't be read: {error}"
        raise RequestError(Code.BAD_REQUEST, message) from None


def _port(binding: protocol.PortBinding) -> PortBinding:
    """Return a published port as a value. Raises ValueError if it can't be one."""
    if binding.proto not in _PROTOCOLS or not binding.port:
        raise ValueError(f"{binding.port} of the protocol {binding.proto}")
    first = binding.host_port
    return PortBinding(
        protocol=_PROTOCOLS[binding.proto],
        port=binding.port,
        address=ip_address(binding.host_ip) if binding.host_ip else None,
        first=first,
        last=max(first, binding.host_port_end) if first else 0,
    )
