"""Containers of one shared network that do their worst from their first instruction on."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.e2e.commands import CommandError, wait_until
from tests.e2e.live.leaks.scenarios import host_asks_itself
from tests.e2e.live.leaks.scene import WORST, Box, Scene, Tunnel
from tests.e2e.provider import WEB_IPV4, WEB_IPV6

FETCH = ("curl", "-s", "-m", "3", "-w", " ", f"http://{WEB_IPV4}/", f"http://[{WEB_IPV6}]/")


@dataclass(frozen=True)
class Cast:
    """A container on the shared network alone, and one that is on a bridge, too.

    ``since`` is where the capture was before they started.
    """

    tunnel: Tunnel
    alone: Box
    beside: Box
    since: int

    @property
    def boxes(self) -> tuple[Box, Box]:
        return self.alone, self.beside

    def mark(self) -> int:
        return self.alone.outside.mark()

    def leaks(self, start: int) -> Counter[str]:
        """Let them do some more; return what has leaked since a mark of the capture."""
        found = [box.goes_on(start) for box in self.boxes]
        return found[0] + found[1]

    def reaches_the_world(self) -> None:
        """Wait until each of them does, by the tunnel and in both families."""
        for box in self.boxes:
            wait_until(lambda box=box: is_by(self.tunnel, box), "the world")  # type: ignore[misc]


def is_by(tunnel: Tunnel, box: Box) -> bool:
    """Return whether a container reaches the world by a tunnel."""
    try:
        return tuple(box.in_namespace(*FETCH).split()) == tunnel.addresses
    except CommandError:
        return False


@contextmanager
def cast(scene: Scene, name: str, number: int, *options: str) -> Iterator[Cast]:
    """The containers, for as long as the block lasts; ``options`` are theirs."""
    addresses = (f"10.8.{number}.1/32", f"fd08:{number}::1/128")
    with host_asks_itself(), scene.tunnel(name, *addresses) as tunnel:
        since = scene.outside.mark()
        with (
            scene.box(tunnel, options=options, command=WORST) as alone,
            scene.box(scene.bridge, tunnel, options=options, command=WORST) as beside,
        ):
            yield Cast(tunnel, alone, beside, since)
