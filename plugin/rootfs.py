"""Make a program's root file system: what the program uses of Python, as bytecode, and no more.

    python3 -I -X no_debug_ranges rootfs.py FULL ROOTFS MODULE EXERCISE [FOLDER…]

FULL is a folder with the package and its dependencies in usr/lib/python3/dist-packages. It is
completed with this machine's own Python and turned into a root in which the script EXERCISE runs;
what that uses goes into ROOTFS, where the same must then run again, and MODULE as a program. Each
FOLDER is made there, too. There are two programs: the plugin, and the commands. Runs as root, on
Debian.
"""

from __future__ import annotations

import os
import py_compile
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path

PYTHON = Path("usr/bin/python3")
STDLIB = Path(sysconfig.get_path("stdlib")).relative_to("/")
SITE = Path("usr/lib/python3/dist-packages")

FOLDERS = (
    "dev",
    "etc",
    "proc",
    "sys",
    "tmp",
    # Python looks for this one, even where all its modules are elsewhere.
    f"{STDLIB}/lib-dynload",
)
FILES = {
    "etc/group": "root:x:0:\n",
    # A host that is in the file twice has both addresses.
    "etc/host.conf": "multi on\n",
    "etc/hosts": "127.0.0.1 localhost\n::1 localhost\n",
    "etc/nsswitch.conf": "hosts: files dns\n",
    "etc/passwd": "root:x:0:0:root:/:/sbin/nologin\n",
    "etc/resolv.conf": "",
}
# Names and numbers of services, from the package netbase: an endpoint's port may be a name.
COPIED = ("etc/protocols", "etc/services")

# The gains below are each trick's own, measured by leaving it out of this build while all others
# stay, but for those that don't work without it: bytes of the files, unpacked; milliseconds and
# resident memory of `import wgplugin.serve` in the root, by Debian's Python 3.13 on amd64 (160 ms,
# 26.6 MB). Milliseconds are processor time: instructions counted by valgrind, 3.7 million each.

# TLS has no use on a unix socket, and hashlib does without it.
# Without OpenSSL, with the module SSL in place of `ssl`: 8.8 MB, 6.2 ms, 5.6 MB of memory.
WITHOUT = ("_hashlib", "_ssl")
SSL = '''\
"""Stands in for the real module: no TLS, but the names that others use without wanting TLS."""

CERT_NONE = 0
CERT_REQUIRED = 2
PROTOCOL_TLS_CLIENT = 16
PROTOCOL_TLS_SERVER = 17


class SSLError(OSError):
    """Never raised."""


class SSLWantReadError(SSLError):
    """Never raised."""


class SSLSyscallError(SSLError):
    """Never raised."""


class CertificateError(SSLError, ValueError):
    """Never raised."""


class SSLContext:
    """Can't be made."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        raise NotImplementedError("this Python has no TLS")


class TLSVersion:
    """Has no members."""


class SSLSocket(SSLContext):
    """Can't be made either."""
'''
# What libraries import and the plugin has no use for: HTTP's other end, its servers, forms,
# processes, libraries to search for, mocks, logging's own files, traffic control.
CLIENT = """\
from http import HTTPStatus

responses = {status.value: status.phrase for status in HTTPStatus}
"""
SERVERS = "class BaseHTTPRequestHandler:\n    pass\n\n\nclass HTTPServer:\n    pass\n"
URLS = """\
class BaseHandler:
    pass


HTTPHandler = HTTPRedirectHandler = HTTPSHandler = Request = BaseHandler
build_opener = None
"""
FORMS = """\
class MultiPartException(Exception):
    pass


FormParser = MultiPartParser = None
"""
PROCESSES = "Pipe = Process = Queue = None\n"
LIBRARIES = "def find_library(name):\n    return None\n"
MOCKS = "class Mock:\n    pass\n"
TRAFFIC_CONTROL = """\
from pyroute2.netlink import nlmsg

plugins = {}


class tcmsg(nlmsg):
    pass
"""
REPLACED = {
    # See WITHOUT.
    STDLIB / "ssl.py": SSL,
    # 34 kB, and 0.1 MB of memory of a plugin with a hub: dnslib's times of signatures.
    STDLIB / "calendar.py": "",
    # 16 kB, 0.2 ms.
    STDLIB / "ctypes/util.py": LIBRARIES,
    # 170 kB, 4.3 ms, 0.6 MB of memory.
    STDLIB / "http/client.py": CLIENT,
    # 42 kB, and 0.8 ms of the first /metrics; the real one would need the real http.client.
    STDLIB / "http/server.py": SERVERS,
    # 160 kB, 3.8 ms, 0.5 MB of memory.
    STDLIB / "logging/config.py": "",
    # 120 kB, 2.3 ms, 0.3 MB of memory.
    STDLIB / "multiprocessing/__init__.py": PROCESSES,
    # 160 kB, 2.6 ms, 0.5 MB of memory.
    STDLIB / "unittest/__init__.py": "",
    # 130 kB, 2.0 ms, 0.5 MB of memory.
    STDLIB / "unittest/mock.py": MOCKS,
    # 99 kB, and 1.4 ms of the first /metrics; the real one would need the real http.client.
    STDLIB / "urllib/request.py": URLS,
    # 130 kB, 7.4 ms, 0.5 MB of memory.
    SITE / "pyroute2/netlink/rtnl/tcmsg/__init__.py": TRAFFIC_CONTROL,
    # 380 kB, 18 ms, 1.8 MB of memory: imports every subsystem, most of which nothing else would.
    SITE / "pyroute2/__init__.py": "",
    # 14 kB, 1.3 ms, 0.2 MB of memory.
    SITE / "starlette/formparsers.py": FORMS,
    # 390 kB, 9.3 ms, 1.3 MB of memory; its command line would need the real multiprocessing, too.
    SITE / "uvicorn/__init__.py": "from uvicorn.config import Config\n",
}
# These read their own source to see what they export.
AS_SOURCE = (SITE / "anyio/__init__.py", SITE / "anyio/abc/__init__.py")


