"""Tests that run in a network namespace of their own, as its root, without being root here.

A test runs in a child of this process, by fork(2) and unshare(2), so that it takes milliseconds and
leaves nothing behind. Pairs of veth(4), which every host of Docker has, stand for WireGuard's
devices and for Docker's.
"""

import ctypes
import errno
import fcntl
import functools
import multiprocessing
import os
import socket
import struct
import subprocess
import tempfile
import threading
import traceback
import warnings
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path, PurePath
from typing import ParamSpec, TypeVar

import pytest

from wgplugin.kernel import apply, setns, sysctl
from wgplugin.kernel.rtnl import Links
from wgplugin.kernel.space import Space
from wgplugin.model.device import Device, DeviceConfig
from wgplugin.model.namespace import Plan

ETH_P_ALL = 3
CLONE_NEWNET, CLONE_NEWUSER, CLONE_NEWNS = 0x40000000, 0x10000000, 0x00020000
MS_BIND, MNT_DETACH = 0x1000, 2
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x1, 0x1000
NETLINK_NETFILTER, NLM_F_REQUEST = 12, 1
NFT_NEWGEN, NFT_GETGEN = 0xA0F, 0xA10
DEVICE = "wgp0123456789ab"
"""A tunnel's device, as the host calls it."""
OWNER, OTHER = 0x1234567, 0x89ABCDE
"""The numbers of two tunnels' networks."""

P = ParamSpec("P")
T = TypeVar("T")

_fork = multiprocessing.get_context("fork")
_libc = ctypes.CDLL(None, use_errno=True)


def alone(test: Callable[P, None]) -> Callable[P, None]:
    """Run a test in a new network namespace, which ends with it; it can't skip itself there."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        if failure := _failure(lambda: test(*args, **kwargs)):
            pytest.fail(failure, pytrace=False)

    return run


def leave(path: Path) -> None:
    """Make a file of this namespace, as Docker does of a container's, and go on in a new one."""
    path.symlink_to(f"/proc/{os.getpid()}/fd/{os.open('/proc/self/ns/net', os.O_RDONLY)}")
    _unshare(CLONE_NEWNET)


def own_mounts() -> None:
    """Go on in a new mount namespace."""
    _unshare(CLONE_NEWNS)


def mount(path: Path) -> None:
    """Mount this namespace at a new file, as Docker does with a container's."""
    path.touch()
    _check(_libc.mount(b"/proc/self/ns/net", bytes(path), None, MS_BIND, None))


def unmount(path: Path) -> None:
    """Take a mount away as Docker does; the file stays for a while."""
    _check(_libc.umount2(bytes(path), MNT_DETACH))


def ip(*commands: str) -> None:
    """Do what ip(8) does."""
    subprocess.run(["ip", "-batch", "-"], input="\n".join(commands), text=True, check=True)


def add_device(name: str, *addresses: str) -> None:
    """Make a device that is up; what it sends comes out of the one that is called peer-NAME."""
    ip(
        f"link add {name} type veth peer name peer-{name}",
        *(f"address add {address} dev {name} nodad" for address in addresses),
        f"link set peer-{name} up",
        f"link set {name} up",
    )


def add_tunnel(*addresses: str, device: str = DEVICE, name: str = "wg0") -> int:
    """Make a tunnel's device as it is in a container: renamed by Docker. Return its index."""
    add_device(name, *addresses)
    ip(f"link set {name} alias {device}")
    return socket.if_nametoindex(name)


def add_tun(*addresses: str, device: str = DEVICE, name: str = "wg0") -> int:
    """Make a tunnel's device without a link layer, as WireGuard's are.

    Returns the file from which the packets that leave by it are read, and to which those that come
    in are written.
    """
    file = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(file, TUNSETIFF, struct.pack("16sH", name.encode(), IFF_TUN | IFF_NO_PI))
    nodad = ((each, " nodad" if ":" in each else "") for each in addresses)
    ip(
        f"link set {name} alias {device}",
        f"link set {name} up",
        *(f"address add {address} dev {name}{option}" for address, option in nodad),
    )
    return file


class MemoryWireGuard:
    """Devices that are WireGuard's only here, by their index: this kernel may have no WireGuard."""

    def __init__(self) -> None:
        self.devices: dict[int, Device] = {}

    def get(self, index: int) -> tuple[str, Device]:
        try:
            ifname = socket.if_indextoname(index)
        except OSError:
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV)) from None
        return ifname, self.devices.get(index, Device(None, None, 51820, 0, ()))

    def set(self, index: int, change: DeviceConfig) -> None:
        _, device = self.get(index)
        port, fwmark = change.listen_port, change.fwmark
        self.devices[index] = replace(
            device,
            listen_port=device.listen_port if port is None else port,
            fwmark=device.fwmark if fwmark is None else fwmark,
        )

    def close(self) -> None:
        pass


