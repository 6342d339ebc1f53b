"""Peers' endpoints are resolved as wg(8) does, within a bound."""

import asyncio
import contextlib
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address
from typing import NoReturn

import pytest

from wgplugin.errors import PluginError
from wgplugin.model.configuration import PeerEndpoint
from wgplugin.model.device import SocketAddress
from wgplugin.networks import resolver
from wgplugin.networks.resolver import Resolver
from wgplugin.timings import Timings

BOTH, IPV4 = (4, 6), (4,)


def resolve_all(
    host: str, port: str, bound: float = 5.0, families: tuple[int, ...] = BOTH
) -> tuple[SocketAddress, ...]:
    resolver = Resolver(Timings(resolver_pause=0.01), families)
    return asyncio.run(resolver.resolve(PeerEndpoint(host, port), bound))


def resolve(host: str, port: str, bound: float = 5.0) -> SocketAddress:
    (address,) = resolve_all(host, port, bound)
    return address


@pytest.mark.parametrize(
    ("host", "port", "expected"),
    [
        ("192.0.2.1", "51820", SocketAddress(ip_address("192.0.2.1"), 51820)),
        ("2001:db8::1", "51820", SocketAddress(ip_address("2001:db8::1"), 51820)),
        ("fe80::1%lo", "1", SocketAddress(ip_address("fe80::1"), 1, socket.if_nametoindex("lo"))),
        ("192.0.2.1", "domain", SocketAddress(ip_address("192.0.2.1"), 53)),
    ],
)
def test_literal_endpoint_is_taken_as_it_is(host: str, port: str, expected: SocketAddress) -> None:
    assert resolve(host, port) == expected


class NoThreads(ThreadPoolExecutor):
    def submit(self, *_arguments: object, **_options: object) -> NoReturn:
        raise AssertionError("a thread is used")


@pytest.mark.parametrize(
    ("host", "port"),
    [
        ("192.0.2.1", "51820"),
        ("2001:db8::1", "domain"),
        ("fe80::1%lo", "1"),
        ("192.0.2.1", "nosuchservice"),
        ("fe80::1%nosuchdevice", "1"),
    ],
)
def test_literal_endpoint_takes_no_thread(
    monkeypatch: pytest.MonkeyPatch, host: str, port: str
) -> None:
    monkeypatch.setattr(resolver, "ThreadPoolExecutor", NoThreads)
    with contextlib.suppress(PluginError):
        resolve(host, port)


def test_literal_endpoint_with_an_unknown_service_is_not_tried_again() -> None:
    with pytest.raises(PluginError, match=r"192\.0\.2\.1 can't be resolved"):
        resolve("192.0.2.1", "nosuchservice", bound=60.0)


def test_host_name_is_resolved() -> None:
    found = resolve_all("localhost", "51820")
    assert found
    assert all(address.host.is_loopback for address in found)


def failing(*answers: socket.gaierror) -> object:
    """Return a look-up that fails in these ways, and then succeeds."""
    rest = list(answers)

    def look_up(endpoint: PeerEndpoint, flags: int = 0) -> list[SocketAddress]:
        if rest:
            raise rest.pop(0)
        return [SocketAddress(ip_address("192.0.2.1"), 51820)]

    return look_up


AGAIN = socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
NO_NAME = socket.gaierror(socket.EAI_NONAME, "Name or service not known")


def test_temporary_failure_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolver, "_getaddrinfo", failing(AGAIN, AGAIN))
    assert str(resolve("vpn.example", "51820").host) == "192.0.2.1"


def test_name_that_does_not_exist_is_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolver, "_getaddrinfo", failing(NO_NAME))
    with pytest.raises(PluginError, match=r"vpn\.example can't be resolved: Name or service not"):
        resolve("vpn.example", "51820")


def test_bound_ends_the_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolver, "_getaddrinfo", failing(*[AGAIN] * 100))
    start = time.monotonic()
    with pytest.raises(PluginError, match=r"Temporary failure .* \(waited 0\.1 s\)"):
        resolve("vpn.example", "51820", bound=0.1)
    assert time.monotonic() - start < 5


def knowing(*addresses: str) -> object:
    """Return a look-up that finds these addresses."""

    def look_up(endpoint: PeerEndpoint, flags: int = 0) -> list[SocketAddress]:
        return [SocketAddress(ip_address(address), 51820) for address in addresses]

    return look_up


@pytest.mark.parametrize(
    ("families", "expected"),
    [
        (BOTH, ["2001:db8::1", "192.0.2.2", "192.0.2.1"]),
        (IPV4, ["192.0.2.2", "192.0.2.1"]),
    ],
    ids=str,
)
def test_name_has_all_addresses_that_the_host_can_use_in_the_order_of_the_answer(
    monkeypatch: pytest.MonkeyPatch, families: tuple[int, ...], expected: list[str]
) -> None:
    known = knowing("2001:db8::1", "192.0.2.2", "192.0.2.1")
    monkeypatch.setattr(resolver, "_getaddrinfo", known)
    found = resolve_all("vpn.example", "51820", families=families)
    assert [str(address.host) for address in found] == expected


def test_address_that_is_answered_twice_is_found_once(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = (socket.AF_INET, socket.SOCK_DGRAM, 17, "", ("192.0.2.1", 51820))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [answer, answer])
    assert len(resolve_all("vpn.example", "51820")) == 1


@pytest.mark.parametrize(
    ("host", "shown"),
    [
        ("vpn.example", "the endpoint vpn.example can't be resolved"),
        ("vpn", "the endpoint 'vpn' can't be resolved"),
        ("yAnz5TF-lXXJte14tji3zlMNq-hd2rYUIgJBgB3fBmk", "the endpoint can't be resolved"),
    ],
)
def test_error_names_the_host_unless_it_may_be_a_key(
    monkeypatch: pytest.MonkeyPatch, host: str, shown: str
) -> None:
    monkeypatch.setattr(resolver, "_getaddrinfo", failing(NO_NAME))
    with pytest.raises(PluginError) as caught:
        resolve(host, "51820")
    assert caught.value.message.startswith(shown)


def test_name_of_ipv6_alone_is_refused_by_a_host_without_ipv6(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(resolver, "_getaddrinfo", knowing("2001:db8::1"))
    with pytest.raises(PluginError, match=r"vpn\.example has no IPv4 address.*WG412"):
        resolve_all("vpn.example", "51820", families=IPV4)


def test_ipv6_address_is_refused_by_a_host_without_ipv6() -> None:
    with pytest.raises(PluginError, match=r"2001:db8::1 has no IPv4 address.*no IPv6"):
        resolve_all("2001:db8::1", "51820", families=IPV4)
