"""What is added to a namespace by rtnetlink is found there again, and taken away."""

import errno
import socket
from collections.abc import Collection
from dataclasses import replace
from ipaddress import ip_address, ip_interface, ip_network
from pathlib import Path
from typing import Literal

import pytest

from tests.kernel.namespaces import (
    DEVICE,
    OTHER,
    OWNER,
    add_device,
    add_tunnel,
    alone,
    ip,
    needs_ipv6,
    needs_namespaces,
    needs_sysctl,
)
from wgplugin.kernel.link_messages import ARP_IGNORE, ROUTE_LOCALNET, RP_FILTER, Link
from wgplugin.kernel.netlink import NetlinkSocket
from wgplugin.kernel.rtnl import Links
from wgplugin.model import namespace, published
from wgplugin.model.namespace import (
    MAIN_TABLE,
    MARK,
    OTHERS,
    REPLIES,
    TABLE,
    TUNNELS,
    Changes,
    DeviceAddress,
    Found,
    Item,
    OtherNetwork,
    Plan,
    PolicyRule,
    Route,
)

pytestmark = needs_namespaces

SETTINGS = Path("/proc/sys/net/ipv4/conf")


def route(net: str, kind: Literal["device", "unreachable", "throw"] = "device") -> Route:
    metric = {"device": 1, "unreachable": 0xE0000000 | OWNER, "throw": 0xF0000000 | OWNER}[kind]
    return Route(ip_network(net), TABLE, kind, metric)


def items(version: int, address: str, net: str, everything: str) -> list[Item]:
    return [
        DeviceAddress(ip_interface(address)),
        route(net),
        route(everything),
        route(net, "unreachable"),
        route(everything, "unreachable"),
        route(net, "throw"),
        PolicyRule(version, REPLIES, MAIN_TABLE, mark=MARK),
        PolicyRule(version, OTHERS, MAIN_TABLE, subnets=True),
        PolicyRule(version, TUNNELS, TABLE),
    ]


IPV4 = items(4, "10.8.0.2/24", "10.0.0.0/8", "0.0.0.0/0")
IPV6 = items(6, "fd08::2/64", "fd00::/8", "::/0")
EACH_ITEM = pytest.mark.parametrize(
    "item", [*IPV4, *(pytest.param(item, marks=needs_ipv6) for item in IPV6)], ids=str
)
FULL_TUNNEL, PARTIAL_TUNNEL = (
    Plan(
        DEVICE,
        OWNER,
        (ip_interface("10.8.0.2/32"), ip_interface("fd08::2/128")),
        tuple(map(ip_network, routed.split())),
        tuple(map(ip_network, bypass.split())),
    )
    for routed, bypass in (
        ("0.0.0.0/0 ::/0", "192.168.0.0/16 fd00::/8"),
        ("10.0.0.0/8 10.1.0.0/16 10.8.0.0/24 fd08::/64", ""),
    )
)


def links() -> Links:
    return Links(NetlinkSocket(socket.NETLINK_ROUTE))


def found(index: int, *, main: bool = False) -> set[Item]:
    return set(all_found(index, main=main).items)


def all_found(index: int, *, main: bool = False) -> Found:
    return links().found(OWNER, index, main=main)


def change(index: int, *, add: Collection[Item] = (), delete: Collection[Item] = ()) -> None:
    links().change(Changes(tuple(add), tuple(delete)), index)


def find(device: str = DEVICE) -> Link | None:
    return links().find(device)


def expected(device: str) -> Link:
    link = find(device)
    assert link
    return link


@EACH_ITEM
@alone
def test_item_that_is_added_is_found_again(item: Item) -> None:
    index = add_tunnel()
    change(index, add=[item])
    assert found(index) == {item}


@EACH_ITEM
@alone
def test_item_that_is_deleted_is_gone(item: Item) -> None:
    index = add_tunnel()
    change(index, add=[item])
    change(index, delete=[item])
    assert found(index) == set()


