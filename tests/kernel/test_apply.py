"""What a container's programs can reach, and can't, as its namespace is set up."""

import errno
import socket
import subprocess
from collections.abc import Collection
from dataclasses import replace
from ipaddress import ip_address, ip_interface, ip_network
from pathlib import Path

import pytest

from tests.kernel.namespaces import (
    BOTH_FAMILIES,
    DEVICE,
    OTHER,
    OWNER,
    add_device,
    add_tunnel,
    alone,
    here,
    ip,
    needs_ipv6,
    needs_namespaces,
    needs_nftables,
    needs_sysctl,
)
from wgplugin.kernel import apply
from wgplugin.kernel.netfilter import NetfilterSocket
from wgplugin.kernel.nftables import Table
from wgplugin.kernel.rtnl import Links
from wgplugin.model import namespace
from wgplugin.model.backends import Applied
from wgplugin.model.device import DeviceConfig
from wgplugin.model.namespace import MARK, OTHERS, TABLE, Found, Item, Plan
from wgplugin.model.prefixes import Prefix

pytestmark = needs_namespaces

PORT = 9

OWN = {4: "10.8.0.2/32", 6: "fd08::2/128"}
EVERYTHING = {4: "0.0.0.0/0", 6: "::/0"}
ETH0 = {4: "192.0.2.2/24", 6: "2001:db8::2/64"}
GATEWAY = {4: "192.0.2.1", 6: "2001:db8::1"}
NEIGHBOUR = {4: "192.0.2.3", 6: "2001:db8::3"}
OUTSIDE = {4: "198.51.100.1", 6: "2001:db8:9::1"}
PARTS = {4: "198.51.100.0/24", 6: "2001:db8:9::/48"}
ELSEWHERE = {4: "203.0.113.1", 6: "2001:db8:a::1"}


def planned(
    version: int, routed: str = "", bypass: str = "", device: str = DEVICE, owner: int = OWNER
) -> Plan:
    routes = routed or EVERYTHING[version]
    holes = (ip_network(bypass),) if bypass else ()
    own = (ip_interface(OWN[version]),)
    return Plan(device, owner, own, (ip_network(routes),), holes)


def add_other_network(version: int) -> None:
    """Make a network with a default route by its gateway; its hosts' link addresses are known."""
    add_device("eth0", ETH0[version])
    link_address = "lladdr 02:00:00:00:00:01 dev eth0 nud permanent"
    ip(
        f"route add default via {GATEWAY[version]} dev eth0",
        f"neighbour add {GATEWAY[version]} {link_address}",
        f"neighbour add {NEIGHBOUR[version]} {link_address}",
    )


def add_full_tunnel(version: int) -> None:
    # The address comes first, as a WireGuard device doesn't wait until nobody else has it.
    index = add_tunnel(OWN[version])
    plan = planned(version)
    Links(here().route).change(namespace.changes(plan, {version}, Found()), index)


def udp(host: str) -> socket.socket:
    return socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)


def reach(host: str, mark: int = 0) -> int:
    """Return the error that the kernel's routes have for a host, 0 for none; nothing is sent."""
    with udp(host) as probe:
        if mark:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, mark)
        return probe.connect_ex((host, PORT))


def found(plan: Plan) -> set[Item]:
    return set(Links(here().route).found(plan.owner).items)


@BOTH_FAMILIES
@alone
def test_outside_is_refused_once_exits_are_blocked(version: int) -> None:
    add_other_network(version)
    assert reach(OUTSIDE[version]) == 0
    apply.block_exits(here(), planned(version))
    assert reach(OUTSIDE[version]) == errno.EHOSTUNREACH


@BOTH_FAMILIES
@alone
def test_subnet_of_another_network_is_reached_though_exits_are_blocked(version: int) -> None:
    add_other_network(version)
    apply.block_exits(here(), planned(version))
    assert reach(NEIGHBOUR[version]) == 0


@BOTH_FAMILIES
@alone
def test_bypass_is_reached_though_exits_are_blocked(version: int) -> None:
    add_other_network(version)
    apply.block_exits(here(), planned(version, bypass=PARTS[version]))
    assert reach(OUTSIDE[version]) == 0
    assert reach(ELSEWHERE[version]) == errno.EHOSTUNREACH


@BOTH_FAMILIES
@alone
def test_what_is_not_the_tunnel_s_is_reached_though_its_exits_are_blocked(version: int) -> None:
    add_other_network(version)
    apply.block_exits(here(), planned(version, routed=PARTS[version]))
    assert reach(OUTSIDE[version]) == errno.EHOSTUNREACH
    assert reach(ELSEWHERE[version]) == 0


@BOTH_FAMILIES
@alone
def test_marked_answer_goes_out_by_another_network_though_exits_are_blocked(version: int) -> None:
    add_other_network(version)
    apply.block_exits(here(), planned(version))
    assert reach(OUTSIDE[version], mark=MARK) == 0


