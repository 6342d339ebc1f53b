"""Does its worst in all ways together, without end; what a container begins with.

    python3 -m tests.e2e.live.leaks.worst MARKER ADDRESS...

MARKER is in every packet with room for it. The file sender.PROGRESS gets a byte for each round.
"""

import contextlib
import itertools
import sys
import time

from tests.e2e.leaks import prober
from tests.e2e.live.leaks.sender import note_round, send_all

DEVICES = ("lo", "wg", "eth")
# Several do their worst at a time, and captures have to keep up.
PAUSE = 0.4


def main(marker: str, *addresses: str) -> None:
    for number in itertools.count(1):
        for address in addresses:
            for way in ("everything", "frames"):
                send_all(way, address, marker.encode())
        for attempt, *arguments in prober.attempts(list(addresses), marker, number, DEVICES):
            with contextlib.suppress(OSError):
                attempt(*arguments)  # type: ignore[operator]
        note_round()
        time.sleep(PAUSE)


main(*sys.argv[1:])
