"""Edits of the folder are yielded soon, once each has settled, and rest costs nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.loops import VirtualTimeLoop
from tests.memory_notices import MemoryNotices
from wgplugin.conf.folder import ConfigFolder
from wgplugin.conf.links import Layout
from wgplugin.kernel.inotify import FolderWatch
from wgplugin.model.backends import FolderNotices
from wgplugin.networks.edits import Edits
from wgplugin.timings import Timings

pytestmark = pytest.mark.anyio

TIMINGS = Timings()
NAMES = ("home", "work")


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, object]]:
    return "asyncio", {"loop_factory": VirtualTimeLoop}


class Folder(ConfigFolder):
    """Keeps which configurations were looked at, and how often it was asked for anything."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.looks: list[str] = []
        self.questions = 0
        self.failures: list[Exception] = []

    def versions(self, names: Iterable[str]) -> dict[str, str]:
        self.questions += 1
        names = list(names)
        self.looks += names
        return super().versions(names)

    def layout(self) -> Layout:
        self.questions += 1
        if self.failures:
            raise self.failures.pop()
        return super().layout()


class Followed:
    """What comes of following a folder."""

    def __init__(self, path: Path, notices: FolderNotices) -> None:
        self.path = path
        self.folder = Folder(path)
        self.names = set(NAMES)
        self.yielded: list[tuple[float, Mapping[str, str]]] = []
        self._edits = Edits(self.folder, notices, TIMINGS)

    async def run(self) -> None:
        async for versions in self._edits.follow(lambda: self.names):
            self.yielded.append((asyncio.get_running_loop().time(), versions))

    def write(self, file: str, text: str) -> None:
        (self.path / file).write_text(text)

    def take(self) -> set[str]:
        """Return the names that were yielded since the last call; their versions must be true."""
        taken: dict[str, str] = {}
        for _, versions in self.yielded:
            taken.update(versions)
        self.yielded.clear()
        assert taken == ConfigFolder(self.path).versions(taken)
        return set(taken)


@asynccontextmanager
async def following(path: Path, notices: FolderNotices) -> AsyncIterator[Followed]:
    """Follow a folder that has all configurations; the first versions have been yielded."""
    for name in NAMES:
        (path / f"{name}.conf").write_text("a")
    followed = Followed(path, notices)
    task = asyncio.create_task(followed.run())
    try:
        await asyncio.sleep(TIMINGS.tick / 2)
        assert followed.take() == set(NAMES)
        followed.folder.looks.clear()
        followed.folder.questions = 0
        yield followed
        assert not task.done()
    finally:
        task.cancel()
        await asyncio.wait([task])


@asynccontextmanager
async def following_by_inotify(path: Path) -> AsyncIterator[Followed]:
    watch = FolderWatch()
    try:
        async with following(path, watch) as followed:
            yield followed
    finally:
        watch.close()


async def test_edit_is_yielded_once_it_has_stayed_the_same(tmp_path: Path) -> None:
    notices = MemoryNotices()
    async with following(tmp_path, notices) as followed:
        await asyncio.sleep(10)
        edited = asyncio.get_running_loop().time()
        followed.write("home.conf", "b")
        notices.tell("home.conf")
        await asyncio.sleep(10)
        assert [time - edited for time, _ in followed.yielded] == [pytest.approx(TIMINGS.still)]
        assert followed.take() == {"home"}
        assert set(followed.folder.looks) == {"home"}


async def test_file_that_keeps_changing_waits_and_holds_up_no_other(tmp_path: Path) -> None:
    notices = MemoryNotices()
    async with following(tmp_path, notices) as followed:
        for number in range(100):
            followed.write("home.conf", f"{number}")
            notices.tell("home.conf")
            if number == 50:
                followed.write("work.conf", "b")
                notices.tell("work.conf")
            await asyncio.sleep(TIMINGS.still / 2)
        assert followed.take() == {"work"}
        await asyncio.sleep(2 * TIMINGS.still)
        assert followed.take() == {"home"}


