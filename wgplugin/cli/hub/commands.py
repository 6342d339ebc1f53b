"""Runs ``wgplugin hub`` and ``wgplugin peer``."""

from __future__ import annotations

import json
import sys
import time
from argparse import Namespace
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from wgplugin.cli.hub import init, listing, options, peers, places, showing, ways, writing
from wgplugin.cli.hub.client_file import Way
from wgplugin.cli.hub.document import Document
from wgplugin.codes import Code
from wgplugin.errors import ConfigError, PluginError
from wgplugin.model.notes import PeerNote, Reach

Telling = Callable[[Document], Way]
"""Tells a client its way to the hub, given the hub's file."""

DONE, REFUSED = 0, 1
MIN_MTU, MAX_MTU, MAX_KEEPALIVE, MAX_PORT = 576, 65535, 65535, 65535


def run(arguments: Namespace) -> int:
    """Run a command, given its parsed arguments; return the exit status.

    What is refused is told on standard error. With ``--json`` standard output is one document.
    """
    folder = places.folder(arguments.folder)
    try:
        if arguments.command == "hub":
            return _init(folder, arguments)
        hub = places.hub(folder, arguments.hub)
        return _COMMANDS[arguments.action](folder, hub, arguments)
    except PluginError as error:
        for line in str(error).splitlines():
            print(f"{folder}/{line}" if isinstance(error, ConfigError) else line, file=sys.stderr)
        return REFUSED


def _init(folder: Path, arguments: Namespace) -> int:
    name, port, dns = options.hub_name(arguments.hub), arguments.listen_port, arguments.dns
    wanted = init.Wanted(
        arguments.endpoint,
        None if port is None else options.number("--listen-port", port, 1, MAX_PORT),
        tuple(map(options.subnet, arguments.subnet)),
        None if dns is None else options.servers(dns),
    )
    made = init.init(folder, name, wanted)
    config, note = made.document.config, made.document.hub
    if arguments.json:
        _print(
            hub=name,
            file=str(folder / made.document.name),
            done=made.what,
            endpoint=note.endpoint if note else "",
            listen_port=config.listen_port,
            addresses=[str(each) for each in config.addresses],
            dns=[str(each) for each in note.dns] if note else [],
        )
        return DONE
    print(f"{folder / made.document.name} {made.what}: {', '.join(map(str, config.addresses))}")
    print("Create its network, if it isn't there yet, and add peers:")
    create = "  docker network create --driver wireguard:live --opt wireguard-mode=shared"
    print(f"{create} --opt wireguard-config={name} {name}")
    print("  docker wireguard peer add phone")
    if note and not note.dns:
        print(
            "Peers find containers by name; other names are refused. Have them forwarded by --dns."
        )
    return DONE


def _add(folder: Path, hub: str, arguments: Namespace) -> int:
    note = PeerNote(options.peer_name(arguments.name), _expires(arguments), _reach(arguments.reach))
    wanted = peers.Wanted(
        note,
        options.public_key(arguments.public_key) if arguments.public_key else None,
        options.addresses("--address", arguments.address) if arguments.address else (),
        has_preshared_key=not arguments.no_preshared_key,
    )
    return _give(hub, arguments, lambda way: peers.add(folder, hub, wanted, way))


def _rotate(folder: Path, hub: str, arguments: Namespace) -> int:
    key = options.public_key(arguments.public_key) if arguments.public_key else None
    name = arguments.name
    return _give(hub, arguments, lambda way: peers.rotate(folder, hub, name, key, way))


def _give(hub: str, arguments: Namespace, make: Callable[[Telling], peers.Added]) -> int:
    """Make a client's file, and show it once."""
    way = ways.way_of(hub, _way(arguments))
    output = showing.Output(arguments.output) if arguments.output else None
    try:
        made = make(way)
    except BaseException:
        if output:
            output.discard()
        raise
    if output:
        output.write(made.file)
    if arguments.json:
        _print(
            hub=hub,
            name=made.name,
            addresses=[str(each) for each in made.identity.addresses],
            public_key=made.identity.public_key.base64(),
            file=None if output else made.file,
            output=str(arguments.output) if output else None,
        )
    elif not output:
        showing.show(made.file, arguments.qr)
    elif arguments.qr:
        print(showing.qr_code(made.file))
    return DONE


def _way(arguments: Namespace) -> ways.Wanted:
    routes, dns, mtu = arguments.routes, arguments.dns, arguments.mtu
    return ways.Wanted(
        arguments.endpoint,
        None if routes is None else options.prefixes("--routes", routes),
        None if dns is None else options.servers(dns),
        options.number("--keepalive", arguments.keepalive, 0, MAX_KEEPALIVE),
        0 if mtu is None else options.number("--mtu", mtu, MIN_MTU, MAX_MTU),
    )


def _list(folder: Path, hub: str, arguments: Namespace) -> int:
    now = time.time()
    found = listing.lines(writing.read(folder, hub), listing.seen(hub), now)
    if arguments.json:
        _print(hub=hub, peers=[asdict(each) for each in found])
    else:
        print(listing.table(found, now))
    return DONE


def _show(folder: Path, hub: str, arguments: Namespace) -> int:
    entry, now = peers.find(writing.read(folder, hub), arguments.name), time.time()
    found = listing.line(entry, listing.seen(hub), now)
    if arguments.json:
        _print(hub=hub, **asdict(found))
    else:
        print(listing.details(found, now))
    return DONE


def _set(folder: Path, hub: str, arguments: Namespace) -> int:
    if arguments.expires is None and arguments.reach is None:
        message = "there is nothing to set: give --expires or --reach"
        raise PluginError(Code.BAD_HUB_OPTION, message)
    expires, reach = _expires(arguments), _reach(arguments.reach)

    def change(note: PeerNote) -> PeerNote:
        if arguments.expires is not None:
            note = replace(note, expires=expires)
        return note if arguments.reach is None else replace(note, reach=reach)

    is_new = peers.note(folder, hub, arguments.name, change)
    return _tell(hub, arguments, "set" if is_new else "is so already")


def _enable(folder: Path, hub: str, arguments: Namespace) -> int:
    is_new = peers.enable(folder, hub, arguments.name)
    return _tell(hub, arguments, "enabled" if is_new else "is enabled already")


def _disable(folder: Path, hub: str, arguments: Namespace) -> int:
    is_new = peers.disable(folder, hub, arguments.name)
    return _tell(hub, arguments, "disabled" if is_new else "is disabled already")


def _remove(folder: Path, hub: str, arguments: Namespace) -> int:
    is_new = peers.remove(folder, hub, arguments.name)
    return _tell(hub, arguments, "removed" if is_new else "was removed already")


def _tell(hub: str, arguments: Namespace, done: str) -> int:
    if arguments.json:
        _print(hub=hub, name=arguments.name, done=done)
    else:
        print(f"{arguments.name} {done}")
    return DONE


def _expires(arguments: Namespace) -> int | None:
    return options.expiry(arguments.expires, time.time()) if arguments.expires else None


def _reach(text: str | None) -> tuple[Reach, ...] | None:
    return options.reach(text) if text else None


def _print(**document: Any) -> None:
    print(json.dumps(document, indent=2))


_COMMANDS = {
    "add": _add,
    "list": _list,
    "show": _show,
    "set": _set,
    "enable": _enable,
    "disable": _disable,
    "rotate": _rotate,
    "remove": _remove,
}