@pytest.mark.parametrize(
    ("own", "host"),
    [("169.254.192.5/32", "169.254.192.1"), ("fd77:6770:7562::5/128", "fd77:6770:7562::1")],
)
@needs_ipv6
@alone
def test_what_leads_answers_out_is_found_again_and_deleted(own: str, host: str) -> None:
    source, hop = ip_interface(own), ip_address(host)
    index = add_tunnel(own)
    everything = ip_network("0.0.0.0/0" if hop.version == 4 else "::/0")
    items: list[Item] = [
        Route(everything, published.TABLE, metric=1, via=hop, source=source.ip),
        Route(everything, published.TABLE, metric=2, via=hop),
        Route(source.network, published.TABLE, "throw", namespace.THROW | OWNER),
        PolicyRule(hop.version, published.PRIORITY, published.TABLE, mark=published.MARK),
        PolicyRule(hop.version, published.PRIORITY, published.TABLE, source=source.network),
        PolicyRule(hop.version, published.LAST, published.TABLE, protocol=17),
        PolicyRule(hop.version, published.LAST, published.TABLE),
    ]
    before = found(index)
    for item in items:
        change(index, add=[item])
        assert links().answers(OWNER, index).items == {item}
        assert found(index) == before
        change(index, delete=[item])
        assert links().answers(OWNER, index) == Found()


@alone
def test_answers_of_another_device_are_none_of_this_one_s() -> None:
    index, other = add_tunnel("10.8.0.2/24"), add_tunnel("10.9.0.2/24", device="wgp1", name="wg1")
    net = ip_network("0.0.0.0/0")
    change(other, add=[Route(net, published.TABLE, metric=1, via=ip_address("10.9.0.1"))])
    assert links().answers(OWNER, index) == Found(others=frozenset({4}))


@pytest.mark.parametrize(
    ("own", "hop"),
    [
        ("172.20.0.2/16", "172.20.0.1"),
        pytest.param("fd77::2/64", "fd77::1", marks=needs_ipv6),
        pytest.param("fd77::2/64", "fe80::99", marks=needs_ipv6),
    ],
)
@alone
def test_route_by_a_next_hop_is_found_again_and_deleted(own: str, hop: str) -> None:
    index = add_tunnel(own)
    address = ip_address(hop)
    net = ip_network("0.0.0.0/0" if address.version == 4 else "::/0")
    item = Route(net, TABLE, metric=1, via=address)
    before = found(index)
    change(index, add=[item])
    assert found(index) - before == {item}
    assert found(index) - {replace(item, via=None)} == {*before, item}
    change(index, delete=[item])
    assert found(index) == before


@alone
def test_device_of_the_tunnels_group_is_no_other_network() -> None:
    add_tunnel("172.20.0.2/16")
    assert "wg0" in [each.ifname for each in others()]
    links().set_group(expected(DEVICE))
    assert "wg0" not in [each.ifname for each in others()]
    links().tune()
    assert (SETTINGS / "wg0" / "arp_ignore").read_text() == "0\n"


@alone
def test_link_for_published_ports_is_no_other_network() -> None:
    add_device("wgpub0", "169.254.192.5/32")
    ip(f"link set wgpub0 group {published.GROUP}")
    assert "wgpub0" not in [each.ifname for each in others()]


@alone
def test_items_that_another_has_added_or_deleted_are_no_error() -> None:
    index = add_tunnel()
    change(index, add=IPV4 * 2)
    change(index, delete=IPV4 * 2)
    assert found(index) == set()


@needs_ipv6
@alone
def test_items_of_ipv6_that_another_has_added_or_deleted_are_no_error() -> None:
    index = add_tunnel()
    change(index, add=IPV6 * 2)
    change(index, delete=IPV6 * 2)
    assert found(index) == set()


@alone
def test_changes_are_additions_first() -> None:
    index = add_tunnel()
    change(index, add=IPV4, delete=IPV4)
    assert found(index) == set()


@pytest.mark.parametrize("plan", [FULL_TUNNEL, PARTIAL_TUNNEL], ids=["full", "partial"])
@needs_ipv6
@alone
def test_plan_that_is_carried_out_leaves_nothing_to_do(plan: Plan) -> None:
    index = add_tunnel()
    todo = namespace.changes(plan, (4, 6), all_found(index))
    assert todo
    change(index, add=todo.add, delete=todo.delete)
    assert found(index, main=True) == namespace.items(plan, (4, 6))
    assert not namespace.changes(plan, (4, 6), all_found(index, main=True))


