"""What the kernel refuses is told in words; what it grants is seen in tests/e2e."""

import errno
import os
import shutil
import socket
import subprocess
import sys
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from wgplugin.kernel import host
from wgplugin.kernel.ipv6 import has_ipv6

CREATE = """
import asyncio
from wgplugin.kernel.host import KernelHost
from wgplugin.model.device import DeviceConfig
asyncio.run(KernelHost().create("wgp0123456789ab", 1420, DeviceConfig()))
"""

WAYS = """
import asyncio, subprocess
from ipaddress import ip_address
from wgplugin.kernel.host import KernelHost

async def ask():
    backend = KernelHost()
    for host in ("192.0.2.2", "198.51.100.1", "2001:db8::2", "2001:db8:1::1", "203.0.113.1"):
        print(await backend.path_mtu(ip_address(host)))
    print(await backend.path_mtu(None))

def ip(command):
    subprocess.run(["ip", *command.split()], check=True)

ip("link set lo up mtu 9000")
ip("address add 192.0.2.1/24 dev lo")
ip("address add 2001:db8::1/64 dev lo")
ip("route add 198.51.100.0/24 dev lo mtu 1300")
ip("route add 2001:db8:1::/64 dev lo mtu 1400")
asyncio.run(ask())
ip("route add default dev lo mtu 1280")
asyncio.run(ask())
"""
IN_A_NAMESPACE = ("unshare", "--user", "--map-root-user", "--net")


def has_namespaces() -> bool:
    if not shutil.which("unshare") or not shutil.which("ip"):
        return False
    return subprocess.run([*IN_A_NAMESPACE, "true"], check=False).returncode == 0


def has_wireguard() -> bool:
    if Path("/sys/module/wireguard").exists() or not shutil.which("modprobe"):
        return Path("/sys/module/wireguard").exists()
    dry_run = ["modprobe", "--dry-run", "--quiet", "wireguard"]
    return subprocess.run(dry_run, check=False).returncode == 0


@pytest.mark.skipif(has_wireguard(), reason="this kernel has WireGuard")
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to get as far as WireGuard")
def test_kernel_without_wireguard_is_called_so() -> None:
    result = subprocess.run([sys.executable, "-c", CREATE], capture_output=True, text=True)
    assert "kernel has no WireGuard; it needs Linux 5.6 or newer" in result.stderr


@pytest.mark.skipif(not has_namespaces(), reason="needs unshare, ip and user namespaces")
def test_mtu_of_a_way_is_that_of_its_route_or_else_of_its_device() -> None:
    command = [*IN_A_NAMESPACE, sys.executable, "-c", WAYS]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    without_default, with_default = result.stdout.split()[:6], result.stdout.split()[6:]
    assert without_default == ["9000", "1300", "9000", "1400", "None", "None"]
    assert with_default == ["9000", "1300", "9000", "1400", "1280", "1280"]


LOCATIONS = """
import asyncio, subprocess
from wgplugin.kernel.host import KernelHost

def ip(command):
    subprocess.run(["ip", *command.split()], check=True)

ip("link add wgp0123456789ab type veth peer name wgr0123456789ab")
ip("link add veth0 type veth peer name veth1")
print(asyncio.run(KernelHost().locations()))
"""


@pytest.mark.skipif(not has_namespaces(), reason="needs unshare, ip and user namespaces")
def test_leftovers_of_shared_networks_are_on_the_host() -> None:
    command = [*IN_A_NAMESPACE, sys.executable, "-c", LOCATIONS]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert result.stdout == "{'wgp0123456789ab': <Location.HOST: 1>}\n"


def no_socket(family: int, kind: int) -> Any:
    raise OSError(errno.EAFNOSUPPORT, os.strerror(errno.EAFNOSUPPORT))


def test_host_without_ipv6_has_no_path_to_an_ipv6_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "socket", no_socket)
    assert host._path_mtu(ip_address("2001:db8::1")) is None


def test_host_without_a_socket_for_ipv6_has_no_ipv6(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "socket", no_socket)
    assert not has_ipv6.__wrapped__()


@pytest.mark.parametrize(("ipv6", "expected"), [(True, {4, 6}), (False, {4})])
def test_families_are_those_of_the_host(
    monkeypatch: pytest.MonkeyPatch, ipv6: bool, expected: set[int]
) -> None:
    monkeypatch.setattr(host, "has_ipv6", lambda: ipv6)
    assert host.KernelHost().families == expected
