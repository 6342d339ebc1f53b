"""The QR code that a terminal shows is the client's file, to the byte."""

from __future__ import annotations

import re

import pytest

from tests.cli.hub.conftest import Terminal
from tests.qr_codes import read
from wgplugin.cli.hub import showing

COLUMNS = 80


def test_code_is_the_file_that_is_printed(hub: Terminal) -> None:
    assert hub.type("peer", "add", "phone", "--qr") == 0
    assert read(hub.err) == hub.out
    assert hub.out.startswith("[Interface]\nPrivateKey")


def test_code_fits_a_terminal(hub: Terminal) -> None:
    hub.type("peer", "add", "phone", "--qr")
    assert max(map(len, hub.err.split("\n"))) <= COLUMNS


def test_code_is_for_terminals_unless_it_is_asked_for(
    hub: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.done("peer", "add", "phone")
    assert hub.err == ""
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    shown = hub.done("peer", "add", "tablet")
    text, code = re.split(r"(?<=PersistentKeepalive = 25\n)", shown)
    assert read(code) == text
    assert "█" not in hub.done("peer", "add", "laptop", "--no-qr")


def test_longer_texts_fit_too() -> None:
    assert read(showing.qr_code("x" * 900)) == "x" * 900
