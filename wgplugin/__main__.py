"""The command line: ``python -m wgplugin serve``, ``check`` and ``status``. Wiring only."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from wgplugin import __version__
from wgplugin.codes import Code
from wgplugin.start import SOCKET, listen

if TYPE_CHECKING:
    from wgplugin.conf.settings import Settings
    from wgplugin.kernel.containers import KernelSandboxes

log = logging.getLogger("wgplugin")

CONFIG_DIR = Path("/etc/wireguard")
STATE_DIR = Path("/var/lib/wgplugin")
DOCKER_RUN = Path("/mnt/docker")
"""Where the live edition has the host's /run/docker."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        super().error(f"{message} [{Code.COMMAND_LINE}]")


def main(listener: int | None = None) -> int:
    """Run the command line; return the exit status. ``listener`` is a descriptor, if given."""
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
    about = "check configurations and wgplugin.yaml, and tell what a container will get"
    check_parser = commands.add_parser("check", help=about, description=about)
    check_parser.add_argument("--json", action="store_true", help="print one JSON document")
    check_parser.add_argument("files", nargs="+", metavar="FILE")
    about = "show how every container's tunnel is doing"
    status_parser = commands.add_parser("status", help=about, description=about)
    status_parser.add_argument("--watch", action="store_true", help="show it every two seconds")
    status_parser.add_argument("--json", action="store_true", help="print what the plugin answers")
    status_parser.add_argument("--socket", type=Path, help="ask there, not where Docker has it")
    arguments = parser.parse_args()
    if arguments.command == "check":
        from wgplugin.cli import check

        return check.run(arguments.files, arguments.json)
    if arguments.command == "status":
        from wgplugin.cli import status

        return status.run(arguments.socket, arguments.watch, arguments.json)
    # Docker gives up on a plugin that doesn't listen soon, so that comes before the imports.
    return serve(listen(arguments.socket) if listener is None else listener, arguments)


def serve(listener: int, arguments: argparse.Namespace) -> int:
    """Serve on a socket, by its descriptor, until SIGTERM; return the exit status."""
    import gc

    # What is imported stays: looking for garbage among it finds none.
    gc.disable()
    import asyncio
    import socket

    from wgplugin.conf.folder import ConfigFolder
    from wgplugin.docker.driver import Driver
    from wgplugin.docker.http import create_app
    from wgplugin.errors import PluginError
    from wgplugin.kernel import privileges
    from wgplugin.kernel.host import KernelBackend
    from wgplugin.kernel.setns import trouble
    from wgplugin.logs import LogHandler
    from wgplugin.networks.resolver import Resolver
    from wgplugin.server import Server
    from wgplugin.state.store import Store

    logging.basicConfig(handlers=[LogHandler(sys.stdout.fileno())])
    own = _own_settings(arguments)
    log.setLevel(own.log_level.upper())
    why_not = trouble(DOCKER_RUN)
    if why_not and os.environ.get("EDITION") == "live":
        log.error(
            "this is the live edition, but works as the base edition does: %s [%s]",
            why_not,
            Code.NOT_LIVE,
        )
    needed = privileges.NEEDED if why_not else (*privileges.NEEDED, privileges.CAP_SYS_ADMIN)
    try:
        privileges.drop(needed)
    except OSError as error:
        log.warning("privileges that aren't needed can't be given up: %s", error)
    try:
        store = Store(arguments.state_dir)
    except PluginError as error:
        log.error("%s", error)
        return 1
    folder = ConfigFolder(arguments.config_dir, own)
    driver = Driver(folder, store, KernelBackend(), Resolver(), sandboxes=_sandboxes(why_not))
    log.info("serving as the %s edition", "base" if why_not else "live")
    gc.freeze()
    gc.enable()
    asyncio.run(Server(create_app(driver), driver).serve(socket.socket(fileno=listener)))
    return 0


def _sandboxes(why_not: str) -> KernelSandboxes | None:
    """Return containers' namespaces, which can't be entered if there is a reason."""
    if why_not:
        return None
    from wgplugin.kernel.containers import KernelSandboxes

    return KernelSandboxes(DOCKER_RUN / "netns")


def _own_settings(arguments: argparse.Namespace) -> Settings:
    """Return the settings of the command line and the environment, without those that are wrong."""
    from wgplugin.conf.settings import Settings
    from wgplugin.errors import PluginError

    settings = Settings()
    given = {
        "log-level": arguments.log_level,
        "resolve-timeout": arguments.resolve_timeout,
        "re-resolve-after": arguments.re_resolve_after,
    }
    for name, text in given.items():
        try:
            settings = settings.override({name: text} if text else {})
        except PluginError as error:
            log.warning("%s", error)
    return settings


if __name__ == "__main__":
    sys.exit(main())
