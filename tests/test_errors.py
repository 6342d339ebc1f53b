"""Whatever is told to be wrong ends with a code, and each code is in docs/errors.md with a cure."""

from __future__ import annotations

import ast
import json
import logging
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.memory_host import MemoryHost
from tests.serving import Client, serving
from wgplugin.codes import Code
from wgplugin.conf.folder import ConfigFolder
from wgplugin.conf.settings import Settings
from wgplugin.networks.resolver import Resolver
from wgplugin.plugin import assemble
from wgplugin.state.store import Store
from wgplugin.timings import Timings

ROOT = Path(__file__).parents[1]
DOCUMENT = (ROOT / "docs" / "errors.md").read_text()
SOURCES = [path for path in (ROOT / "wgplugin").rglob("*.py") if path.stem != "codes"]

KEY = "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk="
HOME = f"[Interface]\nPrivateKey = {KEY}\nAddress = 10.8.0.2/32\n[Peer]\nPublicKey = {KEY}\n"
ENDPOINT = {"NetworkID": "n1", "EndpointID": "e1"}


class Line(NamedTuple):
    code: str
    says: str
    cause: str
    cure: str


def table(group: str) -> list[Line]:
    """Return the lines of a group of docs/errors.md, whose codes have the same hundred."""
    section = DOCUMENT.partition(f"\n## {group}xx: ")[2].partition("\n## ")[0]
    rows = [row for row in section.splitlines() if row.startswith("|")]
    return [Line(*(cell.strip() for cell in row.strip("|").split("|"))) for row in rows[2:]]


LINES = [line for group in "123456" for line in table(group)]


def codes_of(text: str) -> list[str]:
    """Return the codes that lines end with; a line has one, and nowhere else."""
    assert text
    found = []
    for line in text.splitlines():
        (code,) = re.findall(r"\[(WG\d+)\]", line)
        assert line.endswith(f" [{code}]")
        found.append(code)
    return found


# The document


def test_every_code_has_one_line_and_every_line_a_code() -> None:
    assert [line.code for line in LINES] == [code.value for code in Code]
    assert len(LINES) == sum(row.startswith("| WG") for row in DOCUMENT.splitlines())


def test_codes_of_a_group_stand_together_in_ascending_order() -> None:
    values = [code.value for code in Code]
    assert all(re.fullmatch(r"WG[1-9]\d\d", value) for value in values)
    assert values == sorted(values)


@pytest.mark.parametrize("line", LINES, ids=[line.code for line in LINES])
def test_line_has_message_cause_and_cure(line: Line) -> None:
    assert line.says
    assert line.cause.endswith(".")
    assert line.cure.endswith(".")


