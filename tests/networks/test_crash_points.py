"""The plugin is killed at every point of a call, one after the other: a new one comes to terms.

A point is before each step of the event loop, before each operation on a file, and after a file is
opened. The call runs in a child process, which ends at the chosen point as if by SIGKILL: nothing
that was meant to clear up is run. What the kernel has is in a folder, which outlives the child.
"""

from __future__ import annotations

import asyncio
import io
import os
import sys
from asyncio import events
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.clocks import SetClock
from tests.hosts import Host
from tests.loops import LoopWithoutThreads
from wgplugin.model.backends import Location
from wgplugin.model.identity import device_name

FINISHED, KILLED, FAILED = 0, 77, 78
FILE_OPERATIONS = {"open", "os.mkdir", "os.remove", "os.rename", "os.scandir", "os.listdir"}
BYSTANDER = device_name("bystander")


class KernelInAFolder:
    """A HostKernel whose devices are files, so that they outlive the process that made them."""

    families = frozenset({4, 6})

    def __init__(self, folder: Path) -> None:
        self.host = folder / "host"
        self.containers = folder / "containers"
        for place in (self.host, self.containers):
            place.mkdir(parents=True, exist_ok=True)

    async def create(self, ifname: str, mtu: int, config: object) -> None:
        await asyncio.sleep(0)
        (self.host / ifname).write_text("made")
        await asyncio.sleep(0)
        (self.host / ifname).write_text("configured")
        await asyncio.sleep(0)

    async def delete(self, ifname: str) -> None:
        await asyncio.sleep(0)
        (self.host / ifname).unlink(missing_ok=True)
        await asyncio.sleep(0)

    async def locations(self) -> dict[str, Location]:
        await asyncio.sleep(0)
        inside = {path.name: Location.CONTAINER for path in self.containers.iterdir()}
        return inside | {path.name: Location.HOST for path in self.host.iterdir()}

    async def answers(self, ifname: str, config: object, patience: float) -> bool:
        return True

    async def had_handshake(self, ifname: str) -> bool | None:
        return True if (self.host / ifname).exists() else None

    async def path_mtu(self, host: object) -> int | None:
        return None

    def into_container(self, ifname: str) -> None:
        (self.host / ifname).rename(self.containers / ifname)

    def out_of_container(self, ifname: str) -> None:
        (self.containers / ifname).rename(self.host / ifname)

    def devices(self) -> list[str]:
        return sorted(path.name for path in self.host.iterdir())


@dataclass
class KillAt:
    """Counts points, and ends the process at the chosen one."""

    chosen: int
    passed: int = 0

    def arm(self) -> None:
        def point() -> None:
            if self.passed == self.chosen:
                os._exit(KILLED)
            self.passed += 1

        def audit(event: str, arguments: object) -> None:
            if event in FILE_OPERATIONS:
                point()

        def before(function: Callable[..., Any]) -> Callable[..., Any]:
            def counted(*arguments: Any) -> Any:
                point()
                return function(*arguments)

            return counted

        sys.addaudithook(audit)

        def after(function: Callable[..., Any]) -> Callable[..., Any]:
            def counted(*arguments: Any, **options: Any) -> Any:
                result = function(*arguments, **options)
                point()
                return result

            return counted

        io.open = after(io.open)
        os.fsync = before(os.fsync)
        events.Handle._run = before(events.Handle._run)  # type: ignore[method-assign]


class Restarted(Host):
    """A plugin that has just started on what is in the folder."""

    def __init__(self, folder: Path, seconds: float) -> None:
        """Start that many seconds after the host did."""
        self.kernel = KernelInAFolder(folder / "kernel")
        super().__init__(folder, self.kernel, SetClock(seconds=seconds))


Work = Callable[[Restarted], Coroutine[Any, Any, object]]


