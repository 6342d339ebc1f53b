"""The backend for this host's kernel: links by rtnetlink, WireGuard by generic netlink."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property, partial
from typing import Any, TypeVar

from pyroute2.netlink import NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, NLM_F_REQUEST
from pyroute2.netlink.exceptions import NetlinkError
from pyroute2.netlink.rtnl import (
    RTM_DELLINK,
    RTM_GETLINK,
    RTM_GETNSID,
    RTM_NEWLINK,
    RTM_SETLINK,
)
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg
from pyroute2.netlink.rtnl.nsidmsg import nsidmsg

from wgplugin.codes import Code
from wgplugin.errors import BackendError
from wgplugin.kernel import trial
from wgplugin.kernel.iproute import request, rtnetlink
from wgplugin.kernel.ipv6 import has_ipv6
from wgplugin.kernel.wireguard import WireGuardSocket
from wgplugin.model.backends import Location
from wgplugin.model.device import DeviceConfig
from wgplugin.model.identity import DEVICE_NAME
from wgplugin.model.namespace import GROUP, MAIN_TABLE
from wgplugin.model.prefixes import IPAddress
from wgplugin.threads import to_the_end

KIND, END_OF_PAIR = "wireguard", "veth"
NAMESPACES_IN_32_KIB = range(1100, 1171)

PORT_TRIES = 30
PORT_PAUSE = 0.1

# The MTU of a connected socket's route: ip(7), ipv6(7); numbers of linux/in.h, linux/in6.h.
IP_MTU, IPV6_MTU = 14, 24
ANY_PORT = 9

# What WireGuard says of a name that no device has, or one of another kind.
_NO_DEVICE = (errno.ENODEV, errno.EOPNOTSUPP)

T = TypeVar("T")

ADVICE = {
    errno.EOPNOTSUPP: (
        Code.NO_WIREGUARD,
        "this host's kernel has no WireGuard; it needs Linux 5.6 or newer with the "
        "wireguard module (try: modprobe wireguard)",
    ),
    errno.EPERM: (
        Code.NOT_PERMITTED,
        "the plugin isn't allowed to manage devices; it needs CAP_NET_ADMIN",
    ),
}


class KernelHost:
    """The HostKernel for this host.

    A call into the kernel may block: to delete a device takes tens of milliseconds. So all calls
    run in a thread. One is enough, as the kernel does one such call at a time (rtnl_lock).
    """

    def __init__(self) -> None:
        self.families = frozenset({4, 6} if has_ipv6() else {4})
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="netlink")

    async def create(self, ifname: str, mtu: int, config: DeviceConfig) -> None:
        """Make a device; see HostKernel."""
        await self._run(self._create, ifname, mtu, config)
        if config.listen_port:
            await self._expect_port(ifname, config.listen_port)

    async def delete(self, ifname: str) -> None:
        """Delete a device; see HostKernel."""
        await self._run(self._delete, ifname)

    async def locations(self) -> Mapping[str, Location]:
        """Return each device's location; see HostKernel."""
        return await self._run(self._places)

    async def answers(self, ifname: str, config: DeviceConfig, patience: float) -> bool:
        """Try whether a peer answers; see HostKernel."""
        tried = trial.trial(config)
        if not tried.peers:
            return False
        try:
            await self._run(self._create, ifname, trial.MTU, tried)
            await self._run(self._set_up, ifname)
            return await trial.within(patience, partial(self._run, self._had_handshake, ifname))
        finally:
            await self.delete(ifname)

    async def had_handshake(self, ifname: str) -> bool | None:
        """Return whether a device ever had a handshake; see HostKernel."""
        return await self._run(self._had_handshake, ifname)

    async def path_mtu(self, host: IPAddress | None) -> int | None:
        """Return the MTU of the path to a host; see HostKernel."""
        if host is None:
            return await self._run(self._default_mtu)
        # Too quick for a thread; but let other tasks run between the look-ups of many hosts.
        await asyncio.sleep(0)
        return _path_mtu(host)

    async def _run(self, work: Callable[..., T], *args: Any) -> T:
        return await to_the_end(work, *args, executor=self._worker)

    async def _expect_port(self, ifname: str, port: int) -> None:
        # A network namespace that ends frees its devices' ports some time later.
        for _ in range(PORT_TRIES):
            if await self._run(self._port_is_free, ifname):
                return
            await asyncio.sleep(PORT_PAUSE)
        raise BackendError(
            Code.PORT_IN_USE,
            f"ListenPort {port} is in use on this host (see: ss -lunp sport = :{port}); "
            "choose another or leave it out",
        )

    @cached_property
    def _links(self) -> Any:
        return rtnetlink()

    @cached_property
    def _wireguard(self) -> WireGuardSocket:
        return WireGuardSocket()

    def _create(self, ifname: str, mtu: int, config: DeviceConfig) -> None:
        kind = {"attrs": [("IFLA_INFO_KIND", KIND)]}
        made = {"IFLA_MTU": mtu, "IFLA_GROUP": GROUP, "IFLA_LINKINFO": kind}
        with _errors(f"the WireGuard device {ifname} can't be made"):
            try:
                self._link(RTM_NEWLINK, ifname, **made)
            except NetlinkError as error:
                if error.code != errno.EEXIST:
                    raise
                self._link(RTM_DELLINK, ifname)
                self._link(RTM_NEWLINK, ifname, **made)
            # The device gets another name in a container; its alias stays.
            self._link(RTM_SETLINK, ifname, IFLA_IFALIAS=ifname)
        with _errors(f"the WireGuard device {ifname} can't be configured"):
            self._wireguard.set(ifname, config)

    def _port_is_free(self, ifname: str) -> bool:
        # WireGuard opens its port when the device goes up; Docker does that too late for an error.
        with _errors(f"the WireGuard device {ifname} can't be tried"):
            try:
                self._links.link("set", ifname=ifname, state="up")
            except NetlinkError as error:
                if error.code != errno.EADDRINUSE:
                    raise
                return False
            self._links.link("set", ifname=ifname, state="down")
            return True

    def _set_up(self, ifname: str) -> None:
        with _errors(f"the WireGuard device {ifname} can't be set up"):
            self._links.link("set", ifname=ifname, state="up")

    def _had_handshake(self, ifname: str) -> bool | None:
        with _errors(f"the WireGuard device {ifname} can't be looked at"):
            try:
                _, device = self._wireguard.get(ifname)
            except OSError as error:
                if error.errno not in _NO_DEVICE:
                    raise
                return None
        return trial.had_handshake(device)

    def _delete(self, ifname: str) -> None:
        with _errors(f"the WireGuard device {ifname} can't be deleted"):
            try:
                self._link(RTM_DELLINK, ifname)
            except NetlinkError as error:
                if error.code != errno.ENODEV:
                    raise

    def _places(self) -> dict[str, Location]:
        with _errors("the WireGuard devices can't be listed"):
            # In this order, a device that Docker moves into a container meanwhile is never missed.
            ends = (ifname for ifname, _ in self._devices(END_OF_PAIR))
            places = dict.fromkeys(filter(DEVICE_NAME.fullmatch, ends), Location.HOST)
            places |= {ifname: Location.HOST for ifname, _ in self._devices(KIND)}
            return places | {
                alias: Location.CONTAINER
                for namespace in self._namespaces()
                for _, alias in self._devices(KIND, namespace)
            }

    def _namespaces(self) -> list[int]:
        """Return the ids that the host's namespace has for other namespaces.

        The kernel assigns an id when a device moves to a namespace. Some kernels (6.12 is one) end
        the list after one message, of 4 KiB at a socket's first use and of 32 KiB later.

        Raises:
            BackendError: the list may be incomplete.
        """
        for _ in range(2):
            found = self._links.nlm_request(nsidmsg(), RTM_GETNSID, NLM_F_REQUEST | NLM_F_DUMP)
        if len(found) in NAMESPACES_IN_32_KIB:
            message = "there are more network namespaces than the kernel lists"
            raise BackendError(Code.TOO_MANY_NAMESPACES, message)
        return [message.get_attr("NETNSA_NSID") for message in found]

    def _devices(self, kind: str, namespace: int | None = None) -> list[tuple[str, str]]:
        request = ifinfmsg()
        request["attrs"] = [("IFLA_LINKINFO", {"attrs": [("IFLA_INFO_KIND", kind)]})]
        if namespace is not None:
            request["attrs"].append(("IFLA_IF_NETNSID", namespace))
        try:
            links = self._links.nlm_request(request, RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP)
        except NetlinkError as error:
            if namespace is None or error.code != errno.EINVAL:
                raise
            return []
        return [
            (link.get_attr("IFLA_IFNAME"), link.get_attr("IFLA_IFALIAS") or "")
            for link in links
            if link.get(("linkinfo", "kind")) == kind
        ]

    def _default_mtu(self) -> int | None:
        with contextlib.suppress(NetlinkError):
            for route in self._links.get_default_routes(socket.AF_INET, MAIN_TABLE)[:1]:
                device = ifinfmsg()
                device["index"] = route.get("oif")
                link = request(self._links, device, RTM_GETLINK, 0)
                return int(route.get(("metrics", "mtu")) or link.get("mtu"))
        return None

    def _link(self, kind: int, ifname: str, **attributes: Any) -> None:
        message = ifinfmsg()
        message["attrs"] = [("IFLA_IFNAME", ifname), *attributes.items()]
        flags = NLM_F_CREATE | NLM_F_EXCL if kind == RTM_NEWLINK else 0
        request(self._links, message, kind, NLM_F_ACK | flags)


def _path_mtu(host: IPAddress) -> int | None:
    """Return the path MTU to a host in bytes, or None; to connect the UDP socket sends nothing.

    On a host without IPv6 there is no socket for it, and so no path.
    """
    if host.version == 4:
        family, level, option = socket.AF_INET, socket.IPPROTO_IP, IP_MTU
    else:
        family, level, option = socket.AF_INET6, socket.IPPROTO_IPV6, IPV6_MTU
    with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.connect((str(host), ANY_PORT))
        return probe.getsockopt(level, option)
    return None


@contextlib.contextmanager
def _errors(trouble: str) -> Iterator[None]:
    """Raise BackendError for an error of the kernel; ``trouble`` begins its message."""
    try:
        yield
    except NetlinkError as error:
        raise _refusal(
            trouble, error.code, f"{os.strerror(error.code)} ({error.args[-1]})"
        ) from None
    except OSError as error:
        raise _refusal(trouble, error.errno, error.strerror or str(error)) from None


def _refusal(trouble: str, number: int | None, reason: str) -> BackendError:
    code, advice = ADVICE.get(number or 0, (Code.KERNEL_REFUSES, reason))
    return BackendError(code, f"{trouble}: {advice}")
