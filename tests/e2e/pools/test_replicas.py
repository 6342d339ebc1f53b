"""Containers of one network that have a key each."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.e2e.commands import refused, run, succeeds
from tests.e2e.conftest import Configurations
from tests.e2e.docker import IMAGE, PLUGIN, Container, container
from tests.e2e.pools.pooling import clients, pool_network, start_on
from tests.e2e.provider import WEB_IPV4

NAMES = ("third", "first", "fourth", "second")
POOL = ",".join(NAMES)
COMPOSE = f"""
services:
  app:
    image: {IMAGE}
    command: [/busybox, sleep, "600"]
    networks: [vpn]
networks:
  vpn:
    driver: {PLUGIN}
    driver_opts:
      wireguard-config: {POOL}
    ipam:
      driver: "null"
"""

Scale = Callable[[int], tuple[list[Container], str]]
"""Has so many replicas started; returns those that run, and what was said if one was refused."""


@contextmanager
def by_compose(folder: Path) -> Iterator[Scale]:
    compose = ("docker", "compose", "--project-directory", str(folder))
    (folder / "compose.yaml").write_text(COMPOSE)

    def scale(number: int) -> tuple[list[Container], str]:
        up = (*compose, "up", "--detach", "--scale", f"app={number}")
        said = refused(*up) if number > len(NAMES) else run(*up) and ""
        return [*map(Container, run(*compose, "ps", "--quiet", "app").split())], said

    try:
        yield scale
    finally:
        run(*compose, "down", "--timeout", "0")


@contextmanager
def one_by_one() -> Iterator[Scale]:
    with pool_network(POOL) as net, ExitStack() as stack:
        boxes: list[Container] = []

        def scale(number: int) -> tuple[list[Container], str]:
            while len(boxes) < min(number, len(NAMES)):
                boxes.append(stack.enter_context(container(net)))
            return boxes, refused(*start_on(net)) if number > len(NAMES) else ""

        yield scale


def test_each_has_a_key_of_its_own_and_the_fifth_is_told_who_has_which(
    configurations: Configurations, tmp_path: Path
) -> None:
    """By Compose, where Debian has it."""
    holders = dict(zip(clients(configurations, *NAMES), NAMES, strict=True))
    has_compose = succeeds("docker", "compose", "version")
    with by_compose(tmp_path) if has_compose else one_by_one() as scale:
        boxes, _ = scale(3)
        assert {box.fetch(WEB_IPV4) for box in boxes} == {*list(holders)[:3]}
        boxes, _ = scale(4)
        seen = {box.fetch(WEB_IPV4): box for box in boxes}
        assert {*seen} == {*holders}
        _, said = scale(5)
        assert "[WG124]" in said
        for address, box in seen.items():
            (endpoint,) = box.inspect()["NetworkSettings"]["Networks"].values()
            assert f"{holders[address]} by endpoint {endpoint['EndpointID'][:12]}" in said
