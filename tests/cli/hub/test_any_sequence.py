"""Any sequence of commands and of edits by hand leaves a file that wg(8) takes.

It keeps what others wrote, and no address or key is ever given twice.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from ipaddress import ip_network
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from wgplugin.cli.hub import keys, peers, writing
from wgplugin.cli.hub.client_file import Identity, Way
from wgplugin.codes import Code
from wgplugin.errors import PluginError
from wgplugin.model.device import Key
from wgplugin.model.notes import PeerNote

HUB = "office"
WAY = Way("192.0.2.1:51820", (ip_network("10.99.0.0/24"),))
NAMES = ("phone", "tablet", "laptop", "Phone")
EXPECTED = {Code.PEER_EXISTS, Code.NO_SUCH_PEER, Code.HUB_FULL, Code.KEY_TAKEN}
HAS_WG = shutil.which("wg-quick") is not None
FOREIGN = re.compile(r"(?:# )?#! .*")

names = st.sampled_from(NAMES)
remarks = st.text(st.characters(codec="utf-8", exclude_characters="\n\r\0"), max_size=12)


class Hub(RuleBasedStateMachine):
    """A hub's file, and what is known of it: others' remarks in order, addresses and keys given."""

    @initialize(end=st.sampled_from(["\n", "\r\n"]), length=st.sampled_from([24, 28, 29]))
    def begin(self, end: str, length: int) -> None:
        self._folder = TemporaryDirectory()
        self.folder = Path(self._folder.name)
        self.path = self.folder / f"{HUB}.conf"
        lines = ["[Interface]", f"PrivateKey = {keys.private_key().base64()}", "ListenPort = 7"]
        lines += [f"Address = 10.99.0.1/{length}, fd99::1/64", "", ""]
        self.path.write_bytes(end.join(lines).encode())
        self.remarks: list[str] = []
        self.addresses: set[object] = set()
        self.keys: set[Key] = set()

    def teardown(self) -> None:
        if hasattr(self, "path"):
            if HAS_WG:
                judged(self.path)
            self._folder.cleanup()

    @rule(name=names, own=st.booleans(), preshared=st.booleans())
    def add(self, name: str, own: bool, preshared: bool) -> None:
        key = keys.public_key(keys.private_key()) if own else None
        wanted = peers.Wanted(PeerNote(name), key, (), preshared)
        self.attempt(lambda: self.given(peers.add(self.folder, HUB, wanted, lambda _: WAY)))

    @rule(name=names)
    def rotate(self, name: str) -> None:
        self.attempt(
            lambda: self.given(
                peers.rotate(self.folder, HUB, name, None, lambda _: WAY), same_addresses=True
            )
        )

    @rule(name=names, action=st.sampled_from([peers.enable, peers.disable, peers.remove]))
    def change(self, name: str, action: object) -> None:
        self.attempt(lambda: action(self.folder, HUB, name))  # type: ignore[operator]

    @rule(name=names, expires=st.none() | st.integers(0, 2**32))
    def set(self, name: str, expires: int | None) -> None:
        def change(note: PeerNote) -> PeerNote:
            return PeerNote(note.name, expires, note.reach)

        self.attempt(lambda: peers.note(self.folder, HUB, name, change))

    @rule(data=st.data(), text=remarks)
    def remark(self, data: st.DataObject, text: str) -> None:
        """Somebody writes a comment, anywhere but into a disabled peer."""
        lines, index = self.lines(), 0
        places = [0]
        is_off = False
        for index, line in enumerate(lines, 1):
            is_off = line.startswith("# wgplugin: disabled") or (
                is_off and not line.startswith("# wgplugin: end")
            )
            if not is_off:
                places.append(index)
        place = data.draw(st.sampled_from(places[:-1] or [0]))
        self.write([*lines[:place], f"#! {text}", *lines[place:]])
        self.remarks = self.found()

    @rule()
    def write_a_peer(self) -> None:
        """Somebody writes a peer by hand."""
        key = keys.public_key(keys.private_key())
        lines = self.lines()
        self.write([*lines[:-1], "[Peer]", f"PublicKey={key.base64()}", *lines[-1:]])

    @precondition(lambda self: "[Peer]" in self.path.read_text())
    @rule()
    def erase_the_last_peer(self) -> None:
        """Somebody deletes the last section with its keys, and leaves the comments."""
        lines = self.lines()
        places = [index for index, line in enumerate(lines) if line.startswith("[Peer]")]
        if not places:
            return
        rest = [line for line in lines[places[-1] :] if line.startswith("#") or not line.strip()]
        rest = [line for line in rest if "wgplugin: peer" not in line.partition("# # ")[0]]
        self.write([*lines[: places[-1]], *rest])

    @invariant()
    def file_is_one_for_wg(self) -> None:
        if not hasattr(self, "path"):
            return
        document = writing.read(self.folder, HUB)
        assert document.config.addresses
        assert [path.name for path in self.folder.iterdir()] == [self.path.name]
        assert self.found() == self.remarks

    def lines(self) -> list[str]:
        return self.path.read_bytes().decode().split("\n")

    def write(self, lines: list[str]) -> None:
        end = "\r" if lines[0].endswith("\r") or (lines[-2:-1] and lines[-2].endswith("\r")) else ""
        ended = [line if line.endswith("\r") or not end else line + end for line in lines[:-1]]
        self.path.write_bytes("\n".join([*ended, lines[-1]]).encode())

    def found(self) -> list[str]:
        lines = (line.removesuffix("\r") for line in self.lines())
        return [line.removeprefix("# ") for line in lines if FOREIGN.fullmatch(line)]

    def given(self, added: peers.Added, *, same_addresses: bool = False) -> None:
        identity: Identity = added.identity
        assert identity.public_key not in self.keys
        self.keys.add(identity.public_key)
        if not same_addresses:
            assert self.addresses.isdisjoint(identity.addresses)
            self.addresses |= set(identity.addresses)
        for secret in (identity.private_key,):
            assert secret is None or secret.base64() not in self.path.read_text()

    def attempt(self, command: object) -> None:
        before = self.path.read_bytes()
        refusal = None
        try:
            command()  # type: ignore[operator]
        except PluginError as error:
            refusal = error
        if refusal:
            assert refusal.code in EXPECTED, refusal
            assert self.path.read_bytes() == before


TestAnySequence = pytest.mark.hypothesis(Hub.TestCase)
TestAnySequence.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)


@pytest.mark.skipif(not HAS_WG, reason="needs wireguard-tools")
def test_file_is_taken_by_wg_quick_and_wg(tmp_path: Path) -> None:
    (tmp_path / "office.conf").write_text(
        f"[Interface]\nPrivateKey = {keys.private_key().base64()}\nListenPort = 7\n"
        "Address = 10.99.0.1/24, fd99::1/64\n"
    )
    added = [
        peers.add(tmp_path, HUB, peers.Wanted(PeerNote(name)), lambda _: WAY)
        for name in ("a", "b", "c", "d")
    ]
    peers.disable(tmp_path, HUB, "a")
    peers.remove(tmp_path, HUB, "b")
    added.append(peers.rotate(tmp_path, HUB, "c", None, lambda _: WAY))
    assert judged(tmp_path / "office.conf") == 2
    for number, each in enumerate(added):
        path = tmp_path / f"client{number}.conf"
        path.write_text(each.file)
        assert judged(path) == 1


def judged(path: Path) -> int:
    """Return how many peers wg(8) finds in a file, which it must take."""
    strip = subprocess.run(
        ["wg-quick", "strip", str(path)], check=True, capture_output=True, text=True
    )
    # It reads the whole file before it looks for the device, which there isn't.
    found = subprocess.run(
        ["wg", "setconf", "absent", "/dev/stdin"],
        input=strip.stdout,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Unable to modify interface" in found.stderr
    return strip.stdout.count("[Peer]") - strip.stdout.count("# [Peer]")
