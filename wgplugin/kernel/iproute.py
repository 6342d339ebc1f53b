"""Netlink requests with a single answer, on pyroute2's sockets."""

from __future__ import annotations

from typing import Any

from pyroute2.iproute.linux import IPRoute
from pyroute2.netlink import NLM_F_ACK, NLM_F_REQUEST

ANSWER_SIZE = 1 << 16


def rtnetlink() -> Any:
    """Return an rtnetlink socket in the network namespace of this thread."""
    connection = IPRoute(ext_ack=True)
    # Private to pyroute2: its requests then return lists, which can't be left half read.
    connection.status["nlm_generator"] = False
    return connection


def request(connection: Any, message: Any, kind: int, flags: int = NLM_F_ACK) -> Any:
    """Send a message to the kernel and return its answer.

    The kernel answers before send(2) returns, so this needs no wait. pyroute2's own requests wait
    in an event loop, which takes longer than the kernel.

    Raises:
        NetlinkError: the kernel refuses.
    """
    message["header"]["type"] = kind
    message["header"]["flags"] = NLM_F_REQUEST | flags
    message.encode()
    connection.send(message.data)
    (answer,) = connection.marshal.parse(connection.recv(ANSWER_SIZE))
    if error := answer["header"]["error"]:
        raise error
    return answer
