"""Which conversation a frame is of."""

import socket
import struct

from tests.e2e.leaks.capture import IPV4, IPV6, Address, Frame

End = tuple[Address, int]
Flow = tuple[int, End, End]
"""A protocol, and who sends to whom, with their ports."""

WITH_PORTS = frozenset({socket.IPPROTO_TCP, socket.IPPROTO_UDP, socket.IPPROTO_SCTP})
# Messages about a packet, which they quote (RFC 792; RFC 4443, section 2.1).
ERRORS = frozenset({3, 11, 12})
ERRORS_OF_IPV6 = range(1, 128)
QUOTED_AT = 8


def flow_of(frame: Frame) -> Flow | None:
    """Return the flow of a frame; None if it has no ports.

    The flow of an error is that of an answer to the packet that it is about.
    """
    if frame.ends is None or frame.protocol not in (IPV4, IPV6):
        return None
    is_ipv4 = frame.protocol == IPV4
    start = (frame.packet[0] & 15) * 4 if is_ipv4 else 40
    protocol = frame.packet[9 if is_ipv4 else 6]
    content = frame.packet[start:]
    if protocol in WITH_PORTS and len(content) >= 4:
        ports = struct.unpack_from("!HH", content)
        source, destination = zip(frame.ends, ports, strict=True)
        return protocol, source, destination
    errors = {socket.IPPROTO_ICMP: ERRORS, socket.IPPROTO_ICMPV6: ERRORS_OF_IPV6}.get(protocol, ())
    if len(content) > QUOTED_AT and content[0] in errors:
        about = flow_of(Frame(frame.interface, frame.protocol, content[QUOTED_AT:]))
        return about and (about[0], about[2], about[1])
    return None