@needs_ipv6
@alone
def test_plan_that_is_removed_leaves_nothing_but_the_addresses() -> None:
    index = add_tunnel()
    change(index, add=namespace.changes(FULL_TUNNEL, (4, 6), Found()).add)
    change(index, delete=namespace.removal(all_found(index)).delete)
    assert found(index) == set(map(DeviceAddress, FULL_TUNNEL.addresses))


@alone
def test_device_route_is_deleted_before_the_unreachable_one_of_the_same_prefix() -> None:
    index = add_tunnel()
    both = [route("0.0.0.0/0", "unreachable"), route("0.0.0.0/0")]
    change(index, add=both)
    change(index, delete=both[1:])
    assert found(index) == {both[0]}


@alone
def test_routes_of_other_tables_devices_and_rules_are_nobody_s() -> None:
    index = add_tunnel()
    add_device("eth0", "192.0.2.2/24")
    ip(
        "route add default via 192.0.2.1 dev eth0",
        "route add 10.9.0.0/16 dev wg0 table 100",
        "rule add priority 100 table 100",
    )
    assert found(index, main=True) == set()


@alone
def test_routes_of_docker_count_where_they_are_asked_for() -> None:
    # The route of the subnet, which the kernel adds with the address, is none of Docker's.
    index = add_tunnel("10.8.0.2/24")
    ip("route add 10.9.0.0/16 dev wg0")
    address = DeviceAddress(ip_interface("10.8.0.2/24"))
    assert found(index) == {address}
    assert found(index, main=True) == {address, Route(ip_network("10.9.0.0/16"), MAIN_TABLE)}


@pytest.mark.parametrize("scope", ["link", "global"])
@alone
def test_route_of_docker_is_deleted_whatever_its_scope(scope: str) -> None:
    index = add_tunnel()
    ip(f"route add 10.9.0.0/16 dev wg0 scope {scope}")
    change(index, delete=[Route(ip_network("10.9.0.0/16"), MAIN_TABLE)])
    assert found(index, main=True) == set()


@alone
def test_change_that_the_kernel_refuses_is_told_with_its_item() -> None:
    index = add_tunnel()
    ip("link set wg0 down")
    with pytest.raises(OSError, match=r"add route 10\.0\.0\.0/8") as error:
        change(index, add=[route("10.0.0.0/8")])
    assert error.value.errno == errno.ENETDOWN


@alone
def test_device_is_found_by_its_name_before_and_after_docker_renames_it() -> None:
    ip(f"link add {DEVICE} type veth peer name peer")
    before = find()
    ip(f"link set {DEVICE} alias {DEVICE}", f"link set {DEVICE} name wg0")
    after = find()
    assert before
    assert after
    assert (before.ifname, after.ifname) == (DEVICE, "wg0")
    assert before.index == after.index


@alone
def test_device_that_is_not_there_is_not_found() -> None:
    add_tunnel(device="wgpffffffffffff")
    assert find() is None


@alone
def test_device_is_up_as_it_is_at_that_moment() -> None:
    add_tunnel()
    up = find()
    ip("link set wg0 down")
    down = find()
    assert up
    assert down
    assert (up.up, down.up) == (True, False)


@needs_ipv6
@needs_sysctl
@alone
def test_device_without_ipv6_carries_ipv4_alone() -> None:
    add_tunnel()
    dual = find()
    Path("/proc/sys/net/ipv6/conf/wg0/disable_ipv6").write_text("1")
    single = find()
    assert dual
    assert single
    assert dual.families == {4, 6}
    assert single.families == {4}


@alone
def test_mtu_that_is_set_is_the_device_s() -> None:
    add_tunnel()
    link = find()
    assert link
    links().set_mtu(link, 1380)
    changed = find()
    assert changed
    assert changed.mtu == 1380 != link.mtu


@pytest.mark.parametrize(
    ("setting", "name"),
    [(RP_FILTER, "rp_filter"), (ROUTE_LOCALNET, "route_localnet"), (ARP_IGNORE, "arp_ignore")],
)
@alone
def test_setting_that_is_changed_is_the_device_s_alone(setting: int, name: str) -> None:
    add_tunnel()
    before = (SETTINGS / "lo" / name).read_text()
    for value in (1, 0, 1):
        links().set_ipv4(expected(DEVICE), setting, value)
        assert (SETTINGS / "wg0" / name).read_text() == f"{value}\n"
    assert (SETTINGS / "lo" / name).read_text() == before


