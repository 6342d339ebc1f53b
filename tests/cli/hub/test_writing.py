"""A hub's file is written as a whole, or is as it was; and nobody's edit is lost."""

from __future__ import annotations

import errno
import fcntl
import multiprocessing
import os
from pathlib import Path

import pytest

from wgplugin.cli.hub import peers, writing
from wgplugin.cli.hub.client_file import Way
from wgplugin.cli.hub.document import Document
from wgplugin.codes import Code
from wgplugin.errors import ConfigError, PluginError
from wgplugin.model.notes import HubNote, PeerNote

KEY = "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk="
FILE = f"[Interface]\nPrivateKey = {KEY}\nListenPort = 1\nAddress = 10.99.0.1/16\n"
WAY = Way("192.0.2.1:1", ())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "office.conf").write_text(FILE)
    return tmp_path


def note(document: Document) -> tuple[Document, None]:
    return document.with_hub(HubNote(last=5)), None


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_file_keeps_its_mode_and_owner_and_nothing_else_is_left(folder: Path) -> None:
    path = folder / "office.conf"
    path.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(path, 1234, 1235)
    before = path.stat()
    writing.change(folder, "office", note)
    after = path.stat()
    assert (after.st_mode, after.st_uid, after.st_gid) == (
        before.st_mode,
        before.st_uid,
        before.st_gid,
    )
    assert "last=5" in path.read_text()
    assert names(folder) == ["office.conf"]


def test_new_file_is_for_its_owner_alone(folder: Path) -> None:
    writing.create(folder, "new", FILE.encode())
    assert (folder / "new.conf").stat().st_mode & 0o777 == 0o600


def test_file_that_is_there_is_not_replaced_by_a_new_one(folder: Path) -> None:
    with pytest.raises(PluginError) as caught:
        writing.create(folder, "office", FILE.replace("51820", "1").encode())
    assert caught.value.code is Code.FILE_EXISTS
    assert (folder / "office.conf").read_text() == FILE


def test_edit_by_somebody_else_meanwhile_wins(folder: Path) -> None:
    path = folder / "office.conf"

    def edit(document: Document) -> tuple[Document, None]:
        path.write_text(f"{FILE}# theirs\n")
        return note(document)

    with pytest.raises(PluginError, match="changed by somebody else") as caught:
        writing.change(folder, "office", edit)
    assert caught.value.code is Code.BEING_WRITTEN
    assert path.read_text() == f"{FILE}# theirs\n"
    assert names(folder) == ["office.conf"]


def test_link_is_followed_and_stays_one(folder: Path) -> None:
    (folder / "office.conf").rename(folder / "real")
    (folder / "office.conf").symlink_to("real")
    writing.change(folder, "office", note)
    assert (folder / "office.conf").is_symlink()
    assert "last=5" in (folder / "real").read_text()


def test_link_out_of_the_folder_is_refused(folder: Path, tmp_path_factory: object) -> None:
    elsewhere = folder / "sub"
    elsewhere.mkdir()
    (elsewhere / "office.conf").symlink_to(folder / "office.conf")
    with pytest.raises(ConfigError) as caught:
        writing.change(elsewhere, "office", note)
    assert caught.value.code is Code.LINK_OUT
    assert (folder / "office.conf").read_text() == FILE


@pytest.mark.parametrize("failing", ["rename", "fsync"])
def test_failure_leaves_the_file_as_it_was_and_no_other(
    folder: Path, failing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    if failing == "rename":
        monkeypatch.setattr(Path, "rename", fail)
    else:
        monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(PluginError, match="Read-only file system; it is as it was") as caught:
        writing.change(folder, "office", note)
    assert caught.value.code is Code.NOT_WRITABLE
    assert (folder / "office.conf").read_text() == FILE
    assert names(folder) == ["office.conf"]


def test_folder_that_is_not_there_is_told(folder: Path) -> None:
    with pytest.raises(PluginError, match="can't be opened") as caught:
        writing.change(folder / "absent", "office", note)
    assert caught.value.code is Code.NOT_WRITABLE


def test_command_waits_for_another_one_and_gives_up(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "PATIENCE", 0.1)
    other = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(PluginError, match="another command is writing") as caught:
            writing.change(folder, "office", note)
        assert caught.value.code is Code.BEING_WRITTEN
    finally:
        os.close(other)
    writing.change(folder, "office", note)


def add_many(folder: Path, prefix: str, count: int) -> None:
    for number in range(count):
        wanted = peers.Wanted(PeerNote(f"{prefix}{number}"))
        peers.add(folder, "office", wanted, lambda _: WAY)


def test_commands_at_once_lose_nothing_and_give_no_address_twice(folder: Path) -> None:
    context = multiprocessing.get_context("spawn")
    running = [context.Process(target=add_many, args=(folder, each, 8)) for each in "abcd"]
    for process in running:
        process.start()
    for process in running:
        process.join()
        assert process.exitcode == 0
    entries = writing.read(folder, "office").entries
    assert len({entry.note.name for entry in entries}) == 32
    assert len({entry.peer.allowed_ips for entry in entries}) == 32
    assert len({entry.peer.public_key for entry in entries}) == 32
