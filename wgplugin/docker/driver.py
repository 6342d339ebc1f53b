"""Docker's network driver: passes each call to the network's kind, and returns its response."""

from __future__ import annotations

from wgplugin.docker import protocol
from wgplugin.docker.answers import endpoint_interface, join_response
from wgplugin.docker.options import network_options
from wgplugin.docker.requests import new_endpoint, new_network
from wgplugin.errors import PluginError
from wgplugin.networks.modes import Modes


class Driver:
    """One method for each call of the protocol.

    Docker may make any call twice, late or never. Every method may raise PluginError, whose message
    the user reads.
    """

    def __init__(self, modes: Modes) -> None:
        """Serve networks of these modes."""
        self._modes = modes

    async def activate(self, request: protocol.Empty) -> protocol.ActivateResponse:
        """Return the plugin interfaces that are implemented."""
        return protocol.ActivateResponse()

    async def get_capabilities(self, request: protocol.Empty) -> protocol.CapabilitiesResponse:
        """Return the capabilities of this driver's networks."""
        return protocol.CapabilitiesResponse()

    async def gw_alloc_check(
        self, request: protocol.GwAllocCheckRequest
    ) -> protocol.GwAllocCheckResponse:
        """Return whether a network needs a gateway address; errors are left to CreateNetwork."""
        try:
            options = network_options(request.options)
        except PluginError:
            return protocol.GwAllocCheckResponse()
        needed = await self._modes.needs_gateway(options.configuration, options.tunnel)
        return protocol.GwAllocCheckResponse(skip_ipv4=not needed, skip_ipv6=not needed)

    async def create_network(self, request: protocol.CreateNetworkRequest) -> protocol.Empty:
        """Create a network."""
        network = new_network(request)
        kind = await self._modes.of_new(network)
        await kind.create(network)
        return protocol.Empty()

    async def delete_network(self, request: protocol.NetworkRequest) -> protocol.Empty:
        """Delete a network."""
        await self._modes.of_deleted(request.network_id).delete(request.network_id)
        return protocol.Empty()

    async def create_endpoint(
        self, request: protocol.CreateEndpointRequest
    ) -> protocol.CreateEndpointResponse:
        """Attach a container; return the addresses that Docker hasn't assigned."""
        endpoint = new_endpoint(request)
        attached = await self._modes.of(endpoint.network_id).attach(endpoint)
        return protocol.CreateEndpointResponse(interface=endpoint_interface(attached))

    async def join(self, request: protocol.JoinRequest) -> protocol.JoinResponse:
        """Return an endpoint's device, for Docker to move into the container."""
        kind = self._modes.of(request.network_id)
        return join_response(await kind.join(request.endpoint_id, request.sandbox_key))

    async def leave(self, request: protocol.EndpointRequest) -> protocol.Empty:
        """Take a container off its network."""
        await self._modes.of(request.network_id).leave(request.endpoint_id)
        return protocol.Empty()

    async def delete_endpoint(self, request: protocol.EndpointRequest) -> protocol.Empty:
        """Delete a container's attachment."""
        await self._modes.of(request.network_id).detach(request.endpoint_id)
        return protocol.Empty()

    async def endpoint_oper_info(
        self, request: protocol.EndpointRequest
    ) -> protocol.EndpointOperInfoResponse:
        """Wait until the container's network is ready, then return no facts.

        Docker 28 makes this call after it has moved the device, and before the container's first
        instruction.
        """
        await self._modes.of(request.network_id).settled(request.endpoint_id)
        return protocol.EndpointOperInfoResponse(value={})

    async def allocate_network(
        self, request: protocol.AllocateNetworkRequest
    ) -> protocol.AllocateNetworkResponse:
        """Return no options for swarm's nodes: the networks belong to one host."""
        return protocol.AllocateNetworkResponse(options={})

    async def acknowledge(self, request: protocol.Message) -> protocol.Empty:
        """Acknowledge a notice that needs no action."""
        return protocol.Empty()
