"""The configuration folder: whatever is in it, a configuration or one clear error comes out."""

import asyncio
import os
import shutil
import socket
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from wgplugin.conf import parser
from wgplugin.conf.folder import ConfigFolder
from wgplugin.conf.parser import MAX_SIZE
from wgplugin.errors import ConfigError
from wgplugin.model.configuration import InterfaceConfig

pytestmark = pytest.mark.anyio

TEXT = "[Interface]\nPrivateKey = yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=\nMTU = 1400\n"


def load(folder: ConfigFolder, name: str) -> InterfaceConfig:
    return asyncio.run(folder.read(name)).config


def test_configuration_is_read_as_it_is_now(tmp_path: Path) -> None:
    folder = ConfigFolder(tmp_path)
    (tmp_path / "home.conf").write_text(TEXT)
    assert load(folder, "home").mtu == 1400
    (tmp_path / "home.conf").write_text(TEXT.replace("1400", "1380"))
    assert load(folder, "home").mtu == 1380


async def test_edit_without_a_new_time_counts_at_once(tmp_path: Path) -> None:
    folder, path = ConfigFolder(tmp_path), tmp_path / "home.conf"

    path.write_text(TEXT)
    before = path.stat()
    assert (await folder.read("home")).config.mtu == 1400
    path.write_text(TEXT.replace("1400", "1380"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (await folder.read("home")).config.mtu == 1380


async def test_file_that_takes_long_to_parse_holds_up_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, parse, going_on = ConfigFolder(tmp_path), parser.parse, threading.Event()

    def take_long(data: bytes, path: str) -> InterfaceConfig:
        assert going_on.wait(30)
        return parse(data, path)

    (tmp_path / "home.conf").write_text(TEXT)
    monkeypatch.setattr(parser, "parse", take_long)
    reading = asyncio.create_task(folder.read("home"))
    await asyncio.sleep(0)
    going_on.set()
    assert (await reading).config.mtu == 1400


def test_link_within_the_folder_is_followed(tmp_path: Path) -> None:
    (tmp_path / "..data").mkdir()
    (tmp_path / "..data" / "real").write_text(TEXT)
    (tmp_path / "home.conf").symlink_to("..data/real")
    assert load(ConfigFolder(tmp_path), "home").mtu == 1400


def make_file(path: Path) -> None:
    path.write_text("[Interface]\nColour = red\n")


def make_outward_link(path: Path) -> None:
    path.symlink_to("/proc/self/environ")


def make_large(path: Path) -> None:
    path.write_bytes(b"#" * (MAX_SIZE + 1))


def make_huge(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(100 * 1024 * 1024)


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))


def make_device(path: Path) -> None:
    try:
        os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 5))
    except PermissionError:
        pytest.skip("only root can make a device")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (make_file, "home.conf:2:1: "),
        (make_outward_link, "leads out of the folder"),
        (make_large, "larger than"),
        (make_huge, "larger than"),
        (make_socket, "isn't a file"),
        (make_device, "isn't a file"),
        (Path.mkdir, "isn't a file"),
        (os.mkfifo, "isn't a file"),
        (lambda path: path.symlink_to(path.name), "can't be read"),
        (lambda path: path.symlink_to("nowhere"), "no such file"),
    ],
)
def test_file_that_is_no_configuration_is_an_error(
    tmp_path: Path, make: Callable[[Path], object], said: str
) -> None:
    make(tmp_path / "home.conf")
    with pytest.raises(ConfigError) as caught:
        load(ConfigFolder(tmp_path), "home")
    assert str(caught.value).startswith("home.conf:")
    assert said in str(caught.value)


def test_missing_file_is_answered_with_those_that_are_there(tmp_path: Path) -> None:
    (tmp_path / "home.conf").write_text(TEXT)
    (tmp_path / "work.conf").write_text(TEXT)
    with pytest.raises(ConfigError, match="which has: home, work"):
        load(ConfigFolder(tmp_path), "other")


@pytest.mark.parametrize("folder", [".", "absent"])
def test_empty_folder_is_answered_with_how_to_set_another(tmp_path: Path, folder: str) -> None:
    with pytest.raises(ConfigError, match=r"config\.source=DIR"):
        load(ConfigFolder(tmp_path / folder), "home")


