"""What is added to a namespace by rtnetlink is found there again, and taken away."""

import errno
from collections.abc import Collection
from ipaddress import ip_address, ip_interface, ip_network
from pathlib import Path
from typing import Literal

import pytest
from pyroute2.netlink.exceptions import NetlinkError

from tests.kernel.namespaces import (
    DEVICE,
    add_device,
    add_tunnel,
    alone,
    ip,
    needs_ipv6,
    needs_namespaces,
    needs_sysctl,
)
from wgplugin.kernel.rtnl import ROUTE_LOCALNET, RP_FILTER, Link, Links
from wgplugin.model import namespace
from wgplugin.model.namespace import (
    FULL,
    MAIN_TABLE,
    MARK,
    OTHERS,
    REPLIES,
    Changes,
    DeviceAddress,
    Item,
    Plan,
    PolicyRule,
    Route,
)

pytestmark = needs_namespaces

TABLE = namespace.table(DEVICE)
SETTINGS = Path("/proc/sys/net/ipv4/conf")


def route(net: str, kind: Literal["device", "unreachable", "throw"] = "device") -> Route:
    return Route(ip_network(net), TABLE, kind)


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
        PolicyRule(version, FULL, TABLE),
    ]


IPV4 = items(4, "10.8.0.2/24", "10.0.0.0/8", "0.0.0.0/0")
IPV6 = items(6, "fd08::2/64", "fd00::/8", "::/0")
EACH_ITEM = pytest.mark.parametrize(
    "item", [*IPV4, *(pytest.param(item, marks=needs_ipv6) for item in IPV6)], ids=str
)
FULL_TUNNEL, PARTIAL_TUNNEL = (
    Plan(
        DEVICE,
        (ip_interface("10.8.0.2/32"), ip_interface("fd08::2/128")),
        tuple(map(ip_network, routed.split())),
        tuple(map(ip_network, bypass.split())),
    )
    for routed, bypass in (
        ("0.0.0.0/0 ::/0", "192.168.0.0/16 fd00::/8"),
        ("10.0.0.0/8 10.1.0.0/16 10.8.0.0/24 fd08::/64", ""),
    )
)


def found(index: int, *, main: bool = False) -> set[Item]:
    with Links() as links:
        return set(links.items(TABLE, index, main=main))


def change(index: int, *, add: Collection[Item] = (), delete: Collection[Item] = ()) -> None:
    with Links() as links:
        links.change(Changes(tuple(add), tuple(delete)), index)


def find(device: str = DEVICE) -> Link | None:
    with Links() as links:
        return links.find(device)


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
    todo = namespace.changes(plan, (4, 6), found(index))
    assert todo
    change(index, add=todo.add, delete=todo.delete)
    assert found(index, main=True) == namespace.items(plan, (4, 6))
    assert not namespace.changes(plan, (4, 6), found(index, main=True))


@needs_ipv6
@alone
def test_plan_that_is_removed_leaves_nothing_but_the_addresses() -> None:
    index = add_tunnel()
    change(index, add=namespace.changes(FULL_TUNNEL, (4, 6), ()).add)
    change(0, delete=namespace.removal(TABLE, found(0)).delete)
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
    with pytest.raises(NetlinkError, match=r"add route 10\.0\.0\.0/8") as error:
        change(index, add=[route("10.0.0.0/8")])
    assert error.value.code == errno.ENETDOWN


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
    with Links() as links:
        link = links.find(DEVICE)
        assert link
        links.set_mtu(link, 1380)
    changed = find()
    assert changed
    assert changed.mtu == 1380 != link.mtu


@pytest.mark.parametrize(
    ("setting", "name"), [(RP_FILTER, "rp_filter"), (ROUTE_LOCALNET, "route_localnet")]
)
@alone
def test_setting_that_is_changed_is_the_device_s_alone(setting: int, name: str) -> None:
    index = add_tunnel()
    before = (SETTINGS / "lo" / name).read_text()
    with Links() as links:
        for value in (1, 0, 1):
            links.set_ipv4(index, setting, value)
            assert (SETTINGS / "wg0" / name).read_text() == f"{value}\n"
    assert (SETTINGS / "lo" / name).read_text() == before


@alone
def test_strict_filter_of_docker_s_devices_is_loosened_and_no_other() -> None:
    filters = {"eth0": 1, "eth1": 0, "lo": 1}
    add_device("eth0")
    add_device("eth1")
    with Links() as links:
        for link in filter(None, map(links.find, filters)):
            links.set_ipv4(link.index, RP_FILTER, filters[link.ifname])
    with Links() as links:
        links.loosen()
    values = {name: int((SETTINGS / name / "rp_filter").read_text()) for name in filters}
    assert values == {"eth0": 2, "eth1": 0, "lo": 1}


@alone
def test_own_address_of_a_point_to_point_link_is_found() -> None:
    index = add_tunnel()
    ip("address add 10.8.0.2 peer 10.8.0.1/32 dev wg0")
    (address,) = found(index)
    assert isinstance(address, DeviceAddress)
    assert address.interface.ip == ip_address("10.8.0.2")
