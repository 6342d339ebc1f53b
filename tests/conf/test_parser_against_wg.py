"""What wg(8) and wg-quick(8) take, we take; what they refuse, we refuse; but for a short list.

``wg setconf`` reads its whole file before it looks for the device: it needs no kernel module, and
"Unable to modify interface" means that the file is fine. WG_DIFFERENTIAL_EXAMPLES sets how many
files are tried.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Self

import pytest
from hypothesis import HealthCheck, given, settings

from tests.strategies import ADDRESSES, VALID_START, nearly_files, nearly_quick_files
from wgplugin.conf.parser import parse
from wgplugin.errors import ConfigError, Fault
from wgplugin.model.configuration import InterfaceConfig

pytestmark = pytest.mark.skipif(
    shutil.which("wg") is None, reason="wg isn't installed (wireguard-tools)"
)
needs_wg_quick = pytest.mark.skipif(
    shutil.which("wg-quick") is None, reason="wg-quick isn't installed (wireguard-tools)"
)

EXAMPLES = int(os.environ.get("WG_DIFFERENTIAL_EXAMPLES", "500"))
QUICK_EXAMPLES = EXAMPLES // 10
ENVIRONMENT = {
    **os.environ,
    "LC_ALL": "C",
    "RES_OPTIONS": "attempts:1 timeout:1",
    "WG_ENDPOINT_RESOLUTION_RETRIES": "0",
}
NO_NETWORK = ("unshare", "--map-root-user", "--net")
PEER_ONLY = "[Peer]\nPublicKey = AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=\n"
PEER = VALID_START + PEER_ONLY

PROVIDER_FILES = Path(__file__).parents[1] / "provider_files"

run_many = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def _as_wg_sees_it(line: str) -> str:
    return re.sub("[ \t\r\v\f]", "", re.split("[#\0]", line)[0])


def _value(text: str, fault: Fault) -> str:
    return _as_wg_sees_it(text.split("\n")[fault.line - 1]).partition("=")[2]


def _is_number(text: str, low: int) -> bool:
    return re.fullmatch("[0-9]{1,40}", text) is not None and low <= int(text) <= 65535


def _has_private_key(text: str) -> bool:
    lines = map(_as_wg_sees_it, text.split("\n"))
    keys = [line for line in lines if line.lower().startswith("privatekey=")]
    return bool(keys and keys[-1].partition("=")[2].strip("A="))


def _is_outdated_address(host: str) -> bool:
    try:
        socket.inet_aton(host)
    except OSError:
        return False
    try:
        socket.inet_pton(socket.AF_INET, host)
    except OSError:
        return True
    return False


def _split(endpoint: str) -> tuple[str, str]:
    host, _, port = endpoint.rpartition(":")
    return host.strip("[]"), port


def _is_lookup(complaint: str) -> bool:
    """Whether wg couldn't find the host, the service or the zone of an endpoint that has one."""
    found = re.search("(not known|resolution|not supported for|No address).*: `(.*)'", complaint)
    host, port = _split(found[2]) if found else ("", "")
    is_literal = re.fullmatch(r"[0-9.]+|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*", host) is not None
    return found is not None and not (is_literal and port.isdecimal())


Stricter = Callable[[str, Fault], bool]
Laxer = Callable[[str, str], bool]

STRICTER: dict[str, tuple[Stricter, str]] = {
    "a tunnel needs a PrivateKey, and zeros are none": (
        lambda text, fault: "PrivateKey" in fault.message and not _has_private_key(text),
        "[Interface]\nListenPort = 51820\n",
    ),
    "ListenPort is a number up to 65535: wg takes 70000 for 4464, and names of services": (
        lambda text, fault: (
            fault.message.startswith("ListenPort: ") and not _is_number(_value(text, fault), 0)
        ),
        f"{VALID_START}ListenPort = 70000\n",
    ),
    "an endpoint's port is a number from 1 to 65535 or a service's name": (
        lambda text, fault: (
            fault.message.startswith("Endpoint: the port")
            and not _is_number(_split(_value(text, fault))[1], 1)
        ),
        f"{PEER}Endpoint = 192.0.2.1:99999\n",
    ),
    "an endpoint's IPv4 address has four decimal numbers, and '*' is none": (
        lambda text, fault: (
            fault.message.startswith("Endpoint: ")
            and _is_outdated_address(_split(_value(text, fault))[0].replace("*", "0"))
        ),
        f"{PEER}Endpoint = 0x7f.1:51820\n",
    ),
}
"""What wg takes and we refuse."""

