"""Hosts for networks with pools, in both editions."""

from __future__ import annotations

import base64
from hashlib import sha256
from pathlib import Path

from tests.clocks import LoopClock
from tests.hosts import PEER, Host, LiveHost, Names
from wgplugin.conf.folder import ConfigFolder
from wgplugin.model.device import Key
from wgplugin.model.identity import device_name
from wgplugin.plugin import Plugin, assemble
from wgplugin.state.records import Endpoint, Network


def key(name: str) -> str:
    """Return a private key for a name, as the kernel has it."""
    first, *middle, last = sha256(name.encode()).digest()
    return base64.b64encode(bytes([first & 248, *middle, last & 127 | 64])).decode()


class BaseHost(Host):
    """A base edition whose time and names are the test's."""

    def __init__(self, folder: Path) -> None:
        self.names = Names()
        super().__init__(folder, clock=LoopClock())

    def assemble(self, folder: ConfigFolder) -> Plugin:
        return assemble(folder, self.store, self.backend, self.names, clock=self.clock)


PoolHost = BaseHost | LiveHost


def write(host: PoolHost, *names: str, endpoint: str = "192.0.2.1:51820", of: str = "") -> None:
    """Write files with keys of their own, or with the key of the file ``of``."""
    for name in names:
        peer = f"{PEER}Endpoint = {endpoint}\nAllowedIPs = 10.0.0.0/8\n"
        host.write(name, peers=peer, key=key(of or name))


def break_(host: PoolHost, name: str) -> None:
    """Give a file a mistake in its third line."""
    text = f"[Interface]\nPrivateKey = {key(name)}\nAdress = 1\n"
    (host.folder / f"{name}.conf").write_text(text)


async def start(host: PoolHost, endpoint_id: str, network_id: str = "n1") -> str:
    """Start a container, as Docker does up to Join, and return the name of its configuration."""
    await host.attach(network_id, endpoint_id)
    host.backend.into_container(device_name(endpoint_id))
    return endpoint(host, endpoint_id).configuration


async def end(host: PoolHost, endpoint_id: str) -> None:
    """End a container, whose device comes back to the host."""
    if device_name(endpoint_id) in host.backend.containers:
        host.backend.out_of_container(device_name(endpoint_id))
    await host.delete_endpoint(endpoint_id)


def endpoint(host: PoolHost, endpoint_id: str) -> Endpoint:
    found = host.store.endpoints.get(endpoint_id)
    assert found
    return found


def network(host: PoolHost, network_id: str = "n1") -> Network:
    found = host.store.networks.get(network_id)
    assert found
    return found


def kill(host: PoolHost, *names: str) -> None:
    """Let the peers of files answer no more."""
    host.backend.dead |= {Key.from_base64(key(name)) for name in names}
