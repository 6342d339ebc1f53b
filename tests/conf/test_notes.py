"""Notes: comment lines that say what wg(8) doesn't know."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import addresses, keys, networks
from wgplugin.codes import Code
from wgplugin.conf import notes, parser
from wgplugin.conf.values import BadValueError
from wgplugin.errors import ConfigError
from wgplugin.model.configuration import InterfaceConfig
from wgplugin.model.notes import DisabledNote, EndNote, HubNote, Note, PeerNote, Reach, RemovedNote

KEY = "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk="
names = st.from_regex(notes.NAME, fullmatch=True)
ports = st.tuples(st.sampled_from(["tcp", "udp"]), st.integers(1, 65535))
places = st.builds(
    lambda prefix, port: Reach(prefix, *port), networks(), st.just((None, None)) | ports
)
some_addresses = st.lists(addresses, max_size=3).map(tuple)
all_notes: st.SearchStrategy[Note] = st.one_of(
    st.builds(
        PeerNote,
        name=st.just("") | names,
        expires=st.none() | st.integers(0, 2**32),
        reach=st.none() | st.lists(places, min_size=1, max_size=4).map(tuple),
    ),
    st.builds(
        HubNote,
        endpoint=st.sampled_from(["", "vpn.example.org:51820", "[2001:db8::1]:7"]),
        dns=some_addresses,
        last=st.integers(0, 2**64),
    ),
    st.builds(RemovedNote, name=names, key=keys, addresses=some_addresses),
    st.just(DisabledNote()),
    st.just(EndNote()),
)


@given(all_notes)
def test_what_is_written_is_read_as_the_same(note: Note) -> None:
    line = notes.written(note)
    match = notes.LINE.fullmatch(line)
    assert match
    assert notes.note(match["text"]) == note
    assert "\n" not in line


@given(st.text())
def test_no_text_does_more_than_be_refused(text: str) -> None:
    offset, code = 0, Code.BAD_NOTE
    try:
        notes.note(text)
    except BadValueError as bad:
        offset, code = bad.offset, bad.code
    assert 0 <= offset <= len(text)
    assert code is Code.BAD_NOTE


def file(*lines: str) -> str:
    interface, peer = lines[:1], lines[1:]
    key = f"PublicKey = {KEY}"
    return "\n".join(["[Interface]", f"PrivateKey = {KEY}", *interface, "[Peer]", key, *peer])


def parsed(text: str) -> InterfaceConfig:
    return parser.parse(text.encode(), "office.conf")


def test_notes_are_those_of_their_sections() -> None:
    found = parsed(
        file(
            "# wgplugin: hub endpoint=vpn.example.org:51820 last=3",
            "  #wgplugin:  peer   name=phone expires=2026-12-31T18:00:00+01:00\t",
            "# wgplugin: disabled",
            f"# wgplugin: removed name=old key={KEY}",
        )
    )
    assert found.hub == HubNote("vpn.example.org:51820", last=3)
    assert found.peers[0].note == PeerNote("phone", 1798736400)


def test_other_comments_are_no_notes() -> None:
    found = parsed(file("# wgplugin is great", "# # wgplugin: nonsense", "# peer name=phone"))
    assert found.hub is None
    assert found.peers[0].note == PeerNote()


@pytest.mark.parametrize(
    ("note", "column", "message"),
    [
        ("expire=2026-12-31", 18, "'expire' isn't known in this note; it may have: name=…"),
        ("phone", 18, "'phone' isn't known in this note"),
        ("name=a name=b", 25, "name is there twice"),
        ("name=", 23, "name: this isn't a name; use up to 64 letters"),
        ("expires=tomorrow", 26, "expires: 'tomorrow' is neither a date nor a time; write 2026"),
        ("reach=10.0.0.5:tcp/0", 37, "reach: the port '0' isn't a number from 1 to 65535"),
        ("reach=10.0.0.5/24", 24, "reach: '10.0.0.5/24' isn't a prefix; did you mean 10.0.0.0/24?"),
        ("reach=10.0.0.0/24,web", 36, "reach: 'web' isn't what a peer may reach; write PREFIX"),
    ],
)
def test_mistake_in_a_note_is_an_error_with_its_place(note: str, column: int, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parsed(file("", f"# wgplugin: peer {note}"))
    assert re.match(rf"office\.conf:6:{column}: {re.escape(message)}", str(caught.value))
    assert str(caught.value).endswith("[WG230]")


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (("# wgplugin: peer name=a",), "this note is for an [Peer]"),
        (("", "# wgplugin: hub last=3"), "this note is for an [Interface]"),
        (("", "# wgplugin: peer name=a", "# wgplugin: peer"), "this section has two notes"),
        (("", "# wgplugin: pear name=a"), "'pear' is no kind of note; there are: hub, peer"),
        (("", "# wgplugin:"), "this is no kind of note"),
        (("", "# wgplugin: removed name=a"), "a part of this note is missing: name, key"),
    ],
)
def test_note_that_is_out_of_place_is_an_error(lines: tuple[str, ...], message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        parsed(file(*lines))


def test_two_peers_of_one_name_are_an_error() -> None:
    other = KEY.replace("y", "z", 1)
    text = file("", "# wgplugin: peer name=phone")
    text += f"\n[Peer]\n# wgplugin: peer name=Phone\nPublicKey = {other}"
    with pytest.raises(ConfigError, match=r":7:1: the \[Peer\] of line 4 has the name Phone, too"):
        parsed(text)


def test_message_repeats_no_key() -> None:
    with pytest.raises(ConfigError) as caught:
        parsed(file("", f"# wgplugin: removed name=a key={KEY}x"))
    assert KEY not in str(caught.value)
