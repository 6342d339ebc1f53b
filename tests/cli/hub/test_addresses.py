"""A hub's next peer gets addresses that nobody has, and nobody had."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from wgplugin.cli.hub.addresses import asked_for, next_free
from wgplugin.cli.hub.document import Document
from wgplugin.codes import Code
from wgplugin.errors import PluginError

KEYS = [f"{letter * 42}A=" for letter in "BCDEFGHIJKLM"]


def hub(address: str, *peers: str, last: int = 0, after: str = "") -> Document:
    text = f"[Interface]\n# wgplugin: hub last={last}\nPrivateKey = {KEYS[0]}\nListenPort = 1\n"
    text += f"Address = {address}\n"
    for key, peer in zip(KEYS[1:], peers, strict=False):
        text += f"[Peer]\nPublicKey = {key}\nAllowedIPs = {peer}\n"
    return Document.read("office.conf", (text + after).encode())


REMOVED = f"# wgplugin: removed name=old key={KEYS[0]} addresses=10.99.0.2,fd99::2\n"
DISABLED = (
    f"# wgplugin: disabled\n# [Peer]\n# # wgplugin: peer name=off\n# PublicKey = {KEYS[-1]}\n"
    "# AllowedIPs = 10.99.0.2/32\n# wgplugin: end\n"
)


@pytest.mark.parametrize(
    ("document", "addresses"),
    [
        (hub("10.99.0.1/24"), "10.99.0.2"),
        (hub("10.99.0.1/24, fd99::1/64"), "10.99.0.2 fd99::2"),
        (hub("10.99.0.7/24"), "10.99.0.1"),
        (hub("10.99.0.1/24", "10.99.0.2/32", "10.99.0.3/32"), "10.99.0.4"),
        (hub("10.99.0.1/24, fd99::1/64", "10.99.0.2/32", "fd99::3/128"), "10.99.0.4 fd99::4"),
        (hub("10.99.0.1/24", "10.99.0.0/28"), "10.99.0.16"),
        (hub("10.99.0.1/24", last=9), "10.99.0.10"),
        (hub("10.99.0.1/24", after=REMOVED), "10.99.0.3"),
        (hub("10.99.0.1/24", after=DISABLED), "10.99.0.3"),
        (hub("fd99::1/64", "fd99::/65"), "fd99::8000:0:0:0"),
        (hub("10.99.0.1/24, 10.5.0.1/32"), "10.99.0.2"),
        (hub("10.99.0.1/30"), "10.99.0.2"),
    ],
)
def test_next_addresses_have_the_next_number_that_is_free_in_all_subnets(
    document: Document, addresses: str
) -> None:
    given = next_free(document)
    assert given.addresses == tuple(map(ip_address, addresses.split()))
    assert given.last == int(given.addresses[0]) - int(document.config.addresses[0].network[0])


@pytest.mark.parametrize(
    ("document", "says"),
    [
        (hub("10.99.0.1/30", "10.99.0.2/32"), r"10\.99\.0\.0/30 is full: make the prefix"),
        (hub("10.99.0.1/29", last=6), r"full: 5 of removed peers .* --address 10\.99\.0\.2, or"),
        (hub("10.99.0.1/24, fd99::1/127", last=1), r"fd99::/127 is full"),
        (hub("10.99.0.1/24", "10.99.0.0/24"), r"10\.99\.0\.0/24 is full"),
        (hub("fd99::1/64", "fd99::/64"), r"fd99::/64 is full"),
    ],
)
def test_full_hub_says_what_is_left(document: Document, says: str) -> None:
    with pytest.raises(PluginError, match=says) as caught:
        next_free(document)
    assert caught.value.code is Code.HUB_FULL


def test_address_that_is_asked_for_may_be_that_of_a_removed_peer() -> None:
    document = hub("10.99.0.1/24", last=9, after=REMOVED)
    given = asked_for(document, [ip_address("10.99.0.2")])
    assert (given.addresses, given.last) == ((ip_address("10.99.0.2"),), 9)


@pytest.mark.parametrize(
    ("address", "code", "says"),
    [
        ("10.98.0.2", Code.OUTSIDE_HUB, r"isn't in the hub's subnet 10\.99\.0\.0/24, fd99::/64"),
        ("fd98::2", Code.OUTSIDE_HUB, "isn't in the hub's subnet"),
        ("10.99.0.1", Code.ADDRESS_TAKEN, "is the hub's own in office.conf"),
        ("10.99.0.3", Code.ADDRESS_TAKEN, r"is a peer's \(line 6\) in office.conf"),
        ("10.99.0.2", Code.ADDRESS_TAKEN, r"is off's \(line 9\)"),
        ("10.99.0.0", Code.ADDRESS_TAKEN, "stands for the subnet"),
        ("10.99.0.255", Code.ADDRESS_TAKEN, "stands for the subnet"),
        ("fd99::", Code.ADDRESS_TAKEN, "stands for the subnet"),
    ],
)
def test_address_that_cannot_be_had_is_refused(address: str, code: Code, says: str) -> None:
    document = hub("10.99.0.1/24, fd99::1/64", "10.99.0.3/32", after=DISABLED)
    with pytest.raises(PluginError, match=says) as caught:
        asked_for(document, [ip_address(address)])
    assert caught.value.code is code


def test_file_without_a_subnet_has_no_peers() -> None:
    with pytest.raises(PluginError, match="has no subnet for peers") as caught:
        next_free(hub("10.99.0.1/32, fd99::1/128"))
    assert caught.value.code is Code.NOT_A_HUB