LAXER: dict[str, tuple[Laxer, str]] = {
    "a byte order mark is no fault": (
        lambda text, complaint: text.startswith("\ufeff"),
        f"\ufeff{VALID_START}",
    ),
    "keys of other programs, with values that plain WireGuard satisfies, are ignored": (
        lambda text, complaint: (
            re.search("Line unrecognized: `(J(c|min|max)|[SHI][1-5]|Reserved)=", complaint)
            is not None
        ),
        f"{VALID_START}Jc = 4\nS1 = 0\nH1 = 1\n{PEER_ONLY}Reserved = 0, 0, 0\n",
    ),
    "'+' and '-' before AllowedIPs are taken, as by wg since 1.0.20250521": (
        lambda text, complaint: re.search("IP address: `[+-]", complaint) is not None,
        f"{PEER}AllowedIPs = +10.0.0.0/8\n",
    ),
    "host names, service names and zones are looked up later": (
        lambda text, complaint: _is_lookup(complaint),
        f"{PEER}Endpoint = nosuchhost.invalid:51820\n",
    ),
}
"""What wg refuses and we take."""

STRICTER_THAN_STRIP: dict[str, tuple[Stricter, str]] = {
    "ip(8) and resolvconf(8) check these when the tunnel comes up": (
        lambda text, fault: re.match("(Address|DNS|MTU): ", fault.message) is not None,
        f"{VALID_START}Address = 10.0.0.300\n",
    ),
    "wg-quick takes a line without '=' for its own value": (
        lambda text, fault: "=" not in re.split("#", text.split("\n")[fault.line - 1])[0],
        f"{VALID_START}Table\n",
    ),
}
"""What 'wg-quick strip' takes and we refuse; 'wg-quick up' refuses nearly all of it."""


