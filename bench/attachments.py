"""Attachments to measure: configurations, networks and endpoints by number, and their calls."""

from __future__ import annotations

import hashlib
import json
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.client import Connection, request

ALLOWED_IPS = 16
# On a link of this machine, so that the path to the peers has an MTU.
PEERS_LINK = "wgbenchpeers"
PEERS_NET = "198.18.0.0/15"
SUBNET, GATEWAY = "172.31.0.0/16", "172.31.0.1/16"


def key(text: str) -> bytes:
    """Return the 32 bytes of a key, always the same for a text."""
    return hashlib.sha256(text.encode()).digest()


def peer_host(number: int) -> str:
    """Return the address of a peer's host; numbers are below 256."""
    return f"198.18.{number}.2"


def allowed_ips(peer: int) -> tuple[str, ...]:
    """Return the allowed IPs of a peer, different from every other peer's."""
    return tuple(f"10.{peer}.{number}.0/24" for number in range(ALLOWED_IPS))


def configuration(name: str, peers: int) -> str:
    """Return the text of a configuration file with that many peers."""
    text = f"[Interface]\nPrivateKey = {b64encode(key(name)).decode()}\n"
    for number in range(peers):
        text += (
            f"\n[Peer]\nPublicKey = {b64encode(key(f'peer {number}')).decode()}\n"
            f"Endpoint = {peer_host(number)}:51820\n"
            f"AllowedIPs = {', '.join(allowed_ips(number))}\n"
        )
    return text


def write_configurations(folder: Path, names: Mapping[str, int]) -> None:
    """Write a configuration file for each name; `names` has its number of peers."""
    for name, peers in names.items():
        (folder / f"{name}.conf").write_text(configuration(name, peers))


@dataclass(frozen=True)
class Subject:
    """A plugin to measure: its socket, and a network's options; {n} stands for a configuration."""

    name: str
    socket: Path
    options: Mapping[str, str]


@dataclass(frozen=True)
class Attachment:
    """A container's endpoint, and its network: the calls, ready to send.

    ``details`` is the call EndpointOperInfo. ``sandbox`` is the name of Docker's file for the
    container's network namespace.
    """

    create_network: bytes
    create_endpoint: bytes
    join: bytes
    details: bytes
    leave: bytes
    delete_endpoint: bytes
    delete_network: bytes
    address: str
    sandbox: str

    @classmethod
    def of(
        cls, subject: Subject, configuration: str, number: int, network_name: str = ""
    ) -> Attachment:
        """Return the calls for the endpoint of this number, which is below 65,000.

        Its network is that of ``network_name``, or its own.
        """
        network = {"NetworkID": key(f"network {network_name or number}").hex()}
        endpoint = {**network, "EndpointID": key(f"endpoint {number}").hex()}
        address = f"172.31.{number // 250}.{number % 250 + 2}/16"
        generic = {
            name: value.replace("{n}", configuration) for name, value in subject.options.items()
        }
        options = {
            "com.docker.network.enable_ipv4": True,
            "com.docker.network.enable_ipv6": False,
            "com.docker.network.generic": generic,
        }
        ports: dict[str, list[object]] = {
            "com.docker.network.endpoint.exposedports": [],
            "com.docker.network.portmap": [],
        }
        pool = {"AddressSpace": "LocalDefault", "Pool": SUBNET, "Gateway": GATEWAY}
        interface = {"Address": address, "AddressIPv6": "", "MacAddress": ""}
        sandbox = key(str(number)).hex()[:12]
        sandbox_key = f"/var/run/docker/netns/{sandbox}"
        return cls(
            create_network=_call(
                "CreateNetwork", network, Options=options, IPv4Data=[pool], IPv6Data=[]
            ),
            create_endpoint=_call("CreateEndpoint", endpoint, Interface=interface, Options=ports),
            join=_call("Join", endpoint, SandboxKey=sandbox_key, Options=ports),
            details=_call("EndpointOperInfo", endpoint),
            leave=_call("Leave", endpoint),
            delete_endpoint=_call("DeleteEndpoint", endpoint),
            delete_network=_call("DeleteNetwork", network),
            address=address,
            sandbox=sandbox,
        )

    def attach(self, connection: Connection) -> str:
        """Make Docker's calls at a container's start; return the device's name."""
        connection.call(self.create_endpoint)
        answer = json.loads(connection.call(self.join))
        return str(answer["InterfaceName"]["SrcName"])

    def detach(self, connection: Connection) -> None:
        """Make Docker's calls at a container's end."""
        connection.call(self.leave)
        connection.call(self.delete_endpoint)


def _call(name: str, ids: Mapping[str, str], **fields: object) -> bytes:
    return request(f"NetworkDriver.{name}", {**ids, **fields})
