"""Edits of a hub's file change what they are about, and leave all else byte for byte."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import configs, keys, written
from wgplugin.cli.hub.document import Document
from wgplugin.errors import ConfigError
from wgplugin.model.device import Key
from wgplugin.model.notes import HubNote, PeerNote, RemovedNote

PRIVATE, PHONE, TABLET = (f"{letter * 42}A=" for letter in "BCD")
FILE = f"""# the office's
[Interface]
PrivateKey = {PRIVATE}
  ListenPort=51820 # open in the firewall
Address = 10.99.0.1/24

### begin phone ###
[Peer] # mine
# wgplugin: peer name=phone
PublicKey = {PHONE}
# a word about the phone
AllowedIPs = 10.99.0.2/32

### end phone ###
[Peer]
PublicKey={TABLET}
PresharedKey = {PHONE}
AllowedIPs = 10.99.0.3/32
# the end"""
STYLES = {
    "lf": FILE,
    "crlf": FILE.replace("\n", "\r\n"),
    "with an end": f"{FILE}\n",
    "with a mark": f"\ufeff{FILE}",
}
in_each_style = pytest.mark.parametrize("text", STYLES.values(), ids=STYLES)


def document(text: str = FILE) -> Document:
    return Document.read("office.conf", text.encode())


def foreign(text: str) -> list[str]:
    """Return the comments that aren't ours, in order."""
    lines = (line.strip("\r").lstrip("\ufeff").removeprefix("# ") for line in text.split("\n"))
    ours = ("wgplugin:", "# wgplugin:")
    return [line for line in lines if "the" in line and not line.startswith(ours)]


@in_each_style
def test_nothing_changes_without_an_edit(text: str) -> None:
    assert document(text).content == text.encode()


@in_each_style
def test_disabled_peer_is_none_for_other_programs_and_comes_back_as_it_was(text: str) -> None:
    before = document(text)
    after = before.disabled(before.entries[0])
    assert [peer.public_key.base64() for peer in after.config.peers] == [TABLET]
    assert [entry.is_enabled for entry in after.entries] == [False, True]
    assert after.entries[0].peer == before.entries[0].peer
    assert after.enabled(after.entries[0]).content == text.encode()


@in_each_style
def test_peer_is_added_at_the_end(text: str) -> None:
    before = document(text)
    note, key = PeerNote("laptop"), Key.from_base64(PRIVATE)
    after = before.with_peer(note, key, key, [ip_network("10.99.0.4/32")])
    assert after.content.startswith(text.encode())
    (entry,) = after.entries[2:]
    assert (entry.note, entry.peer.public_key, entry.peer.preshared_key) == (note, key, key)
    assert ("\r\n" in text) == (b"\r\n[Peer]\r\n" in after.content)


@in_each_style
def test_removed_peer_leaves_a_note_and_others_comments(text: str) -> None:
    before = document(text)
    left = RemovedNote("phone", Key.from_base64(PHONE))
    after = before.without(before.entries[0], left)
    assert [entry.peer.public_key.base64() for entry in after.entries] == [TABLET]
    assert after.removed == (left,)
    assert foreign(after.content.decode()) == foreign(text)


@in_each_style
@pytest.mark.parametrize("is_enabled", [True, False], ids=["enabled", "disabled"])
def test_disabled_peer_is_changed_as_an_enabled_one(text: str, is_enabled: bool) -> None:
    found = document(text)
    for index in (0, 1):
        if not is_enabled:
            found = found.disabled(found.entries[index])
        note, key = PeerNote("other", 1), Key.from_base64(PRIVATE)
        found = found.with_note(found.entries[index], note)
        found = found.with_keys(found.entries[index], key, None)
        entry = found.entries[index]
        assert (entry.note, entry.peer.public_key) == (note, key)
        assert (entry.peer.preshared_key, entry.is_enabled) == (None, is_enabled)
        found = document(text)
    assert foreign(found.content.decode()) == foreign(text)


@in_each_style
def test_hub_s_note_is_written_and_replaced(text: str) -> None:
    found = document(text).with_hub(HubNote("vpn.example.org:51820"))
    found = found.with_hub(HubNote("vpn.example.org:51821", last=7))
    assert found.hub == HubNote("vpn.example.org:51821", last=7)
    assert found.content.decode().count("wgplugin: hub") == 1
    assert foreign(found.content.decode()) == foreign(text)


def test_comment_after_a_disabled_peer_stays_a_comment() -> None:
    after = document().disabled(document().entries[1])
    text = after.content.decode().replace("# the end", "# PublicKey = none\n# the end")
    back = document(text)
    assert b"\n# PublicKey = none\n" in back.enabled(back.entries[1]).content


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (FILE.replace("PublicKey", "PublicKy"), "office.conf:10:1:"),
        (f"{FILE}\n# wgplugin: disabled\n# [Peer]\n", "office.conf:20:1:"),
        (f"{FILE}\n# wgplugin: disabled\n# [Peer]\n# PublicKey = x\n# wgplugin: end", ":22:13:"),
        (f"{FILE}\n# wgplugin: disabled\n# wgplugin: end", "office.conf:21:1:"),
    ],
    ids=["key", "no end", "disabled key", "no peer"],
)
def test_file_with_a_mistake_is_refused_with_its_place(text: str, place: str) -> None:
    with pytest.raises(ConfigError) as caught:
        document(text)
    assert place in str(caught.value)


@given(configs(), st.data())
def test_any_file_is_as_before_once_its_peers_were_disabled_and_enabled(
    config: object, data: st.DataObject
) -> None:
    text: str = data.draw(written(config))  # type: ignore[arg-type]
    before = document(text)
    found = before
    for index in range(len(before.entries)):
        found = found.disabled(found.entries[index])
    assert not found.config.peers
    for index in range(len(before.entries)):
        found = found.enabled(found.entries[index])
    assert found.content == text.encode()


@given(configs(), keys, st.data())
def test_any_file_gets_a_peer_more_and_keeps_the_others(
    config: object, key: Key, data: st.DataObject
) -> None:
    text: str = data.draw(written(config))  # type: ignore[arg-type]
    before = document(text)
    net = ip_network("192.0.2.77/32")
    after = before.with_hub(HubNote(last=3)).with_peer(PeerNote("new"), key, None, [net])
    others = [entry.peer.public_key for entry in before.entries]
    assert [entry.peer.public_key for entry in after.entries] == [*others, key]
    assert after.hub == HubNote(last=3)
