"""No error of a configuration file repeats a piece of a key."""

from __future__ import annotations

import re
import traceback

from hypothesis import given
from hypothesis import strategies as st

from tests.conf.reading import (
    INTERFACE,
    PEER,
    PRESHARED,
    PRIVATE,
    PUBLIC,
    accepted,
    faults_of,
    relaxed,
)
from tests.strategies import nearly_files, nearly_quick_files
from wgplugin.errors import ConfigError
from wgplugin.model.device import Key

# Keys are secret


def _everything_said(error: BaseException) -> str:
    said = [str(error), repr(error), "".join(traceback.format_exception(error))]
    inner: BaseException | None = error
    while inner is not None:
        said += [repr(inner), str(inner.args)]
        inner = inner.__cause__ or inner.__context__
    return "\n".join(said)


secret_lines = st.sampled_from(
    [
        "PrivateKey = {}",
        "PrivateKey {}",
        "PrivateKey: {}",
        "PrivateKeyy{}",
        "PrivateKey{}",
        "{} = 1",
        "{}",
        "Address = {}",
        "Endpoint = {}",
        "Endpoint = {}:51820",
        "Endpoint = [{}]:51820",
        "Endpoint = a.example:{}",
        "AllowedIPs = {}",
        "AllowedIPs = 10.0.0.0/{}",
        "DNS = {}",
        "DNS = 10.0.0.1 {}",
        "MTU = {}",
        "Table = {}",
        "SaveConfig = {}",
        "FwMark = {}",
        "ListenPort = {}",
        "PersistentKeepalive = {}",
        "PresharedKey = {}",
        "PublicKey = {}",
        "Reserved = {}",
        "S1 = {}",
        "I1 = {}",
        "MTU\u00a0= {}",
        "PostUp = wg set wg0 private-key {}",
        "[{}]",
        "[Peer] {}",
        "; {}",
    ]
)


@relaxed
@given(
    secret=st.binary(min_size=32, max_size=32).map(lambda raw: Key(raw).base64()),
    line=secret_lines,
    section=st.sampled_from(["", INTERFACE, INTERFACE + PEER]),
    start=st.integers(0, 20),
    end=st.integers(24, 44),
    gap=st.sampled_from(["", " ", "\n", "-", "é", "\u00a0"]),
)
def test_no_piece_of_a_key_is_ever_repeated(
    secret: str, line: str, section: str, start: int, end: int, gap: str
) -> None:
    piece = secret[start:end]
    text = section + line.format(piece[:20] + gap + piece[20:]) + "\n"
    try:
        said = repr(accepted(text).warnings)
    except ConfigError as error:
        said = _everything_said(error)
    runs = {secret[place : place + 16] for place in range(len(secret) - 15)}
    assert not any(run in said for run in runs)
    assert PRIVATE not in said


def test_a_configuration_shows_none_of_its_keys() -> None:
    config = accepted(f"{INTERFACE}{PEER}PresharedKey = {PRESHARED}\n")
    assert not any(secret[:16] in repr(config) for secret in (PRIVATE, PUBLIC, PRESHARED))


@relaxed
@given(data=st.binary() | st.text().map(str.encode) | nearly_files().map(str.encode))
def test_any_bytes_are_read_or_refused_with_a_place(data: bytes) -> None:
    _read_or_refuse(data)


@relaxed
@given(text=nearly_quick_files(), encoding=st.sampled_from(["utf-8", "utf-16", "utf-7"]))
def test_any_text_is_read_or_refused_with_a_place(text: str, encoding: str) -> None:
    _read_or_refuse(text.encode(encoding))


def _read_or_refuse(data: bytes) -> None:
    faults = faults_of(data)
    lines = data.decode(errors="replace").split("\n")
    assert all(1 <= fault.line <= len(lines) for fault in faults)
    assert all(1 <= fault.column <= len(lines[fault.line - 1]) + 1 for fault in faults)
    assert all("\n" not in str(fault) for fault in faults)
    longer_than_a_name = re.compile("[A-Za-z0-9+/]{21}")
    assert not any(longer_than_a_name.search(str(fault)) for fault in faults)
