"""A mistake in wgplugin.yaml is reported with its place and a cure."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conf.settings_reading import (
    KEY,
    PIECE,
    accepted,
    refused,
    relaxed,
)
from wgplugin.conf.settings import MAX_FILE_SIZE, PLUGIN, TUNNEL
from wgplugin.conf.settings_file import MAX_FAULTS
from wgplugin.errors import ConfigError, Fault

# What is wrong in a file


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "resolve-timout: 5",
            "1:1: unknown setting 'resolve-timout'; did you mean resolve-timeout",
        ),
        ("colour: red", "1:1: unknown setting 'colour'; there are: log-level, resolve-timeout, re"),
        ("\ufeffcolour: red", "1:1: unknown setting 'colour'"),
        ("dns: warn", "1:1: dns belongs below 'defaults:' or a configuration's name"),
        ("defaults:\n  log-level: info", "2:3: log-level is the whole plugin's"),
        ("defaults:\n  wireguard-dns: off", "2:3: unknown setting 'wireguard-dns'; did you mean d"),
        ("log-level: loud", "1:12: log-level: 'loud' isn't debug, info, warning or error"),
        ("log-level:", "1:11: log-level: the value is missing"),
        ("log-level: [info]", "1:12: log-level has one value"),
        ("log-level: {info: 1}", "1:12: log-level has one value"),
        ("resolve-timeout: 0", "1:18: resolve-timeout: '0' isn't a number of seconds above 0"),
        ("resolve-timeout: 20.5", "1:18: resolve-timeout: '20.5' isn't"),
        ("re-resolve-after: 86401", "1:19: re-resolve-after: '86401' isn't a number of seconds"),
        ("resolve-timeout: 1:30", "1:18: resolve-timeout: '1:30' isn't"),
        ("resolve-timeout: 1_0", "1:18: resolve-timeout: '1_0' isn't"),
        ("resolve-timeout: .inf", "1:18: resolve-timeout: '.inf' isn't"),
        ("resolve-timeout: ١", "1:18: resolve-timeout: this isn't"),
        ("defaults: warn", "1:11: defaults must be a table"),
        ("configurations: [home]", "1:17: configurations must be a table"),
        ("configurations:\n  home: off", "2:9: home must be a table"),
        ("configurations:\n  home.conf:", "2:3: a configuration's name is without .conf"),
        ("configurations:\n  a/b: {}", "2:3: 'a/b' isn't a configuration's name"),
        ("defaults:\n  bypass: {a: b}", "2:11: bypass has one value"),
        ("defaults:\n  bypass:\n  - 10.0.0.0/8\n  - [x]", "4:5: bypass is a list of single values"),
        ("defaults:\n  bypass:\n  - 10.0.0.1/8", "3:5: bypass: '10.0.0.1/8' has bits after its"),
        ("log-level: info\nlog-level: info", "2:1: log-level is repeated; it is in line 1 alre"),
        ("? [a]\n: b", "1:3: a name belongs here"),
        ("- a", "1:1: this file must be a table"),
        ("hello", "1:1: this file must be a table"),
        ("a: b: c", "1:5: this isn't YAML: mapping values are not allowed here; look at"),
        ("defaults:\n\tdns: warn", "2:1: this isn't YAML: found character '\\t' that cannot start"),
        ("a: [", "1:5: this isn't YAML: expected the node content"),
        ("a: &x on\nb: *x", "2:4: aliases aren't used here"),
        ("a: !!python/name:os.system x", "1:4: tags aren't used here"),
        ("log-level: info\n---\nlog-level: info", "2:1: a second document begins"),
        ("a: 1\x00", "1:5: here is a control character"),
        (b"a: 1\nb: \xe9", "2:4: this isn't text in UTF-8"),
        ("a: 1".encode("utf-16"), "1:1: this isn't text in UTF-8"),
        ('a: "\\UFFFFFFFF"', ": this isn't YAML"),
        (f"%YAML {'1' * 5000}.1\n---\n", ": this isn't YAML"),
    ],
)
def test_fault_is_reported_with_its_place_and_a_hint(text: str | bytes, said: str) -> None:
    error = refused(text)
    assert str(error).startswith("wgplugin.yaml:")
    assert said in str(error)


def test_all_faults_of_a_file_are_reported_at_once() -> None:
    text = "log-level: x\nresolve-timeout: x\ndefaults: {dns: x, bypass: [x, y]}\ncolour: x\n"
    assert [(fault.line, fault.column) for fault in refused(text).faults] == [
        (1, 12),
        (2, 18),
        (3, 17),
        (3, 29),
        (3, 32),
        (4, 1),
    ]


def test_number_of_reported_faults_is_bounded() -> None:
    assert len(refused("\n".join(f"x{n}: 1" for n in range(1000))).faults) == MAX_FAULTS


def test_key_in_the_wrong_file_is_not_repeated() -> None:
    for text in (f"PrivateKey: {KEY}", f"{KEY}: 1", f"log-level: {KEY}", f"a: !{PIECE}!x b"):
        assert KEY[:6] not in str(refused(text))


def test_no_text_takes_long_or_much() -> None:
    bomb = "a: &a [x, x]\n" + "".join(
        f"{name}: &{name} [*{before}, *{before}]\n"
        for before, name in zip("abcdefghijklmnop", "bcdefghijklmnopq", strict=True)
    )
    deep = [text * (MAX_FILE_SIZE // len(text)) for text in ("[", "{", "- ", "? ", "{a: ")]
    for text in (bomb, *deep):
        start = time.process_time()
        refused(text)
        assert time.process_time() - start < 5


words = st.sampled_from(
    [*PLUGIN, *TUNNEL, "defaults", "configurations", "home", "on", "10.0.0.0/8", "warn", "", "5"]
)
marks = st.sampled_from(
    [": ", "\n", "\n  ", "[", "]", "{", "}", ", ", "- ", "#", "&a ", "*a", "!x"]
)


@relaxed
@given(
    st.binary() | st.text().map(str.encode) | st.lists(words | marks).map("".join).map(str.encode)
)
def test_whatever_is_in_the_file_it_is_settings_or_faults(data: bytes) -> None:
    faults: tuple[Fault, ...] = ()
    try:
        accepted(data)
    except ConfigError as error:
        faults = error.faults
        assert faults
    characters = len(data.decode(errors="replace")) + 1
    for fault in faults:
        assert 1 <= fault.line <= characters
        assert 1 <= fault.column <= characters
        assert str(fault).encode("ascii")
