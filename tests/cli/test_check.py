"""``wgplugin check`` reports the mistakes in files."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.reporting import (
    EXAMPLES,
    FIVE_FAULTS,
    FIVE_MISTAKES,
    FULL,
    INTERFACE,
    PEER,
    PRESHARED,
    PRIVATE,
    PUBLIC,
)
from wgplugin.cli import check
from wgplugin.conf import parser
from wgplugin.conf.settings import TUNNEL
from wgplugin.errors import ConfigError

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


def test_ports_that_are_left_to_another_network_are_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "wgplugin.yaml"
    file.write_text("defaults: {publish: off}\n")
    assert check.run([str(file)], as_json=False) == 0
    assert "; default tunnel; publish off\n" in capsys.readouterr().out


def test_settings_of_a_shared_network_are_checked_and_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "home.conf").write_text(FULL)
    file = tmp_path / "wgplugin.yaml"
    file.write_text(
        "configurations:\n  home:\n    mode: shared\n    isolate: on\n"
        "    forward: [8443:172.20.0.5:443, 53:172.20.0.5:53/udp]\n"
    )
    assert check.run([str(file)], as_json=False) == 0
    ports = "8443:172.20.0.5:443/tcp, 53:172.20.0.5:53/udp"
    said = f"mode shared; nat auto; isolate on; forwards {ports}"
    out = capsys.readouterr().out
    assert said in re.sub(r"\s+", " ", out)
    assert out.count("mode shared") == 1
    assert check.run([str(file)], as_json=True) == 0
    (document,) = json.loads(capsys.readouterr().out)["files"]
    home = document["settings"]["configurations"]["home"]
    assert (home["mode"], home["interface"], home["isolate"]) == ("shared", "eth", True)
    assert home["forward"] == ["8443:172.20.0.5:443/tcp", "53:172.20.0.5:53/udp"]
    assert document["settings"]["defaults"]["interface"] == "wg"


def test_setting_that_only_a_shared_network_has_is_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "wgplugin.yaml"
    file.write_text("defaults: {isolate: on}\n")
    assert check.run([str(file)], as_json=False) == 1
    assert "wireguard-isolate=on is for shared networks" in capsys.readouterr().err


def test_settings_of_pools_are_reported_if_they_are_not_built_in(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "wgplugin.yaml"
    file.write_text("defaults: {}\n")
    assert check.run([str(file)], as_json=False) == 0
    assert "pick" not in capsys.readouterr().out
    settings = "pick: rotate\n  probe: 10.64.0.1:53\n  failback: 600\n  wait: 10\n"
    file.write_text(f"defaults:\n  {settings}  wait-fail: refuse\n")
    assert check.run([str(file)], as_json=False) == 0
    said = "pick rotate; probe 10.64.0.1:53; failback 600; wait 10; wait-fail refuse"
    assert said in re.sub(r"\s+", " ", capsys.readouterr().out)


def test_settings_for_programs_have_the_names_and_values_of_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "wgplugin.yaml"
    file.write_text("defaults: {wait-fail: refuse, probe: 10.64.0.1, wait: 2.5}\n")
    assert check.run([str(file)], as_json=True) == 0
    (document,) = json.loads(capsys.readouterr().out)["files"]
    found = document["settings"]["defaults"]
    names = ("pick", "probe", "failback", "wait", "wait-fail")
    assert [found[name] for name in names] == ["order", "10.64.0.1", "off", 2.5, "refuse"]
    assert found.keys() == TUNNEL.keys()


def test_probe_outside_the_allowed_ips_is_warned_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "home.conf"
    file.write_text(FULL)
    (tmp_path / "wgplugin.yaml").write_text("defaults: {probe: 'fd00::1'}\n")
    assert check.run([str(file)], as_json=False) == 0
    assert "warning: fd00::1 can't be asked through the tunnel" in capsys.readouterr().err


def test_files_with_one_private_key_are_warned_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # The kernel clamps a key, so the second is the first.
    keys = {"a": PRIVATE, "b": "AQ" + PRIVATE[2:], "c": "E" + PRIVATE[1:]}
    for name, key in keys.items():
        (tmp_path / f"{name}.conf").write_text(FULL.replace(PRIVATE, key))
    a, b, c = (str(tmp_path / f"{name}.conf") for name in "abc")
    same = f"{tmp_path}/../{tmp_path.name}/a.conf"
    assert check.run([a, same, c], as_json=False) == 0
    assert "WG125" not in capsys.readouterr().err
    assert check.run([a, b, c], as_json=False) == 0
    err = capsys.readouterr().err
    said = "too: they can't be used at once; give each file a key of its own [WG125]"
    assert f"{a}: warning: this is the private key of {b}, {said}" in err
    assert f"{b}: warning: this is the private key of {a}, {said}" in err
    assert err.count("WG125") == 2
    assert PRIVATE not in err


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