def said() -> Iterator[str]:
    """Yield the texts in the plugin's source, with … for what is put into them."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.JoinedStr):
                parts = [
                    part.value if isinstance(part, ast.Constant) else "…" for part in node.values
                ]
                yield "".join(map(str, parts))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield re.sub(r"%(\.\d+)?[ds]", "…", node.value)


def test_message_of_a_line_is_that_of_the_plugin() -> None:
    texts = "\n".join(text.replace("\n", " ") for text in said())
    for line in LINES:
        for shape in re.findall(r"`([^`]+)`", line.says):
            assert re.search(".*".join(map(re.escape, shape.split("…"))), texts), shape


def test_every_code_is_used() -> None:
    used = {
        node.attr
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "Code"
    }
    assert used == set(Code.__members__)


# What Docker, and so the user, is told


@pytest.fixture
def backend() -> MemoryHost:
    return MemoryHost()


@pytest.fixture
def client(tmp_path: Path, backend: MemoryHost) -> Iterator[Client]:
    (tmp_path / "home.conf").write_text(HOME)
    folder = ConfigFolder(tmp_path, Settings(resolve_timeout=0.1))
    plugin = assemble(
        folder, Store(tmp_path / "state"), backend, Resolver(), timings=Timings(call=1.0)
    )
    with serving(plugin, tmp_path / "socket") as client:
        yield client


def create_network(name: str | None, **options: str) -> dict[str, object]:
    given = {"wireguard-config": name, **options}
    return {"NetworkID": "n1", "Options": {"com.docker.network.generic": given}}


def err(client: Client, name: str, request: object) -> str:
    """Return what a call is refused with."""
    return str(client.call(f"NetworkDriver.{name}", request)[1]["Err"])


@pytest.mark.parametrize(
    ("name", "request_", "code"),
    [
        ("CreateNetwork", create_network(None), Code.NO_CONFIGURATION),
        ("CreateNetwork", create_network("absent"), Code.NO_SUCH_FILE),
        ("CreateNetwork", create_network("home", colour="red"), Code.UNKNOWN_OPTION),
        ("CreateNetwork", create_network("home", **{"wireguard-dns": "x"}), Code.BAD_SETTING),
        ("CreateNetwork", create_network("home", **{"wireguard-bypass": "x"}), Code.BAD_BYPASS),
        ("CreateNetwork", [], Code.BAD_REQUEST),
        ("CreateEndpoint", ENDPOINT, Code.UNKNOWN_NETWORK),
        ("Join", ENDPOINT, Code.UNKNOWN_ENDPOINT),
    ],
)
def test_refusal_ends_with_its_code(
    client: Client, name: str, request_: object, code: Code
) -> None:
    assert codes_of(err(client, name, request_)) == [code]


def test_each_mistake_of_a_file_ends_with_its_code(client: Client, tmp_path: Path) -> None:
    (tmp_path / "home.conf").write_text(HOME + "Endpoint = x\nColour = red\n[Per]\n")
    codes = codes_of(err(client, "CreateNetwork", create_network("home")))
    assert codes == [Code.BAD_ENDPOINT, Code.UNKNOWN_KEY, Code.UNKNOWN_SECTION, Code.MISSING_KEY]
    (tmp_path / "wgplugin.yaml").write_text("dns: x\n---\n")
    (tmp_path / "home.conf").write_text(HOME)
    assert codes_of(err(client, "CreateNetwork", create_network("home"))) == [Code.UNUSED_YAML]


def test_refusal_of_the_kernel_has_one_code_and_the_name_of_the_file(
    client: Client, backend: MemoryHost
) -> None:
    client.call("NetworkDriver.CreateNetwork", create_network("home"))
    backend.failing.add("configure")
    assert err(client, "CreateEndpoint", ENDPOINT) == "home.conf: configure fails [WG403]"


def test_unforeseen_failure_has_a_code(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("wgplugin.docker.requests.network_options", fail)
    assert codes_of(err(client, "CreateNetwork", create_network("home"))) == [Code.FAILED]


def test_call_that_takes_too_long_has_a_code(client: Client, backend: MemoryHost) -> None:
    client.call("NetworkDriver.CreateNetwork", create_network("home"))
    backend.hanging.add("create")
    assert codes_of(err(client, "CreateEndpoint", ENDPOINT)) == [Code.TOO_LATE]


# What the log, and who asks at the command line, is told


def test_warning_in_the_log_ends_with_its_code(
    client: Client, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    interface = HOME.replace("Address", "DNS = 10.0.0.1\nPostUp = x\nAddress")
    (tmp_path / "home.conf").write_text(f"{interface}AllowedIPs = ::/0\nEndpoint = x.invalid:1\n")
    client.call("NetworkDriver.CreateNetwork", create_network("home"))
    client.call("NetworkDriver.CreateEndpoint", ENDPOINT)
    warnings = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert codes_of("\n".join(record.getMessage() for record in warnings)) == [
        Code.COMMAND_IGNORED,
        Code.NO_IPV6_ADDRESS,
        Code.DNS_NOT_ASKED,
        Code.NOT_RESOLVED,
    ]


def test_state_that_is_not_used_is_logged_with_its_code(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "networks").mkdir()
    (tmp_path / "networks" / "n1.json").write_text("{}")
    (tmp_path / "networks" / "n2.json").write_text(json.dumps({"version": 1000}))
    Store(tmp_path)
    assert codes_of("\n".join(caplog.messages)) == [Code.STATE_DAMAGED, Code.STATE_NEWER]


def test_errors_of_the_command_line_have_codes(tmp_path: Path) -> None:
    (tmp_path / "my home.conf").write_text(HOME)
    (tmp_path / "wrong.conf").write_text("x")
    (tmp_path / "wgplugin.yaml").write_text("configurations: {hume: {}}")
    for arguments, codes in (
        (("check", "my home.conf"), [Code.FILE_NAME]),
        (("check", "wrong.conf"), [Code.MISPLACED_KEY, Code.MISSING_KEY]),
        (("check", "absent.conf"), [Code.NO_SUCH_FILE]),
        (("check", "wgplugin.yaml"), [Code.NO_FILE_FOR_SETTINGS]),
        (("status", "--socket", "absent"), [Code.NO_ANSWER]),
        (("switch", "app", "--socket", "absent"), [Code.NO_ANSWER]),
        (("wait", "app", "--socket", "absent"), [Code.NO_ANSWER]),
    ):
        assert codes_of(run(tmp_path, *arguments)) == codes
    for command in ("", "chek", "check", "wait", "wait app --timeout soon", "switch"):
        told = run(tmp_path, *command.split()).splitlines()
        assert codes_of(told[-1]) == [Code.COMMAND_LINE]


def run(folder: Path, *arguments: str) -> str:
    """Return what the command line says on standard error."""
    command = [sys.executable, "-m", "wgplugin", *arguments]
    path = {"PYTHONPATH": str(ROOT)}
    return subprocess.run(
        command, cwd=folder, env=path, capture_output=True, text=True, timeout=60
    ).stderr