async def test_storm_of_notices_costs_few_looks(tmp_path: Path) -> None:
    notices = MemoryNotices()
    async with following(tmp_path, notices) as followed:
        for _ in range(1000):
            notices.tell("home.conf", "other.conf")
            await asyncio.sleep(0.003)
        assert followed.folder.questions <= 2 * 3 / TIMINGS.still + 2


async def test_edit_that_is_taken_back_is_yielded(tmp_path: Path) -> None:
    """A container may have read it in between."""
    notices = MemoryNotices()
    async with following(tmp_path, notices) as followed:
        followed.write("home.conf", "b")
        followed.write("home.conf", "a")
        notices.tell("home.conf")
        await asyncio.sleep(1)
        assert followed.take() == {"home"}


@pytest.mark.parametrize("event", ["wgplugin.yaml", ""])
async def test_notice_that_is_of_all_counts_for_all(tmp_path: Path, event: str) -> None:
    notices = MemoryNotices()
    async with following(tmp_path, notices) as followed:
        followed.write("wgplugin.yaml", "log-level: debug")
        notices.tell(event)
        await asyncio.sleep(1)
        assert followed.take() == set(NAMES)


async def test_rest_and_files_that_cannot_matter_cost_nothing(tmp_path: Path) -> None:
    notices = MemoryNotices()
    async with following(tmp_path, notices) as followed:
        for _ in range(100):
            await asyncio.sleep(60)
            notices.tell("home.conf~", ".home.conf.swp", "4913", "notes")
        assert followed.folder.questions == 0


async def test_only_configurations_in_use_are_looked_at(tmp_path: Path) -> None:
    notices = MemoryNotices()
    async with following(tmp_path, notices) as followed:
        followed.names -= {"home"}
        followed.names |= {"late"}
        notices.tell("home.conf", "late.conf")
        await asyncio.sleep(1)
        assert followed.take() == {"late"}


async def test_links_are_followed_in_the_folders_that_they_lead_through(tmp_path: Path) -> None:
    notices = MemoryNotices()
    async with following(tmp_path, notices) as followed:
        (tmp_path / "..1").mkdir()
        (tmp_path / "..data").symlink_to("..1")
        followed.write("..1/real", "linked")
        (tmp_path / "home.conf").unlink()
        (tmp_path / "home.conf").symlink_to("..data/real")
        notices.tell("home.conf")
        await asyncio.sleep(1)
        assert followed.take() == {"home"}
        assert notices.watched == {str(tmp_path), str(tmp_path / "..1")}
        for event in ("real", "..data", "..1"):
            notices.tell(event)
            await asyncio.sleep(1)
            assert followed.take() == {"home"}
        (tmp_path / "home.conf").unlink()
        notices.tell("home.conf")
        await asyncio.sleep(1)
        assert notices.watched == {str(tmp_path)}


async def test_edit_of_a_file_counts_for_links_to_it_too(tmp_path: Path) -> None:
    notices = MemoryNotices()
    async with following(tmp_path, notices) as followed:
        (tmp_path / "home.conf").unlink()
        (tmp_path / "home.conf").symlink_to("work.conf")
        notices.tell("home.conf")
        await asyncio.sleep(1)
        assert followed.take() == {"home"}
        notices.tell("work.conf")
        await asyncio.sleep(1)
        assert followed.take() == {"home", "work"}


async def test_what_the_notices_leave_out_is_found_by_looking(tmp_path: Path) -> None:
    async with following(tmp_path, MemoryNotices(tells_all=False)) as followed:
        await asyncio.sleep(10)
        assert followed.folder.looks == []
        for file, names in (("home.conf", {"home"}), ("wgplugin.yaml", set(NAMES))):
            followed.write(file, "other")
            await asyncio.sleep(TIMINGS.tick + TIMINGS.still + 0.1)
            assert followed.take() == names
        (tmp_path / "home.conf").unlink()
        await asyncio.sleep(TIMINGS.tick + TIMINGS.still + 0.1)
        assert followed.take() == {"home"}


