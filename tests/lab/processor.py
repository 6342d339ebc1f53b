"""One processor for each machine.

A machine is one processor's work, but many processes: its kernel's, and one for each of its
programs. They take turns all the time. Where the next turn is that of another, idle processor,
waking that up takes longer than the turn, and the machine is up to three times as slow.
"""

import errno
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count


@contextmanager
def claimed() -> Iterator[None]:
    """Keep this process, and all that it starts, on one processor until the block ends.

    It is one that no other lab has, or one of those that the fewest have.
    """
    before = os.sched_getaffinity(0)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as claim:
        places = ((number, place) for place in count() for number in sorted(before))
        os.sched_setaffinity(0, {next(each[0] for each in places if _is_free(claim, *each))})
        try:
            yield
        finally:
            os.sched_setaffinity(0, before)


def _is_free(claim: socket.socket, number: int, place: int) -> bool:
    try:
        # An abstract name (unix(7)): one socket at a time has it, and no file is left.
        claim.bind(f"\0wireguard-docker-plugin-lab-{number}-{place}")
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return False
        raise
    return True
