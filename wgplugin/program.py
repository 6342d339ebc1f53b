"""The plugin's command line: ``serve``. A person's commands are those of cli/arguments."""

from __future__ import annotations

import argparse
import gc
import os
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from wgplugin import __version__
from wgplugin.codes import Code
from wgplugin.listener import SOCKET, listen

if TYPE_CHECKING:
    from argparse import ArgumentParser, _SubParsersAction

    Commands = _SubParsersAction[ArgumentParser]

CONFIG_DIR = Path("/etc/wireguard")
STATE_DIR = Path("/var/lib/wgplugin")


class Parser(argparse.ArgumentParser):
    """A parser whose errors have their code."""

    def error(self, message: str) -> NoReturn:
        """Print an error with the usage, and exit with status 2."""
        super().error(f"{message} [{Code.COMMAND_LINE}]")


def parser(epilog: str = "") -> tuple[ArgumentParser, Commands]:
    """Return a parser of ``wgplugin``, and the place for its commands."""
    about = "WireGuard tunnels for Docker's networks"
    # As docker-wireguard is typed in another way.
    name = os.environ.get("WGPLUGIN_NAME", "wgplugin")
    whole: ArgumentParser = Parser(prog=name, description=about, epilog=epilog)
    whole.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    return whole, whole.add_subparsers(dest="command", metavar="COMMAND", required=True)


def add(commands: Commands) -> None:
    """Add ``serve`` to the commands; run() runs it."""
    command = commands.add_parser("serve", help="serve Docker's network driver protocol")
    command.add_argument("--socket", default=SOCKET)
    command.add_argument("--config-dir", type=Path, default=CONFIG_DIR)
    command.add_argument("--state-dir", type=Path, default=STATE_DIR)
    command.add_argument("--log-level", default=os.environ.get("LOG_LEVEL"))
    command.add_argument("--resolve-timeout", default=os.environ.get("RESOLVE_TIMEOUT"))
    command.add_argument("--re-resolve-after", default=os.environ.get("RE_RESOLVE_AFTER"))
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace, listener: int | None = None) -> int:
    """Serve, with the arguments of add(), until SIGTERM; return the exit status.

    ``listener``: the descriptor of a socket that listens already, if there is one.
    """
    # Docker gives up on a plugin that doesn't listen soon, so listen before the imports.
    if listener is None:
        listener = listen(arguments.socket)
    # The imports leave no garbage, and to search for it takes 13 of 160 ms (Python 3.13).
    gc.disable()
    from wgplugin import serve

    return serve.run(listener, arguments)


def main(listener: int | None) -> int:
    """Run the plugin's own command line, which has no other command; see run()."""
    whole, commands = parser()
    add(commands)
    return run(whole.parse_args(), listener)
