"""HTTP on a unix socket: the plugins' status and own calls, and Docker's API."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from wgplugin.codes import Code
from wgplugin.errors import PluginError
from wgplugin.networks import calls, status
from wgplugin.networks.calls import Answer
from wgplugin.networks.status import Status

SOCKETS = Path("/run/docker/plugins")
NAMES = ("*/wireguard.sock", "wireguard.sock")

PATIENCE = 10.0
"""The seconds for a whole answer that is ready at once."""

SWITCHING = 30.0
"""The seconds for a switch, which the plugin gives up before."""

MAX_ANSWER = 64 * 1024 * 1024

_OK = 200
_STATUS_LINE = re.compile(rb"HTTP/1\.[01] (\d{3})[ \r]")
_ERROR = re.compile(r"(.*) \[(WG\d+)\]", re.DOTALL)


def request(
    path: Path, target: str, body: bytes | None = None, patience: float = PATIENCE
) -> tuple[int, bytes]:
    """Return the status and the body of the answer to a request: POST if it has a body, else GET.

    ``patience``: the seconds until all of the answer must be there.

    Raises:
        OSError: nothing listens, or no answer comes, or it isn't HTTP.
    """
    content = b"" if body is None else body
    # With version 1.0 the answer is in one piece, and ends with the connection.
    head = f"{'GET' if body is None else 'POST'} {target} HTTP/1.0\r\nHost: localhost\r\n"
    kind = f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        end = time.monotonic() + patience
        connection.settimeout(patience)
        connection.connect(str(path))
        connection.sendall((head + kind).encode() + content)
        answer = b"".join(_received(connection, end))
    first, _, rest = answer.partition(b"\r\n\r\n")
    found = _STATUS_LINE.match(first + b"\r")
    if not found:
        raise OSError("what answers there isn't HTTP")
    return int(found[1]), rest


def sockets(folder: Path) -> list[Path]:
    """Return the plugins' sockets below Docker's folder for them, where each plugin has its own."""
    return sorted(path for name in NAMES for path in folder.glob(name))


def report(path: Path) -> Status:
    """Return the status of the plugin on a socket.

    Raises:
        OSError: there is no answer, or it isn't a plugin's.
    """
    code, body = request(path, "/status")
    if code != _OK:
        raise OSError("it is no such plugin, or an older version of it")
    try:
        return status.decode(body)
    except ValueError as error:
        raise OSError(f"its status can't be read: {error}") from None


def reports(given: Path | None) -> tuple[dict[Path, Status], dict[Path, OSError]]:
    """Return the status of each plugin that answers, and why others don't.

    ``given``: the socket to ask, None for those of all plugins on this host.

    Raises:
        PluginError: no plugin answers.
    """
    found: dict[Path, Status] = {}
    silent: dict[Path, OSError] = {}
    for path in [given] if given else sockets(SOCKETS):
        try:
            found[path] = report(path)
        except OSError as error:
            silent[path] = error
    if not found:
        where = given or f"{SOCKETS}/*/wireguard.sock"
        why = "".join(f" ({error})" for error in silent.values())
        hint = "is the plugin enabled, and are you root?"
        raise PluginError(Code.NO_ANSWER, f"no plugin answers at {where}{why}; {hint}")
    return found, silent


def switch(path: Path, endpoint: str, configuration: str) -> str:
    """Switch a tunnel of the plugin on a socket; return the name of its configuration then.

    ``endpoint`` and ``configuration`` are as in Insides.switch().

    Raises:
        PluginError: the plugin refuses, or doesn't answer.
    """
    asked = calls.SwitchRequest(endpoint, configuration)
    return _call(path, "/switch", asked, calls.SwitchAnswer, SWITCHING).configuration


def wait(path: Path, endpoint: str, seconds: float) -> str:
    """Wait for a tunnel of the plugin on a socket; return its health then.

    ``endpoint`` and ``seconds`` are as in Insides.wait().

    Raises:
        PluginError: the plugin refuses, or doesn't answer.
    """
    asked = calls.WaitRequest(endpoint, seconds)
    return _call(path, "/wait", asked, calls.WaitAnswer, seconds + PATIENCE).health


def _call(
    path: Path, target: str, asked: msgspec.Struct, kind: type[Answer], patience: float
) -> Answer:
    try:
        code, body = request(path, target, calls.encode(asked), patience)
        if code == _OK:
            return calls.decode(body, kind)
        refused = calls.decode(body, calls.Refusal).err
    except (OSError, ValueError) as error:
        raise PluginError(Code.NO_ANSWER, f"{path}: {error}") from None
    raise _error(refused)


def _error(text: str) -> PluginError:
    """Return the error that the plugin answered with."""
    told = _ERROR.fullmatch(text)
    try:
        return PluginError(Code(told[2]), told[1]) if told else PluginError(Code.FAILED, text)
    except ValueError:
        # It is a code of a later version.
        return PluginError(Code.FAILED, text)


def _received(connection: socket.socket, end: float) -> Iterator[bytes]:
    """Yield what a connection brings until it ends. Raises OSError if that isn't before ``end``."""
    size = 0
    while (left := end - time.monotonic()) > 0:
        connection.settimeout(left)
        if not (piece := connection.recv(65536)):
            return
        size += len(piece)
        if size > MAX_ANSWER:
            raise OSError(f"its answer is larger than {MAX_ANSWER} bytes")
        yield piece
    raise TimeoutError("timed out")
