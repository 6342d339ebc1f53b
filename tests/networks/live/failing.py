"""A host whose containers have tunnels of a pool, and providers that can die."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

from tests.hosts import NULL_POOL, LiveHost
from tests.memory_containers import NO_DEVICE, Namespace
from tests.networks.pooling import key
from wgplugin.model.device import Device, Key, Peer, SocketAddress
from wgplugin.model.identity import device_name
from wgplugin.networks.status import TunnelStatus
from wgplugin.networks.tunnel import Tunnel

SECONDS = 1.0


class Providers(LiveHost):
    """Each file of the pool has a provider of its own, at an address made of the file's name.

    Time passes by pass_(), in which containers send something each second; peers whose provider is
    alive answer, at once and with a handshake.
    """

    def __init__(self, folder: Path) -> None:
        self.dead: set[str] = set()
        self.idle = False
        super().__init__(folder)

    def provide(self, *names: str, of: str = "") -> None:
        """Write files, each with a provider and a key of its own, or with the key of ``of``."""
        for name in names:
            self.put(
                f"[Interface]\nPrivateKey = {key(of or name)}\nAddress = 10.8.0.2/32\n"
                f"[Peer]\nPublicKey = {key('peer of ' + name)}\nEndpoint = {address(name)}\n"
                "AllowedIPs = 0.0.0.0/0\n",
                f"{name}.conf",
            )

    async def open_network(self, pool: str, **options: str) -> None:
        await self.create_network("n1", pool, NULL_POOL, **options)

    async def run_container(self, endpoint_id: str = "e1", network_id: str = "n1") -> Tunnel:
        """Start a container as Docker 28 does, and return its tunnel."""
        sandbox = f"/var/run/docker/netns/{endpoint_id:0<12}"
        self.containers.namespaces[sandbox] = Namespace()
        await self.create_endpoint(network_id, endpoint_id)
        await self.join(network_id, endpoint_id, sandbox)
        name = device_name(endpoint_id)
        _, config = self.backend.devices[name]
        assert config
        peers = tuple(
            Peer(each.public_key, None, each.endpoint, allowed_ips=each.allowed_ips)
            for each in config.peers
        )
        made = replace(NO_DEVICE, private_key=config.private_key, peers=peers)
        self.backend.into_container(name)
        self.containers.namespaces[sandbox].bring(name, made)
        tunnel = self.live.attachments[endpoint_id]
        assert isinstance(tunnel, Tunnel)
        await asyncio.wait_for(tunnel.is_ready.wait(), 10)
        return tunnel

    async def pass_(self, seconds: float) -> None:
        """Let seconds pass."""
        for _ in range(int(seconds)):
            if not self.idle:
                self._traffic()
            await asyncio.sleep(SECONDS)

    def device(self, endpoint_id: str = "e1") -> Device:
        tunnel = self.live.attachments[endpoint_id]
        return self.containers.namespaces[tunnel.sandbox.key].devices[tunnel.device]

    def alive_by(self, endpoint_id: str = "e1") -> str:
        """Return the private key that a container's device has."""
        private_key = self.device(endpoint_id).private_key
        assert private_key
        return private_key.base64()

    def kill(self, *names: str) -> None:
        """Let the peers of files not answer to a trial either."""
        self.backend.dead |= {Key.from_base64(key(name)) for name in names}

    def revive(self) -> None:
        """Let all peers answer to a trial."""
        self.backend.dead.clear()

    def delete(self, name: str) -> None:
        """Delete a file, which gives notice."""
        (self.folder / f"{name}.conf").unlink()
        self.notices.tell(f"{name}.conf")

    @staticmethod
    def device_name(endpoint_id: str) -> str:
        return device_name(endpoint_id)

    async def status(self, endpoint_id: str = "e1") -> TunnelStatus:
        (found,) = [each for each in await self.live.statuses() if each.endpoint == endpoint_id]
        return found

    def _traffic(self) -> None:
        dead = {address(name) for name in self.dead}
        for space in self.routers.spaces.values():
            if space.device:
                peers = tuple(self._after(peer, dead) for peer in space.device.peers)
                space.device = replace(space.device, peers=peers)
        for inside in self.containers.namespaces.values():
            for name, device in inside.devices.items():
                peers = tuple(self._after(peer, dead) for peer in device.peers)
                inside.devices[name] = replace(device, peers=peers)

    def _after(self, peer: Peer, dead: set[str]) -> Peer:
        if peer.endpoint is None:
            return peer
        peer = replace(peer, sent=peer.sent + 148)
        if str(peer.endpoint) in dead:
            return peer
        wall = self.date.wall()
        shaken = wall if wall - peer.last_handshake > 120 else peer.last_handshake
        return replace(peer, received=peer.received + 92, last_handshake=shaken)


def address(name: str) -> str:
    """Return the endpoint of a file's provider."""
    return str(SocketAddress(ip_address(f"192.0.2.{sum(name.encode()) % 250 + 1}"), 51820))
