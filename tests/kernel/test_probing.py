"""A tunnel's probe is asked from the container, by its device alone, and leaves nothing behind."""

import asyncio
import contextlib
import os
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_interface
from pathlib import Path, PurePath

import pytest

from tests.kernel.hosts import listening, move
from tests.kernel.namespaces import (
    BOTH_FAMILIES,
    DEVICE,
    OWNER,
    alone,
    ip,
    needs_ipv6,
    needs_namespaces,
    needs_nftables,
    needs_sysctl,
    new_namespace,
    within,
    write_below_proc,
)
from wgplugin.codes import Code
from wgplugin.errors import BackendError
from wgplugin.kernel import apply, privileges, probing, sysctl
from wgplugin.kernel.containers import KernelContainer
from wgplugin.kernel.kept import KeptSpace
from wgplugin.kernel.routers import KernelRouter
from wgplugin.kernel.space import Space
from wgplugin.kernel.turns import Turns
from wgplugin.model.configuration import Probe
from wgplugin.model.namespace import GROUP, Plan
from wgplugin.model.prefixes import EVERYTHING

pytestmark = [needs_namespaces, needs_ipv6, needs_sysctl]

OWN = {4: "10.8.0.2", 6: "fd08::2"}
FAR = {4: "10.8.0.1", 6: "fd08::1"}
NEAR = {4: "10.9.0.1", 6: "fd09::1"}
OTHER = "wgp000000000001"
PORT = 8080
LONG, SHORT = 10.0, 0.3
ICMP = {4: Probe(ip_address(FAR[4])), 6: Probe(ip_address(FAR[6]))}
TCP = {4: Probe(ip_address(FAR[4]), PORT), 6: Probe(ip_address(FAR[6]), PORT)}


@dataclass
class Tunnel:
    """A container whose tunnel ends in this namespace, where its peers are."""

    permits_echoes: bool = True
    namespace: int = field(default_factory=new_namespace)

    def __post_init__(self) -> None:
        ip("link set lo up")
        self.give(DEVICE, "wg0", FAR)
        if self.permits_echoes:
            # Docker lets all groups.
            within(self.namespace, lambda: write_below_proc(probing.PING_GROUPS, "0 0"))

    def give(self, device: str, name: str, far: dict[int, str]) -> None:
        """Give the container a device, whose far end has these addresses."""
        ip(
            f"link add far-{name} type veth peer name near",
            f"address add {far[4]}/24 dev far-{name}",
            f"address add {far[6]}/64 dev far-{name} nodad",
            f"link set far-{name} up",
        )
        move("near", name, self.namespace)
        own = {version: str(ip_address(host) + 1) for version, host in far.items()}
        self.do(
            f"link set {name} alias {device} up",
            f"address add {own[4]}/24 dev {name}",
            f"address add {own[6]}/64 dev {name} nodad",
        )

    def do(self, *commands: str) -> None:
        """Do what ip(8) does in the container."""
        within(self.namespace, lambda: ip(*commands))

    def space(self, namespace: int = -1) -> Space:
        return within(self.namespace, lambda: Space(namespace))


@contextlib.contextmanager
def kept(tunnel: Tunnel) -> Iterator[KeptSpace]:
    """Keep a container open as the plugin does."""
    with ThreadPoolExecutor(1) as pool:
        turns = Turns(pool.submit, LONG)
        container = KernelContainer(tunnel.space(), Path("/nowhere"), (0, 0), turns)
        yield container
        container.close()


def asked(tunnel: Tunnel, target: Probe, patience: float = LONG, device: str = DEVICE) -> bool:
    with kept(tunnel) as container:
        return asyncio.run(container.probe(device, target, patience))


def refusal(tunnel: Tunnel, target: Probe) -> str:
    with pytest.raises(BackendError) as error:
        asked(tunnel, target)
    assert error.value.code is Code.NOT_PROBED
    return str(error.value)


def ignore_echoes() -> None:
    write_below_proc(PurePath("net/ipv4/icmp_echo_ignore_all"), "1")
    write_below_proc(PurePath("net/ipv6/icmp/echo_ignore_all"), "1")


def open_files() -> list[str]:
    return sorted(path.name for path in Path("/proc/self/fd").iterdir())


# What is an answer


@BOTH_FAMILIES
@alone
def test_echo_that_comes_back_is_an_answer(version: int) -> None:
    assert asked(Tunnel(), ICMP[version])


@BOTH_FAMILIES
@alone
def test_echo_that_stays_away_is_none(version: int) -> None:
    tunnel = Tunnel()
    ignore_echoes()
    assert not asked(tunnel, ICMP[version], SHORT)


@BOTH_FAMILIES
@alone
def test_connection_that_is_accepted_is_an_answer(version: int) -> None:
    tunnel = Tunnel()
    with listening(-1, FAR[version], PORT) as server:
        assert asked(tunnel, TCP[version])
        accepted, _ = server.accept()
        accepted.close()


@BOTH_FAMILIES
@alone
def test_connection_that_is_refused_is_an_answer(version: int) -> None:
    assert asked(Tunnel(), TCP[version])


@BOTH_FAMILIES
@pytest.mark.parametrize("targets", [ICMP, TCP], ids=["icmp", "tcp"])
@alone
def test_far_end_that_is_silent_is_none(targets: dict[int, Probe], version: int) -> None:
    tunnel = Tunnel()
    ip("link set far-wg0 down")
    assert not asked(tunnel, targets[version], SHORT)