@alone
def test_strict_filter_of_docker_s_devices_is_loosened_and_no_other() -> None:
    filters = {"eth0": 1, "eth1": 0, "lo": 1}
    add_device("eth0")
    add_device("eth1")
    for name, value in filters.items():
        links().set_ipv4(expected(name), RP_FILTER, value)
    links().tune()
    values = {name: int((SETTINGS / name / "rp_filter").read_text()) for name in filters}
    assert values == {"eth0": 2, "eth1": 0, "lo": 1}


@alone
def test_own_address_of_a_point_to_point_link_is_found() -> None:
    index = add_tunnel()
    ip("address add 10.8.0.2 peer 10.8.0.1/32 dev wg0")
    (address,) = found(index)
    assert isinstance(address, DeviceAddress)
    assert address.interface.ip == ip_address("10.8.0.2")


@alone
def test_neighbours_of_docker_s_devices_are_not_told_of_other_devices_addresses() -> None:
    add_device("eth0")
    links().tune()
    values = {name: int((SETTINGS / name / "arp_ignore").read_text()) for name in ("eth0", "lo")}
    assert values == {"eth0": 1, "lo": 0}


@alone
def test_routes_of_another_tunnel_are_none_of_this_one_s() -> None:
    index = add_tunnel()
    change(index, add=namespace.changes(PARTIAL_TUNNEL, (4,), Found()).add)
    other = add_tunnel(device="wgpffffffffffff", name="wg1")
    mine = links().found(OTHER, other)
    assert {type(item) for item in mine.items} == {PolicyRule}
    assert 4 in mine.others


@alone
def test_two_tunnels_have_routes_to_one_prefix_and_the_first_place_wins() -> None:
    first, second = add_tunnel("10.8.0.2/32"), add_tunnel("10.8.0.3/32", device="wgp1", name="wg1")
    plan = replace(FULL_TUNNEL, addresses=())
    other = replace(plan, owner=OTHER, place=1)
    change(second, add=namespace.changes(other, (4,), Found()).add)
    change(first, add=namespace.changes(plan, (4,), Found()).add)
    assert way_to("198.51.100.1") == "10.8.0.2"
    change(first, add=[], delete=all_routes(plan))
    assert way_to("198.51.100.1") == "10.8.0.3"


@alone
def test_longest_prefix_wins_over_all_tunnels_whichever_comes_first() -> None:
    for order in (("10.0.0.0/8", "10.9.0.0/16"), ("10.9.0.0/16", "10.0.0.0/8")):
        for number, net in enumerate(order):
            address = "10.8.0.2" if net.endswith("/16") else "10.8.0.3"
            name, owner = f"wg{number}", OWNER + number
            index = add_tunnel(f"{address}/32", device=f"wgp{number}", name=name)
            plan = Plan("", owner, (), (ip_network(net),))
            change(index, add=namespace.changes(plan, (4,), Found()).add)
        assert way_to("10.9.0.1") == "10.8.0.2"
        assert way_to("10.7.0.1") == "10.8.0.3"
        ip("link del wg0", "link del wg1")


def way_to(host: str) -> str:
    """Return the own address by which a host is reached."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect((host, 9))
        return str(probe.getsockname()[0])


def all_routes(plan: Plan) -> list[Item]:
    return [item for item in namespace.items(plan, (4,)) if isinstance(item, Route)]


def others() -> frozenset[OtherNetwork]:
    return links().other_networks()


@needs_ipv6
@alone
def test_other_networks_are_docker_s_devices_with_the_subnets_that_were_set_up() -> None:
    add_tunnel("10.8.0.2/32")
    add_device("eth0", "192.0.2.2/24", "2001:db8::2/64")
    ip(
        "route add 198.51.100.0/24 via 192.0.2.1 dev eth0",
        "route add default via 192.0.2.1 dev eth0",
        # As a router's advertisement would have it: an address that expires, and its route.
        "address add 2001:db8:bad::2/64 dev eth0 valid_lft 600 preferred_lft 600",
        "route add 2001:db8:bad::/48 dev eth0 proto ra",
    )
    (eth0,) = (each for each in others() if each.ifname == "eth0")
    assert {str(net) for net in eth0.subnets} == {
        "192.0.2.0/24",
        "2001:db8::/64",
        "198.51.100.0/24",
    }
    assert "lo" not in [each.ifname for each in others()]