class InsideWireGuard(MemoryWireGuard):
    """Devices of a namespace that isn't the thread's; all are called wg0 there."""

    def get(self, index: int) -> tuple[str, Device]:
        return "wg0", self.devices.get(index, Device(None, None, 51820, 0, ()))


def here() -> Space:
    """Return this namespace, with devices that stand for WireGuard's."""
    space = Space()
    space.wireguard.close()
    space.wireguard = MemoryWireGuard()  # type: ignore[assignment]
    return space


def new_namespace() -> int:
    """Return a descriptor of a new network namespace."""

    def make() -> int:
        setns.leave()
        return os.open("/proc/thread-self/ns/net", os.O_RDONLY)

    return setns.apart(make)


def within(namespace: int, work: Callable[[], T]) -> T:
    """Do work in the namespace of a file descriptor."""

    def enter_and_work() -> T:
        setns.enter(namespace)
        return work()

    return setns.apart(enter_and_work)


def inside(namespace: int) -> Space:
    """Return another namespace, with devices that stand for WireGuard's; see here()."""
    # A proc of one's own can't be had in a user namespace.
    sysctl.write = write_below_proc
    space = within(namespace, lambda: Space(namespace))
    space.wireguard.close()
    space.wireguard = InsideWireGuard()  # type: ignore[assignment]
    return space


def write_below_proc(setting: PurePath, value: str) -> None:
    """Do what sysctl.write() does, by the /proc that is there."""
    Path("/proc/sys", setting).write_text(value)


def apply_firewall(plan: Plan) -> None:
    """Install a plan's nftables, which know the other networks that are here."""
    space = here()
    apply.apply_firewall(space, plan, Links(space.route).other_networks())


def far_end(name: str) -> socket.socket:
    """Move a device into a new namespace, as a bridge's end is; return a socket for its frames."""
    left, moved = threading.Event(), threading.Event()
    found: list[socket.socket] = []

    def move() -> None:
        _unshare(CLONE_NEWNET)
        left.set()
        moved.wait(10)
        ip(f"link set {name} up")
        end = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        end.bind((name, ETH_P_ALL))
        found.append(end)

    thread = threading.Thread(target=move)
    thread.start()
    assert left.wait(10)
    ip(f"link set {name} netns {thread.native_id}")
    moved.set()
    thread.join(10)
    return found[0]


def _failure(work: Callable[[], None]) -> str:
    reader, writer = _fork.Pipe(duplex=False)
    with reader, warnings.catch_warnings():
        # Python warns of other threads, whose locks a child could wait for: no test holds any.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = _fork.Process(target=_try, args=(work, writer))
        child.start()
        writer.close()
        try:
            failure: str = reader.recv()
        except EOFError:
            failure = "the child ended before the test"
        child.join()
    return failure


def _try(work: Callable[[], None], result: Connection) -> None:
    try:
        _become_root()
        work()
    except BaseException:
        result.send(traceback.format_exc())
    else:
        result.send("")


def _become_root() -> None:
    """Do what `unshare --user --map-root-user --net` does."""
    user, group = os.geteuid(), os.getegid()
    _unshare(CLONE_NEWUSER | CLONE_NEWNET)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"0 {user} 1")
    Path("/proc/self/gid_map").write_text(f"0 {group} 1")


def _unshare(flags: int) -> None:
    _check(_libc.unshare(flags))


def _check(result: int) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _needs(what: str, work: Callable[[], None]) -> pytest.MarkDecorator:
    failure = _failure(work)
    last = failure.strip().rpartition("\n")[2]
    return pytest.mark.skipif(bool(failure), reason=f"needs {what}: {last}")


def _try_ipv6() -> None:
    add_device("eth0", "2001:db8::2/64")


def _try_mounts() -> None:
    own_mounts()
    with tempfile.TemporaryDirectory() as folder:
        mount(Path(folder, "net"))
        unmount(Path(folder, "net"))


def _try_nftables() -> None:
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER) as connection:
        connection.send(struct.pack("=IHHIIBBH", 20, NFT_GETGEN, NLM_F_REQUEST, 0, 0, 0, 0, 0))
        _, kind = struct.unpack_from("=IH", connection.recv(4096))
        assert kind == NFT_NEWGEN, "the kernel has no nf_tables"


def _try_settings() -> None:
    path = Path("/proc/sys/net/ipv4/conf/lo/rp_filter")
    path.write_text(path.read_text())


needs_namespaces = _needs("ip, user namespaces and veth", lambda: add_device("eth0"))
needs_ipv6 = _needs("IPv6", _try_ipv6)
needs_nftables = _needs("nftables", _try_nftables)
needs_tun = _needs("/dev/net/tun", lambda: os.close(add_tun()))
needs_mounts = _needs("mount namespaces", _try_mounts)
needs_sysctl = _needs("a /proc/sys that can be written", _try_settings)

BOTH_FAMILIES = pytest.mark.parametrize("version", [4, pytest.param(6, marks=needs_ipv6)])
