"""Settings mean the same wherever they are written, and what is wrong with them is told well."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.hosts import Host
from tests.strategies import networks
from wgplugin.codes import Code
from wgplugin.conf.folder import ConfigFolder
from wgplugin.conf.settings import MAX_FILE_SIZE, PLUGIN, TUNNEL, Settings, override
from wgplugin.conf.settings_file import MAX_FAULTS, parse
from wgplugin.errors import ConfigError, Fault, PluginError
from wgplugin.model.configuration import TunnelSettings
from wgplugin.networks.resolver import Resolver

EXAMPLE = Path(__file__).parents[2] / "wireguard_conf.example"
KEY = "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk="
PIECE = KEY.partition("+")[0] + KEY.rpartition("+")[2].rstrip("=")

relaxed = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def accepted(text: str | bytes, base: Settings | None = None) -> Settings:
    data = text if isinstance(text, bytes) else text.encode()
    return parse(data, "wgplugin.yaml", base or Settings())


def refused(text: str | bytes) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        accepted(text)
    return caught.value


def tunnel(**values: Any) -> TunnelSettings:
    return TunnelSettings(**values)


BYPASS = (ip_network("192.168.0.0/16"), ip_network("fd00::/8"))
VALUES = [
    ("dns", "warn", "warn"),
    ("dns", "Require", "require"),
    ("dns", "off", "off"),
    ("sink", "on", True),
    ("sink", "true", True),
    ("sink", "Yes", True),
    ("sink", "off", False),
    ("sink", "FALSE", False),
    ("sink", "no", False),
    ("bypass", "", ()),
    ("bypass", "192.168.0.0/16, fd00::/8", BYPASS),
    ("bypass", "fd00::1", (ip_network("fd00::1/128"),)),
    ("default", "tunnel", "tunnel"),
    ("default", "gateway", "gateway"),
]


# The same values in options and in the file


@pytest.mark.parametrize(("name", "text", "expected"), VALUES)
def test_option_is_read(name: str, text: str, expected: object) -> None:
    assert override(TunnelSettings(), {name: text}) == tunnel(**{name: expected})


@pytest.mark.parametrize(("name", "text", "expected"), VALUES)
@pytest.mark.parametrize("quote", ["", '"'])
def test_option_means_the_same_in_the_file(
    name: str, text: str, expected: object, quote: str
) -> None:
    found = accepted(f"defaults:\n  {name}: {quote}{text}{quote}\n").defaults
    assert found == tunnel(**{name: expected})


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("dns", "maybe", "wireguard-dns: 'maybe' isn't warn, require or off"),
        ("dns", "", "wireguard-dns: the value is missing; it is warn, require or off"),
        ("sink", "1", "wireguard-sink: '1' isn't on or off"),
        ("default", "auto", "wireguard-default: 'auto' isn't tunnel or gateway"),
        ("bypass", "192.168.1.0/16", "has bits after its prefix; did you mean 192.168.0.0/16?"),
        ("bypass", "10.0.0.0/8,,", "wireguard-bypass: an address is missing in this list"),
        ("bypass", "-10.0.0.0/8", "wireguard-bypass: a prefix has no '-' before it"),
        ("bypass", "lan", "wireguard-bypass: 'lan' isn't an address range"),
        ("bypass", "10.0.0.0/33", "the prefix of '10.0.0.0/33' isn't a number from 0 to 32"),
        ("sinc", "on", "unknown setting 'wireguard-sinc'; did you mean sink?"),
        ("x", "on", "there are: dns, sink, bypass, default"),
        ("dns", KEY, "wireguard-dns: this isn't warn"),
    ],
)
def test_wrong_option_is_reported_with_its_name_and_what_there_is(
    name: str, text: str, said: str
) -> None:
    with pytest.raises(PluginError) as caught:
        override(TunnelSettings(), {name: text})
    assert said in str(caught.value)


def test_wrong_variable_of_the_environment_is_reported_with_its_name() -> None:
    with pytest.raises(PluginError, match="RESOLVE_TIMEOUT: 'soon' isn't a number of seconds"):
        Settings().override({"resolve-timeout": "soon"})


@given(st.lists(networks(), unique=True, max_size=5))
def test_bypass_is_what_was_written(prefixes: list[Any]) -> None:
    text = ", ".join(map(str, prefixes))
    assert override(TunnelSettings(), {"bypass": text}).bypass == tuple(prefixes)
    items = "".join(f"\n  - '{net}'" for net in prefixes) or " []"
    assert accepted(f"defaults:\n  bypass:{items}").defaults.bypass == tuple(prefixes)


# Which of them count


def test_example_is_the_settings_that_are_built_in_and_some_of_two_configurations() -> None:
    found = accepted((EXAMPLE / "wgplugin.yaml").read_bytes())
    built_in = Settings()
    assert (found.log_level, found.resolve_timeout) == ("info", built_in.resolve_timeout)
    assert found.defaults == built_in.defaults
    assert found.tunnel("vpn-provider") == tunnel(dns="require", bypass=BYPASS[:1])
    assert found.tunnel("office") == tunnel(sink=False)


def test_settings_that_the_documents_show_are_settings() -> None:
    page = (EXAMPLE.parent / "docs" / "configuration.md").read_text()
    (shown,) = re.findall(r"```yaml\n(log-level:.*?)```", page, re.DOTALL)
    assert accepted(shown).tunnel("mynet-1") == tunnel(dns="require", bypass=BYPASS[:1])


@pytest.mark.parametrize("order", [1, -1])
def test_configuration_overrides_defaults_wherever_it_stands(order: int) -> None:
    parts = (
        "defaults: {dns: require, bypass: [10.0.0.0/8]}",
        "configurations: {home: {bypass: [], sink: off}}",
    )
    found = accepted("\n".join(parts[::order]))
    assert found.tunnel("home") == tunnel(dns="require", sink=False)
    assert found.tunnel("other") == tunnel(dns="require", bypass=(ip_network("10.0.0.0/8"),))


def test_option_overrides_the_file_and_the_file_the_environment() -> None:
    environment = Settings().override({"log-level": "error", "resolve-timeout": "5"})
    base = replace(environment, defaults=tunnel(dns="off"))
    assert accepted("", base) == base
    found = accepted("log-level: debug\ndefaults: {dns: require}\n", environment)
    assert (found.log_level, found.resolve_timeout) == ("debug", 5.0)
    network = override(found.tunnel("home"), {"dns": "off", "sink": "off"})
    assert override(network, {"sink": "on"}) == tunnel(dns="off")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\ufeff",
        "# nothing\n",
        "---\n",
        "defaults:\nconfigurations:\n",
        "defaults: {}\nconfigurations: {}",
        "defaults: ~\nconfigurations: null\n",
        "log-level: info\r\nresolve-timeout: 10.0\r\n",
        "configurations:\n  home:\n  # dns: require\n",
    ],
)
def test_file_that_says_nothing_new_leaves_what_is_built_in(text: str) -> None:
    found = accepted(text)
    assert found.tunnel("home") == TunnelSettings()
    assert (found.log_level, found.resolve_timeout, found.defaults) == (
        "info",
        10.0,
        TunnelSettings(),
    )


def test_configuration_may_have_a_number_for_a_name() -> None:
    assert accepted("configurations: {007: {dns: off}}").tunnel("007").dns == "off"


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


# What the plugin makes of it


@pytest.fixture(autouse=True)
def _log_level_as_before() -> Iterator[None]:
    logger = logging.getLogger("wgplugin")
    before = logger.level
    yield
    logger.setLevel(before)


@pytest.fixture
def host(tmp_path: Path) -> Host:
    host = Host(tmp_path)
    host.write("home")
    return host


def test_file_is_read_as_it_is_now_and_need_not_be_there(tmp_path: Path) -> None:
    base = Settings(resolve_timeout=3.0)
    folder = ConfigFolder(tmp_path, base)
    assert folder.settings() == base
    (tmp_path / "wgplugin.yaml").write_text("log-level: debug")
    assert folder.settings() == Settings(log_level="debug", resolve_timeout=3.0)
    (tmp_path / "wgplugin.yaml").unlink()
    assert folder.settings() == base


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: path.write_bytes(b"#" * (MAX_FILE_SIZE + 1)), "larger than"),
        (lambda path: path.symlink_to("/proc/self/environ"), "leads out of the folder"),
        (os.mkfifo, "isn't a file"),
    ],
)
def test_file_that_is_no_settings_is_an_error(tmp_path: Path, make: Any, said: str) -> None:
    make(tmp_path / "wgplugin.yaml")
    with pytest.raises(ConfigError, match=f"wgplugin.yaml: .*{said}"):
        ConfigFolder(tmp_path).settings()


def test_log_level_follows_the_file(host: Host) -> None:
    for level in ("debug", "error"):
        (host.folder / "wgplugin.yaml").write_text(f"log-level: {level}")
        asyncio.run(host.create_network("n1", "home"))
        assert logging.getLogger("wgplugin").level == getattr(logging, level.upper())


def test_resolve_timeout_follows_the_file(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    bounds: list[float] = []

    async def resolve(self: Resolver, endpoint: object, bound: float) -> None:
        bounds.append(bound)
        raise PluginError(Code.NOT_RESOLVED, "not resolved")

    monkeypatch.setattr(Resolver, "resolve", resolve)
    host.write("home", peers="[Peer]\nPublicKey = " + KEY + "\nEndpoint = vpn.example:1\n")
    asyncio.run(host.create_network("n1", "home"))
    for text in ("resolve-timeout: 7", "resolve-timeout: 8"):
        (host.folder / "wgplugin.yaml").write_text(text)
        with pytest.raises(PluginError, match="not resolved"):
            asyncio.run(host.attach("n1", "e1"))
    assert bounds == [7.0, 8.0]


def test_broken_file_refuses_what_is_new_and_leaves_what_runs(host: Host) -> None:
    (host.folder / "wgplugin.yaml").write_text("log-level: error")
    asyncio.run(host.create_network("n1", "home"))
    asyncio.run(host.attach("n1", "e1"))
    (host.folder / "wgplugin.yaml").write_text("log-level: loud")

    for refused_call in (
        lambda: host.create_network("n2", "home"),
        lambda: host.create_endpoint("n1", "e1"),
        lambda: host.join("n1", "e1"),
    ):
        with pytest.raises(ConfigError, match=r"wgplugin\.yaml:1:12: log-level: 'loud' isn't"):
            asyncio.run(refused_call())
    assert len(host.backend.devices) == 1
    assert logging.getLogger("wgplugin").level == logging.ERROR
    asyncio.run(host.delete_endpoint("e1"))
    assert not host.backend.devices
