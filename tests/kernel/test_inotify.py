"""The kernel tells of edits in the folders that are watched, and it is known where it can't."""

import asyncio
import os
from collections.abc import Callable, Coroutine
from pathlib import Path

import pytest

from tests.kernel.namespaces import alone, needs_namespaces
from tests.loops import VirtualTimeLoop
from wgplugin.kernel.inotify import LOCAL, FolderWatch, events, file_system

MOUNTS = """\
22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard
127 27 0:40 /wg /etc/wire\\040guard rw,relatime shared:5 master:1 - TYPE server:/a rw
"""


def watching(work: Callable[[FolderWatch], Coroutine[object, object, None]]) -> None:
    """Do work with a watch, in a loop in which a notice is there at once or never comes."""

    async def run() -> None:
        watch = FolderWatch()
        try:
            await work(watch)
        finally:
            watch.close()

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(run())


async def told(watch: FolderWatch) -> set[str]:
    """Return the names of which the kernel has told until now."""
    names: set[str] = set()
    try:
        async with asyncio.timeout(1):
            while True:
                names |= await watch.changed()
    except TimeoutError:
        return names


def edit_in_place(path: Path) -> None:
    with path.open("r+") as file:
        file.write("b")


def replace(path: Path) -> None:
    other = path.with_suffix(".new")
    other.write_text("b")
    other.rename(path)


def recreate(path: Path) -> None:
    path.unlink()
    path.write_text("b")


@pytest.mark.parametrize(
    "edit",
    [
        edit_in_place,
        replace,
        recreate,
        Path.unlink,
        lambda path: path.chmod(0o600),
        lambda path: path.rename(path.with_suffix(".old")),
        lambda path: path.with_suffix(".more").symlink_to("nowhere"),
        lambda path: path.with_suffix(".more").mkdir(),
    ],
)
def test_every_way_to_edit_is_told(tmp_path: Path, edit: Callable[[Path], object]) -> None:
    path = tmp_path / "home.conf"
    path.write_text("a")

    async def work(watch: FolderWatch) -> None:
        assert watch.watch([str(tmp_path)])
        edit(path)
        assert await told(watch) & {"home.conf", "home.more"}

    watching(work)


def test_writing_is_told_while_the_file_is_still_open(tmp_path: Path) -> None:
    async def work(watch: FolderWatch) -> None:
        path = tmp_path / "home.conf"
        path.write_text("a")
        assert watch.watch([str(tmp_path)])
        with path.open("r+", buffering=1) as file:
            file.write("b\n")
            assert await told(watch) == {"home.conf"}

    watching(work)


def test_reading_is_no_change(tmp_path: Path) -> None:
    async def work(watch: FolderWatch) -> None:
        (tmp_path / "home.conf").write_text("a")
        assert watch.watch([str(tmp_path)])
        (tmp_path / "home.conf").read_text()
        assert list(tmp_path.iterdir())
        assert await told(watch) == set()

    watching(work)


