"""A router's network namespace: made, found, followed and deleted."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from wgplugin.errors import BackendError
from wgplugin.model.backends import HostKernel, Router, RouterKernel
from wgplugin.model.device import DeviceConfig
from wgplugin.networks.follow import follow
from wgplugin.timings import Timings

log = logging.getLogger(__name__)


class RouterSpace:
    """The namespace is open from its first use until close(), or until it can't be followed."""

    def __init__(
        self,
        network_id: str,
        device: str,
        kernel: RouterKernel,
        host: HostKernel,
        timings: Timings,
        *,
        subject: object,
        wake: Callable[[], None],
    ) -> None:
        """Stand for the namespace of a network's router, which may not be there yet.

        ``device`` is the WireGuard device's name on the host, ``subject`` names the router in the
        log. ``wake`` is called when something may have changed there.
        """
        self._network_id = network_id
        self._device = device
        self._kernel = kernel
        self._host = host
        self._timings = timings
        self._subject = subject
        self._wake = wake
        self._following: asyncio.Task[None] | None = None
        self.namespace: Router | None = None
        """The open namespace, if it is open."""

    async def open(self) -> Router:
        """Open the namespace; make it if it isn't there.

        Raises:
            BackendError: the kernel refuses.
        """
        if self.namespace is None:
            self.namespace = await self._kernel.make(self._network_id)
            self._following = asyncio.create_task(self._follow(self.namespace))
        return self.namespace

    async def bring(self, mtu: int, device: DeviceConfig) -> None:
        """Make the WireGuard device on the host, where its packets leave, and bring it in.

        Raises:
            BackendError: the kernel refuses.
        """
        namespace = await self.open()
        await self._host.create(self._device, mtu, device)
        await namespace.adopt(self._device)

    async def check_pin(self) -> None:
        """Have the namespace pinned again if somebody has removed its pin."""
        if self.namespace:
            try:
                if not await self._kernel.is_pinned(self.namespace):
                    log.warning("%s: put right: it was pinned again", self._subject)
            except BackendError as error:
                log.warning("%s: %s", self._subject, error)

    def close(self) -> None:
        """Let go of the namespace, which stays."""
        if self._following:
            self._following.cancel()
            self._following = None
        if self.namespace:
            self.namespace.close()
            self.namespace = None

    async def delete(self) -> None:
        """Delete the namespace and the WireGuard device.

        Raises:
            BackendError: the kernel refuses.
        """
        self.close()
        await self._kernel.delete(self._network_id)
        await self._host.delete(self._device)

    async def _follow(self, namespace: Router) -> None:
        timings = self._timings
        # A container that starts changes links several times, and each look is at all of them.
        await follow(namespace, self._subject, self._wake, timings, delay=timings.router_delay)
        if self.namespace is namespace:
            self._following = None
            self.close()
            self._wake()
