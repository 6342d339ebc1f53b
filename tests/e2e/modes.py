"""The modes of networks, for tests that hold in each of them."""

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from tests.e2e.conftest import Configurations
from tests.e2e.docker import Container, network
from tests.e2e.routers import Router


@dataclass(frozen=True)
class Mode:
    """A mode: the options of a network that choose it, and its device in a container."""

    options: tuple[str, ...]
    device: str

    def destinations(self, box: Container) -> list[str]:
        """Return the IPv4 destinations that lead into the tunnel, of all tables."""
        shown = box.run("ip", "route", "show", "table", "all")
        into = rf"^([0-9.]+\S*|default) (?:via \S+ )?dev {self.device}"
        return re.findall(into, shown, re.MULTILINE)


OWN = Mode(("--ipam-driver", "null"), "wg0")
"""A container has the tunnel for itself."""

SHARED = Mode(("--opt", "wireguard-mode=shared"), "eth0")
"""Containers share the tunnel, by a router; their addresses are of Docker's choice."""


@dataclass(frozen=True)
class Place:
    """A network for a container, and what the web server sees of it."""

    net: str
    address: str


@contextmanager
def places(
    mode: Mode, configurations: Configurations, name: str, *addresses: str
) -> Iterator[list[Place]]:
    """Places for so many containers, for as long as the block lasts: one network if it is shared.

    ``name`` is the configuration's; all but the first have a number, too.
    """
    with ExitStack() as stack:
        found: list[Place] = []
        for number, address in enumerate(addresses):
            if found and mode is SHARED:
                found.append(found[0])
                continue
            client = configurations.client(
                f"{name}-{number}" if number else name, f"{address}/32", allowed_ips="0.0.0.0/0"
            )
            found.append(Place(stack.enter_context(network(client, *mode.options)), address))
        yield found


@contextmanager
def same_router(mode: Mode, net: str) -> Iterator[None]:
    """The router of a network, if it is shared, is still the same one when the block ends."""
    router = Router(net) if mode is SHARED else None
    before = router and router.identity()
    yield
    assert before == (router and router.identity())
