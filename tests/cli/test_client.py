"""HTTP on a unix socket: whole answers or errors, within a time that is set."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.scene import APP, FakePlugin, Scene, tunnel
from wgplugin.cli import client
from wgplugin.codes import Code
from wgplugin.errors import PluginError
from wgplugin.networks.calls import LONGEST_WAIT

HEAD = b"HTTP/1.0 200 OK\r\n\r\n"


@contextmanager
def answering(path: Path, pieces: Sequence[bytes], pause: float = 0) -> Iterator[None]:
    """Answer one request in pieces while the block lasts."""
    over = threading.Event()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                for piece in pieces:
                    if over.wait(pause):
                        return
                    connection.sendall(piece)

        thread = threading.Thread(target=answer)
        thread.start()
        yield
        over.set()
        thread.join()


def test_answer_that_comes_in_pieces_is_whole(tmp_path: Path) -> None:
    with answering(tmp_path / "sock", [HEAD[:5], HEAD[5:], b"o", b"ne"]):
        assert client.request(tmp_path / "sock", "/status") == (200, b"one")


def test_answer_that_never_ends_is_given_up_in_time(tmp_path: Path) -> None:
    begun = time.monotonic()
    with (
        answering(tmp_path / "sock", [HEAD, *[b"x"] * 1000], pause=0.02),
        pytest.raises(TimeoutError),
    ):
        client.request(tmp_path / "sock", "/status", patience=0.3)
    assert time.monotonic() - begun < 5


def test_answer_that_is_too_large_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "MAX_ANSWER", 100)
    with (
        answering(tmp_path / "sock", [HEAD, b"x" * 100]),
        pytest.raises(OSError, match="larger than 100 bytes"),
    ):
        client.request(tmp_path / "sock", "/status")


@pytest.mark.parametrize("answer", [b"", b"hello", b"HTTP/2.0 200\r\n\r\n", b"HTTP/1.1 x\r\n\r\n"])
def test_answer_that_is_not_http_is_an_error(tmp_path: Path, answer: bytes) -> None:
    with answering(tmp_path / "sock", [answer]), pytest.raises(OSError, match="isn't HTTP"):
        client.request(tmp_path / "sock", "/status")


def test_sockets_of_all_plugins_are_found(tmp_path: Path) -> None:
    for name in ("0123/wireguard.sock", "4567/other.sock", "89ab/wireguard.sock"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    found = [str(path.relative_to(tmp_path)) for path in client.sockets(tmp_path)]
    assert found == ["0123/wireguard.sock", "89ab/wireguard.sock"]


def test_plugins_that_answer_are_told_apart_from_those_that_do_not(
    host: Scene, tmp_path: Path
) -> None:
    (tmp_path / "4567").mkdir()
    (tmp_path / "4567" / "wireguard.sock").touch()
    found, silent = client.reports(None)
    assert [path.parent.name for path in found] == ["0123"]
    assert [path.parent.name for path in silent] == ["4567"]


@pytest.mark.parametrize("body", [b"", b"[]", b'{"edition": "live"'])
def test_status_that_cannot_be_read_is_no_answer(tmp_path: Path, body: bytes) -> None:
    with (
        answering(tmp_path / "sock", [HEAD + body]),
        pytest.raises(PluginError, match="its status can't be read") as raised,
    ):
        client.reports(tmp_path / "sock")
    assert raised.value.code == Code.NO_ANSWER


@pytest.mark.parametrize("answer", [b"", HEAD, HEAD + b"{}", b"HTTP/1.1 404 No\r\n\r\nNot Found"])
def test_answer_of_another_program_to_a_call_is_no_answer(tmp_path: Path, answer: bytes) -> None:
    with answering(tmp_path / "sock", [answer]), pytest.raises(PluginError) as raised:
        client.switch(tmp_path / "sock", APP, "")
    assert raised.value.code == Code.NO_ANSWER


def test_refusal_is_the_plugin_s_own(tmp_path: Path) -> None:
    refusal = PluginError(Code.IN_USE, "vpn-b is in use")
    plugin = FakePlugin([tunnel(APP, "vpn-a")], refusal=refusal)
    with plugin.at(tmp_path / "sock"), pytest.raises(PluginError) as raised:
        client.switch(tmp_path / "sock", APP, "vpn-b")
    assert (raised.value.code, str(raised.value)) == (Code.IN_USE, str(refusal))


def test_refusal_with_a_code_of_a_later_version_is_told_as_it_is(tmp_path: Path) -> None:
    answer = b'HTTP/1.1 500 No\r\n\r\n{"Err": "the moon is full [WG999]"}'
    with (
        answering(tmp_path / "sock", [answer]),
        pytest.raises(PluginError, match=r"^the moon is full \[WG999\]"),
    ):
        client.wait(tmp_path / "sock", APP, 1)


def test_wait_lasts_as_long_as_was_asked_for(tmp_path: Path) -> None:
    plugin = FakePlugin(healths={APP: ["up"]})
    with plugin.at(tmp_path / "sock"):
        assert client.wait(tmp_path / "sock", APP, LONGEST_WAIT) == "up"
    assert plugin.waited == [(APP, LONGEST_WAIT)]
