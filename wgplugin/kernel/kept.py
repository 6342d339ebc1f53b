"""Network namespaces that are kept open by sockets in them, and the work in them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, ClassVar, TypeVar

from wgplugin.codes import Code
from wgplugin.errors import BackendError
from wgplugin.kernel import apply, probing
from wgplugin.kernel.space import Space
from wgplugin.kernel.turns import NotDoneError, Turns
from wgplugin.model.backends import Observed, Unseen
from wgplugin.model.configuration import Probe
from wgplugin.model.device import DeviceConfig

log = logging.getLogger(__name__)

T = TypeVar("T")


class KeptSpace:
    """A namespace that is kept open: what containers and routers have in common.

    ``WHAT`` it is, for messages; ``REFUSED`` is the beginning of the one for what the kernel
    refuses, ``CODE`` the code of all.
    """

    __slots__ = ("_space", "_turns")

    CODE: ClassVar[Code]
    WHAT: ClassVar[str]
    REFUSED: ClassVar[str]

    def __init__(self, space: Space, turns: Turns) -> None:
        self._space = space
        self._turns = turns

    async def probe(self, device: str, target: Probe, patience: float) -> bool:
        """See `Container`."""
        connection = await unless_unwanted(self._do(probing.ask, device, target))
        if connection is None:
            return False
        with connection:
            return await probing.is_answered(connection, target, patience)

    async def configure(self, device: str, change: DeviceConfig) -> bool:
        """See `Container`."""
        return await self._do(apply.configure, device, change)

    async def changed(self) -> None:
        """See `Container`."""
        try:
            await self._space.notices.changed()
        except OSError as error:
            message = f"changes of {self.WHAT} can't be noticed: {error}"
            raise BackendError(self.CODE, message) from None

    def look(self, device: str) -> Observed | Unseen | BackendError:
        """Look at a device in this thread, unless there is other work; see `ContainerKernel`."""
        if not self._space.begin(waits=False):
            return Unseen.BUSY
        try:
            return apply.observe(self._space, device) or Unseen.GONE
        except OSError as error:
            return self._not_set_up(error)
        except Exception:
            log.exception("%s can't be looked at", self.WHAT)
            return BackendError(Code.FAILED, f"{self.WHAT} can't be looked at")
        finally:
            self._space.end()

    def close(self) -> None:
        """See `Container`."""
        self._space.notices.close()
        self._turns.end()
        self._space.close()

    async def _do(self, work: Callable[..., T], *args: Any, **options: Any) -> T:
        try:
            return await self._turns.run(self._work, work, *args, **options)
        except NotDoneError as error:
            raise BackendError(self.CODE, f"{self.WHAT} {error}") from None

    def _work(self, work: Callable[..., T], *args: Any, **options: Any) -> T:
        self._space.begin(waits=True)
        try:
            return work(self._space, *args, **options)
        except OSError as error:
            raise self._not_set_up(error) from None
        finally:
            self._space.end()

    def _not_set_up(self, error: OSError) -> BackendError:
        reason = error.strerror or str(error)
        return BackendError(self.CODE, f"{self.REFUSED}{reason}")


async def unless_unwanted(opening: Coroutine[Any, Any, T]) -> T:
    """Return what is opened; close it, as soon as it is open, if this is cancelled before."""
    task = asyncio.ensure_future(opening)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        task.add_done_callback(_close)
        raise


def _close(opening: asyncio.Future[Any]) -> None:
    if not opening.cancelled() and not opening.exception() and (found := opening.result()):
        found.close()
