"""The arguments of the commands, and what runs each. A command's own module is imported late."""

from __future__ import annotations

import argparse
import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from wgplugin.cli.completion import Directive, offer
from wgplugin.cli.hub import arguments as hub_arguments
from wgplugin.networks.calls import LONGEST_WAIT

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

EXIT = "Exit status: 0 if all is well, 2 for a wrong command line; each command's help has more."
CHECK_EXIT = "Exit status: 0 if all is fine, 1 if a file has errors, 2 if a file can't be read."
STATUS_EXIT = "Exit status: 0, or 1 if no plugin answers."
WAIT_EXIT = (
    "Exit status: 0 if all of them are up, 1 if one is down or can't be waited for, 124 if the "
    "time is over."
)
SWITCH_EXIT = "Exit status: 0 once the tunnel has the configuration, 1 if it is as before."
COMPLETION_EXIT = "In bash: source <(wgplugin completion bash)"
SHELLS = ("bash", "zsh", "fish")


def add(commands: Commands) -> None:
    """Add all commands; a parsed one's ``run`` takes the arguments, and returns the exit status."""
    _add_check(commands)
    _add_status(commands)
    _add_wait(commands)
    _add_switch(commands)
    hub_arguments.add(commands)
    _add_completion(commands)


def _add_check(commands: Commands) -> None:
    about = "check configurations and wgplugin.yaml, and show what a container gets"
    command = commands.add_parser("check", help=about, description=about, epilog=CHECK_EXIT)
    command.add_argument("--json", action="store_true", help="print one JSON document")
    files = command.add_argument("files", nargs="+", metavar="FILE")
    offer(files, Directive.FILES)
    command.set_defaults(run=_check)


def _add_status(commands: Commands) -> None:
    about = "show how every container's tunnel is doing"
    command = commands.add_parser("status", help=about, description=about, epilog=STATUS_EXIT)
    command.add_argument("--watch", action="store_true", help="show it every two seconds")
    command.add_argument("--json", action="store_true", help="print the answer of the plugin")
    _add_socket(command)
    command.set_defaults(run=_status)


def _add_wait(commands: Commands) -> None:
    about = "wait until the tunnels of a network or a container have a handshake"
    command = commands.add_parser("wait", help=about, description=about, epilog=WAIT_EXIT)
    help_ = "give up after so many seconds; built in: 30"
    command.add_argument("--timeout", type=_seconds, default=30.0, metavar="N", help=help_)
    _add_tunnel(command)
    command.set_defaults(run=_wait)


def _add_switch(commands: Commands) -> None:
    about = "switch a tunnel to another configuration of its network's pool"
    command = commands.add_parser("switch", help=about, description=about, epilog=SWITCH_EXIT)
    _add_tunnel(command)
    help_ = "without it, the next one that is free"
    command.add_argument(
        "configuration", metavar="CONFIGURATION", nargs="?", default="", help=help_
    )
    command.set_defaults(run=_switch)


def _add_completion(commands: Commands) -> None:
    about = "print the script by which a shell completes wgplugin's command line"
    command = commands.add_parser(
        "completion", help=about, description=about, epilog=COMPLETION_EXIT
    )
    command.add_argument("shell", choices=SHELLS, metavar="SHELL", help=", ".join(SHELLS))
    command.set_defaults(run=_completion)


def _add_tunnel(command: argparse.ArgumentParser) -> None:
    help_ = "a network or a container: its name, or an id with 12 digits or more"
    command.add_argument("name", metavar="NETWORK|CONTAINER", help=help_)
    command.add_argument("--network", help="of a container's tunnels, take that of this network")
    _add_socket(command)


def _add_socket(command: argparse.ArgumentParser) -> None:
    help_ = "the plugin's socket, if it isn't where Docker has it"
    offer(command.add_argument("--socket", type=Path, help=help_), Directive.FILES)


def _check(given: argparse.Namespace) -> int:
    from wgplugin.cli import check

    return check.run(given.files, given.json)


def _status(given: argparse.Namespace) -> int:
    from wgplugin.cli import status

    return status.run(given.socket, given.watch, given.json)


def _wait(given: argparse.Namespace) -> int:
    from wgplugin.cli import wait

    return wait.run(given.name, given.network, given.timeout, given.socket)


def _switch(given: argparse.Namespace) -> int:
    from wgplugin.cli import switch

    return switch.run(given.name, given.configuration, given.network, given.socket)


def _completion(given: argparse.Namespace) -> int:
    from wgplugin.cli import shells

    print(shells.SCRIPTS[given.shell], end="")
    return 0


def _seconds(text: str) -> float:
    with contextlib.suppress(ValueError):
        if 0 <= (seconds := float(text)) <= LONGEST_WAIT:
            return seconds
    message = f"{text} isn't a number of seconds, up to {LONGEST_WAIT:g}"
    raise argparse.ArgumentTypeError(message)
