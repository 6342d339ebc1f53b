"""The nftables of a tunnel, as messages; what they do is seen in tests/e2e/live."""

import struct
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network, ip_interface, ip_network
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from wgplugin.kernel import firewall
from wgplugin.kernel.nftables_messages import create_table, delete_table, ranges, replace_table
from wgplugin.model.namespace import OtherNetwork, Plan
from wgplugin.model.prefixes import Prefix, collapsed

# Short prefixes, and many of them in a few places, so that they meet.
ip_networks = st.builds(
    lambda address, length: IPv4Network((address << 24, length), strict=False),
    st.integers(0, 255),
    st.integers(0, 12),
)

NEWTABLE, DELTABLE, NEWCHAIN, NEWRULE = 0xA00, 0xA02, 0xA03, 0xA06
PLAN = Plan(
    "wgp0123456789ab", 0x1234567, (ip_interface("10.8.0.2/32"), ip_interface("fd08::2/128"))
)
FULL = replace(PLAN, routed=tuple(map(ip_network, ("0.0.0.0/0", "::/0"))))
OTHERS = (OtherNetwork("eth0", frozenset({ip_network("192.0.2.0/24")})),)
DNS = replace(PLAN, dns=IPv4Address("10.8.0.1"))


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
    messages = replace_table(firewall.table(DNS, ()))
    assert [header(message)[0] for message in messages] == [len(each) for each in messages]
    assert [header(message)[3] for message in messages] == list(range(len(messages)))
    assert [header(messages[place])[1] for place in (0, -1)] == [0x10, 0x11]


def test_last_message_before_the_end_of_the_frame_asks_to_be_acknowledged() -> None:
    flags = [header(message)[2] for message in replace_table(firewall.table(DNS, ()))]
    assert [bool(each & 4) for each in flags] == [*[False] * (len(flags) - 2), True, False]


def test_table_is_replaced_and_no_other_is_touched() -> None:
    messages = replace_table(firewall.table(DNS, ()))[1:-1]
    kinds = [header(message)[1] for message in messages]
    assert kinds[:2] == [DELTABLE, NEWTABLE]
    created = create_table(firewall.table(DNS, ()))[1:-1]
    assert DELTABLE not in [header(message)[1] for message in created]
    assert {text(message, 1) for message in messages} == {"wireguard-1234567"}
    assert [header(message)[1] for message in delete_table("t")[1:-1]] == [DELTABLE]


def test_chain_is_there_before_a_rule_jumps_to_it() -> None:
    messages = replace_table(firewall.table(DNS, ()))
    kinds = [header(message)[1] for message in messages[3:-1]]
    assert kinds == sorted(kinds)
    assert set(kinds) == {NEWCHAIN, NEWRULE}


def chains(plan: Plan) -> list[str]:
    return [chain.name for chain in firewall.table(plan, ()).chains]


def test_without_dns_nothing_is_done_about_names() -> None:
    assert "names" not in chains(PLAN)
    assert "names" in chains(DNS)


def test_tunnel_without_prefixes_of_its_own_stops_nothing_at_other_networks() -> None:
    assert "exits" not in chains(PLAN)
    assert "exits" in chains(FULL)
    assert firewall.frame_table(PLAN, OTHERS) is None
    assert firewall.frame_table(FULL, OTHERS) is not None
    assert firewall.frame_table(FULL, ()) is None


def test_names_of_every_length_but_one_label_go_to_the_server() -> None:
    containers = next(each for each in firewall.table(DNS, ()).chains if each.name == "containers")
    assert len(containers.rules) == 63


@given(st.lists(ip_networks, max_size=20))
def test_ranges_have_the_addresses_of_their_prefixes_and_do_not_touch(nets: list[Prefix]) -> None:
    found = ranges(nets)
    assert all(behind < first for (_, behind), (first, _) in pairwise(found))
    for net in nets:
        first, last = int(net.network_address), int(net.broadcast_address)
        assert [True for start, behind in found if start <= first <= last < behind] == [True]
    assert sum(behind - first for first, behind in found) == sum(
        net.num_addresses for net in collapsed(nets)
    )
