"""``wgplugin peer``: adds peers to a hub's file, changes and removes them."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from ipaddress import ip_network
from pathlib import Path

from wgplugin.cli.hub import addresses, keys, writing
from wgplugin.cli.hub.client_file import Identity, Way, client_file
from wgplugin.cli.hub.document import Document, Entry
from wgplugin.codes import Code
from wgplugin.errors import PluginError
from wgplugin.model.device import Key, short
from wgplugin.model.notes import HubNote, PeerNote, RemovedNote
from wgplugin.model.prefixes import IPAddress


@dataclass(frozen=True, slots=True)
class Wanted:
    """A peer to add.

    ``public_key``: the client's own; None to make one. ``addresses``: none for the next free ones.
    """

    note: PeerNote
    public_key: Key | None = None
    addresses: tuple[IPAddress, ...] = ()
    has_preshared_key: bool = True


@dataclass(frozen=True, slots=True)
class Added:
    """A peer, and the text of its client's file, which is kept nowhere."""

    name: str
    identity: Identity
    file: str


def add(folder: Path, hub: str, wanted: Wanted, way: Callable[[Document], Way]) -> Added:
    """Add a peer to a hub.

    ``way`` returns what its client is told of its way to the hub; it may raise PluginError.

    Raises:
        PluginError: the name, an address or the key is somebody's already, the hub is full, or its
            file can't be written; it is as it was.
    """
    name = wanted.note.name

    def edit(document: Document) -> tuple[Document, Added]:
        told = way(document)
        _expect_free_name(document, name)
        given = (
            addresses.asked_for(document, wanted.addresses)
            if wanted.addresses
            else addresses.next_free(document)
        )
        made = _identity(wanted.public_key, wanted.has_preshared_key, given.addresses)
        _expect_free_key(document, made.public_key)
        nets = [ip_network(each) for each in given.addresses]
        after = document.with_peer(wanted.note, made.public_key, made.preshared_key, nets)
        note = replace(document.hub or HubNote(), last=given.last)
        note = replace(note, endpoint=note.endpoint or told.endpoint)
        return after.with_hub(note), Added(name, made, _file(document, made, told))

    return writing.change(folder, hub, edit)


def rotate(
    folder: Path,
    hub: str,
    name: str,
    public_key: Key | None,
    way: Callable[[Document], Way],
) -> Added:
    """Give a peer new keys; with the former ones it gets in no more.

    ``public_key``: the client's own new one; None to make one. ``way`` is as in add().

    Raises:
        PluginError: there is no such peer, the key is somebody's already, or the file can't be
            written; it is as it was.
    """

    def edit(document: Document) -> tuple[Document, Added]:
        told, entry = way(document), find(document, name)
        peer = entry.peer
        made = _identity(public_key, peer.preshared_key is not None, entry.addresses)
        _expect_free_key(document, made.public_key)
        after = document.with_keys(entry, made.public_key, made.preshared_key)
        left = RemovedNote(_name_of(entry), peer.public_key)
        after = after.with_removed(entry, left)
        return after, Added(_name_of(entry), made, _file(document, made, told))

    return writing.change(folder, hub, edit)


def enable(folder: Path, hub: str, name: str) -> bool:
    """Enable a peer; return whether it wasn't before. Raises PluginError as rotate() does."""

    def edit(document: Document) -> tuple[Document, bool]:
        entry = find(document, name)
        return (document, False) if entry.is_enabled else (document.enabled(entry), True)

    return writing.change(folder, hub, edit)


def disable(folder: Path, hub: str, name: str) -> bool:
    """Disable a peer; return whether it wasn't before. Raises PluginError as rotate() does."""

    def edit(document: Document) -> tuple[Document, bool]:
        entry = find(document, name)
        return (document.disabled(entry), True) if entry.is_enabled else (document, False)

    return writing.change(folder, hub, edit)


def remove(folder: Path, hub: str, name: str) -> bool:
    """Remove a peer; return whether it was there. Raises PluginError as rotate() does."""

    def edit(document: Document) -> tuple[Document, bool]:
        try:
            entry = find(document, name)
        except PluginError as error:
            gone = {each.name.lower() for each in document.removed if each.addresses}
            if error.code is Code.NO_SUCH_PEER and name.lower() in gone:
                return document, False
            raise
        left = RemovedNote(_name_of(entry), entry.peer.public_key, entry.addresses)
        return document.without(entry, left), True

    return writing.change(folder, hub, edit)


def note(folder: Path, hub: str, name: str, change: Callable[[PeerNote], PeerNote]) -> bool:
    """Change what a peer's note says; return whether it said something else. Raises as rotate()."""

    def edit(document: Document) -> tuple[Document, bool]:
        entry = find(document, name)
        after = change(entry.note)
        is_new = after != entry.note
        return (document.with_note(entry, after) if is_new else document), is_new

    return writing.change(folder, hub, edit)


def find(document: Document, name: str) -> Entry:
    """Return the peer of a name, or of a public key, for one without a name.

    Raises:
        PluginError: there is none, or its key is in two sections.
    """
    found = [each for each in document.entries if each.peer.public_key.base64() == name]
    found = found or [each for each in document.entries if each.note.name.lower() == name.lower()]
    if not found or not name:
        raise _unknown(document, name)
    same = [each for each in document.entries if each.peer.public_key == found[0].peer.public_key]
    if len(found) > 1 or len(same) > 1:
        lines = ", ".join(str(each.line) for each in dict.fromkeys((*found, *same)))
        raise PluginError(
            Code.PEER_EXISTS,
            f"{document.name}: the sections of lines {lines} have one name or one key; make one "
            "[Peer] of them",
        )
    return found[0]


def _unknown(document: Document, name: str) -> PluginError:
    names = [each.note.name for each in document.entries if each.note.name]
    near = difflib.get_close_matches(name, names)
    there = f"did you mean {near[0]}?" if near else f"there are: {', '.join(names) or 'none'}"
    return PluginError(Code.NO_SUCH_PEER, f"{document.name} has no peer {name}; {there}")


def _name_of(entry: Entry) -> str:
    return entry.note.name or short(entry.peer.public_key).rstrip("…").replace("/", "_")


def _expect_free_name(document: Document, name: str) -> None:
    for each in document.entries:
        if each.note.name.lower() == name.lower():
            raise PluginError(
                Code.PEER_EXISTS,
                f"{document.name} has a peer {each.note.name} already, in line {each.line}; choose "
                "another name, or peer rotate for new keys",
            )


def _expect_free_key(document: Document, key: Key) -> None:
    whose = [
        (keys.public_key(document.config.private_key), "the hub's own"),
        *((each.peer.public_key, f"that of {_name_of(each)}") for each in document.entries),
        *((each.key, f"a former one, of {each.name},") for each in document.removed),
    ]
    for other, name in whose:
        if other == key:
            message = f"the key {short(key)} is {name} in {document.name}"
            raise PluginError(Code.KEY_TAKEN, f"{message}; have the client make another one")


def _identity(
    public_key: Key | None, has_preshared_key: bool, own: Iterable[IPAddress]
) -> Identity:
    private = None
    if public_key is None:
        private = keys.private_key()
        public_key = keys.public_key(private)
    preshared = keys.preshared_key() if has_preshared_key else None
    return Identity(private, public_key, preshared, tuple(own))


def _file(document: Document, made: Identity, way: Way) -> str:
    return client_file(made, keys.public_key(document.config.private_key), way)