def test_version_is_another_with_each_file_and_each_error(tmp_path: Path) -> None:
    folder = ConfigFolder(tmp_path)
    seen = [folder.version("net")]
    for name, text in (("net.conf", "a"), ("net.conf", "b"), ("wgplugin.yaml", "b")):
        (tmp_path / name).write_text(text)
        seen.append(folder.version("net"))
    assert len(set(seen)) == len(seen)
    assert folder.version("net") == seen[-1]


def test_versions_of_several_are_those_of_each(tmp_path: Path) -> None:
    folder = ConfigFolder(tmp_path)
    (tmp_path / "home.conf").write_text("a")
    (tmp_path / "wgplugin.yaml").write_text("b")
    found = folder.versions(["home", "missing"])
    assert found == {name: folder.version(name) for name in ("home", "missing")}


@pytest.mark.parametrize("file", ["home.conf", "wgplugin.yaml"])
@pytest.mark.parametrize(
    "edit",
    [
        lambda path: path.write_text("b"),
        lambda path: path.write_text("longer"),
        lambda path: Path(shutil.copy2(path, path.with_suffix(".new"))).replace(path),
        Path.unlink,
        lambda path: (path.unlink(), path.mkdir()),
        lambda path: (path.unlink(), path.symlink_to(path.name)),
    ],
)
def test_stamp_is_another_after_every_edit(
    tmp_path: Path, file: str, edit: Callable[[Path], object]
) -> None:
    folder, path = ConfigFolder(tmp_path), tmp_path / file
    for each in ("home.conf", "work.conf", "wgplugin.yaml"):
        (tmp_path / each).write_text("a")
    before = folder.stamps(["home", "work"])
    assert before == folder.stamps(["home", "work"])
    wait_for_another_time(tmp_path)
    edit(path)
    after = folder.stamps(["home", "work"])
    assert {each for each, stamp in after.items() if stamp != before[each]} == {file}


def wait_for_another_time(folder: Path) -> None:
    """Wait until the kernel gives files another time: it is that of a tick."""
    first, other = folder / "first", folder / "other"
    first.touch()
    while not other.exists() or other.stat().st_ctime_ns == first.stat().st_ctime_ns:
        other.touch()


def test_layout_has_the_folders_and_names_that_links_lead_through(tmp_path: Path) -> None:
    (tmp_path / "..1").mkdir()
    (tmp_path / "..data").symlink_to("..1")
    (tmp_path / "..1" / "wgplugin.yaml").touch()
    (tmp_path / "home.conf").symlink_to("..data/real")
    (tmp_path / "wgplugin.yaml").symlink_to("..data/wgplugin.yaml")
    (tmp_path / "plain.conf").touch()
    (tmp_path / "notes").symlink_to("elsewhere")
    found = ConfigFolder(tmp_path).layout()
    assert found.folders == {str(tmp_path), str(tmp_path / "..1")}
    both = {"home.conf", "wgplugin.yaml"}
    assert found.through == {
        "home.conf": {"home.conf"},
        "wgplugin.yaml": {"wgplugin.yaml"},
        "..data": both,
        "..1": both,
        "real": {"home.conf"},
    }


@pytest.mark.parametrize(
    ("target", "folders"),
    [
        ("sub/deep/file", {"sub", "sub/deep"}),
        ("sub/../sub/file", {"sub"}),
        ("sub/deep/../file", {"sub"}),
        ("{folder}/sub/file", {"sub"}),
        ("missing/file", set()),
        ("home.conf", set()),
        ("/etc/hostname", set()),
        ("../outside/file", set()),
        ("link/file", {"sub", "sub/deep"}),
    ],
)
def test_folders_of_a_link_are_those_inside(tmp_path: Path, target: str, folders: set[str]) -> None:
    folder = tmp_path / "folder"
    for each in ("folder/sub/deep", "outside"):
        (tmp_path / each).mkdir(parents=True)
    (folder / "link").symlink_to("sub/deep")
    (folder / "home.conf").symlink_to(target.format(folder=folder))
    found = ConfigFolder(folder).layout().folders
    assert found == {str(folder), *(str(folder / each) for each in folders)}


def test_layout_of_a_missing_folder_is_the_folder(tmp_path: Path) -> None:
    assert ConfigFolder(tmp_path / "absent").layout().folders == {str(tmp_path / "absent")}
