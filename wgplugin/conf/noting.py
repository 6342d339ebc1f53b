"""Puts the notes of a file into its sections. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from wgplugin.codes import Code
from wgplugin.conf import notes
from wgplugin.conf.hints import SPACE
from wgplugin.conf.keys import InterfaceDraft, PeerDraft
from wgplugin.conf.values import BadValueError
from wgplugin.model.notes import HubNote, PeerNote


def take(section: InterfaceDraft | PeerDraft | None, text: str) -> None:
    """Read a note, given what is behind ``wgplugin:``, and put it into the section that it is in.

    Notes of what is no section, such as a disabled peer, are read alone.

    Raises:
        BadValueError: it has a mistake, or is for another section.
    """
    found, start = notes.note(text), len(text) - len(text.lstrip(SPACE))
    if isinstance(found, HubNote) and isinstance(section, InterfaceDraft):
        is_first, section.hub = section.hub is None, found
    elif isinstance(found, PeerNote) and isinstance(section, PeerDraft):
        is_first, section.note = section.note is None, found
    elif isinstance(found, HubNote | PeerNote):
        title = "Interface" if isinstance(found, HubNote) else "Peer"
        message = f"this note is for an [{title}]"
        raise BadValueError(Code.BAD_NOTE, message, "move it there", start)
    else:
        return
    if not is_first:
        message = "this section has two notes"
        raise BadValueError(Code.BAD_NOTE, message, "remove one of them", start)


def namesakes(peers: Iterable[PeerDraft]) -> Iterator[tuple[PeerDraft, str]]:
    """Yield each peer whose name another one has before it, with what to tell of that."""
    lines: dict[str, int] = {}
    for peer in peers:
        name = peer.note.name if peer.note else ""
        line = peer.place.line
        if name and lines.setdefault(name.lower(), line) != line:
            yield peer, f"the [Peer] of line {lines[name.lower()]} has the name {name}, too"
