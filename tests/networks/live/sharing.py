"""A shared network on a kernel in memory, and its containers."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.hosts import LiveHost
from tests.memory_containers import NO_DEVICE, Namespace
from tests.memory_routers import Space
from wgplugin.docker import protocol
from wgplugin.model.identity import device_name, network_number
from wgplugin.model.namespace import Item, Route
from wgplugin.networks.member import Member
from wgplugin.networks.router import Router

POOLS = (protocol.IPAMData("LocalDefault", "172.20.0.0/16", "172.20.0.1/16"),)
NETWORK = "n1"


def key(endpoint_id: str) -> str:
    """Return Docker's key for a container's namespace."""
    return f"/var/run/docker/netns/{endpoint_id.encode().hex()}"


@dataclass
class Shared:
    """The network "n1" of configuration "net"; the containers have their endpoints' names."""

    host: LiveHost
    inside: dict[str, Namespace] = field(default_factory=dict)

    async def create(self, configuration: str = "net", **options: str) -> None:
        await self.host.create_network(NETWORK, configuration, POOLS, mode="shared", **options)

    async def attach(self, name: str = "e1", number: int = 2, **options: str) -> None:
        """Create an endpoint, as Docker does."""
        interface = protocol.EndpointInterface(address=f"172.20.0.{number}/16")
        await self.host.driver.create_endpoint(
            protocol.CreateEndpointRequest(
                network_id=NETWORK,
                endpoint_id=name,
                interface=interface,
                options={f"wireguard-{option}": text for option, text in options.items()},
            )
        )

    async def start(self, name: str = "e1", number: int = 2, **options: str) -> Namespace:
        """Start a container as Docker 28 does; return its namespace."""
        inside = self.inside[name] = Namespace()
        self.host.containers.namespaces[key(name)] = inside
        await self.attach(name, number, **options)
        await self.host.join(NETWORK, name, key(name))
        self.host.backend.into_container(device_name(name))
        inside.bring(device_name(name), NO_DEVICE)
        request = protocol.EndpointRequest(network_id=NETWORK, endpoint_id=name)
        await self.host.driver.endpoint_oper_info(request)
        return inside

    async def stop(self, name: str = "e1") -> None:
        """Stop a container as Docker does."""
        request = protocol.EndpointRequest(network_id=NETWORK, endpoint_id=name)
        await self.host.driver.leave(request)
        del self.host.containers.namespaces[key(name)]
        self.host.backend.out_of_container(device_name(name))
        await self.host.driver.delete_endpoint(request)

    @property
    def space(self) -> Space:
        return self.host.routers.spaces[NETWORK]

    @property
    def router(self) -> Router:
        (router,) = self.host.live.routers
        return router

    def member(self, name: str = "e1") -> Member:
        found = self.host.live.attachments[name]
        assert isinstance(found, Member)
        return found

    def items(self, name: str = "e1") -> frozenset[Item]:
        """Return what the network has in a container."""
        return self.inside[name].found(network_number(NETWORK), device_name(name)).items

    def routes(self, name: str = "e1") -> set[str]:
        """Return the destinations in a container that lead to the network, with their next hop."""
        return {
            f"{item.destination} via {item.via}" if item.via else str(item.destination)
            for item in self.items(name)
            if isinstance(item, Route) and item.kind == "device"
        }