@alone
def test_exits_that_are_blocked_may_be_blocked_again() -> None:
    plan = planned(4)
    apply.block_exits(here(), plan)
    apply.block_exits(here(), plan)
    assert found(plan) == namespace.blocked_exits(plan)


@BOTH_FAMILIES
@alone
def test_clear_opens_exits_again_and_leaves_nothing(version: int) -> None:
    add_other_network(version)
    plan = planned(version, bypass=PARTS[version])
    apply.block_exits(here(), plan)
    apply.clear(here(), DEVICE, plan.owner)
    assert found(plan) == set()
    assert reach(ELSEWHERE[version]) == 0


@alone
def test_clear_leaves_another_tunnel_s_exits_blocked() -> None:
    add_other_network(4)
    other = planned(4, routed=PARTS[4], owner=OTHER)
    apply.block_exits(here(), other)
    apply.block_exits(here(), planned(4))
    apply.clear(here(), DEVICE, OWNER)
    assert reach(OUTSIDE[4]) == errno.EHOSTUNREACH
    assert reach(ELSEWHERE[4]) == 0
    assert found(other) == namespace.blocked_exits(other)


@alone
def test_clear_of_what_is_not_there_is_no_error() -> None:
    apply.clear(here(), DEVICE, OWNER)
    apply.clear(here(), DEVICE, OWNER)


@BOTH_FAMILIES
@alone
def test_outside_is_reached_by_the_tunnel(version: int) -> None:
    add_other_network(version)
    add_full_tunnel(version)
    with udp(OUTSIDE[version]) as probe:
        probe.connect((OUTSIDE[version], PORT))
        assert probe.getsockname()[0] == OWN[version].partition("/")[0]


@BOTH_FAMILIES
@alone
def test_tunnel_that_is_taken_down_opens_no_other_network(version: int) -> None:
    add_other_network(version)
    add_full_tunnel(version)
    ip("link set wg0 down")
    assert reach(OUTSIDE[version]) == errno.EHOSTUNREACH


DOCKERS = ip_network("10.9.0.0/16")


def applied(plan: Plan, *, expected: Collection[Prefix] = (), arrived: bool = False) -> Applied:
    return apply.apply(here(), plan, DeviceConfig(), expected=expected, arrived=arrived)


@pytest.mark.parametrize(
    ("name", "up", "route", "ready"),
    [
        ("wg0", True, "10.9.0.0/16", True),
        ("wg0", True, "10.7.0.0/16", False),
        ("wg0", False, "", False),
        (DEVICE, True, "10.9.0.0/16", False),
    ],
    ids=["done", "no-route-yet", "down", "not-renamed"],
)
@alone
def test_device_is_ready_once_it_is_renamed_and_up_and_has_docker_s_routes(
    name: str, up: bool, route: str, ready: bool
) -> None:
    add_tunnel()
    plan = planned(4)
    ip("link set wg0 down", f"link set wg0 name {name}")
    if up:
        ip(f"link set {name} up", f"route add {route} dev {name}")
    assert applied(plan, expected=[DOCKERS] if up else []).ready is ready
    assert (found(plan) == set()) is not ready


@alone
def test_device_whose_docker_routes_have_a_next_hop_is_ready() -> None:
    add_tunnel("172.20.0.2/16")
    ip("route add 10.9.0.0/16 via 172.20.0.1 dev wg0")
    assert applied(planned(4), expected=[DOCKERS]).ready


@alone
def test_device_that_is_not_there_is_not_ready_and_other_networks_are_told() -> None:
    add_device("eth0", ETH0[4])
    outcome = applied(planned(4), arrived=True)
    assert not outcome.ready
    assert not outcome.done
    assert "eth0" in {each.ifname for each in outcome.others}
    assert found(planned(4)) == set()


@alone
def test_device_that_was_taken_down_is_set_up_again_once_it_is_known_to_have_arrived() -> None:
    add_tunnel()
    applied(planned(4))
    ip("link set wg0 down")
    assert not applied(planned(4)).ready
    again = applied(planned(4), expected=[DOCKERS], arrived=True)
    assert again.ready
    assert "set up" in again.done
    assert "route 0.0.0.0/0 added" in again.done
    assert applied(planned(4)).done == ()


@BOTH_FAMILIES
@alone
def test_what_was_deleted_by_hand_is_put_back(version: int) -> None:
    add_tunnel(OWN[version])
    plan = planned(version)
    applied(plan)
    items = found(plan)
    for what in (f"route flush table {TABLE}", f"rule del priority {OTHERS}"):
        subprocess.run(["ip", f"-{version}", *what.split()], check=True)
    assert found(plan) != items
    done = applied(plan).done
    assert f"route {EVERYTHING[version]} added" in done
    assert f"unreachable route {EVERYTHING[version]} added" in done
    assert found(plan) == items
    assert applied(plan).done == ()


