"""Follows the kernel's notices of changes in a network namespace."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

from wgplugin.errors import BackendError
from wgplugin.networks.pauses import Pauses
from wgplugin.timings import Timings

log = logging.getLogger(__name__)


class Changing(Protocol):
    """An open namespace."""

    async def changed(self) -> None:
        """Wait for the kernel's next notice of a change."""


async def follow(
    namespace: Changing,
    subject: object,
    wake: Callable[[], None],
    timings: Timings,
    is_urgent: Callable[[], bool] = lambda: False,
    delay: float = 0.0,
) -> None:
    """Call ``wake`` at each notice; more and more seldom if one follows the other.

    While ``is_urgent``, notices are taken up at once. With a ``delay`` in seconds, they are taken
    up together, and never soon after each other. Returns, after a while, if there can't be notices
    any more: the namespace must be opened anew. ``subject`` names it in the log.
    """
    first = timings.notice_longest if delay else timings.notice_pause
    pauses = Pauses(first, timings.notice_longest)
    loop = asyncio.get_running_loop()
    last = loop.time()
    while True:
        try:
            await namespace.changed()
        except BackendError as error:
            log.warning("%s: %s", subject, error)
            await asyncio.sleep(timings.observe)
            return
        if is_urgent() or loop.time() - last > timings.notice_longest:
            pauses.reset()
        if delay:
            await asyncio.sleep(delay)
        wake()
        await asyncio.sleep(pauses.next())
        last = loop.time()
