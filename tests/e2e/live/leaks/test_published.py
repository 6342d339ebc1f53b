"""Nothing but answers leaves by a published port, whatever its container and its clients do."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.e2e.leaks.faults import killed_plugin
from tests.e2e.live.leaks.modes import CONTAINER, SHARED, in_modes
from tests.e2e.live.leaks.published import (
    CLIENTS,
    DNS,
    PORT,
    Published,
    ask_from,
    published,
    spoof,
)
from tests.e2e.live.leaks.scene import OUTSIDE, Scene
from tests.e2e.live.ports.clients import Conversation, another_host
from tests.e2e.live.ports.serving import OF_LINK
from tests.e2e.provider import TUNNEL_IPV4, TUNNEL_IPV6, WEB_IPV4

pytestmark = in_modes(CONTAINER, SHARED)


@pytest.fixture(scope="module")
def ports(scene: Scene) -> Iterator[Published]:
    with another_host(), published(scene, "ports", 128) as ports:
        yield ports


def test_nothing_but_answers_leaves_from_the_first_instruction_on(ports: Published) -> None:
    ports.answers_clients()
    assert not ports.goes_on()
    assert ports.box.fetch(WEB_IPV4) == ports.tunnel.addresses[0]


def test_client_from_the_port_of_dns_is_answered_and_opens_nothing(ports: Published) -> None:
    for host, client in CLIENTS.values():
        assert ask_from(host, DNS) == client
    assert not ports.goes_on()


def test_client_that_lies_about_its_address_opens_nothing(ports: Published) -> None:
    """Answers go where it says; what the container sends there itself, goes into the tunnel."""
    spoof((*OUTSIDE, *OF_LINK.values(), TUNNEL_IPV4, TUNNEL_IPV6, "127.0.0.1", "::1"))
    assert not ports.goes_on()
    ports.answers_clients()


@pytest.mark.parametrize("version", CLIENTS)
def test_container_can_t_begin_anew_what_a_client_has_ended(ports: Published, version: int) -> None:
    host, client = CLIENTS[version]
    with closing(Conversation(host, PORT, abroad=True)) as conversation:
        assert conversation.ask() == client
        own_port = conversation.own_port()
    assert not ports.pretends(client, own_port, opening=True)


@pytest.mark.parametrize("version", CLIENTS)
def test_nothing_leaves_of_connections_that_are_forgotten(ports: Published, version: int) -> None:
    host, client = CLIENTS[version]
    with closing(Conversation(host, PORT, abroad=True)) as conversation:
        assert conversation.ask() == client
        ports.forgets_connections()
        assert not ports.pretends(client, conversation.own_port())
        assert not ports.goes_on()
    ports.answers_clients()


def test_nothing_leaves_when_the_plugin_is_killed(ports: Published) -> None:
    with killed_plugin():
        assert not ports.goes_on()
        ports.answers_clients()
