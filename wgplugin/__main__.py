"""The command line: ``python -m wgplugin serve``. Wiring only."""

from __future__ import annotations

import argparse
import logging
import os
import socket
import sys
from pathlib import Path

from wgplugin import __version__

log = logging.getLogger("wgplugin")

SOCKET = Path("/run/docker/plugins/wireguard.sock")
CONFIG_DIR = Path("/etc/wireguard")
STATE_DIR = Path("/var/lib/wgplugin")
LOG_LEVELS = ("debug", "info", "warning", "error")

# Docker reuses an idle connection however old; a server that closes one breaks the next call.
KEEP_ALIVE = 365 * 24 * 3600
GRACE = 5


def main() -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="wgplugin", description=__doc__)
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(dest="command", required=True)
    serve_parser = commands.add_parser("serve", help="serve Docker's network driver protocol")
    serve_parser.add_argument("--socket", type=Path, default=SOCKET)
    serve_parser.add_argument("--config-dir", type=Path, default=CONFIG_DIR)
    serve_parser.add_argument("--state-dir", type=Path, default=STATE_DIR)
    serve_parser.add_argument("--log-level", default=os.environ.get("LOG_LEVEL", "info"))
    arguments = parser.parse_args()
    # Docker gives up on a plugin that doesn't listen soon, so that comes before the imports.
    return serve(_listen(arguments.socket), arguments)


def _listen(path: Path) -> socket.socket:
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        listener.bind(str(path))
    finally:
        os.umask(before)
    listener.listen(128)
    return listener


def _set_up_log(level: str) -> None:
    known = level.lower() in LOG_LEVELS
    logging.basicConfig(stream=sys.stdout, format="%(levelname)s %(name)s: %(message)s")
    # Only our own loggers follow the setting: libraries at debug level write keys out.
    logging.getLogger("wgplugin").setLevel(level.upper() if known else logging.INFO)
    if not known:
        log.warning("LOG_LEVEL is %r; there are: %s", level, ", ".join(LOG_LEVELS))


def serve(listener: socket.socket, arguments: argparse.Namespace) -> int:
    """Serve until SIGTERM; return the exit status."""
    import uvicorn

    from wgplugin.app import create_app
    from wgplugin.driver import Driver
    from wgplugin.errors import PluginError
    from wgplugin.folder import ConfigFolder
    from wgplugin.netlink import KernelBackend
    from wgplugin.resolver import Resolver
    from wgplugin.store import Store

    _set_up_log(arguments.log_level)
    try:
        store = Store(arguments.state_dir)
    except PluginError as error:
        log.error("%s", error)
        return 1
    driver = Driver(ConfigFolder(arguments.config_dir), store, KernelBackend(), Resolver())
    config = uvicorn.Config(
        create_app(driver),
        loop="asyncio",
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=GRACE,
    )
    uvicorn.Server(config).run(sockets=[listener])
    return 0


if __name__ == "__main__":
    sys.exit(main())
