"""Containers' network namespaces, kept open by sockets in them: the only use of CAP_SYS_ADMIN."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import re
import resource
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from wgplugin.codes import Code
from wgplugin.errors import BackendError
from wgplugin.kernel import apply, name_sockets
from wgplugin.kernel.kept import KeptSpace, unless_unwanted
from wgplugin.kernel.mounts import MountNotices
from wgplugin.kernel.netfilter import NetfilterSocket
from wgplugin.kernel.setns import Visitor, leave, opened
from wgplugin.kernel.space import Space
from wgplugin.kernel.turns import NotDoneError, Turns
from wgplugin.model.backends import Applied, Container, Observed, Router, Unseen
from wgplugin.model.device import DeviceConfig, Key
from wgplugin.model.namespace import OtherNetwork, Plan
from wgplugin.model.prefixes import Prefix
from wgplugin.threads import to_the_end

T = TypeVar("T")

KEY = re.compile(r"/(?:var/)?run/docker/netns/([0-9a-f]{1,64})")
"""Docker's key for a namespace: the path of its file on the host. /var/run is a link to /run."""

THREADS = 8
"""The number of containers in which something is done at a time."""

PATIENCE = 1.0
"""The seconds after which looks no longer wait for the end of one."""

JOB_SECONDS = 10.0
"""The time limit for one piece of work in a container."""

_GONE = (errno.ENOENT, errno.EINVAL)
_TOO_MANY_FILES = (errno.EMFILE, errno.ENFILE)


class KernelContainer(KeptSpace):
    """A container's namespace, kept open; see `Container` for the methods."""

    __slots__ = ("_identity", "_path")

    CODE, WHAT = Code.NOT_SET_UP, "the container's network"
    REFUSED = "the container's network can't be set up: "

    def __init__(self, space: Space, path: Path, identity: tuple[int, int], turns: Turns) -> None:
        super().__init__(space, turns)
        self._path = path
        self._identity = identity

    async def block_exits(self, plan: Plan) -> frozenset[OtherNetwork]:
        """See `Container`."""
        return await self._do(apply.block_exits, plan)

    async def apply(
        self,
        plan: Plan,
        config: DeviceConfig | None,
        moved: Collection[Key] = (),
        *,
        expected: Collection[Prefix] = (),
        arrived: bool = False,
    ) -> Applied:
        """See `Container`."""
        return await self._do(apply.apply, plan, config, moved, expected=expected, arrived=arrived)

    async def apply_firewall(self, plan: Plan, others: Collection[OtherNetwork]) -> None:
        """See `Container`."""
        await self._do(apply.apply_firewall, plan, others)

    async def ask_names(self, query: bytes, seconds: float) -> bytes | None:
        """See `Container`."""
        try:
            async with asyncio.timeout(name_sockets.OPENING_SECONDS):
                connection = await unless_unwanted(self._do(name_sockets.ask, query))
        except TimeoutError:
            return None
        if connection is None:
            return None
        with connection:
            return await name_sockets.answer(connection, seconds)

    async def clear(self, device: str, owner: int) -> None:
        """See `Container`."""
        await self._do(apply.clear, device, owner)

    def has_file(self) -> bool:
        """Return whether the namespace's file still stands for the same namespace."""
        try:
            return _identity(self._path.stat()) == self._identity
        except OSError:
            return False


class KernelContainers:
    """The ContainerKernel for this host; see `ContainerKernel` for the methods."""

    def __init__(self, folder: Path) -> None:
        """Use the namespace files in ``folder``, where the host's /run/docker/netns is mounted."""
        _allow_open_files()
        self._folder = folder
        self._mounts = MountNotices()
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="container")
        self._visitor = Visitor()
        self._opening = Turns(self._visitor.submit, JOB_SECONDS)

    async def open(self, key: str) -> Container | None:
        """See `ContainerKernel`."""
        match = KEY.fullmatch(key)
        if match is None:
            return None
        opening = self._opening.run(self._open, self._folder / match[1])
        try:
            return await unless_unwanted(opening)
        except NotDoneError as error:
            raise _not_entered(f"the kernel {error}") from None

    def is_open_still(self, container: Container) -> bool:
        """See `ContainerKernel`."""
        return isinstance(container, KernelContainer) and container.has_file()

    async def observe(
        self, asked: Sequence[tuple[Container | Router, str]], seconds: float
    ) -> list[Observed | Unseen | BackendError]:
        """See `ContainerKernel`."""
        late = BackendError(Code.NOT_SET_UP, "the container's network doesn't answer")
        seen: list[Observed | Unseen | BackendError] = [late] * len(asked)
        left = iter([(place, *each) for place, each in enumerate(asked)])
        loop = asyncio.get_running_loop()
        end, is_done = loop.time() + seconds, not asked
        while not is_done and loop.time() < end:
            # If a container hangs, another thread goes on with those that are left.
            looking = asyncio.wrap_future(self._pool.submit(_observe, left, seen))
            done, _ = await asyncio.wait([looking], timeout=min(PATIENCE, end - loop.time()))
            is_done = bool(done)
        return list(seen)

    async def changed(self) -> None:
        """See `ContainerKernel`."""
        try:
            await self._mounts.changed()
        except OSError as error:
            raise BackendError(Code.NOT_ENTERED, f"the mounts can't be watched: {error}") from None

    async def check_firewall(self) -> bool:
        """See `ContainerKernel`."""
        worker = ThreadPoolExecutor(1, thread_name_prefix="trial")
        try:
            return await to_the_end(_check_firewall, executor=worker)
        finally:
            worker.shutdown(wait=False)

    def _open(self, path: Path) -> KernelContainer | None:
        """Open a namespace, in the visitor's thread."""
        try:
            with opened(path) as namespace:
                space = self._visitor.visit(namespace, Space)
                turns = Turns(self._pool.submit, JOB_SECONDS)
                return KernelContainer(space, path, _identity(os.fstat(namespace)), turns)
        except OSError as error:
            if error.errno in _GONE:
                return None
            if error.errno in _TOO_MANY_FILES:
                raise _not_entered("too many files are open (ulimit -n)") from None
            raise _not_entered(str(error)) from None


def _allow_open_files() -> None:
    """Raise the limit of open files as far as possible: each namespace takes a few."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _identity(file: os.stat_result) -> tuple[int, int]:
    return file.st_dev, file.st_ino


def _check_firewall() -> bool:
    """Try a tunnel's nftables in a namespace that ends with this thread."""
    try:
        leave()
        netfilter = NetfilterSocket()
    except OSError as error:
        message = f"no network namespace can be made: {error.strerror}"
        raise BackendError(Code.NOT_ENTERED, message) from None
    with contextlib.closing(netfilter):
        return apply.check_firewall(netfilter)


def _observe(
    left: Iterator[tuple[int, Container | Router, str]],
    seen: list[Observed | Unseen | BackendError],
) -> None:
    """Look at the devices that are left, and put what is seen of each into its place."""
    for place, kept, device in left:
        if isinstance(kept, KeptSpace):
            seen[place] = kept.look(device)


def _not_entered(reason: str) -> BackendError:
    message = f"a container's network namespace can't be entered: {reason}"
    return BackendError(Code.NOT_ENTERED, message)