def main(full: Path, rootfs: Path, module: str, script: Path, folders: list[str]) -> None:
    """Complete `full`, and make `rootfs` of what `script` uses of it."""
    add_python(full)
    add_system(full)
    for path in exercise(full, script):
        add_module(full, rootfs, path)
    add_system(rootfs)
    exercise(rootfs, script)
    run(rootfs, "-m", module, "--version")
    for name in folders:
        (rootfs / name).mkdir(parents=True, exist_ok=True)
    settle(rootfs)


def add_python(full: Path) -> None:
    """Add this machine's standard library, without what isn't wanted of it."""
    unwanted = shutil.ignore_patterns("__pycache__", *(f"{name}.*.so" for name in WITHOUT))
    shutil.copytree("/" / STDLIB, full / STDLIB, symlinks=True, ignore=unwanted)
    for path, text in REPLACED.items():
        (full / path).write_text(text)


def add_system(root: Path) -> None:
    """Add what is around the modules: the interpreter, folders, files, shared libraries."""
    for folder in FOLDERS:
        (root / folder).mkdir(parents=True, exist_ok=True)
    for name, text in FILES.items():
        (root / name).write_text(text)
    for name in COPIED:
        copy(Path("/", name), root / name)
    for link in filter(Path.is_symlink, Path("/").glob("lib*")):
        (root / link.name).symlink_to(link.readlink())
    interpreter = Path("/", PYTHON).resolve()
    copy(interpreter, (root / PYTHON).with_name(interpreter.name))
    (root / PYTHON).symlink_to(interpreter.name)
    for library in libraries([interpreter, *root.rglob("*.so")]):
        copy(library, root / library.relative_to("/"))


def libraries(files: Iterable[Path]) -> set[Path]:
    """Return the shared libraries that the files need, by the names they are looked up under."""
    listing = subprocess.run(["ldd", *files], check=True, stdout=subprocess.PIPE, text=True).stdout
    found = {Path(name) for name in re.findall(r"^\t(?:\S+ => )?(/\S+) \(", listing, re.MULTILINE)}
    # The C library opens this one by itself when a thread is told to end.
    found |= {path.with_name("libgcc_s.so.1") for path in found if path.name == "libc.so.6"}
    return {path.parent.resolve() / path.name for path in found}


def exercise(root: Path, script: Path) -> list[Path]:
    """Run an exercise in a root; return the modules that it used."""
    folder = root / "tmp/exercise"
    folder.mkdir()
    shutil.copy(script, folder)
    inside = Path("/", folder.relative_to(root))
    run(root, str(inside / script.name), str(inside))
    used = [Path(name).relative_to("/") for name in (folder / "used").read_text().splitlines()]
    shutil.rmtree(folder)
    return [path for path in used if path.is_relative_to("usr/lib")]


def run(root: Path, *arguments: str) -> None:
    """Run Python in a root, as the programs do."""
    subprocess.run(["chroot", root, f"/{PYTHON}", "-I", "-B", *arguments], check=True)


def add_module(full: Path, rootfs: Path, path: Path) -> None:
    """Add a module: as bytecode, or stripped of symbols if it is a shared library."""
    target = rootfs / path
    if path.suffix != ".py" or path in AS_SOURCE:
        copy(full / path, target)
    else:
        py_compile.compile(
            str(full / path),
            cfile=str(target.with_suffix(".pyc")),
            dfile=f"/{path}",
            doraise=True,
            # No docstrings: 890 kB, 0.9 ms, 1.0 MB of memory.
            optimize=2,
            invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
        )
    if path.suffix == ".so":
        # 3.8 MB.
        subprocess.run(["strip", "--strip-unneeded", target], check=True)


def copy(source: Path, target: Path) -> None:
    """Copy a file, or what a link leads to, into a folder that need not be there."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, target)


def settle(root: Path) -> None:
    """Make modes and times the same whoever builds, and whenever."""
    seconds = int(os.environ.get("SOURCE_DATE_EPOCH", "0"))
    for path in [root, *root.rglob("*")]:
        if not path.is_symlink():
            path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)
        os.utime(path, (seconds, seconds), follow_symlinks=False)
    (root / "tmp").chmod(0o1777)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], Path(sys.argv[4]), sys.argv[5:])
