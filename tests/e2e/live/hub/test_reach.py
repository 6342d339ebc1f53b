"""People and machines dial into a hub, reach what they may, and no longer than they may."""

import time
from contextlib import ExitStack
from datetime import UTC, datetime

from tests.e2e.commands import wait_until
from tests.e2e.live.hub.dialling import Client, Hub, datagrams, inside, page, seconds_until
from tests.e2e.live.pace import answering
from tests.e2e.live.shared.conftest import reaches
from tests.qr_codes import read

UDP = "9000"
WITHIN = 10.0
"""Seconds from the end of a command until it counts, on machines that share their processors.

Alone it takes less than 3: see `bench hub`.
"""


def test_client_opens_a_container_s_page_by_its_name_with_the_file_that_it_was_given(
    hub: Hub,
) -> None:
    web = hub.containers[0]
    with Client("phone", hub.peer("add", "phone")) as phone:
        for name in (web.name, f"{web.name}.office", "pages", "PAGES.office"):
            assert phone.fetch(name) == "hello"
        for version in (4, 6):
            assert phone.fetch(page(hub.address(web, version))) == "hello"
        assert hub.listed()["phone"]["last_handshake"]


def test_client_dials_in_with_what_a_reader_makes_of_the_qr_code(hub: Hub) -> None:
    with Client("phone", read(hub.qr_code("phone"))) as phone:
        assert phone.fetch("pages") == "hello"


def test_container_reaches_a_client_and_sees_who_dials_in(hub: Hub) -> None:
    web = hub.containers[0]
    with Client("phone", hub.peer("add", "phone")) as phone:
        phone.fetch("pages")
        assert reaches(web, "10.99.0.2")
        assert reaches(web, "fd99::2")


def test_client_with_a_limit_reaches_that_alone(hub: Hub) -> None:
    web, other = hub.containers
    reach = f"{hub.address(web)}/32:tcp/80,{hub.address(web, 6)}/128:udp/{UDP}"
    with (
        answering(inside(web), ("::", UDP)),
        Client("phone", hub.peer("add", "phone"), 1) as phone,
        Client("tablet", hub.peer("add", "tablet", "--reach", reach), 2) as tablet,
    ):
        assert tablet.fetch("pages") == "hello"
        assert tablet.is_answered(hub.address(web, 6), UDP)
        for box, version, port in ((web, 4, "81"), (web, 6, "80"), (other, 4, "80")):
            place = page(hub.address(box, version), port)
            assert phone.opens(place)
            assert not tablet.opens(place)
        assert phone.is_answered(hub.address(web), UDP)
        assert not tablet.is_answered(hub.address(web), UDP)
        for address in ("10.99.0.1", "10.99.0.2", hub.address(web)):
            assert not tablet.reaches(address)
        hub.peer("set", "tablet", "--reach", "all")
        wait_until(lambda: tablet.opens(page(hub.address(other, 6))), "the end of the limit")


def test_clients_reach_each_other(hub: Hub) -> None:
    with (
        Client("phone", hub.peer("add", "phone"), 1) as phone,
        Client("tablet", hub.peer("add", "tablet"), 2) as tablet,
    ):
        tablet.fetch("pages")
        assert phone.reaches("10.99.0.3")
        assert phone.reaches("fd99::3")


def test_clients_that_are_shut_out_reach_nothing_and_another_loses_nothing(hub: Hub) -> None:
    names = ("removed", "disabled", "expired", "erased")
    place = page(hub.address(hub.containers[1]))
    with ExitStack() as stack:
        phone, *others = (
            stack.enter_context(Client(name, hub.peer("add", name), number))
            for number, name in enumerate(("phone", *names), 1)
        )
        for client in others:
            assert client.opens(place)
        # A busy machine takes its time for the command.
        end = int(time.time()) + 30
        moment = datetime.fromtimestamp(end, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        hub.peer("set", "expired", "--expires", moment)
        with datagrams(hub, phone) as became:
            assert len(hub.peers()) == 5
            assert seconds_until(lambda: len(hub.peers()) == 4, end) < WITHIN
            hub.peer("remove", "removed")
            assert seconds_until(lambda: len(hub.peers()) == 3, time.time()) < WITHIN
            hub.peer("disable", "disabled")
            assert seconds_until(lambda: len(hub.peers()) == 2, time.time()) < WITHIN
            text = hub.path.read_text()
            hub.path.write_text(text[: text.rindex("[Peer]")])
            assert seconds_until(lambda: len(hub.peers()) == 1, time.time()) < WITHIN
            for client in others:
                assert not client.opens(place)
        assert became["sent"] == became["answered"]
        hub.peer("enable", "disabled")
        wait_until(lambda: others[1].opens(place), "the client that was let in again")
