"""The command line: ``python -m wgplugin serve``, ``check``, ``status``, ``wait`` and ``switch``.

Wiring only.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import os
import sys
from pathlib import Path
from typing import NoReturn

from wgplugin import __version__
from wgplugin.codes import Code
from wgplugin.listener import SOCKET, listen

CONFIG_DIR = Path("/etc/wireguard")
STATE_DIR = Path("/var/lib/wgplugin")

EXIT = "Exit status: 0 if all is well, 2 for a wrong command line; each command's help has more."
CHECK_EXIT = "Exit status: 0 if all is fine, 1 if a file has errors, 2 if a file can't be read."
STATUS_EXIT = "Exit status: 0, or 1 if no plugin answers."
WAIT_EXIT = (
    "Exit status: 0 if all of them are up, 1 if one is down or can't be waited for, 124 if the "
    "time is over."
)
SWITCH_EXIT = "Exit status: 0 once the tunnel has the configuration, 1 if it is as before."
SOCKET_HELP = "the plugin's socket, if it isn't where Docker has it"


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        super().error(f"{message} [{Code.COMMAND_LINE}]")


def main(listener: int | None = None) -> int:
    """Run the command line; return the exit status.

    ``listener`` is the descriptor of a socket that listens already, if there is one.
    """
    about = "WireGuard tunnels for Docker's networks"
    parser = _Parser(prog="wgplugin", description=about, epilog=EXIT)
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(dest="command", required=True)
    serve_parser = commands.add_parser("serve", help="serve Docker's network driver protocol")
    serve_parser.add_argument("--socket", default=SOCKET)
    serve_parser.add_argument("--config-dir", type=Path, default=CONFIG_DIR)
    serve_parser.add_argument("--state-dir", type=Path, default=STATE_DIR)
    serve_parser.add_argument("--log-level", default=os.environ.get("LOG_LEVEL"))
    serve_parser.add_argument("--resolve-timeout", default=os.environ.get("RESOLVE_TIMEOUT"))
    serve_parser.add_argument("--re-resolve-after", default=os.environ.get("RE_RESOLVE_AFTER"))
    about = "check configurations and wgplugin.yaml, and show what a container gets"
    check_parser = commands.add_parser("check", help=about, description=about, epilog=CHECK_EXIT)
    check_parser.add_argument("--json", action="store_true", help="print one JSON document")
    check_parser.add_argument("files", nargs="+", metavar="FILE")
    about = "show how every container's tunnel is doing"
    status_parser = commands.add_parser("status", help=about, description=about, epilog=STATUS_EXIT)
    status_parser.add_argument("--watch", action="store_true", help="show it every two seconds")
    status_parser.add_argument("--json", action="store_true", help="print the answer of the plugin")
    status_parser.add_argument("--socket", type=Path, help=SOCKET_HELP)
    about = "wait until the tunnels of a network or a container have a handshake"
    wait_parser = commands.add_parser("wait", help=about, description=about, epilog=WAIT_EXIT)
    help_ = "give up after so many seconds; built in: 30"
    wait_parser.add_argument("--timeout", type=_seconds, default=30.0, metavar="N", help=help_)
    _name_a_tunnel(wait_parser)
    about = "switch a tunnel to another configuration of its network's pool"
    switch_parser = commands.add_parser("switch", help=about, description=about, epilog=SWITCH_EXIT)
    _name_a_tunnel(switch_parser)
    help_ = "without it, the next one that is free"
    switch_parser.add_argument(
        "configuration", metavar="CONFIGURATION", nargs="?", default="", help=help_
    )
    arguments = parser.parse_args()
    if arguments.command == "check":
        from wgplugin.cli import check

        return check.run(arguments.files, arguments.json)
    if arguments.command == "status":
        from wgplugin.cli import status

        return status.run(arguments.socket, arguments.watch, arguments.json)
    if arguments.command == "wait":
        from wgplugin.cli import wait

        return wait.run(arguments.name, arguments.network, arguments.timeout, arguments.socket)
    if arguments.command == "switch":
        from wgplugin.cli import switch

        return switch.run(
            arguments.name, arguments.configuration, arguments.network, arguments.socket
        )
    # Docker gives up on a plugin that doesn't listen soon, so listen before the imports.
    if listener is None:
        listener = listen(arguments.socket)
    # The imports leave no garbage, and to search for it takes 13 of 160 ms (Python 3.13).
    gc.disable()
    from wgplugin import serve

    return serve.run(listener, arguments)


def _name_a_tunnel(parser: argparse.ArgumentParser) -> None:
    help_ = "a network or a container: its name, or an id with 12 digits or more"
    parser.add_argument("name", metavar="NETWORK|CONTAINER", help=help_)
    parser.add_argument("--network", help="of a container's tunnels, take that of this network")
    parser.add_argument("--socket", type=Path, help=SOCKET_HELP)


def _seconds(text: str) -> float:
    # Imported late, as the plugin itself has no use for it before it listens.
    from wgplugin.networks.calls import LONGEST_WAIT

    with contextlib.suppress(ValueError):
        if 0 <= (seconds := float(text)) <= LONGEST_WAIT:
            return seconds
    message = f"{text} isn't a number of seconds, up to {LONGEST_WAIT:g}"
    raise argparse.ArgumentTypeError(message)


if __name__ == "__main__":
    sys.exit(main())
