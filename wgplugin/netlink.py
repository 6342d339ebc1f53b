"""The kernel backend: links by rtnetlink, WireGuard by generic netlink."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv4Address, IPv6Address
from typing import Any, TypeVar

from pyroute2.iproute.linux import IPRoute
from pyroute2.netlink import NLM_F_DUMP, NLM_F_REQUEST
from pyroute2.netlink.exceptions import NetlinkError
from pyroute2.netlink.rtnl import RTM_GETLINK, RTM_GETNSID, RTM_GETROUTE
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg
from pyroute2.netlink.rtnl.nsidmsg import nsidmsg
from pyroute2.netlink.rtnl.rtmsg import rtmsg

from wgplugin.codes import Code
from wgplugin.errors import BackendError
from wgplugin.plan import MAIN_TABLE
from wgplugin.threads import to_the_end
from wgplugin.wgsocket import WireGuardSocket
from wgplugin.wireguard import DeviceConfig, Place

KIND = "wireguard"
WORKERS = 4
NAMESPACES_IN_32_KIB = range(1100, 1171)

PORT_TRIES = 30
PORT_PAUSE = 0.1

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


class KernelBackend:
    """The Backend that drives the kernel of this host.

    A call into the kernel may block (deleting a device does, for tens of milliseconds), so each
    runs in one of a few threads, which keep their sockets.
    """

    def __init__(self) -> None:
        self._workers = ThreadPoolExecutor(WORKERS, thread_name_prefix="netlink")
        self._local = threading.local()

    async def create(self, ifname: str, mtu: int) -> None:
        """Make a device; see Backend."""
        await self._run(self._create, ifname, mtu)

    async def configure(self, ifname: str, config: DeviceConfig) -> None:
        """Change a device; see Backend."""
        await self._run(self._configure, ifname, config)
        if config.listen_port:
            await self._expect_port(ifname, config.listen_port)

    async def delete(self, ifname: str) -> None:
        """Delete a device; see Backend."""
        await self._run(self._delete, ifname)

    async def places(self) -> Mapping[str, Place]:
        """Find devices; see Backend."""
        return await self._run(self._places)

    async def path_mtu(self, host: IPv4Address | IPv6Address | None) -> int | None:
        """Ask the kernel's routes; see Backend."""
        return await self._run(self._path_mtu, host)

    async def _run(self, work: Callable[..., T], *args: Any) -> T:
        return await to_the_end(work, *args, executor=self._workers)

    async def _expect_port(self, ifname: str, port: int) -> None:
        # A dying network namespace gives its devices' ports back some time later.
        for _ in range(PORT_TRIES):
            if await self._run(self._port_is_free, ifname):
                return
            await asyncio.sleep(PORT_PAUSE)
        raise BackendError(
            Code.PORT_IN_USE,
            f"ListenPort {port} is in use on this host (see: ss -lunp sport = :{port}); "
            "choose another or leave it out",
        )

    @property
    def _links(self) -> Any:
        if not hasattr(self._local, "links"):
            self._local.links = IPRoute(ext_ack=True)
            self._local.links.status["nlm_generator"] = False
        return self._local.links

    @property
    def _devices(self) -> WireGuardSocket:
        if not hasattr(self._local, "devices"):
            self._local.devices = WireGuardSocket()
        devices: WireGuardSocket = self._local.devices
        return devices

    def _create(self, ifname: str, mtu: int) -> None:
        add = {"ifname": ifname, "kind": KIND, "mtu": mtu}
        with _errors(f"the WireGuard device {ifname} can't be made"):
            try:
                self._links.link("add", **add)
            except NetlinkError as error:
                if error.code != errno.EEXIST:
                    raise
                self._links.link("del", ifname=ifname)
                self._links.link("add", **add)
            # By this it is found again in a container, where it gets another name.
            self._links.link("set", ifname=ifname, ifalias=ifname)

    def _configure(self, ifname: str, config: DeviceConfig) -> None:
        with _errors(f"the WireGuard device {ifname} can't be configured"):
            self._devices.set(ifname, config)

    def _port_is_free(self, ifname: str) -> bool:
        # WireGuard opens its socket when the device goes up, which Docker does too late to tell.
        with _errors(f"the WireGuard device {ifname} can't be tried"):
            try:
                self._links.link("set", ifname=ifname, state="up")
            except NetlinkError as error:
                if error.code != errno.EADDRINUSE:
                    raise
                return False
            self._links.link("set", ifname=ifname, state="down")
            return True

    def _delete(self, ifname: str) -> None:
        with _errors(f"the WireGuard device {ifname} can't be deleted"):
            try:
                self._links.link("del", ifname=ifname)
            except NetlinkError as error:
                if error.code != errno.ENODEV:
                    raise

    def _places(self) -> dict[str, Place]:
        with _errors("the WireGuard devices can't be listed"):
            places = {
                alias: Place.CONTAINER
                for namespace in self._namespaces()
                for _, alias in self._wireguard_devices(namespace)
            }
            return places | {ifname: Place.HOST for ifname, _ in self._wireguard_devices()}

    def _namespaces(self) -> list[int]:
        """Return the numbers that the host's namespace has for others.

        The kernel gives one when a device is moved there. Some kernels (6.12 is one) end the list
        with the first message, which is 4 KiB on a socket's first use and then 32 KiB.
        """
        for _ in range(2):
            found = self._links.nlm_request(nsidmsg(), RTM_GETNSID, NLM_F_REQUEST | NLM_F_DUMP)
        if len(found) in NAMESPACES_IN_32_KIB:
            message = "there are more network namespaces than the kernel tells of"
            raise BackendError(Code.TOO_MANY_NAMESPACES, message)
        return [message.get_attr("NETNSA_NSID") for message in found]

    def _wireguard_devices(self, namespace: int | None = None) -> list[tuple[str, str]]:
        request = ifinfmsg()
        request["attrs"] = [("IFLA_LINKINFO", {"attrs": [("IFLA_INFO_KIND", KIND)]})]
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
            if link.get(("linkinfo", "kind")) == KIND
        ]

    def _path_mtu(self, host: IPv4Address | IPv6Address | None) -> int | None:
        try:
            if host is None:
                routes = self._links.get_default_routes(socket.AF_INET, MAIN_TABLE)
            else:
                way = rtmsg()
                way["family"] = socket.AF_INET if host.version == 4 else socket.AF_INET6
                way["dst_len"] = host.max_prefixlen
                way["attrs"] = [("RTA_DST", str(host))]
                routes = self._get(way, RTM_GETROUTE)
            for route in routes[:1]:
                device = ifinfmsg()
                device["index"] = route.get("oif")
                (link,) = self._get(device, RTM_GETLINK)
                return int(route.get(("metrics", "mtu")) or link.get("mtu"))
        except NetlinkError:
            pass
        return None

    def _get(self, request: Any, kind: int) -> Any:
        # pyroute2's own "get" asks for an acknowledgement, too, and keeps it for good.
        return self._links.nlm_request(request, kind, NLM_F_REQUEST)


@contextlib.contextmanager
def _errors(trouble: str) -> Iterator[None]:
    try:
        yield
    except NetlinkError as error:
        refusal = (Code.KERNEL_REFUSES, f"{os.strerror(error.code)} ({error.args[-1]})")
        code, reason = ADVICE.get(error.code, refusal)
        raise BackendError(code, f"{trouble}: {reason}") from None
    except OSError as error:
        raise BackendError(Code.KERNEL_REFUSES, f"{trouble}: {error}") from None
