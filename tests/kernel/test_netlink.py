"""A netlink socket takes the kernel's answers for what they are, and waits for none for ever."""

import errno
import socket
import struct
from ipaddress import ip_network

import pytest

from tests.kernel.namespaces import alone, ip, needs_namespaces
from wgplugin.kernel import rtnl_messages
from wgplugin.kernel.link_messages import GET_LINKS, list_links
from wgplugin.kernel.netlink import AT_ONCE, NetlinkSocket
from wgplugin.model.namespace import TABLE, Route

NOTHING = 1
"""A type of message that the kernel doesn't answer (NLMSG_NOOP)."""
ERROR, DONE, ITEM = 2, 3, 16
MULTI, INTERRUPTED = 0x2, 0x10


def test_kernel_that_does_not_answer_is_an_error_in_words() -> None:
    connection = NetlinkSocket(socket.NETLINK_ROUTE, seconds=0.05)
    with pytest.raises(OSError, match="the kernel doesn't answer") as error:
        connection.ask(NOTHING, b"")
    assert (error.value.errno, error.value.strerror) == (
        errno.ETIMEDOUT,
        "the kernel doesn't answer",
    )
    connection.close()


def test_refusal_has_the_kernel_s_words() -> None:
    connection = NetlinkSocket(socket.NETLINK_ROUTE)
    with pytest.raises(OSError, match="No such device") as error:
        connection.ask(GET_LINKS, struct.pack("=BxHiII", 0, 0, 1 << 30, 0, 0))
    assert error.value.errno == errno.ENODEV
    connection.close()


@needs_namespaces
@alone
def test_errors_of_a_batch_are_those_of_their_messages_and_the_others_are_carried_out() -> None:
    ip("link set lo up")
    routes = [
        Route(ip_network((10 << 24 | number << 8, 24)), TABLE, "unreachable", 7)
        for number in range(3 * AT_ONCE + 5)
    ]
    there = (0, 7, AT_ONCE - 1, AT_ONCE, 3 * AT_ONCE + 4)
    connection = NetlinkSocket(socket.NETLINK_ROUTE)
    assert connection.batch([rtnl_messages.addition(routes[place], 0) for place in there]) == {}
    errors = connection.batch([rtnl_messages.addition(route, 0) for route in routes])
    assert sorted(errors) == sorted(there)
    assert {error.errno for error in errors.values()} == {errno.EEXIST}
    assert connection.batch([rtnl_messages.deletion(route, 0) for route in routes]) == {}


@needs_namespaces
@alone
def test_batch_of_which_every_message_fails_has_all_errors() -> None:
    route = Route(ip_network("10.0.0.0/8"), TABLE, "unreachable", 7)
    messages = [rtnl_messages.deletion(route, 0)] * (5 * AT_ONCE)
    errors = NetlinkSocket(socket.NETLINK_ROUTE).batch(messages)
    assert {error.errno for error in errors.values()} == {errno.ESRCH}
    assert len(errors) == len(messages)


def message(kind: int, flags: int, number: int, body: bytes) -> bytes:
    return struct.pack("=IHHII", 16 + len(body), kind, flags, number, 0) + body


class Scripted:
    """A netlink socket whose kernel is the test."""

    def __init__(self) -> None:
        self.socket = NetlinkSocket(socket.NETLINK_ROUTE)
        self.socket.close()
        ours, self.kernel = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        ours.settimeout(None)
        self.socket._socket = ours

    def close(self) -> None:
        self.socket.close()
        self.kernel.close()


DONE_BODY = struct.pack("=i", 0)


def test_list_that_changes_while_it_is_read_is_read_again() -> None:
    scripted = Scripted()
    scripted.kernel.send(message(ITEM, MULTI, 0, b"half"))
    scripted.kernel.send(message(DONE, MULTI | INTERRUPTED, 0, DONE_BODY))
    scripted.kernel.send(
        message(ITEM, MULTI, 1, b"one.")
        + message(ITEM, MULTI, 1, b"two.")
        + message(DONE, MULTI, 1, DONE_BODY)
    )
    assert scripted.socket.dump(GET_LINKS, list_links()) == [b"one.", b"two."]
    scripted.close()


def test_list_that_always_changes_is_an_error_in_words() -> None:
    scripted = Scripted()
    for number in range(10):
        scripted.kernel.send(message(DONE, MULTI | INTERRUPTED, number, DONE_BODY))
    with pytest.raises(OSError, match="keeps changing"):
        scripted.socket.dump(GET_LINKS, list_links())
    scripted.close()


def test_answer_that_came_too_late_is_not_taken_for_that_to_the_next_message() -> None:
    scripted = Scripted()
    scripted.kernel.send(message(ITEM, 0, 0, b"old."))
    assert scripted.socket.ask(ITEM, b"") == b"old."
    scripted.kernel.send(message(ITEM, 0, 0, b"late"))
    scripted.kernel.send(message(ITEM, 0, 1, b"new."))
    assert scripted.socket.ask(ITEM, b"") == b"new."
    scripted.close()


def test_error_at_the_end_of_a_list_is_raised() -> None:
    scripted = Scripted()
    scripted.kernel.send(message(DONE, MULTI, 0, struct.pack("=i", -errno.EPERM)))
    with pytest.raises(PermissionError):
        scripted.socket.dump(GET_LINKS, list_links())
    scripted.close()
