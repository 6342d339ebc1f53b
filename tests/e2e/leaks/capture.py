"""Every frame in a network namespace, on all of its interfaces."""

import ctypes
import os
import socket
import struct
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from types import TracebackType
from uuid import uuid4

from tests.e2e.commands import wait_until

Address = IPv4Address | IPv6Address

IPV4, ARP, IPV6 = 0x0800, 0x0806, 0x86DD
ETH_P_ALL = 0x0003
PACKET_OUTGOING = 4
SOL_PACKET, PACKET_STATISTICS = 263, 6
SO_RCVBUFFORCE = 33
CLONE_NEWNET = 0x40000000
BUFFER = 64 << 20
SNAP_LENGTH = 4096
DISCARD = ("127.0.0.1", 9)


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame, from its network header on; ``interface`` is empty if it was gone when read.

    ``outgoing``: whether the namespace itself sends it.
    """

    interface: str
    protocol: int
    packet: bytes
    outgoing: bool = False

    @property
    def ends(self) -> tuple[Address, Address] | None:
        """The source and the destination, or who asks for whom; None if it has no addresses."""
        packet = self.packet
        if self.protocol == IPV4 and len(packet) >= 20:
            return IPv4Address(packet[12:16]), IPv4Address(packet[16:20])
        if self.protocol == ARP and len(packet) >= 28:
            return IPv4Address(packet[14:18]), IPv4Address(packet[24:28])
        if self.protocol == IPV6 and len(packet) >= 40:
            return IPv6Address(packet[8:24]), IPv6Address(packet[24:40])
        return None

    @property
    def udp(self) -> tuple[int, int, bytes] | None:
        """The ports and what they carry; None if it isn't UDP, or a later fragment of it."""
        if self.protocol == IPV4 and len(self.packet) >= 20:
            header, kind = (self.packet[0] & 15) * 4, self.packet[9]
            later = int.from_bytes(self.packet[6:8], "big") & 0x1FFF
        elif self.protocol == IPV6 and len(self.packet) >= 40:
            header, kind, later = 40, self.packet[6], 0
        else:
            return None
        if kind != socket.IPPROTO_UDP or later or len(self.packet) < header + 8:
            return None
        source, destination = struct.unpack_from("!HH", self.packet, header)
        return source, destination, self.packet[header + 8 :]

    def __str__(self) -> str:
        ends = "{} > {}".format(*self.ends) if self.ends else f"type {self.protocol:#06x}"
        return f"{self.interface or 'an interface now gone'}: {ends}: {self.packet[:80].hex()}"


class Capture:
    """What is seen in a namespace, this process's own or a named one, while a ``with`` lasts.

    A socket bound to no interface sees all of them, those included that come later. Frames that
    ``is_ignored`` are not kept: a process in the lab has room for 256 MB.
    """

    def __init__(
        self, namespace: str = "", is_ignored: Callable[[Frame], bool] = lambda frame: False
    ) -> None:
        self.interfaces_before: frozenset[str] = frozenset()
        self._namespace = namespace
        self._is_ignored = is_ignored
        self._frames: list[Frame] = []
        self._socket: socket.socket | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> "Capture":
        self._thread.start()
        wait_until(lambda: self._socket is not None, "the capture")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()

    @property
    def frames(self) -> Sequence[Frame]:
        """What has been read so far."""
        return self._frames

    def forget(self) -> None:
        """Forget what has been read so far; marks from before are void."""
        self._frames.clear()

    def mark(self) -> int:
        """Return the number of frames up to now, all of which are read and none of them lost.

        Of the own namespace only: it sends itself a datagram and waits until that is seen.
        """
        start = len(self._frames)
        token = uuid4().bytes
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(token, DISCARD)
        wait_until(
            lambda: any(token in frame.packet for frame in self._frames[start:]),
            "the capture to see its mark",
        )
        assert self._socket is not None
        statistics = self._socket.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8)
        assert struct.unpack("II", statistics)[1] == 0, "the capture lost frames"
        return len(self._frames)

    def _read(self) -> None:
        if self._namespace:
            enter(self._namespace)
        self.interfaces_before = frozenset(name for _, name in socket.if_nameindex())
        with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL)) as sock:
            sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER)
            sock.settimeout(0.1)
            self._socket = sock
            while not self._stop.is_set():
                try:
                    packet, address = sock.recvfrom(SNAP_LENGTH)
                except TimeoutError:
                    continue
                outgoing = address[2] == PACKET_OUTGOING
                frame = Frame(sys.intern(address[0]), address[1], packet, outgoing)
                if not self._is_ignored(frame):
                    self._frames.append(frame)


def enter(namespace: str) -> None:
    """Move this thread, no other, into a named network namespace."""
    # os.setns is there from Python 3.12 on.
    libc = ctypes.CDLL(None, use_errno=True)
    with Path("/run/netns", namespace).open("rb") as file:
        if libc.setns(file.fileno(), CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), namespace)
