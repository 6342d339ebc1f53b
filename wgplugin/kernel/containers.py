"""Work inside containers' network namespaces, the only use of CAP_SYS_ADMIN.

A thread enters a namespace by setns(2) and never comes back. So each thread does one job and ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import re
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from pyroute2.netlink.exceptions import NetlinkError

from wgplugin.codes import Code
from wgplugin.errors import BackendError
from wgplugin.kernel import apply
from wgplugin.kernel.notices import NoticeSocket
from wgplugin.kernel.setns import enter, leave
from wgplugin.model.backends import Notices, Observed
from wgplugin.model.device import DeviceConfig, Key
from wgplugin.model.namespace import OtherNetwork, Plan
from wgplugin.model.prefixes import Prefix
from wgplugin.threads import to_the_end

T = TypeVar("T")

KEY = re.compile(r"/(?:var/)?run/docker/netns/([0-9a-f]{1,64})")
"""Docker's key for a namespace: the path of its file on the host. /var/run is a link to /run."""

JOBS = 16
"""The largest number of threads at a time."""

_GONE = (errno.ENOENT, errno.EINVAL)


class KernelContainers:
    """The ContainerKernel for this host; see `ContainerKernel` for the methods."""

    def __init__(self, folder: Path) -> None:
        """Use the namespace files in ``folder``, where the host's /run/docker/netns is mounted."""
        self._folder = folder
        self._jobs = asyncio.Semaphore(JOBS)

    async def exists(self, key: str) -> bool:
        """See `ContainerKernel`."""
        with contextlib.suppress(BackendError):
            return await self._inside(key, lambda: True) or False
        return False

    async def block_exits(self, key: str, plan: Plan) -> bool:
        """See `ContainerKernel`."""
        return await self._inside(key, apply.block_exits, plan) or False

    async def is_moved(self, key: str, device: str, expected: Collection[Prefix]) -> bool:
        """See `ContainerKernel`."""
        return await self._inside(key, apply.is_moved, device, expected) or False

    async def apply(
        self,
        key: str,
        plan: Plan,
        config: DeviceConfig | None = None,
        moved: Collection[Key] = (),
    ) -> list[str] | None:
        """See `ContainerKernel`."""
        return await self._inside(key, apply.apply, plan, config, moved)

    async def apply_firewall(self, key: str, plan: Plan) -> frozenset[OtherNetwork] | None:
        """See `ContainerKernel`."""
        return await self._inside(key, apply.apply_firewall, plan)

    async def check_firewall(self) -> bool:
        """See `ContainerKernel`."""
        return await self._in_thread(_check_firewall)

    async def notices(self, key: str) -> Notices | None:
        """See `ContainerKernel`."""
        return await self._inside(key, NoticeSocket)

    async def observe(self, key: str, device: str) -> Observed | None:
        """See `ContainerKernel`."""
        return await self._inside(key, apply.observe, device)

    async def configure(self, key: str, device: str, change: DeviceConfig) -> bool:
        """See `ContainerKernel`."""
        return await self._inside(key, apply.configure, device, change) or False

    async def clear(self, key: str, device: str, owner: int) -> None:
        """See `ContainerKernel`."""
        await self._inside(key, apply.clear, device, owner)

    async def _inside(self, key: str, work: Callable[..., T], *args: Any) -> T | None:
        """Run ``work`` in a namespace; return its result, None if that or the device is gone."""
        match = KEY.fullmatch(key)
        if match is None:
            return None
        return await self._in_thread(_enter_and, self._folder / match[1], work, args)

    async def _in_thread(self, work: Callable[..., T], *args: Any) -> T:
        async with self._jobs:
            worker = ThreadPoolExecutor(1, thread_name_prefix="sandbox")
            try:
                return await to_the_end(work, *args, executor=worker)
            finally:
                worker.shutdown(wait=False)


def _check_firewall() -> bool:
    """Try a tunnel's nftables in a namespace that ends with this thread."""
    try:
        leave()
    except OSError as error:
        message = f"no network namespace can be made: {error.strerror}"
        raise BackendError(Code.NOT_ENTERED, message) from None
    return apply.check_firewall()


def _enter_and(path: Path, work: Callable[..., T], args: tuple[Any, ...]) -> T | None:
    try:
        enter(path)
    except OSError as error:
        if error.errno in _GONE:
            return None
        message = f"a container's network namespace can't be entered: {error}"
        raise BackendError(Code.NOT_ENTERED, message) from None
    try:
        return work(*args)
    except apply.GoneError:
        return None
    except NetlinkError as error:
        if error.code == errno.ENODEV:
            return None
        reason = f"{os.strerror(error.code)} ({error.args[-1]})"
        raise _not_set_up(reason) from None
    except OSError as error:
        raise _not_set_up(str(error)) from None


def _not_set_up(reason: str) -> BackendError:
    return BackendError(Code.NOT_SET_UP, f"the container's network can't be set up: {reason}")