def test_exactly_the_folders_of_the_last_call_are_watched(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()

    async def work(watch: FolderWatch) -> None:
        assert watch.watch([str(first)])
        (first / "before").touch()
        assert watch.watch([str(second)])
        (first / "after").touch()
        (second / "here").touch()
        assert await told(watch) == {"here"}
        assert watch.watch([str(first), str(second)])
        assert watch.watch([str(first), str(second)])
        (first / "again").touch()
        (second / "more").touch()
        assert await told(watch) == {"again", "more"}

    watching(work)


def test_exchange_of_the_links_of_kubernetes_is_told(tmp_path: Path) -> None:
    (tmp_path / "..1").mkdir()
    (tmp_path / "..data").symlink_to("..1")

    async def work(watch: FolderWatch) -> None:
        assert watch.watch([str(tmp_path)])
        (tmp_path / "..2").mkdir()
        (tmp_path / "..2" / "home.conf").touch()
        (tmp_path / "..data_tmp").symlink_to("..2")
        (tmp_path / "..data_tmp").rename(tmp_path / "..data")
        assert await told(watch) == {"..2", "..data", "..data_tmp"}

    watching(work)


def test_folder_that_goes_and_comes_back_is_watched_again(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()

    async def work(watch: FolderWatch) -> None:
        assert watch.watch([str(folder)])
        folder.rmdir()
        assert await told(watch) == {""}
        assert not watch.watch([str(folder)])
        folder.mkdir()
        assert watch.watch([str(folder)])
        (folder / "home.conf").touch()
        assert await told(watch) == {"home.conf"}

    watching(work)


def test_folder_in_place_of_another_is_watched_instead(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()

    async def work(watch: FolderWatch) -> None:
        assert watch.watch([str(folder)])
        folder.rename(tmp_path / "old")
        folder.mkdir()
        assert await told(watch) == {""}
        assert watch.watch([str(folder)])
        (tmp_path / "old" / "home.conf").touch()
        (folder / "work.conf").touch()
        assert await told(watch) == {"work.conf"}

    watching(work)


def test_more_changes_than_the_kernel_keeps_are_told_as_one_without_a_name(tmp_path: Path) -> None:
    limit = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())

    async def work(watch: FolderWatch) -> None:
        assert watch.watch([str(tmp_path)])
        for _ in range(limit // 2 + 1):
            os.close(os.open(tmp_path / "a", os.O_WRONLY | os.O_CREAT))
            os.close(os.open(tmp_path / "b", os.O_WRONLY | os.O_CREAT))
        assert await told(watch) == {"a", "b", ""}

    watching(work)


@pytest.mark.parametrize("what", ["missing", "file"])
def test_what_is_no_folder_is_not_watched_and_the_others_are(tmp_path: Path, what: str) -> None:
    (tmp_path / "file").touch()

    async def work(watch: FolderWatch) -> None:
        assert not watch.watch([str(tmp_path / what), str(tmp_path)])
        (tmp_path / "home.conf").touch()
        assert await told(watch) == {"home.conf"}

    watching(work)


def test_folder_of_a_file_system_of_unknown_kind_is_told_apart(tmp_path: Path) -> None:
    async def work(watch: FolderWatch) -> None:
        assert watch.watch([str(tmp_path)])
        assert not watch.watch([str(tmp_path), "/proc/self"])

    watching(work)


@needs_namespaces
@alone
def test_reached_limit_of_watches_is_noticed_and_so_is_its_end() -> None:
    async def work(watch: FolderWatch) -> None:
        limit = Path("/proc/sys/user/max_inotify_watches")
        limit.write_text("1")
        assert not watch.watch(["/tmp", "/usr"])
        limit.write_text("2")
        assert watch.watch(["/tmp", "/usr"])

    watching(work)


@needs_namespaces
@alone
def test_folder_that_is_no_longer_watched_leaves_room_for_another() -> None:
    async def work(watch: FolderWatch) -> None:
        Path("/proc/sys/user/max_inotify_watches").write_text("1")
        assert watch.watch(["/tmp"])
        watch.watch(["/usr"])
        assert watch.watch(["/usr"])

    watching(work)


@needs_namespaces
@alone
def test_kernel_that_gives_no_notices_is_asked_again() -> None:
    async def work(watch: FolderWatch) -> None:
        limit = Path("/proc/sys/user/max_inotify_instances")
        limit.write_text("0")
        assert not watch.watch(["/usr"])
        limit.write_text("1")
        assert watch.watch(["/usr"])

    watching(work)


SHARED = "nfs nfs4 cifs smb3 9p virtiofs ceph afs vboxsf hostfs fuse fuse.sshfs fakeowner"


@pytest.mark.parametrize("kind", SHARED.split())
def test_file_system_that_others_change_is_known_by_its_mount(kind: str) -> None:
    mounts = MOUNTS.replace("TYPE", kind)
    assert file_system("127", mounts) == kind
    assert kind not in LOCAL
    assert file_system("27", mounts) in LOCAL
    assert file_system("7", mounts) == ""


def test_names_of_any_bytes_are_read() -> None:
    header = b"\1\0\0\0" + bytes(8)
    data = header + b"\x10\0\0\0" + b"a\xffb".ljust(16, b"\0") + header + bytes(4)
    assert list(events(data)) == [(1, os.fsdecode(b"a\xffb")), (1, "")]
