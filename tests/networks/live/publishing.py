"""Containers with published ports on a kernel in memory, in both modes."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest

from tests.hosts import NULL_POOL, LiveHost
from tests.memory_containers import NO_DEVICE, Namespace
from tests.networks.live.sharing import POOLS, key
from wgplugin.docker import protocol
from wgplugin.docker.requests import PORT_MAP
from wgplugin.errors import PluginError
from wgplugin.model.identity import device_name
from wgplugin.state.records import Endpoint

PROTOCOLS = {"tcp": 6, "udp": 17, "sctp": 132}


def binding(text: str) -> dict[str, Any]:
    """Return a port as Docker sends it, from the form of --publish: [[ADDRESS:]PORT:]PORT[/udp]."""
    rest, _, name = text.partition("/")
    rest, _, port = rest.rpartition(":")
    address, _, ports = rest.rpartition(":")
    first, _, last = ports.partition("-")
    return {
        "Proto": PROTOCOLS[name or "tcp"],
        "IP": "",
        "Port": int(port),
        "HostIP": address.strip("[]"),
        "HostPort": int(first or 0),
        "HostPortEnd": int(last or first or 0),
    }


@dataclass
class Publishing:
    """Containers, each with the name of its endpoint, and an address by the number in it.

    In ``container`` mode each has a network of its own, with a configuration of that name. In
    ``shared`` mode all are on the network "shared" of configuration "net".
    """

    host: LiveHost
    mode: str

    def network(self, name: str) -> str:
        return "shared" if self.mode == "shared" else f"net-{name}"

    async def attach(self, name: str, *ports: str, **options: str) -> None:
        """Create an endpoint, and its network unless it is there."""
        network = self.network(name)
        if self.host.store.networks.get(network) is None:
            configuration = "net" if self.mode == "shared" else name
            self.host.put(self.host.text, f"{configuration}.conf")
            pools = POOLS if self.mode == "shared" else NULL_POOL
            await self.host.create_network(network, configuration, pools, mode=self.mode)
        address = f"172.20.0.{int(name[1:]) + 1}/16" if self.mode == "shared" else ""
        given = {f"wireguard-{option}": text for option, text in options.items()}
        await self.host.driver.create_endpoint(
            protocol.CreateEndpointRequest(
                network_id=network,
                endpoint_id=name,
                interface=protocol.EndpointInterface(address=address),
                options={PORT_MAP: [binding(text) for text in ports], **given},
            )
        )

    async def join(self, name: str, container: str = "") -> None:
        """Join an endpoint to a container, by default its own, which is there by then."""
        where = key(container or name)
        if where not in self.host.containers.namespaces:
            self.host.containers.namespaces[where] = Namespace()
        await self.host.join(self.network(name), name, where)
        self.move(name, container)
        await self.settle(name)

    def move(self, name: str, container: str = "") -> None:
        """Put the endpoint's device into the container, as Docker does."""
        device = device_name(name)
        self.host.backend.into_container(device)
        self.inside(container or name).bring(device, NO_DEVICE)

    async def settle(self, name: str) -> None:
        """Ask for the endpoint's details, as Docker does."""
        request = protocol.EndpointRequest(network_id=self.network(name), endpoint_id=name)
        await self.host.driver.endpoint_oper_info(request)

    async def start(self, name: str, *ports: str, **options: str) -> None:
        """Start a container as Docker 28 does."""
        await self.attach(name, *ports, **options)
        await self.join(name)

    async def disconnect(self, name: str) -> None:
        """Take a container, which goes on, off its network."""
        request = protocol.EndpointRequest(network_id=self.network(name), endpoint_id=name)
        await self.host.driver.leave(request)
        self.host.backend.out_of_container(device_name(name))
        self.inside(name).devices.clear()
        await self.host.driver.delete_endpoint(request)

    async def stop(self, name: str) -> None:
        """Stop a container as Docker does."""
        await self.disconnect(name)
        del self.host.containers.namespaces[key(name)]

    async def refused(self, name: str, *ports: str, **options: str) -> PluginError:
        """Return what a container is refused with."""
        with pytest.raises(PluginError) as caught:
            await self.attach(name, *ports, **options)
        return caught.value

    def inside(self, name: str) -> Namespace:
        return self.host.containers.namespaces[key(name)]

    def record(self, name: str) -> Endpoint:
        found = self.host.store.endpoints.get(name)
        assert found is not None
        return found

    def links(self) -> set[str]:
        """Return the names on the host of all links that there are."""
        return {link.device for place in self.host.places() for link in place.links.values()}

    def leads_to(self, name: str, port: int) -> str:
        """Return where a port of a container is reached by its link, as the double has it."""
        number = self.record(name).number
        assert number
        ipv6 = f",fd77:6770:7562::{number:x}" if self.mode == "container" else ""
        high, low = divmod(number, 256)
        return f"169.254.{192 + high}.{low}{ipv6} {port}"

    async def error(self, name: str) -> str:
        """Return what the status says is wrong with a container."""
        shown = await self.host.live.statuses()
        if self.mode == "container":
            return next(each.error for each in shown if each.endpoint == name)
        return next(c.error for each in shown for c in each.containers if c.endpoint == name)


async def a_notice() -> None:
    """Let the time pass in which a notice of the host takes effect."""
    await asyncio.sleep(3.0)