async def test_notices_are_taken_even_if_they_leave_some_out(tmp_path: Path) -> None:
    notices = MemoryNotices(tells_all=False)
    async with following(tmp_path, notices) as followed:
        edited = asyncio.get_running_loop().time()
        followed.write("home.conf", "b")
        notices.tell("home.conf")
        await asyncio.sleep(1)
        assert [time - edited for time, _ in followed.yielded] == [pytest.approx(TIMINGS.still)]


async def test_change_of_the_way_of_noticing_loses_nothing(tmp_path: Path) -> None:
    notices = MemoryNotices()
    async with following(tmp_path, notices) as followed:
        for tells_all in (False, True):
            notices.tells_all = tells_all
            notices.tell("other.conf")
            await asyncio.sleep(TIMINGS.tick + TIMINGS.still + 0.1)
            assert followed.take() == set(NAMES)
        followed.folder.questions = 0
        await asyncio.sleep(60)
        assert followed.folder.questions == 0


async def test_failure_is_logged_and_loses_no_edit(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    notices = MemoryNotices()
    async with following(tmp_path, notices) as followed:
        followed.folder.failures = [OSError("planted"), RuntimeError("planted")]
        followed.write("home.conf", "b")
        notices.tell("home.conf")
        await asyncio.sleep(3)
        assert "home" in followed.take()
        assert len([each for each in caplog.records if "WG" in each.getMessage()]) == 2


def write(path: Path) -> None:
    path.write_text("b")


def replace(path: Path) -> None:
    path.with_suffix(".new").write_text("b")
    path.with_suffix(".new").rename(path)


@pytest.mark.parametrize("edit", [write, replace, Path.unlink])
async def test_edit_of_the_real_folder_is_yielded_soon(
    tmp_path: Path, edit: Callable[[Path], object]
) -> None:
    async with following_by_inotify(tmp_path) as followed:
        await asyncio.sleep(600)
        assert followed.folder.questions == 0
        edit(tmp_path / "home.conf")
        await asyncio.sleep(2 * TIMINGS.still)
        assert followed.take() == {"home"}


async def test_exchange_of_the_links_of_kubernetes_is_yielded_for_all(tmp_path: Path) -> None:
    async with following_by_inotify(tmp_path) as followed:
        for number in (1, 2, 3):
            (tmp_path / f"..{number}").mkdir()
            for name in NAMES:
                followed.write(f"..{number}/{name}.conf", f"{number}")
            (tmp_path / "..data_tmp").symlink_to(f"..{number}")
            (tmp_path / "..data_tmp").rename(tmp_path / "..data")
            for name in NAMES if number == 1 else ():
                (tmp_path / f"{name}.conf").unlink()
                (tmp_path / f"{name}.conf").symlink_to(f"..data/{name}.conf")
            await asyncio.sleep(1)
            assert followed.take() == set(NAMES)
        followed.write("..3/home.conf", "edited in place")
        await asyncio.sleep(1)
        assert followed.take() == {"home"}


async def test_folder_that_goes_and_comes_back_is_followed_again(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    async with following_by_inotify(folder) as followed:
        folder.rename(tmp_path / "away")
        await asyncio.sleep(1)
        assert followed.take() == set(NAMES)
        (tmp_path / "away").rename(folder)
        await asyncio.sleep(TIMINGS.tick + 2 * TIMINGS.still)
        assert followed.take() == set(NAMES)
        await asyncio.sleep(2)
        followed.take()
        followed.folder.questions = 0
        await asyncio.sleep(60)
        assert followed.folder.questions == 0
        followed.write("home.conf", "b")
        await asyncio.sleep(1)
        assert followed.take() == {"home"}
