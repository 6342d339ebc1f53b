"""A shared network with a pool: its router has one of the configurations, and may change it."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.e2e.conftest import Configurations
from tests.e2e.docker import Container, container, network
from tests.e2e.lasting import configurations
from tests.e2e.live.conftest import wait_for
from tests.e2e.live.pools.conftest import switch
from tests.e2e.modes import SHARED
from tests.e2e.pools.pooling import clients, is_seen_as
from tests.e2e.provider import WEB_IPV4
from tests.e2e.routers import Router

__all__ = ["configurations"]

NAMES = ("common-1", "common-2")


@pytest.fixture(scope="module")
def addresses(configurations: Configurations) -> dict[str, str]:
    return dict(zip(NAMES, clients(configurations, *NAMES), strict=True))


@pytest.fixture(scope="module")
def net(configurations: Configurations, addresses: dict[str, str]) -> Iterator[str]:
    with network("common-*", *SHARED.options, name="net-common") as net:
        yield net


@pytest.fixture(scope="module")
def boxes(net: str) -> Iterator[list[Container]]:
    with ExitStack() as stack:
        yield [stack.enter_context(container(net)) for _ in range(2)]


def are_seen_as(boxes: list[Container], address: str) -> bool:
    return all(is_seen_as(box, address, WEB_IPV4) for box in boxes)


def test_containers_share_the_first_configuration(
    boxes: list[Container], addresses: dict[str, str]
) -> None:
    assert are_seen_as(boxes, addresses["common-1"])


def test_all_containers_are_by_the_other_one_after_a_switch(
    net: str, boxes: list[Container], addresses: dict[str, str]
) -> None:
    router = Router(net)
    before = router.identity()
    assert switch(router.network_id, "common-2") == "common-2"
    assert are_seen_as(boxes, addresses["common-2"])
    wait_for("common-2", lambda status: len(status["containers"]) == 2, "the containers")
    assert router.identity() == before


def test_other_network_gets_what_is_left(
    configurations: Configurations, boxes: list[Container], addresses: dict[str, str]
) -> None:
    with (
        network("common-*", "--ipam-driver", "null", name="net-beside") as net,
        container(net) as box,
    ):
        assert is_seen_as(box, addresses["common-1"], WEB_IPV4)
        assert are_seen_as(boxes, addresses["common-2"])