@alone
def test_lost_echo_is_asked_for_again() -> None:
    tunnel = Tunnel()
    probing.ECHO_SECONDS = 0.05

    async def ask() -> None:
        with kept(tunnel) as container:
            asking = asyncio.ensure_future(container.probe(DEVICE, ICMP[4], LONG))
            ignore_echoes()
            await asyncio.sleep(0.2)
            assert not asking.done()
            write_below_proc(PurePath("net/ipv4/icmp_echo_ignore_all"), "0")
            assert await asking

    asyncio.run(ask())


# By which way


@BOTH_FAMILIES
@pytest.mark.parametrize("port", [None, PORT], ids=["icmp", "tcp"])
@alone
def test_host_that_another_network_leads_to_is_asked_by_the_tunnel(
    port: int | None, version: int
) -> None:
    tunnel = Tunnel()
    tunnel.give(OTHER, "eth0", NEAR)
    tunnel.do(f"route add {EVERYTHING[version]} dev wg0")
    # Each device here answers for its own addresses alone.
    write_below_proc(PurePath("net/ipv4/conf/all/arp_ignore"), "1")
    target = Probe(ip_address(NEAR[version]), port)
    assert asked(tunnel, target, device=OTHER)
    assert not asked(tunnel, target, SHORT)


@needs_nftables
@BOTH_FAMILIES
@pytest.mark.parametrize("targets", [ICMP, TCP], ids=["icmp", "tcp"])
@alone
def test_kill_switch_lets_it_pass(targets: dict[int, Probe], version: int) -> None:
    tunnel = Tunnel()
    tunnel.do(f"link set wg0 group {GROUP}")
    plan = Plan(DEVICE, OWNER, (ip_interface(OWN[version]),), (EVERYTHING[version],))
    space = tunnel.space()
    apply.block_exits(space, plan)
    apply.apply(space, plan, None)
    apply.apply_firewall(space, plan, ())
    assert asked(tunnel, targets[version])


@BOTH_FAMILIES
@pytest.mark.parametrize("targets", [ICMP, TCP], ids=["icmp", "tcp"])
@alone
def test_it_needs_no_privilege_but_those_that_the_plugin_keeps(
    targets: dict[int, Probe], version: int
) -> None:
    tunnel = Tunnel()
    privileges.drop(privileges.NEEDED_LIVE)
    assert asked(tunnel, targets[version])


# What can't be asked


@alone
def test_device_that_is_not_there_gives_no_answer() -> None:
    assert not asked(Tunnel(), ICMP[4], device=OTHER)


@BOTH_FAMILIES
@alone
def test_container_that_permits_no_echo_is_an_error_with_a_cure(version: int) -> None:
    tunnel = Tunnel(permits_echoes=False)
    assert "ping_group_range doesn't permit an echo" in (told := refusal(tunnel, ICMP[version]))
    assert "wireguard-probe=ADDRESS:PORT" in told
    assert asked(tunnel, TCP[version])


@BOTH_FAMILIES
@alone
def test_router_permits_the_plugin_its_echo(version: int) -> None:
    tunnel = Tunnel(permits_echoes=False)
    sysctl.write = write_below_proc
    with ThreadPoolExecutor(1) as pool:
        space = tunnel.space(os.dup(tunnel.namespace))
        router = KernelRouter("r", space, Turns(pool.submit, LONG))
        assert asyncio.run(router.probe(DEVICE, ICMP[version], LONG))
        router.close()


@pytest.mark.parametrize("port", [None, PORT], ids=["icmp", "tcp"])
@alone
def test_host_without_a_route_is_an_error(port: int | None) -> None:
    told = refusal(Tunnel(), Probe(ip_address("2001:db8::1"), port))
    assert "can't be asked through the tunnel: Network is unreachable" in told


@alone
def test_container_that_was_closed_is_an_error() -> None:
    async def ask() -> None:
        with kept(Tunnel()) as container:
            pass
        with pytest.raises(BackendError):
            await container.probe(DEVICE, ICMP[4], LONG)

    asyncio.run(ask())


# What is left


@pytest.mark.parametrize("targets", [ICMP, TCP], ids=["icmp", "tcp"])
@pytest.mark.parametrize("silent", [False, True], ids=["answered", "silent"])
@alone
def test_no_file_and_no_connection_stays_open(targets: dict[int, Probe], silent: bool) -> None:
    tunnel = Tunnel()
    if silent:
        ip("link set far-wg0 down")
    with listening(-1, FAR[4], PORT):
        before = open_files()
        assert asked(tunnel, targets[4], SHORT) is not silent
        assert open_files() == before
        assert within(tunnel.namespace, connections) == 0


@pytest.mark.parametrize("rounds", [1, 2, 5, 50])
@alone
def test_no_file_stays_open_if_nobody_waits_for_the_answer(rounds: int) -> None:
    tunnel = Tunnel()
    ignore_echoes()
    before = open_files()

    async def ask() -> None:
        with kept(tunnel) as container:
            asking = asyncio.ensure_future(container.probe(DEVICE, ICMP[4], LONG))
            for _ in range(rounds):
                await asyncio.sleep(0.001)
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
            # Its turn comes when the other's has ended.
            assert await container.probe(OTHER, ICMP[4], LONG) is False

    # A socket that nobody closes is told when Python finds it.
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", ResourceWarning)
        asyncio.run(ask())
    assert not told
    assert open_files() == before


def connections() -> int:
    """Return the number of TCP connections in this thread's namespace."""
    return len(Path("/proc/thread-self/net/tcp").read_text().splitlines()) - 1
