"""The PublishingKernel for this host: containers' ports, published in the host's namespace."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from wgplugin.codes import Code
from wgplugin.errors import BackendError
from wgplugin.kernel import free_ports
from wgplugin.kernel.host_links import HostLinks
from wgplugin.kernel.host_ports import HostPorts
from wgplugin.kernel.kept import KeptSpace
from wgplugin.kernel.netlink import NetlinkSocket
from wgplugin.kernel.space import Space
from wgplugin.kernel.turns import NotDoneError, Turns
from wgplugin.model.backends import Published
from wgplugin.model.published import PortBinding, Publication, PublishedPort

T = TypeVar("T")

JOB_SECONDS = 10.0
"""The time limit for one piece of work on the host."""


class _Host(KeptSpace):
    """The host's namespace, kept open."""

    __slots__ = ()

    CODE, WHAT = Code.NOT_PUBLISHED, "the host's network"
    REFUSED = "ports can't be published: "

    async def publish(self, ports: HostPorts, publications: Collection[Publication]) -> Published:
        return await self._do(ports.publish, publications)


class KernelPublishing:
    """See `PublishingKernel` for the methods.

    Nothing is open as long as there is nothing to publish.
    """

    def __init__(self, owner: str) -> None:
        """``owner``: this plugin, as others on the host may publish ports, too."""
        self._ports = HostPorts(owner)
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="ports")
        self._jobs = Turns(self._pool.submit, JOB_SECONDS)
        self._kept: _Host | None = None

    async def choose(
        self, bindings: Sequence[PortBinding], others: Collection[PublishedPort]
    ) -> tuple[PublishedPort, ...]:
        """See `PublishingKernel`."""
        return await self._do(free_ports.choose, bindings, others)

    async def numbers(self) -> frozenset[int]:
        """See `PublishingKernel`."""
        return await self._do(_numbers)

    async def publish(self, publications: Collection[Publication]) -> Published:
        """See `PublishingKernel`."""
        if publications or self._kept:
            return await self._host().publish(self._ports, publications)
        with contextlib.closing(self._opened()) as host:
            return await host.publish(self._ports, publications)

    async def changed(self) -> None:
        """See `PublishingKernel`."""
        await self._host().changed()

    def close(self) -> None:
        """See `PublishingKernel`."""
        if self._kept:
            self._kept.close()
            self._kept = None

    def _host(self) -> _Host:
        self._kept = self._kept or self._opened()
        return self._kept

    def _opened(self) -> _Host:
        try:
            return _Host(Space(), Turns(self._pool.submit, JOB_SECONDS))
        except OSError as error:
            raise _not_published(error.strerror or str(error)) from None

    async def _do(self, work: Callable[..., T], *args: Any) -> T:
        try:
            return await self._jobs.run(work, *args)
        except NotDoneError as error:
            raise _not_published(f"the kernel {error}") from None
        except OSError as error:
            raise _not_published(error.strerror or str(error)) from None


def _numbers() -> frozenset[int]:
    with contextlib.closing(NetlinkSocket(socket.NETLINK_ROUTE)) as route:
        return HostLinks(route, "").numbers()


def _not_published(reason: str) -> BackendError:
    return BackendError(Code.NOT_PUBLISHED, f"ports can't be published: {reason}")
