"""Docker's network driver: passes each call to the network kind, and returns its response."""

from __future__ import annotations

from wgplugin.docker import protocol
from wgplugin.docker.answers import endpoint_interface, join_response
from wgplugin.docker.requests import new_endpoint, new_network
from wgplugin.networks.kinds import Kind


class Driver:
    """One method for each call of the protocol.

    Docker may make any call twice, late or never. Every method may raise PluginError, whose message
    the user reads.
    """

    def __init__(self, kind: Kind) -> None:
        """Serve networks of this kind."""
        self._kind = kind

    async def activate(self, request: protocol.Empty) -> protocol.ActivateResponse:
        """Return the plugin interfaces that are implemented."""
        return protocol.ActivateResponse()

    async def get_capabilities(self, request: protocol.Empty) -> protocol.CapabilitiesResponse:
        """Return the capabilities of this driver's networks."""
        return protocol.CapabilitiesResponse()

    async def gw_alloc_check(
        self, request: protocol.GwAllocCheckRequest
    ) -> protocol.GwAllocCheckResponse:
        """Return that no network of this driver needs a gateway address."""
        return protocol.GwAllocCheckResponse()

    async def create_network(self, request: protocol.CreateNetworkRequest) -> protocol.Empty:
        """Create a network."""
        await self._kind.create(new_network(request))
        return protocol.Empty()

    async def delete_network(self, request: protocol.NetworkRequest) -> protocol.Empty:
        """Delete a network."""
        await self._kind.delete(request.network_id)
        return protocol.Empty()

    async def create_endpoint(
        self, request: protocol.CreateEndpointRequest
    ) -> protocol.CreateEndpointResponse:
        """Attach a container; return the addresses that Docker hasn't assigned."""
        addresses = await self._kind.attach(new_endpoint(request))
        return protocol.CreateEndpointResponse(interface=endpoint_interface(addresses))

    async def join(self, request: protocol.JoinRequest) -> protocol.JoinResponse:
        """Return an endpoint's device, for Docker to move into the container."""
        return join_response(await self._kind.join(request.endpoint_id, request.sandbox_key))

    async def leave(self, request: protocol.EndpointRequest) -> protocol.Empty:
        """Take a container off its network."""
        await self._kind.leave(request.endpoint_id)
        return protocol.Empty()

    async def delete_endpoint(self, request: protocol.EndpointRequest) -> protocol.Empty:
        """Delete a container's attachment."""
        await self._kind.detach(request.endpoint_id)
        return protocol.Empty()

    async def endpoint_oper_info(
        self, request: protocol.EndpointRequest
    ) -> protocol.EndpointOperInfoResponse:
        """Wait until the container's network is ready, then return no facts.

        Docker 28 makes this call after it has moved the device, and before the container's first
        instruction.
        """
        await self._kind.settled(request.endpoint_id)
        return protocol.EndpointOperInfoResponse(value={})

    async def allocate_network(
        self, request: protocol.AllocateNetworkRequest
    ) -> protocol.AllocateNetworkResponse:
        """Return no options for swarm's nodes: the networks belong to one host."""
        return protocol.AllocateNetworkResponse(options={})

    async def acknowledge(self, request: protocol.Message) -> protocol.Empty:
        """Acknowledge a notice that needs no action."""
        return protocol.Empty()
