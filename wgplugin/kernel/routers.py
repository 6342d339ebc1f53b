"""The routers of shared networks: namespaces that are pinned below the host's /run/docker."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from wgplugin.codes import Code
from wgplugin.errors import BackendError
from wgplugin.kernel import name_sockets, router, sharing
from wgplugin.kernel.kept import KeptSpace, unless_unwanted
from wgplugin.kernel.netlink import NetlinkSocket
from wgplugin.kernel.pins import Pins
from wgplugin.kernel.setns import apart, enter
from wgplugin.kernel.sharing import FOLDER
from wgplugin.kernel.space import Space
from wgplugin.kernel.turns import NotDoneError, Turns
from wgplugin.model.backends import Router, RouterApplied
from wgplugin.model.device import DeviceConfig, Key
from wgplugin.model.prefixes import IPAddress
from wgplugin.model.router import RouterPlan

T = TypeVar("T")

THREADS = 4
"""The number of routers in which something is done at a time."""

JOB_SECONDS = 10.0
"""The time limit for one piece of work in a router."""


class KernelRouter(KeptSpace):
    """A router's namespace, kept open; see `Router` for the methods."""

    __slots__ = ("name",)

    CODE, WHAT = Code.NO_ROUTER, "a shared network's router"
    REFUSED = "a shared network's router can't be set up: "

    def __init__(self, name: str, space: Space, turns: Turns) -> None:
        super().__init__(space, turns)
        self.name = name

    async def adopt(self, device: str) -> None:
        """See `Router`."""
        await self._do(router.adopt, device)

    async def apply(
        self, plan: RouterPlan, config: DeviceConfig, moved: Collection[Key] = ()
    ) -> RouterApplied:
        """See `Router`."""
        return await self._do(router.apply, plan, config, moved)

    async def attach(self, ifname: str, mac_address: str, plan: RouterPlan) -> None:
        """See `Router`."""
        await self._do(router.attach, ifname, mac_address, plan)

    async def ports(self) -> frozenset[str]:
        """See `Router`."""
        return await self._do(router.ports)

    async def listen(self, addresses: Collection[IPAddress], port: int) -> tuple[int, ...]:
        """See `Router`."""
        opened = await unless_unwanted(self._do(name_sockets.listen, addresses, port))
        return opened.detach()

    async def pin(self, pinned: Pins) -> bool:
        """Return whether the namespace is pinned under its name; if not, pin it again."""
        return await self._do(_pin, pinned, self.name)


class KernelRouters:
    """The RouterKernel for this host; see `RouterKernel` for the methods."""

    def __init__(self, mount: Path, owner: str) -> None:
        """Pin routers below ``mount``, where the host's /run/docker is mounted.

        ``owner``: this plugin, as others on the host may have routers, too.
        """
        self._folder = mount / FOLDER
        self._pins = Pins(self._folder, owner)
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="router")
        self._jobs = Turns(self._pool.submit, JOB_SECONDS)

    async def check(self) -> None:
        """See `RouterKernel`."""
        await self._do(self._try)

    async def networks(self) -> frozenset[str]:
        """See `RouterKernel`."""
        return await self._do(self._pins.names)

    async def make(self, network_id: str) -> Router:
        """See `RouterKernel`."""
        return await unless_unwanted(self._do(self._make, network_id))

    async def is_pinned(self, router: Router) -> bool:
        """See `RouterKernel`."""
        return isinstance(router, KernelRouter) and await router.pin(self._pins)

    async def delete(self, network_id: str) -> None:
        """See `RouterKernel`."""
        await self._do(self._delete, network_id)

    async def _do(self, work: Callable[..., T], *args: Any) -> T:
        try:
            return await self._jobs.run(work, *args)
        except NotDoneError as error:
            raise _no_router(f"the kernel {error}") from None
        except OSError as error:
            raise _no_router(error.strerror or str(error)) from None

    def _try(self) -> None:
        """Make sure that pins are passed on to others; that these are the host is known."""
        places = (sharing.mount_options(place) for place in (self._folder, self._folder.parent))
        options = next((each for each in places if each is not None), ())
        if not any(option.startswith("shared:") for option in options):
            raise _no_router("the host's / isn't shared (try: mount --make-rshared /)")

    def _make(self, name: str) -> KernelRouter:
        found = self._pins.open(name)
        return self._entered(name, self._pins.make(name) if found is None else found)

    def _entered(self, name: str, namespace: int) -> KernelRouter:
        """Return the router of a namespace's descriptor, which it closes."""

        def space() -> Space:
            enter(namespace)
            return Space(namespace)

        try:
            return KernelRouter(name, apart(space), Turns(self._pool.submit, JOB_SECONDS))
        except OSError:
            os.close(namespace)
            raise

    def _delete(self, name: str) -> None:
        """Delete a router; its devices first, whose ports are free at once then."""
        namespace = self._pins.open(name)
        if namespace is not None:

            def empty() -> None:
                enter(namespace)
                with contextlib.closing(NetlinkSocket(socket.NETLINK_ROUTE)) as route:
                    router.empty(route)

            try:
                apart(empty)
            finally:
                os.close(namespace)
        self._pins.delete(name)


def _pin(space: Space, pinned: Pins, name: str) -> bool:
    if pinned.is_at(name, space.namespace):
        return True
    pinned.pin(name, space.namespace)
    return False


def _no_router(reason: str) -> BackendError:
    return BackendError(Code.NO_ROUTER, f"a shared network's router can't be made: {reason}")
