"""A file that turns out to be something else takes neither time nor memory."""

import os
import stat
import threading
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from wgplugin import files
from wgplugin.errors import FileError
from wgplugin.files import read_file

MIB = 1024 * 1024


def test_file_that_is_too_large_is_not_read_whole(tmp_path: Path) -> None:
    with (tmp_path / "file").open("wb") as file:
        file.truncate(100 * MIB)
    tracemalloc.start()
    try:
        with pytest.raises(FileError, match="larger than"):
            read_file(tmp_path / "file", MIB)
        assert tracemalloc.get_traced_memory()[1] < 4 * MIB
    finally:
        tracemalloc.stop()


def test_file_that_becomes_a_fifo_at_once_does_not_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    path.touch()

    def swap_after(look: Callable[[int], bool]) -> Callable[[int], bool]:
        def looked(mode: int) -> bool:
            found = look(mode)
            if found:
                path.unlink()
                os.mkfifo(path)
            return found

        return looked

    class Looks:
        S_ISLNK = staticmethod(stat.S_ISLNK)
        S_ISREG = staticmethod(swap_after(stat.S_ISREG))

    said: list[str] = []

    def read() -> None:
        try:
            read_file(path, MIB)
        except FileError as error:
            said.append(str(error))

    monkeypatch.setattr(files, "stat", Looks)
    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    reader.join(30)
    assert said == ["isn't a file [WG204]"]