@cache
def may_unshare() -> bool:
    command = [*NO_NETWORK, "true"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


class Wg:
    """The real wg, run again and again by one shell, without a network where that is allowed."""

    LOOP = 'while read -r file; do wg setconf nosuchif "$file" 2>&1; printf "\\0"; done'

    def __init__(self, folder: Path) -> None:
        self._file = folder / "differential.conf"
        command = [*(NO_NETWORK if may_unshare() else ()), "sh", "-c", self.LOOP]
        pipe = subprocess.PIPE
        self._shell = subprocess.Popen(command, env=ENVIRONMENT, stdin=pipe, stdout=pipe)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._shell.communicate()

    def complaint(self, data: bytes) -> str:
        """What wg says of a file; nothing if it takes it."""
        assert self._shell.stdin
        assert self._shell.stdout
        self._file.write_bytes(data)
        self._shell.stdin.write(b"%s\n" % bytes(self._file))
        self._shell.stdin.flush()
        said = b""
        while not said.endswith(b"\0"):
            said += os.read(self._shell.stdout.fileno(), 65536) or b"the shell is gone\0"
        text = said.decode(errors="replace").rstrip("\0")
        return "" if "Unable to modify interface" in text else text

    def complaint_after_wg_quick(self, data: bytes) -> str:
        """What wg-quick and then wg say of a file; nothing if they take it."""
        file = self._file.with_name("quick.conf")
        file.write_bytes(data)
        strip = subprocess.run(
            ["wg-quick", "strip", file], env=ENVIRONMENT, capture_output=True, check=False
        )
        return self.complaint(strip.stdout) if strip.returncode == 0 else strip.stderr.decode()


@pytest.fixture(scope="module")
def wg(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wg]:
    with Wg(tmp_path_factory.mktemp("wg")) as each:
        yield each


def outcome(text: str) -> InterfaceConfig | ConfigError:
    try:
        return parse(text.encode(), "x.conf")
    except ConfigError as error:
        return error


def differences(
    text: str, complaint: str, stricter: dict[str, tuple[Stricter, str]] = STRICTER
) -> set[str]:
    """Name the differences between us and wg over a file; one that has no name fails."""
    ours = outcome(text)
    if isinstance(ours, ConfigError) is bool(complaint):
        return set()
    if isinstance(ours, ConfigError):
        found = {
            next((name for name, (covers, _) in stricter.items() if covers(text, fault)), "")
            for fault in ours.faults
        }
        assert "" not in found, f"wg takes {text!r}, but: {ours}"
        return found
    found = {name for name, (covers, _) in LAXER.items() if covers(text, complaint)}
    assert found, f"we take {text!r}, but wg says: {complaint}"
    return found


@settings(run_many, max_examples=EXAMPLES)
@given(text=nearly_files())
def test_file_is_accepted_exactly_if_wg_accepts_it(wg: Wg, text: str) -> None:
    differences(text, wg.complaint(text.encode()))


@needs_wg_quick
@settings(run_many, max_examples=QUICK_EXAMPLES)
@given(text=nearly_quick_files())
def test_file_is_accepted_exactly_if_wg_quick_accepts_it(wg: Wg, text: str) -> None:
    complaint = wg.complaint_after_wg_quick(text.encode())
    differences(text, complaint, STRICTER | STRICTER_THAN_STRIP)


ODD_ADDRESS = re.compile(
    r"[0-9]+(\.[0-9]+){0,2}(/.*)?|0\.0\.0\.0.*|.*/(\+|0[0-9x]).*|(.*\.)?0[0-9x].*|.*:.*/.*\..*"
)
"""What ip(8) takes for an address and we don't: short ones, zeros, C's notations, masks of IPv6."""


def test_an_address_is_one_that_ip_takes_and_nearly_all_of_those() -> None:
    if shutil.which("ip") is None or not may_unshare():
        pytest.skip("ip, or a network namespace to try it in, can't be had here")
    texts = [text for text in ADDRESSES if text and " " not in text]
    add = 'ip address add "$text" dev lo 2>&- && echo taken && ip address flush dev lo || echo no'
    loop = f"while read -r text; do {add}; done"
    command = [*NO_NETWORK, "sh", "-c", loop]
    lines = "".join(f"{text}\n" for text in texts)
    done = subprocess.run(command, input=lines, capture_output=True, text=True, check=True)
    for text, said in zip(texts, done.stdout.split(), strict=True):
        ours = isinstance(outcome(f"{VALID_START}Address = {text}\n"), InterfaceConfig)
        assert ours == (said == "taken") or (not ours and ODD_ADDRESS.fullmatch(text)), text


@needs_wg_quick
@pytest.mark.parametrize("file", sorted(PROVIDER_FILES.glob("*.conf")), ids=lambda file: file.stem)
def test_wg_takes_the_providers_files_that_we_take(wg: Wg, file: Path) -> None:
    complaint = wg.complaint_after_wg_quick(file.read_bytes().removeprefix(b"\xef\xbb\xbf"))
    differences(file.read_text(), complaint)


@pytest.mark.parametrize(
    ("name", "text"), [(name, text) for name, (_, text) in (STRICTER | LAXER).items()]
)
def test_each_named_difference_is_one(wg: Wg, name: str, text: str) -> None:
    complaint = wg.complaint(text.encode())
    if name.startswith("'+'") and not complaint:
        pytest.skip("this wg is new enough to take '+'")
    assert differences(text, complaint) == {name}


@needs_wg_quick
@pytest.mark.parametrize(
    ("name", "text"), [(name, text) for name, (_, text) in STRICTER_THAN_STRIP.items()]
)
def test_each_named_difference_from_strip_is_one(wg: Wg, name: str, text: str) -> None:
    complaint = wg.complaint_after_wg_quick(text.encode())
    assert differences(text, complaint, STRICTER_THAN_STRIP) == {name}
