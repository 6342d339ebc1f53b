"""Datagrams at an even pace between two places: what becomes of them while something changes."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.commands import run, wait_until

PROGRAM = Path(__file__).with_name("datagrams.py")


@contextmanager
def answering(server: tuple[str, ...], there: tuple[str, str]) -> Iterator[None]:
    """Datagrams are answered at an address and a port, for as long as the block lasts.

    ``server`` is the beginning of a command that runs where that is.
    """
    with subprocess.Popen((*server, sys.executable, str(PROGRAM), "echo", *there)) as process:
        try:
            wait_until(lambda: f":{there[1]}" in run(*server, "ss", "-lunH"), "the server")
            yield
        finally:
            # Also if the block fails: nothing else ends it.
            process.kill()


@contextmanager
def pace(
    server: tuple[str, ...], client: tuple[str, ...], there: tuple[str, str]
) -> Iterator[dict[str, int]]:
    """A thousand datagrams a second, and answers; what became of them, once the block ends.

    ``client`` is the beginning of a command that runs where they are sent; the others are as in
    answering().
    """
    send = (*client, sys.executable, str(PROGRAM), "send", *there)
    became: dict[str, int] = {}
    pipe = subprocess.PIPE
    with (
        answering(server, there),
        subprocess.Popen(send, stdin=pipe, stdout=pipe, text=True) as sending,
    ):
        assert sending.stdout
        assert sending.stdout.readline() == "begun\n"
        yield became
        became |= json.loads(sending.communicate()[0])
