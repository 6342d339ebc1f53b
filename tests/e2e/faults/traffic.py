"""Packets through a tunnel, each of them accounted for while something goes wrong."""

import re
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.commands import wait_until
from tests.e2e.docker import Container
from tests.e2e.provider import TUNNEL_IPV4

INTERVAL = "0.1"
ANSWERS = 5


class Traffic:
    """Pings from a container's network, and the answers so far."""

    def __init__(self, log: Path) -> None:
        self._log = log

    def answered(self) -> list[int]:
        """Return the numbers of the packets that were answered."""
        return [int(number) for number in re.findall(r"icmp_seq=(\d+) ttl=", self._log.read_text())]

    def goes_on(self) -> None:
        """Wait for further answers."""
        wanted = len(self.answered()) + ANSWERS
        wait_until(lambda: len(self.answered()) >= wanted, "answers")


@contextmanager
def unbroken(box: Container, to: str = TUNNEL_IPV4) -> Iterator[Traffic]:
    """Not a packet of a container's is lost while the block lasts; by default in its tunnel."""
    enter = ("nsenter", "--net", "--target", str(box.pid()))
    with tempfile.NamedTemporaryFile() as log:
        ping = subprocess.Popen([*enter, "ping", "-i", INTERVAL, to], stdout=log)
        traffic = Traffic(Path(log.name))
        try:
            traffic.goes_on()
            yield traffic
            traffic.goes_on()
        finally:
            ping.kill()
            ping.wait()
        answered = traffic.answered()
    assert answered == list(range(1, len(answered) + 1))
