"""A configuration is tried by a device that lets nothing pass, and that is always deleted."""

import asyncio
import errno
import os
import threading
from dataclasses import dataclass, field, replace
from ipaddress import ip_address, ip_network

import pytest

from wgplugin.codes import Code
from wgplugin.errors import BackendError
from wgplugin.kernel.host import KernelHost
from wgplugin.kernel.trial import trial
from wgplugin.model.device import Device, DeviceConfig, Key, Peer, PeerConfig, SocketAddress

pytestmark = pytest.mark.anyio

NAME, ODD = "wgp0123456789ab", "eth0"
KEYS = [Key(bytes([number]) * 32) for number in range(1, 5)]
AT = SocketAddress(ip_address("192.0.2.1"), 51820)
PEER = PeerConfig(KEYS[1], KEYS[2], AT, 0, True, (ip_network("0.0.0.0/0"),))
MUTE = PeerConfig(KEYS[3], allowed_ips=(ip_network("10.0.0.0/8"),))
CONFIG = DeviceConfig(KEYS[0], 51821, 7, replace_peers=True, peers=(MUTE, PEER))
LONG, SHORT = 10.0, 0.1
FLOOD = 0.02
"""The seconds within which WireGuard takes a second handshake for a part of a flood."""


@dataclass
class WireGuard:
    """Made-up devices by name; those that are ``up`` have a handshake after so many looks."""

    looks: int
    devices: dict[str, DeviceConfig] = field(default_factory=dict)
    up: set[str] = field(default_factory=set)
    seen: threading.Event = field(default_factory=threading.Event)

    def get(self, name: str) -> tuple[str, Device]:
        self.seen.set()
        if name not in self.devices:
            number = errno.EOPNOTSUPP if name == ODD else errno.ENODEV
            raise OSError(number, os.strerror(number))
        self.looks -= name in self.up
        peers = (
            Peer(each.public_key, last_handshake=float(place and self.looks <= 0))
            for place, each in enumerate([MUTE, *self.devices[name].peers])
        )
        return name, Device(None, None, 0, 0, tuple(peers))


class Host(KernelHost):
    """A host that has this WireGuard, and remembers all that was ever made."""

    def __init__(self, looks: int = 1, *, refuses: bool = False) -> None:
        super().__init__()
        self.wireguard = WireGuard(looks)
        self._wireguard = self.wireguard  # type: ignore[assignment]
        self.made: list[str] = []
        self._refuses = refuses

    def _create(self, ifname: str, mtu: int, config: DeviceConfig) -> None:
        self.made.append(ifname)
        self.wireguard.devices[ifname] = config
        if self._refuses:
            raise BackendError(Code.KERNEL_REFUSES, "it can't be configured")

    def _set_up(self, ifname: str) -> None:
        self.wireguard.up.add(ifname)

    def _delete(self, ifname: str) -> None:
        del self.wireguard.devices[ifname]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (
            CONFIG,
            DeviceConfig(KEYS[0], 0, 7, True, (PeerConfig(KEYS[1], KEYS[2], AT, 25),)),
        ),
        (replace(CONFIG, peers=(MUTE,)), DeviceConfig(KEYS[0], 0, 7, True)),
        (
            replace(CONFIG, peers=(replace(PEER, preshared_key=None, persistent_keepalive=5),)),
            DeviceConfig(KEYS[0], 0, 7, True, (PeerConfig(KEYS[1], None, AT, 25),)),
        ),
    ],
    ids=["two-peers", "no-endpoint", "own-keepalive"],
)
def test_trial_asks_peers_that_have_an_endpoint_and_lets_nothing_pass(
    wanted: DeviceConfig, expected: DeviceConfig
) -> None:
    assert trial(wanted) == expected


@pytest.mark.parametrize("looks", [1, 3])
async def test_peer_that_shakes_hands_answers(looks: int) -> None:
    host = Host(looks)
    assert await host.answers(NAME, CONFIG, LONG)
    assert (host.made, host.wireguard.devices) == ([NAME], {})


async def test_peer_that_answers_has_time_before_it_is_asked_again() -> None:
    host, loop = Host(), asyncio.get_running_loop()
    begin = loop.time()
    assert await host.answers(NAME, CONFIG, LONG)
    assert loop.time() - begin > FLOOD


async def test_peer_that_stays_silent_does_not_answer() -> None:
    host = Host(1 << 30)
    assert not await host.answers(NAME, CONFIG, SHORT)
    assert (host.made, host.wireguard.devices) == ([NAME], {})


async def test_configuration_without_an_endpoint_is_not_tried() -> None:
    host = Host()
    assert not await host.answers(NAME, replace(CONFIG, peers=(MUTE,)), LONG)
    assert host.made == []


async def test_device_of_a_trial_that_is_refused_is_deleted() -> None:
    host = Host(refuses=True)
    with pytest.raises(BackendError, match="can't be configured"):
        await host.answers(NAME, CONFIG, LONG)
    assert (host.made, host.wireguard.devices) == ([NAME], {})


@pytest.mark.parametrize("times", [1, 2])
async def test_device_of_a_trial_that_is_cancelled_is_deleted(times: int) -> None:
    host = Host(1 << 30)
    trying = asyncio.ensure_future(host.answers(NAME, CONFIG, LONG))
    await asyncio.to_thread(host.wireguard.seen.wait, LONG)
    for _ in range(times):
        trying.cancel()
        await asyncio.sleep(0)
    with pytest.raises(asyncio.CancelledError):
        await trying
    # Whatever is asked now, its turn comes after the deletion.
    assert await host.had_handshake(NAME) is None
    assert (host.made, host.wireguard.devices) == ([NAME], {})


async def test_other_work_is_done_while_a_configuration_is_tried() -> None:
    host = Host(1 << 30)
    trying = asyncio.ensure_future(host.answers(NAME, CONFIG, LONG))
    await asyncio.to_thread(host.wireguard.seen.wait, LONG)
    assert await host.had_handshake("wgp000000000001") is None
    assert not trying.done()
    trying.cancel()


@pytest.mark.parametrize("name", [NAME, ODD], ids=["missing", "another-kind"])
async def test_device_that_is_not_there_is_none(name: str) -> None:
    assert await Host().had_handshake(name) is None


@pytest.mark.parametrize(("looks", "expected"), [(1, True), (2, False)])
async def test_one_peer_s_handshake_is_the_device_s(looks: int, expected: bool) -> None:
    host = Host(looks)
    host.wireguard.devices[NAME] = CONFIG
    host.wireguard.up.add(NAME)
    assert await host.had_handshake(NAME) is expected
