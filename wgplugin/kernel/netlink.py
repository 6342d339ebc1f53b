"""A netlink socket for messages as bytes: requests, lists and batches.

Sources: netlink(7), linux/netlink.h. The kernel carries out a message before send(2) returns.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import socket
import struct
from collections.abc import Iterator, Sequence

from wgplugin.kernel.attributes import Message, text, unpack

SECONDS = 10.0
"""The time limit for an answer."""

AT_ONCE = 128
"""The messages that are sent at once: even if all fail, their answers fit a socket's buffer."""

_REQUEST, _ACK, _DUMP = 0x1, 0x4, 0x300
_SIZE = 1 << 16
_TRIES = 5
_NUMBERS = 1 << 32
_HEADER = struct.Struct("=IHHII")
_SO_SNDBUFFORCE = 32
_GET_NAMESPACE = 0x894C
_SOL_NETLINK, _CAP_ACK, _EXT_ACK, _STRICT_CHECK = 270, 10, 11, 12
_ERROR, _DONE = 2, 3
_INTERRUPTED, _HAS_ATTRIBUTES = 0x10, 0x200
_ATTRIBUTES_START, _TEXT = 20, 1


class NetlinkSocket:
    """A netlink socket in the network namespace of the thread that makes it.

    Every method raises OSError, always with a number and a text, if the kernel refuses or doesn't
    answer within ``seconds``.
    """

    __slots__ = ("_number", "_socket")

    def __init__(self, protocol: int, seconds: float = SECONDS) -> None:
        self._number = 0
        kind = socket.SOCK_RAW | socket.SOCK_CLOEXEC
        self._socket = socket.socket(socket.AF_NETLINK, kind, protocol)
        limit = struct.pack("@ll", int(seconds), int(seconds % 1 * 1_000_000))
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
        for option in (_CAP_ACK, _EXT_ACK, _STRICT_CHECK):
            self._socket.setsockopt(_SOL_NETLINK, option, 1)

    def close(self) -> None:
        """Close the socket; until then it keeps its namespace alive."""
        self._socket.close()

    @contextlib.contextmanager
    def namespace(self) -> Iterator[int]:
        """Open the socket's network namespace; the value is its descriptor."""
        descriptor = fcntl.ioctl(self._socket, _GET_NAMESPACE)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def request(self, kind: int, body: bytes, flags: int = 0) -> None:
        """Send a message that the kernel only acknowledges."""
        for error in self.batch([(kind, flags, body)]).values():
            raise error

    def ask(self, kind: int, body: bytes) -> bytes:
        """Send a message, and return the body of its only answer."""
        found, flags, _, answer = next(self._answers(self._send([(kind, 0, body)])))
        if found == _ERROR:
            raise _error(flags, answer)
        return answer

    def dump(self, kind: int, body: bytes) -> list[bytes]:
        """Return the bodies of a list's messages; a list that changes meanwhile is read again."""
        for _ in range(_TRIES):
            found: list[bytes] = []
            if self._read_list(self._send([(kind, _DUMP, body)]), found):
                return found
        raise OSError(errno.EBUSY, "what the kernel lists keeps changing")

    def batch(self, messages: Sequence[Message]) -> dict[int, OSError]:
        """Send messages in order; return the errors of those that fail, by their places."""
        errors: dict[int, OSError] = {}
        for start in range(0, len(messages), AT_ONCE):
            *others, (kind, flags, body) = messages[start : start + AT_ONCE]
            first = self._send([*others, (kind, flags | _ACK, body)])
            for _, flags, number, answer in self._answers(first):
                if _code(answer):
                    errors[start + number - first] = _error(flags, answer)
                if number == first + len(others):
                    break
        return errors

    def transact(self, data: bytes) -> None:
        """Send messages that the kernel carries out together, or none of them.

        They are ready-made, with numbers, and the last one asks to be acknowledged. Of several
        errors, the first is raised.
        """
        self._socket.send(data)
        answers: list[OSError] = []
        while True:
            try:
                found = self._receive(socket.MSG_DONTWAIT if answers else 0)
            except TimeoutError:
                if not answers:
                    raise
                break
            _, _, flags, _, _ = _HEADER.unpack_from(found)
            answers.append(_error(flags, found[_HEADER.size :]))
        if answers[0].errno:
            raise answers[0]

    def reserve(self, size: int) -> None:
        """Let the socket send ``size`` bytes at once."""
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_SNDBUFFORCE, size)

    def _send(self, messages: Sequence[Message]) -> int:
        """Send messages, numbered in order; return the first number."""
        first = self._number if self._number + len(messages) < _NUMBERS else 0
        self._number = first + len(messages)
        self._socket.send(
            b"".join(
                _HEADER.pack(_HEADER.size + len(body), kind, _REQUEST | flags, number, 0)
                + body
                + bytes(-len(body) % 4)
                for number, (kind, flags, body) in enumerate(messages, first)
            )
        )
        return first

    def _answers(self, first: int) -> Iterator[tuple[int, int, int, bytes]]:
        """Yield type, flags, number and body of each answer to the messages from ``first`` on."""
        while True:
            data = self._receive()
            start = 0
            while start < len(data):
                length, kind, flags, number, _ = _HEADER.unpack_from(data, start)
                # An answer to an earlier message came too late for it.
                if number >= first:
                    yield kind, flags, number, data[start + _HEADER.size : start + length]
                start += length + 3 & ~3

    def _read_list(self, number: int, found: list[bytes]) -> bool:
        """Append the bodies of a list's messages; return whether the list is consistent."""
        interrupted = 0
        for kind, flags, _, body in self._answers(number):
            interrupted |= flags & _INTERRUPTED
            if kind in (_ERROR, _DONE):
                if _code(body):
                    raise _error(flags, body)
                break
            found.append(body)
        return not interrupted

    def _receive(self, flags: int = 0) -> bytes:
        try:
            data, _, state, _ = self._socket.recvmsg(_SIZE, 0, flags)
        except BlockingIOError:
            raise TimeoutError(errno.ETIMEDOUT, "the kernel doesn't answer") from None
        if state & socket.MSG_TRUNC:
            raise OSError(errno.EMSGSIZE, "the kernel's answer is too long")
        return data


def _code(answer: bytes) -> int:
    return -int(struct.unpack_from("=i", answer)[0])


def _error(flags: int, answer: bytes) -> OSError:
    """Return the error of an answer, with the kernel's own words for it (NETLINK_EXT_ACK)."""
    words = [os.strerror(_code(answer))]
    if flags & _HAS_ATTRIBUTES:
        found = unpack(answer[_ATTRIBUTES_START:])
        words += [text(value) for kind, value in found if kind == _TEXT]
    return OSError(_code(answer), ": ".join(words))
