"""``wgplugin status``: asks the plugins on this host for their status, and prints it."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from wgplugin.cli import client
from wgplugin.cli.table import table
from wgplugin.codes import Code
from wgplugin.errors import PluginError
from wgplugin.networks.status import Status, encode

PERIOD = 2.0
CLEAR = "\x1b[H\x1b[2J"

FINE, SILENT = 0, 1


def run(given: Path | None, watch: bool, as_json: bool) -> int:
    """Print the status of every plugin that answers; with ``watch``, every `PERIOD` seconds.

    ``given``: the socket to ask, None for all plugins' sockets on this host. Returns the exit
    status: 1 if no plugin answers, with a hint on standard error; else 0.
    """
    try:
        while True:
            found, silent = client.reports(given)
            for path, error in silent.items():
                print(f"{path}: {error} [{Code.NO_ANSWER}]", file=sys.stderr)
            text = "\n".join(_text(answer, as_json) for answer in found.values())
            print(f"{CLEAR}{text}" if watch and sys.stdout.isatty() else text, flush=True)
            if not watch:
                return FINE
            time.sleep(PERIOD)
    except PluginError as error:
        print(error, file=sys.stderr)
        return SILENT
    except KeyboardInterrupt:
        return FINE


def _text(answer: Status, as_json: bool) -> str:
    return encode(answer).decode() if as_json else table(answer, time.time())
