"""A tunnel is switched by hand, and waited for; each key has one user, whatever happens."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from threading import Thread

import pytest

from tests.e2e.commands import exit_status, refused, run, wait_until
from tests.e2e.conftest import Configurations
from tests.e2e.docker import Container, container, wireguard
from tests.e2e.engine import RequestError
from tests.e2e.lasting import configurations
from tests.e2e.leaks.faults import killed_plugin
from tests.e2e.live.pools.conftest import status_of, switch
from tests.e2e.pools.pooling import clients, endpoint_id, is_seen_as, pool_network
from tests.e2e.provider import WEB_IPV4

__all__ = ["configurations"]

TIMED_OUT = 124
NAMES = ("one", "three", "two")


@dataclass(frozen=True)
class Place:
    """A container on a network with a pool, and the addresses of its configurations."""

    box: Container
    net: str
    addresses: dict[str, str]

    @property
    def configuration(self) -> str:
        """The one that it has."""
        return str(status_of(self.box, self.net)["configuration"])

    def is_well(self) -> bool:
        """Return whether the plugin answers, and the world is reached by what it says."""
        with suppress(OSError):
            return self.is_by(self.configuration)
        return False

    def is_by(self, name: str) -> bool:
        """Return whether it reaches the world by a configuration."""
        return is_seen_as(self.box, self.addresses[name], WEB_IPV4)


@pytest.fixture(scope="module")
def place(configurations: Configurations) -> Iterator[Place]:
    addresses = dict(zip(NAMES, clients(configurations, *NAMES), strict=True))
    with pool_network("one,two,three") as net, container(net) as box:
        yield Place(box, net, addresses)


def test_wait_ends_by_its_time_out_before_a_handshake(place: Place) -> None:
    command = wireguard("wait", "--timeout", "1", place.box.name)
    assert exit_status(*command) == TIMED_OUT


def test_wait_ends_well_with_a_handshake(place: Place) -> None:
    assert place.is_by("one")
    assert exit_status(*wireguard("wait", place.box.name)) == 0
    assert exit_status(*wireguard("wait", place.net)) == 0


def test_command_switches_a_container_to_the_named_one_or_to_the_next(place: Place) -> None:
    assert "three" in run(*wireguard("switch", place.box.name, "three"))
    assert place.is_by("three")
    run(*wireguard("switch", place.box.name))
    assert place.is_by("one")


def test_configuration_of_another_container_is_refused(place: Place) -> None:
    switch(endpoint_id(place.box, place.net), "one")
    with container(place.net) as other:
        assert place.is_by("one")
        with pytest.raises(RequestError, match="two"):
            switch(endpoint_id(place.box, place.net), "two")
        assert is_seen_as(other, place.addresses["two"], WEB_IPV4)
        assert place.is_by("one")


def test_configuration_outside_of_the_pool_is_refused(
    configurations: Configurations, place: Place
) -> None:
    clients(configurations, "four")
    assert "four" in refused(*wireguard("switch", place.box.name, "four"))


def test_plugin_that_dies_while_it_switches_leaves_each_key_one_user(place: Place) -> None:
    endpoint = endpoint_id(place.box, place.net)
    switch(endpoint, "one")
    assert place.is_by("one")
    switching = Thread(target=_try_to_switch, args=(endpoint, "two"))
    with killed_plugin():
        switching.start()
        switching.join()
    wait_until(place.is_well, "the tunnel")
    now = place.configuration
    others = sorted({*NAMES} - {now})
    with container(place.net) as first, container(place.net) as second:
        taken = sorted(Place(box, place.net, {}).configuration for box in (first, second))
        assert taken == others
        assert place.is_by(now)


def _try_to_switch(endpoint: str, configuration: str) -> None:
    try:
        switch(endpoint, configuration)
    except (OSError, RequestError):
        return