def is_killed_at(point: int, folder: Path, work: Work) -> bool:
    """Run ``work`` in a child that is killed at a point; tell whether it got that far."""
    child = os.fork()
    if not child:
        try:
            host = Restarted(folder, 110)
            KillAt(point).arm()
            with asyncio.Runner(loop_factory=LoopWithoutThreads) as loop:
                loop.run(work(host))
            os._exit(FINISHED)
        finally:
            os._exit(FAILED)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    assert code in (FINISHED, KILLED)
    return code == KILLED


def stale_claim(host: Restarted) -> None:
    """Have an endpoint whose device came back from its container, and nobody deleted it."""
    asyncio.run(host.attach("n1", "stale"))


def create_network(host: Restarted) -> Coroutine[Any, Any, object]:
    return host.create_network("n2", "home")


def create_endpoint(host: Restarted) -> Coroutine[Any, Any, object]:
    return host.create_endpoint("n1", "e1")


def join(host: Restarted) -> Coroutine[Any, Any, object]:
    return host.join("n1", "e1")


def delete_endpoint(host: Restarted) -> Coroutine[Any, Any, object]:
    return host.delete_endpoint("e1")


def delete_network(host: Restarted) -> Coroutine[Any, Any, object]:
    return host.delete_network("n1")


def clear_up(host: Restarted) -> Coroutine[Any, Any, object]:
    host.wait()
    return host.upkeep.reconcile()


def created(host: Restarted) -> None:
    asyncio.run(host.create_endpoint("n1", "e1"))


def attached(host: Restarted) -> None:
    asyncio.run(host.attach("n1", "e1"))


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.parametrize(
    ("before", "work"),
    [
        (lambda host: None, create_network),
        (lambda host: None, create_endpoint),
        (stale_claim, create_endpoint),
        (created, join),
        (attached, join),
        (attached, delete_endpoint),
        (attached, delete_network),
        (attached, clear_up),
    ],
    ids=lambda function: function.__name__,
)
def test_plugin_that_is_killed_anywhere_comes_to_terms(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    before: Callable[[Restarted], None],
    work: Work,
) -> None:
    # The process dies here, not the machine.
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    point = 0
    while True:
        folder = tmp_path / str(point)
        folder.mkdir()
        prepare(folder, before)
        if not is_killed_at(point, folder, work):
            break
        check_what_comes_after(folder, work)
        point += 1
    assert point > 5


def prepare(folder: Path, before: Callable[[Restarted], None]) -> None:
    host = Restarted(folder, 100)
    for name in ("home", "bystander"):
        host.write(name)
    asyncio.run(host.create_network("n0", "bystander"))
    asyncio.run(host.create_network("n1", "home"))
    asyncio.run(host.attach("n0", "bystander"))
    host.kernel.into_container(BYSTANDER)
    before(host)


def check_what_comes_after(folder: Path, work: Work) -> None:
    host = Restarted(folder, 111)
    asyncio.run(host.upkeep.reconcile())
    known = {device_name(endpoint.id) for endpoint in host.store.endpoints}
    assert set(host.kernel.devices()) <= known
    assert not [
        path for path in (folder / "state").rglob("*") if path.suffix in (".new", ".damaged")
    ]

    # Docker's or the user's next try.
    asyncio.run(work(host))

    # A container on the same configuration, whatever became of the one before.
    host.wait()
    asyncio.run(host.create_network("n3", "home"))
    device = asyncio.run(host.attach("n3", "e3")).interface_name.src_name
    assert (host.kernel.host / device).read_text() == "configured"
    asyncio.run(host.delete_endpoint("e3"))

    # The bystander has seen nothing.
    assert list(host.kernel.containers.iterdir()) == [host.kernel.containers / BYSTANDER]
    assert host.store.endpoints.get("bystander") is not None
    host.kernel.out_of_container(BYSTANDER)
    asyncio.run(host.delete_endpoint("bystander"))
    for network in ("n0", "n1", "n2", "n3"):
        asyncio.run(host.delete_network(network))
    host.wait()
    asyncio.run(host.upkeep.reconcile())
    assert host.kernel.devices() == []
    assert not [path for path in (folder / "state").rglob("*") if path.is_file()]
