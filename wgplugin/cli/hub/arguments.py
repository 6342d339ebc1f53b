"""The command lines of ``wgplugin hub`` and ``wgplugin peer``."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from wgplugin.cli.completion import Directive, offer

_Commands: TypeAlias = "argparse._SubParsersAction[Any]"

HUB_EXIT = "Exit status: 0 if all is well, 1 if it is refused; then nothing has changed."


def add(commands: _Commands) -> None:
    """Add the commands to a program's."""
    _add_hub(commands)
    _add_peer(commands)


def _add_hub(commands: _Commands) -> None:
    about = "make a hub, which people and machines dial into"
    parser = commands.add_parser("hub", help=about, description=about)
    init = _command(_actions(parser), "init", "make a hub's file, with its key")
    init.add_argument("hub", metavar="HUB", help="its name, and the domain of its containers")
    init.add_argument("--endpoint", metavar="HOST[:PORT]", help="what clients dial")
    init.add_argument("--listen-port", metavar="PORT", help="the port here; built in: 51820")
    help_ = "of which peers get addresses, once for each family; built in: made up"
    init.add_argument("--subnet", action="append", default=[], metavar="PREFIX", help=help_)
    help_ = "servers for names that aren't containers'; without it these are refused"
    init.add_argument("--dns", metavar="ADDRESS,…", help=help_)


def _add_peer(commands: _Commands) -> None:
    about = "add, list, change and remove the peers of a hub"
    peer = _actions(commands.add_parser("peer", help=about, description=about))
    adding = _named(peer, "add", "add a peer, and print its file and a QR code of it, once")
    _add_client(adding)
    help_ = "its addresses; built in: the next ones that were never given"
    adding.add_argument("--address", metavar="ADDRESS,…", help=help_)
    _add_note(adding, "")
    help_ = "leave out the preshared key, for clients that have none"
    adding.add_argument("--no-preshared-key", action="store_true", help=help_)
    listing = _command(peer, "list", "list the peers")
    _add_hub_option(listing)
    _named(peer, "show", "show all that is known of a peer")
    setting = _named(peer, "set", "change when a peer expires, or what it reaches")
    _add_note(setting, "; 'never', or 'all', to lift it")
    _named(peer, "enable", "let a disabled peer in again")
    _named(peer, "disable", "let a peer in no more, and keep its keys and addresses")
    rotating = _named(peer, "rotate", "give a peer new keys, and print its new file, once")
    _add_client(rotating)
    _named(peer, "remove", "remove a peer for good")


def _add_client(parser: argparse.ArgumentParser) -> None:
    """Add what makes a client's file."""
    parser.add_argument("--public-key", metavar="KEY", help="the client's own, if it made one")
    help_ = "what the client sends to the hub; built in: the hub's and the containers' subnets"
    parser.add_argument("--routes", metavar="PREFIX,…", help=help_)
    help_ = "the client's DNS servers, or 'off'; built in: the hub"
    parser.add_argument("--dns", metavar="ADDRESS,…", help=help_)
    parser.add_argument("--endpoint", metavar="HOST[:PORT]", help="built in: the hub's")
    parser.add_argument(
        "--keepalive", metavar="SECONDS", default="25", help="0 for off; built in: 25"
    )
    parser.add_argument("--mtu", metavar="BYTES", help="built in: the client's own choice")
    help_ = "show a QR code or don't; built in: on a terminal"
    parser.add_argument("--qr", action=argparse.BooleanOptionalAction, help=help_)
    help_ = "write the client's file here instead of printing it"
    output = parser.add_argument("--output", type=Path, metavar="FILE", help=help_)
    offer(output, Directive.FILES)


def _add_note(parser: argparse.ArgumentParser, lifting: str) -> None:
    help_ = f"30d, 12h, 2w, 2026-12-31 or 2026-12-31T18:00:00Z{lifting}"
    parser.add_argument("--expires", metavar="WHEN", help=help_)
    help_ = f"all that it may reach, as 172.30.5.0/24 or 172.30.5.2/32:tcp/443{lifting}"
    parser.add_argument("--reach", metavar="PREFIX[:PROTOCOL/PORT],…", help=help_)


def _named(actions: _Commands, name: str, about: str) -> argparse.ArgumentParser:
    parser = _command(actions, name, about)
    peer = parser.add_argument("name", metavar="NAME", help="the peer's name")
    if name != "add":
        offer(peer, _peers)
    _add_hub_option(parser)
    return parser


def _add_hub_option(parser: argparse.ArgumentParser) -> None:
    hub = parser.add_argument("--hub", default="", help="not needed if there is only one")
    offer(hub, _hubs)


def _actions(parser: argparse.ArgumentParser) -> _Commands:
    return parser.add_subparsers(dest="action", required=True)


def _command(actions: _Commands, name: str, about: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser
    parser = actions.add_parser(name, help=about, description=about, epilog=HUB_EXIT)
    help_ = "the configuration folder; built in: that of the plugin"
    offer(parser.add_argument("--folder", type=Path, help=help_), Directive.FOLDERS)
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.set_defaults(run=_run)
    return parser


def _run(given: argparse.Namespace) -> int:
    from wgplugin.cli.hub import commands

    return commands.run(given)


def _hubs(given: Mapping[str, str]) -> Iterable[str]:
    from wgplugin.cli.hub import places

    return places.hubs(_folder(given))


def _peers(given: Mapping[str, str]) -> Iterable[str]:
    from wgplugin.cli.hub import places, writing

    folder = _folder(given)
    document = writing.read(folder, places.hub(folder, given.get("hub", "")))
    return [each.note.name for each in document.entries if each.note.name]


def _folder(given: Mapping[str, str]) -> Path:
    from wgplugin.cli.hub import places

    return places.folder(Path(given["folder"]) if "folder" in given else None)
