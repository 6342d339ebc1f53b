"""The nftables of a tunnel, as messages; what they do is seen in tests/e2e/live."""

import struct
from collections.abc import Iterator
from ipaddress import IPv4Address, ip_interface

from wgplugin.kernel import firewall, nftables
from wgplugin.model.namespace import Plan

NEWTABLE, DELTABLE, NEWCHAIN, NEWRULE = 0xA00, 0xA02, 0xA03, 0xA06
PLAN = Plan("wgp0123456789ab", (ip_interface("10.8.0.2/32"), ip_interface("fd08::2/128")))
DNS = Plan(PLAN.device, PLAN.addresses, dns=IPv4Address("10.8.0.1"))


def header(message: bytes) -> tuple[int, int, int, int]:
    """Return a message's length, type, flags and number."""
    length, kind, flags, number = struct.unpack_from("=IHHI", message)
    return length, kind, flags, number


def attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    while data:
        length, kind = struct.unpack_from("=HH", data)
        yield kind & 0x3FFF, data[4:length]
        data = data[length + 3 & ~3 :]


def text(message: bytes, kind: int) -> str:
    return dict(attributes(message[20:]))[kind].rstrip(b"\0").decode()


def test_batch_is_framed_and_numbered() -> None:
    messages = nftables.replace_table("t", firewall.chains(DNS))
    assert [header(message)[0] for message in messages] == [len(each) for each in messages]
    assert [header(message)[3] for message in messages] == list(range(len(messages)))
    assert [header(messages[place])[1] for place in (0, -1)] == [0x10, 0x11]


def test_every_message_asks_to_be_acknowledged_but_the_frame() -> None:
    flags = [header(message)[2] for message in nftables.replace_table("t", firewall.chains(DNS))]
    assert [bool(each & 4) for each in flags] == [False, *[True] * (len(flags) - 2), False]


def test_table_is_replaced_and_no_other_is_touched() -> None:
    messages = nftables.replace_table(PLAN.device, firewall.chains(DNS))[1:-1]
    kinds = [header(message)[1] for message in messages]
    assert kinds[:3] == [NEWTABLE, DELTABLE, NEWTABLE]
    assert {text(message, 1) for message in messages} == {PLAN.device}
    assert [header(message)[1] for message in nftables.delete_table("t")[1:-1]] == [
        NEWTABLE,
        DELTABLE,
    ]


def test_chain_is_there_before_a_rule_jumps_to_it() -> None:
    messages = nftables.replace_table("t", firewall.chains(DNS))
    kinds = [header(message)[1] for message in messages[4:-1]]
    assert kinds == sorted(kinds)
    assert set(kinds) == {NEWCHAIN, NEWRULE}


def test_without_dns_nothing_is_done_about_names() -> None:
    assert [chain.name for chain in firewall.chains(PLAN)] == ["replies", "strangers"]
    assert "names" in [chain.name for chain in firewall.chains(DNS)]


def test_packet_from_the_tunnel_s_address_is_not_marked() -> None:
    answers = firewall.chains(PLAN)[0]
    assert len(answers.rules) == len(PLAN.addresses) + 1
    for address, rule in zip(PLAN.addresses, answers.rules, strict=False):
        assert address.ip.packed in b"".join(rule)


def test_names_of_every_length_but_one_label_go_to_the_server() -> None:
    containers = next(chain for chain in firewall.chains(DNS) if chain.name == "containers")
    assert len(containers.rules) == 63
