"""The command line: ``python -m wgplugin serve``, ``check`` and ``status``. Wiring only."""

from __future__ import annotations

import argparse
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


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        super().error(f"{message} [{Code.COMMAND_LINE}]")


def main(listener: int | None = None) -> int:
    """Run the command line; return the exit status.

    ``listener`` is the descriptor of a socket that listens already, if there is one.
    """
    parser = _Parser(prog="wgplugin", description=__doc__)
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
    check_parser = commands.add_parser("check", help=about, description=about)
    check_parser.add_argument("--json", action="store_true", help="print one JSON document")
    check_parser.add_argument("files", nargs="+", metavar="FILE")
    about = "show how every container's tunnel is doing"
    status_parser = commands.add_parser("status", help=about, description=about)
    status_parser.add_argument("--watch", action="store_true", help="show it every two seconds")
    status_parser.add_argument("--json", action="store_true", help="print the answer of the plugin")
    status_parser.add_argument("--socket", type=Path, help="ask there, not where Docker has it")
    arguments = parser.parse_args()
    if arguments.command == "check":
        from wgplugin.cli import check

        return check.run(arguments.files, arguments.json)
    if arguments.command == "status":
        from wgplugin.cli import status

        return status.run(arguments.socket, arguments.watch, arguments.json)
    # Docker gives up on a plugin that doesn't listen soon, so listen before the imports.
    if listener is None:
        listener = listen(arguments.socket)
    # The imports leave no garbage, and to search for it takes 13 of 160 ms (Python 3.13).
    gc.disable()
    from wgplugin import serve

    return serve.run(listener, arguments)


if __name__ == "__main__":
    sys.exit(main())