@alone
def test_settings_of_the_device_are_changed_and_told_once() -> None:
    index = add_tunnel()
    space = here()
    plan, config = replace(planned(4), mtu=1380), DeviceConfig(fwmark=5)
    done = apply.apply(space, plan, config).done
    assert {"MTU 1380", "fwmark 5", "address 10.8.0.2/32 added"} <= set(done)
    assert space.wireguard.get(index)[1].fwmark == 5
    assert apply.apply(space, plan, config).done == ()


@alone
def test_many_routes_are_counted() -> None:
    add_tunnel()
    many = tuple(ip_network((10 << 24 | number << 8, 24)) for number in range(1000))
    done = applied(replace(planned(4), routed=many)).done
    assert "2,000 routes added" in done
    assert len(done) < 10
    assert "2,000 routes removed" in applied(replace(planned(4), routed=())).done


@needs_ipv6
@needs_sysctl
@alone
def test_address_that_the_device_cannot_carry_is_told_once() -> None:
    add_tunnel()
    Path("/proc/sys/net/ipv6/conf/wg0/disable_ipv6").write_text("1")
    space = here()
    plan = replace(planned(4), addresses=(ip_interface(OWN[6]),))
    assert (
        f"{OWN[6]} only from the container's next start on"
        in apply.apply(space, plan, DeviceConfig()).done
    )
    assert apply.apply(space, plan, DeviceConfig()).done == ()


@alone
def test_docker_s_links_are_tuned_when_a_plan_is_applied_and_never_by_a_look() -> None:
    add_device("eth0")
    add_tunnel()
    setting = Path("/proc/sys/net/ipv4/conf/eth0/arp_ignore")
    space = here()
    assert apply.observe(space, DEVICE)
    assert setting.read_text() == "0\n"
    apply.apply(space, planned(4), DeviceConfig())
    assert setting.read_text() == "1\n"


def shared() -> Plan:
    """Return the plan of a container of a shared network, whose device is a veth."""
    add_tunnel("172.20.0.2/16")
    subnet, hop = ip_network("172.20.0.0/16"), ip_address("172.20.0.1")
    own = (ip_interface("172.20.0.2/16"),)
    return Plan(DEVICE, OWNER, own, (ip_network("0.0.0.0/0"),), hops=(hop,), subnets=(subnet,))


@alone
def test_veth_takes_a_plan_without_a_configuration() -> None:
    add_other_network(4)
    plan = replace(shared(), mtu=1380)
    ip("route add 10.9.0.0/16 via 172.20.0.1 dev wg0")
    outcome = apply.apply(here(), plan, None)
    assert outcome.ready
    assert {"MTU 1380", "route 0.0.0.0/0 added"} <= set(outcome.done)
    assert {each.ifname for each in outcome.others} == {"eth0", "peer-eth0", "peer-wg0"}
    index = socket.if_nametoindex("wg0")
    present = Links(here().route).found(OWNER, index, main=True).items
    assert present == namespace.items(plan, {4})
    assert apply.apply(here(), plan, None).done == ()
    ip("link set wg0 down")
    assert reach(OUTSIDE[4]) == errno.EHOSTUNREACH
    apply.apply(here(), plan, None, arrived=True)
    with udp(OUTSIDE[4]) as probe:
        probe.connect((OUTSIDE[4], PORT))
        assert probe.getsockname()[0] == "172.20.0.2"


@needs_nftables
@alone
def test_plan_that_is_applied_tells_whether_nftables_stand() -> None:
    plan, space = shared(), here()
    assert not apply.apply(space, plan, None).guarded
    apply.apply_firewall(space, plan, ())
    assert apply.apply(space, plan, None).guarded
    NetfilterSocket().install(Table("t", ()))
    assert not apply.apply(space, plan, None).guarded


@alone
def test_device_is_observed_wherever_it_is_now() -> None:
    space = here()
    assert apply.observe(space, DEVICE) is None
    add_tunnel()
    apply.apply(space, planned(4), DeviceConfig(fwmark=5))
    ip("link del wg0")
    assert apply.observe(space, DEVICE) is None
    add_tunnel(name="wg7")
    observed = apply.observe(space, DEVICE)
    assert observed
    assert (observed.ifname, observed.device.fwmark) == ("wg7", 0)


@alone
def test_device_is_configured_if_it_is_there() -> None:
    space = here()
    assert not apply.configure(space, DEVICE, DeviceConfig(fwmark=7))
    index = add_tunnel()
    assert apply.configure(space, DEVICE, DeviceConfig(fwmark=7))
    assert space.wireguard.get(index)[1].fwmark == 7
