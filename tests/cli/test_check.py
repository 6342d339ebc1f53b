"""``wgplugin check`` tells what is wrong with files, or what a container will get of them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.strategies import configs, networks
from wgplugin.cli import check
from wgplugin.cli.report import Report, container_text, report
from wgplugin.conf import parser
from wgplugin.conf.settings import override
from wgplugin.errors import ConfigError, PluginError
from wgplugin.model.configuration import InterfaceConfig, TunnelSettings

EXAMPLES = Path(__file__).parents[2] / "wireguard_conf.example"
PRIVATE = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
PUBLIC = "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA="
PRESHARED = "AwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISI="
INTERFACE = f"[Interface]\nPrivateKey = {PRIVATE}\n"
PEER = f"[Peer]\nPublicKey = {PUBLIC}\nPresharedKey = {PRESHARED}\n"
FULL = f"{INTERFACE}Address = 10.0.0.2/32\n{PEER}AllowedIPs = 0.0.0.0/0\n"

FIVE_MISTAKES = f"""\
[Interface]
PrivateKey = {PRIVATE[:40]}
Adress = 10.0.0.2/32
MTU = big
[Peer]
PublicKey = {PUBLIC}
AllowedIPs = 10.0.0.0/33
Endpoint = vpn.example.net
"""
FIVE_FAULTS = [
    (
        2,
        14,
        "WG217",
        "PrivateKey: this key has 40 characters, not 44",
        "it was cut short: copy it again",
    ),
    (3, 1, "WG211", "unknown key 'Adress'", "did you mean Address?"),
    (4, 7, "WG218", "MTU: 'big' isn't a number from 68 on", "1420 suits most networks"),
    (7, 23, "WG219", "AllowedIPs: the prefix of '10.0.0.0/33' isn't a number from 0 to 32", ""),
    (
        8,
        12,
        "WG220",
        "Endpoint: 'vpn.example.net' has no port",
        "write HOST:PORT, as in vpn.example.net:51820",
    ),
]

relaxed = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def reported(text: str, **tunnel: str) -> Report:
    return report(parser.parse(text.encode(), "x.conf"), override(TunnelSettings(), tunnel))


def interface(addresses: str, allowed_ips: str, other: str = "") -> str:
    address = f"Address = {addresses}\n" if addresses else ""
    return f"{INTERFACE}{address}{other}{PEER}AllowedIPs = {allowed_ips}\n"


# What the container will get


@pytest.mark.parametrize(
    ("addresses", "allowed_ips", "routes", "sink"),
    [
        ("10.0.0.2/32", "0.0.0.0/0", "0.0.0.0/0", "::/0"),
        ("10.0.0.2, fd00::2", "0.0.0.0/0, ::/0", "0.0.0.0/0, ::/0", ""),
        ("fd00::2", "::/0, 10.0.0.0/8", "::/0, 10.0.0.0/8", "0.0.0.0/0"),
        ("10.0.0.2/32", "0.0.0.0/1, 128.0.0.0/1", "0.0.0.0/1, 128.0.0.0/1", "::/0"),
        ("10.0.0.2/32", "10.0.0.0/8, 192.168.1.0/24", "10.0.0.0/8, 192.168.1.0/24", ""),
        ("10.0.0.2/24", "10.0.0.0/24, 10.0.1.4/32", "10.0.0.0/24, 10.0.1.4/32", ""),
        ("10.0.0.2/32", "10.0.1.2/32, 10.0.1.3/32", "10.0.1.2/32, 10.0.1.3/32", ""),
        ("", "0.0.0.0/0, ::/0", "0.0.0.0/0, ::/0", ""),
        (
            "10.0.0.2",
            "0.0.0.0/2, 64.0.0.0/2, 128.0.0.0/1",
            "0.0.0.0/2, 64.0.0.0/2, 128.0.0.0/1",
            "::/0",
        ),
        ("", "10.0.0.0/8, fd00::/8", "10.0.0.0/8, fd00::/8", ""),
    ],
)
def test_routes_are_reported_as_the_file_has_them(
    addresses: str, allowed_ips: str, routes: str, sink: str
) -> None:
    found = reported(interface(addresses, allowed_ips))
    assert (", ".join(found.routes), ", ".join(found.sink)) == (routes, sink)


def test_settings_change_what_is_routed() -> None:
    assert reported(FULL, sink="off").sink == ()
    found = reported(FULL, bypass="0.0.0.0/1")
    assert (found.routes, found.bypass) == (("128.0.0.0/1",), ("0.0.0.0/1",))
    found = reported(FULL, default="gateway")
    assert (found.routes, found.sink, found.default) == (("0.0.0.0/0",), (), "gateway")
    assert "Docker chooses" in container_text(found)


def test_settings_that_cannot_be_are_refused() -> None:
    with pytest.raises(PluginError, match="leave out one of them"):
        reported(FULL, default="gateway", bypass="10.0.0.0/8")


def test_table_off_routes_nothing() -> None:
    found = reported(interface("10.0.0.2/32", "0.0.0.0/0, fd00::/8", "Table = off\n"))
    assert (found.routes, found.sink, found.unrouted) == ((), (), ())
    assert re.search(r"routes +none", container_text(found))


def test_allowed_ips_without_an_address_of_their_family_are_reported() -> None:
    found = reported(interface("10.0.0.2/32", "10.0.0.0/8, fd00::/8"))
    assert (found.routes, found.unrouted) == (("10.0.0.0/8",), ("fd00::/8",))
    assert "no route   fd00::/8: the file has no IPv6 Address" in container_text(found)


@relaxed
@given(configs(), st.booleans())
def test_each_of_the_allowed_ips_is_reported_as_routed_or_not(
    config: InterfaceConfig, sink: bool
) -> None:
    found = report(config, TunnelSettings(sink=sink))
    allowed = {str(net) for peer in config.peers for net in peer.allowed_ips}
    assert {*found.routes, *found.unrouted} == (allowed if config.routes else {*found.routes})
    assert not {*found.routes} & {*found.sink, *found.unrouted}


@relaxed
@given(configs(), st.lists(networks(), min_size=1, max_size=3))
def test_no_route_leads_to_what_bypasses_the_tunnel(
    config: InterfaceConfig, bypass: list[Any]
) -> None:
    connected = {address.network for address in config.addresses}
    found = report(config, TunnelSettings(bypass=tuple(bypass)))
    for net in {ip_network(text) for text in (*found.routes, *found.sink)} - connected:
        assert not any(net.overlaps(other) for other in bypass)


@pytest.mark.parametrize(
    ("other", "peer", "said"),
    [
        ("MTU = 1380\n", "", "MTU +1380"),
        ("", "Endpoint = vpn.example:51820\n", "MTU +automatic: path to the peer less 80"),
        ("", "", "MTU +automatic: 1420, as no peer has an Endpoint"),
        ("DNS = 10.0.0.1, fd00::1, example.net\n", "", "DNS +is to be given to Docker: docker run"),
        ("DNS = 10.0.0.1, example.net\n", "", "run --dns 10.0.0.1 --dns-search example.net\n"),
        ("Address = 10.0.0.2/32\n", "", "addresses +10.0.0.2/32\n"),
        ("", "", "addresses +from Docker"),
        ("Address = 10.0.0.2/32, fd00::2/128\n", "", "edition +base\n"),
        ("Address = 10.0.0.2, 10.0.0.3\n", "", "edition +needs the live edition"),
        ("", "Endpoint = [fd00::1]:51820\n", rf"peer 1 +{re.escape(PUBLIC)} at \[fd00::1\]:51820"),
        ("", "Endpoint = vpn.example:51820\n", rf"peer 1 +{re.escape(PUBLIC)} at vpn.example:518"),
        ("", "", rf"peer 1 +{re.escape(PUBLIC)} which has no Endpoint"),
    ],
)
def test_report_is_a_table_for_people(other: str, peer: str, said: str) -> None:
    text = container_text(reported(f"{INTERFACE}{other}{PEER}{peer}"))
    assert re.search(said, text + "\n")


def test_required_dns_is_reported_as_required() -> None:
    found = reported(f"{INTERFACE}DNS = 10.0.0.1\n{PEER}", dns="require")
    assert "must be given to Docker: docker run --dns 10.0.0.1" in container_text(found)


# What is wrong


def test_five_mistakes_are_all_reported_as_docker_shows_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "five.conf"
    file.write_text(FIVE_MISTAKES)
    assert check.run([str(file)], as_json=False) == 1
    out, err = capsys.readouterr()
    expected = [
        f"{file}:{line}:{column}: {message}{'; ' if hint else ''}{hint} [{code}]"
        for line, column, code, message, hint in FIVE_FAULTS
    ]
    assert (out, err.splitlines()) == ("", expected)
    with pytest.raises(ConfigError) as caught:
        parser.parse(FIVE_MISTAKES.encode(), str(file))
    assert str(caught.value).splitlines() == expected


def test_five_mistakes_are_reported_to_programs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "five.conf"
    file.write_text(FIVE_MISTAKES)
    assert check.run([str(file)], as_json=True) == 1
    out, err = capsys.readouterr()
    names = ("line", "column", "code", "message", "hint")
    assert (json.loads(out), err) == (
        {
            "files": [
                {
                    "file": str(file),
                    "status": "errors",
                    "errors": [dict(zip(names, fault, strict=True)) for fault in FIVE_FAULTS],
                    "warnings": [],
                    "container": None,
                    "settings": None,
                }
            ]
        },
        "",
    )


def test_warning_is_reported_and_does_no_harm(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "home.conf"
    file.write_text(f"{INTERFACE}PostUp = iptables -A\n{PEER}")
    assert check.run([str(file)], as_json=False) == 0
    assert capsys.readouterr().err.startswith(f"{file}:3:10: warning: PostUp is ignored")


def test_file_whose_name_no_option_can_have_is_warned_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("my vpn.conf", "vpn.txt"):
        (tmp_path / name).write_text(FULL)
        assert check.run([str(tmp_path / name)], as_json=False) == 0
        assert f"{name}: warning: no network can be given this file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: None, "no such file"),
        (Path.mkdir, "isn't a file"),
        (os.mkfifo, "isn't a file"),
        (lambda path: path.write_bytes(b"#" * (1 << 20) + b"#"), "is larger than"),
        (lambda path: path.symlink_to(path.name), "can't be read"),
    ],
)
@pytest.mark.parametrize("name", ["home.conf", "wgplugin.yaml"])
def test_unreadable_file_has_an_exit_status_of_its_own(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    make: Callable[[Path], object],
    said: str,
    name: str,
) -> None:
    (tmp_path / "wrong.conf").write_text("x")
    make(tmp_path / name)
    assert check.run([str(tmp_path / name), str(tmp_path / "wrong.conf")], as_json=False) == 2
    assert f"{tmp_path / name}: {said}" in capsys.readouterr().err


# Settings


def test_settings_are_checked_and_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "home.conf").write_text(FULL)
    for name in ("wgplugin.yaml", "draft.yml"):
        file = tmp_path / name
        file.write_text("resolve-timeout: 3\nconfigurations: {home: {dns: require}, hume: {}}\n")
        assert check.run([str(file)], as_json=False) == 0
        out, err = capsys.readouterr()
        assert re.search(r"resolve-timeout +3\n", out)
        assert re.search(r"home +dns require; sink on; bypass none; default tunnel\n", out)
        said = "there is no hume.conf beside it for the settings of hume [WG309]"
        assert err == f"{file}: warning: {said}\n"


def test_broken_settings_are_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "wgplugin.yaml"
    file.write_text("defaults:\n  dns: maybe\n")
    assert check.run([str(file)], as_json=False) == 1
    assert capsys.readouterr().err.startswith(f"{file}:2:8: dns: 'maybe' isn't warn, require or")


def test_settings_that_do_not_go_together_are_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "wgplugin.yaml"
    file.write_text("defaults: {bypass: [10.0.0.0/8], default: gateway}\n")
    assert check.run([str(file)], as_json=False) == 1
    assert capsys.readouterr().err.startswith(f"{file}: wireguard-bypass takes prefixes out")


def test_settings_beside_a_configuration_count(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "home.conf").write_text(FULL)
    (tmp_path / "wgplugin.yaml").write_text("configurations: {home: {sink: off}}")
    assert check.run([str(tmp_path / "home.conf")], as_json=True) == 0
    (file,) = json.loads(capsys.readouterr().out)["files"]
    assert file["container"]["sink"] == []


def test_broken_settings_beside_a_configuration_are_reported_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [tmp_path / "home.conf", tmp_path / "work.conf"]
    for file in files:
        file.write_text(FULL)
    (tmp_path / "wgplugin.yaml").write_text("colour: red")
    assert check.run(map(str, files), as_json=False) == 1
    assert capsys.readouterr().err.count("wgplugin.yaml:1:1: unknown setting 'colour'") == 1


# The program


def test_examples_are_fine(capsys: pytest.CaptureFixture[str]) -> None:
    assert check.run(map(str, sorted(EXAMPLES.iterdir())), as_json=False) == 0
    out, err = capsys.readouterr()
    assert out.count("edition") == len(list(EXAMPLES.glob("*.conf")))
    assert err == ""


def test_no_secret_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "home.conf"
    for text in (FULL, FULL.replace("PrivateKey", "PrivatKey"), FULL.replace("= A", "= !A")):
        file.write_text(text)
        for as_json in (False, True):
            check.run([str(file)], as_json)
    said = "".join(capsys.readouterr())
    assert PUBLIC in said
    assert not re.search(f"{re.escape(PRIVATE[:12])}|{re.escape(PRESHARED[:12])}", said)


def test_name_in_no_encoding_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = os.fsdecode(bytes(tmp_path) + b"/\xff.conf")
    Path(name).write_text(FULL)
    assert check.run([name], as_json=False) == 0
    assert "\\udcff.conf" in capsys.readouterr().out


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_command_line_checks_and_returns_the_status(tmp_path: Path) -> None:
    (tmp_path / "five.conf").write_text(FIVE_MISTAKES)
    example = str(EXAMPLES / "office.conf")
    assert run("-m", "wgplugin", "check", example).returncode == 0
    both = run("-m", "wgplugin", "check", "--json", example, str(tmp_path / "five.conf"))
    assert both.returncode == 1
    assert [file["status"] for file in json.loads(both.stdout)["files"]] == ["fine", "errors"]
    assert run("-m", "wgplugin", "check").returncode == 2


def test_check_imports_nothing_that_only_a_server_needs() -> None:
    script = "import sys, wgplugin.check; print(*sys.modules)"
    modules = run("-c", script).stdout.split()
    assert not {"uvicorn", "starlette", "asyncio", "pyroute2"} & {*modules}
