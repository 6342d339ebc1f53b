"""What is expensive to make, kept between runs: one folder per entry, named by its recipe."""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

from .progress import LabError, say

# Open for as long as the process runs: a shared lock keeps an entry from being removed.
_entries_in_use: list[IO[str]] = []


def folder() -> Path:
    """Return the cache folder: $LAB_CACHE, or the one in the user's own cache."""
    if own := os.environ.get("LAB_CACHE"):
        return Path(own).absolute()
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "wireguard-docker-plugin" / "lab"


def log_file(name: str) -> Path:
    """Return where the output of the step called `name` goes, made empty."""
    log = folder() / "logs" / f"{name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text("")
    return log


def path_of(kind: str, recipe: str) -> Path:
    """Return the path of the entry of this kind and recipe, there or not."""
    return folder() / f"{kind}-{hashlib.sha256(recipe.encode()).hexdigest()[:12]}"


def entry(kind: str, recipe: str, make: Callable[[Path], None]) -> Path:
    """Return the entry's folder, filled by `make(new_folder)` if it isn't there yet.

    Whatever `make` raises is passed on and leaves no entry. Entries of the same kind that no lab
    uses are removed once a new one is there.
    """
    path = path_of(kind, recipe)
    folder().mkdir(parents=True, exist_ok=True)
    lock = _lock_file(path)
    _entries_in_use.append(lock)
    _lock(lock, fcntl.LOCK_SH, path.name)
    if not path.exists():
        _lock(lock, fcntl.LOCK_EX, path.name)
        if not path.exists():
            _make(path, make)
            _remove_others(path, kind)
        _lock(lock, fcntl.LOCK_SH, path.name)
    return path


@contextmanager
def locked(name: str) -> Iterator[None]:
    """Let one lab at a time into the block; the others wait, and say so."""
    folder().mkdir(parents=True, exist_ok=True)
    with _lock_file(folder() / name) as lock:
        _lock(lock, fcntl.LOCK_EX, name)
        yield


def remove() -> None:
    """Remove the whole cache folder; raises LabError, and removes nothing, if a lab is using it."""
    with ExitStack() as stack:
        for path in folder().glob("*.lock"):
            lock = stack.enter_context(path.open())
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise LabError(f"nothing removed: another lab is using {path.stem}") from None
        if folder().exists():
            shutil.rmtree(folder())


def _lock_file(path: Path) -> IO[str]:
    lock = path.with_name(f"{path.name}.lock")
    # Whoever only reads the cache of another user finds it there.
    if not lock.exists():
        lock.touch()
    return lock.open()


def _lock(lock: IO[str], how: int, name: str) -> None:
    try:
        fcntl.flock(lock, how | fcntl.LOCK_NB)
    except BlockingIOError:
        say(f"waiting for another lab that is at work on {name}")
        fcntl.flock(lock, how)


def _make(path: Path, make: Callable[[Path], None]) -> None:
    new = path.with_name(f"{path.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir()
    try:
        make(new)
        new.rename(path)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def _remove_others(path: Path, kind: str) -> None:
    for other in folder().glob(f"{kind}-*"):
        if other == path or not other.is_dir():
            continue
        with _lock_file(other) as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            shutil.rmtree(other)
