"""Clients come, get new keys, and outlive the plugin; the others notice nothing."""

from tests.e2e.commands import run, wait_until
from tests.e2e.docker import plugin_pid
from tests.e2e.live.hub.dialling import Client, Hub, datagrams, page


def test_new_keys_shut_the_former_ones_out(hub: Hub) -> None:
    place = page(hub.address(hub.containers[0]))
    before = hub.peer("add", "phone")
    with Client("phone", before) as phone:
        assert phone.fetch(place) == "hello"
        after = hub.peer("rotate", "phone")
        wait_until(lambda: not phone.opens(place), "the end of the former keys")
    with Client("phone", after) as phone:
        assert phone.fetch(place) == "hello"


def test_client_that_comes_leaves_the_others_sessions_alone(hub: Hub) -> None:
    with Client("phone", hub.peer("add", "phone")) as phone:
        phone.fetch("pages")
        with datagrams(hub, phone) as became:
            hub.peer("add", "tablet")
            wait_until(lambda: len(hub.peers()) == 2, "the peer")
        assert became["sent"] == became["answered"]


def test_plugin_s_end_leaves_clients_connected_and_its_start_brings_the_names_back(
    hub: Hub,
) -> None:
    web = hub.containers[0]
    with Client("phone", hub.peer("add", "phone")) as phone:
        assert phone.fetch("pages") == "hello"
        before = plugin_pid()
        with datagrams(hub, phone) as became:
            run("kill", "-KILL", str(before))
            wait_until(lambda: plugin_pid() != before, "the plugin's next run")
            assert phone.fetch(page(hub.address(web))) == "hello"
            wait_until(lambda: phone.opens("pages"), "the names")
        assert became["sent"] == became["answered"]
