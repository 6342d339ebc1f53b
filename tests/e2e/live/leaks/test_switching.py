"""A tunnel that is switched again and again while its container does its worst."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.e2e.commands import run, wait_until
from tests.e2e.docker import state_folder
from tests.e2e.live.leaks.modes import CONTAINER, SHARED, in_modes
from tests.e2e.live.leaks.scenarios import host_asks_itself
from tests.e2e.live.leaks.scene import WORST, Box, Scene, Tunnel
from tests.e2e.live.leaks.shared.cast import is_by
from tests.e2e.live.pools.conftest import switch
from tests.e2e.pools.pooling import endpoint_id
from tests.e2e.provider import TUNNEL_IPV4

pytestmark = in_modes(CONTAINER, SHARED)

SWITCHES, SWITCHES_OF_ROUTERS = 100, 20
"""A router takes longer for one, as its containers follow."""
COUNTERS = re.compile(r"counter packets \d+ bytes \d+")
# They differ in all that a file decides.
NAMES = ("switched-1", "switched-2")
ADDRESSES = (("10.8.160.1/32", "fd08:160::1/128"), ("10.8.160.2/32",))
OTHER = {"allowed_ips": "0.0.0.0/1, 128.0.0.0/1", "interface": "DNS = 10.8.0.9\nMTU = 1300"}


@dataclass(frozen=True)
class Switched:
    """A container on a bridge and on a tunnel with a pool."""

    tunnel: Tunnel
    box: Box
    since: int

    def switch(self, name: str) -> None:
        shared = bool(self.tunnel.subnets)
        owner = self.tunnel.network_id() if shared else endpoint_id(self.box, self.tunnel.net)
        assert switch(owner, name) == name

    def is_settling(self) -> bool:
        """Return whether an address isn't in use yet."""
        return "tentative" in self.box.in_namespace("ip", "address")

    def has(self) -> dict[str, list[str]]:
        """Return what there is of the tunnel: in the container, in its router, and on the host."""
        enters = [self.box.in_namespace, *([self.tunnel.router] if self.tunnel.subnets else [])]
        shown = ("address", "rule", "-6 rule", "route show table all", "-6 route show table all")
        found = {
            f"{number} {what}": sorted(enter("ip", *what.split()).splitlines())
            for number, enter in enumerate(enters)
            for what in shown
        }
        for number, enter in enumerate((*enters, run)):
            rules = enter("nft", "list", "ruleset")
            found[f"{number} nft"] = COUNTERS.sub("counter", rules).splitlines()
        found["links"] = run("ls", "/sys/class/net").split()
        found["records"] = sorted(map(claims_in, state_folder().rglob("*.json")))
        return found


def claims_in(record: Path) -> str:
    """Return a record's name, and the configurations that it claims."""
    fields = json.loads(record.read_text())
    claims = ("configuration", "chosen", "former")
    return " ".join([str(record), *(f"{each}={fields.get(each)}" for each in claims)])


@contextmanager
def switched_on(scene: Scene) -> Iterator[Switched]:
    scene.configurations.client(NAMES[1], *ADDRESSES[1], **OTHER)
    with (
        host_asks_itself(),
        scene.tunnel(NAMES[0], *ADDRESSES[0], dns=TUNNEL_IPV4, pool="switched-*") as tunnel,
    ):
        every = (*tunnel.addresses, *(text.partition("/")[0] for text in ADDRESSES[1]))
        since = scene.outside.mark()
        both = replace(tunnel, addresses=every)
        with scene.box(scene.bridge, both, command=WORST) as box:
            yield Switched(tunnel, box, since)


@pytest.fixture(scope="module")
def switched(scene: Scene) -> Iterator[Switched]:
    with switched_on(scene) as switched:
        yield switched


def test_nothing_leaves_and_nothing_is_left(switched: Switched) -> None:
    wait_until(lambda: is_by(switched.tunnel, switched.box), "the world")
    wait_until(lambda: not switched.is_settling(), "the addresses")
    before, rounds = switched.has(), switched.box.rounds()
    switches = SWITCHES_OF_ROUTERS if switched.tunnel.subnets else SWITCHES
    for _ in range(switches // 2):
        for name in NAMES[::-1]:
            switched.switch(name)
    assert switched.box.rounds() > rounds
    wait_until(lambda: is_by(switched.tunnel, switched.box), "the world")
    now = switched.has()
    changes = {what: {*before[what]} ^ {*now[what]} for what in before}
    assert {what: lines for what, lines in changes.items() if lines} == {}
    assert not switched.box.goes_on(switched.since)
