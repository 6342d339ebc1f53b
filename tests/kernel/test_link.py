"""A container's published ports are answered by their link, and nothing else leaves by it."""

import contextlib
import os
import socket
import subprocess
from dataclasses import dataclass, replace
from ipaddress import ip_interface, ip_network
from pathlib import PurePath

import pytest

from tests.kernel.host_end import (
    CLIENT,
    LINK,
    LINK_OF_ONE,
    NAME,
    HostEnd,
    family,
)
from tests.kernel.namespaces import (
    BOTH_FAMILIES,
    DEVICE,
    OTHER,
    OWNER,
    add_device,
    add_tun,
    alone,
    inside,
    ip,
    needs_ipv6,
    needs_namespaces,
    needs_nftables,
    needs_sysctl,
    needs_tun,
    new_namespace,
    within,
    write_below_proc,
)
from tests.kernel.packets import STRANGER, datagram, frame
from wgplugin.kernel import apply
from wgplugin.kernel.space import Space
from wgplugin.model.backends import Applied
from wgplugin.model.device import DeviceConfig
from wgplugin.model.namespace import OtherNetwork, Plan
from wgplugin.model.prefixes import EVERYTHING
from wgplugin.model.published import INSIDE, LAST, MARK, PRIORITY, TABLE, Link

pytestmark = [needs_namespaces, needs_nftables, needs_tun, needs_ipv6, needs_sysctl]

PORT, SECRET, END = 9, b"for the tunnel alone", b"the last one"
OWN = {4: "10.8.0.2", 6: "fd08::2"}
SECOND = {4: "10.9.0.2", 6: "fd09::2"}
ANY = {4: "0.0.0.0", 6: "::"}
OUTSIDE = {4: "203.0.113.1", 6: "2001:db8:9::1"}
BARE = Plan(DEVICE, OWNER, tuple(map(ip_interface, OWN.values())), tuple(EVERYTHING.values()))
FULL = replace(BARE, link=LINK_OF_ONE)
SPLIT = replace(FULL, routed=tuple(map(ip_network, ("10.0.0.0/8", "fd00::/8"))))
BOTH_PLANS = pytest.mark.parametrize("plan", [FULL, SPLIT], ids=["full", "split"])


@dataclass
class Container:
    """A container with a tunnel and a link, on a host: this namespace."""

    plan: Plan
    namespace: int
    space: Space
    tunnel: int
    host: HostEnd
    guarded: tuple[Plan, frozenset[OtherNetwork]] | None = None

    def apply(self, plan: Plan | None = None) -> Applied:
        """Apply a plan, with its nftables if they don't stand."""
        plan = plan or self.plan
        outcome = apply.apply(self.space, plan, DeviceConfig())
        if not outcome.guarded or self.guarded != (plan, outcome.others):
            apply.apply_firewall(self.space, plan, outcome.others)
            self.guarded = plan, outcome.others
        return outcome

    def server(self, version: int, kind: int, host: str = "") -> socket.socket:
        """Return a server of the container's, which takes no address of its own by default."""

        def listen() -> socket.socket:
            found = socket.socket(family(version), kind)
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            found.bind((host or ANY[version], PORT))
            if kind == socket.SOCK_STREAM:
                found.listen()
            found.settimeout(10)
            return found

        return within(self.namespace, listen)

    def do(self, command: str) -> None:
        """Do what ip(8) does in the container."""
        within(self.namespace, lambda: subprocess.run(["ip", *command.split()], check=True))

    def shown(self, *command: str) -> str:
        """Return what ip(8) shows in the container."""

        def show() -> str:
            done = subprocess.run(["ip", *command], capture_output=True, text=True, check=False)
            return done.stdout

        return within(self.namespace, show)

    def came(self) -> bytes:
        """Return all that has left by the link until now."""
        with self.server(4, socket.SOCK_DGRAM, OWN[4]) as server, self.host.udp(4) as client:
            client.sendto(b"", (LINK[4], PORT))
            _, address = server.recvfrom(100)
            server.sendto(END, address)
        return self.host.came(END)


def started(plan: Plan = FULL, *, ipv6: bool = True, strict: bool = False) -> Container:
    """Return a container with this tunnel, which is applied and guarded."""
    namespace = new_namespace()
    space = inside(namespace)

    def set_up() -> int:
        write_below_proc(PurePath("net/ipv6/conf/default/disable_ipv6"), "01"[not ipv6])
        write_below_proc(PurePath("net/ipv4/conf/all/rp_filter"), "01"[strict])
        own = (f"{OWN[4]}/32", f"{OWN[6]}/128") if ipv6 else (f"{OWN[4]}/32",)
        return add_tun(*own)

    container = Container(plan, namespace, space, within(namespace, set_up), HostEnd())
    apply.block_exits(space, plan)
    apply.apply_firewall(space, plan, ())
    container.apply()
    container.host.set_up(LINK)
    return container


def answers(container: Container, version: int) -> bool:
    """Return whether a client of published ports is answered over TCP and UDP, as itself."""
    host, asked = container.host, (LINK[version], PORT)
    with container.server(version, socket.SOCK_STREAM) as server, host.tcp(version, *asked) as end:
        served, address = server.accept()
        with served:
            served.sendall(b"answer")
            over_tcp = end.recv(100), address[0]
    with container.server(version, socket.SOCK_DGRAM) as server, host.udp(version) as end:
        end.connect(asked)
        end.send(b"hello")
        _, address = server.recvfrom(100)
        server.sendto(b"answer", address)
        over_udp = end.recv(100), address[0]
    return over_tcp == over_udp == (b"answer", CLIENT[version])


# What is answered


@BOTH_FAMILIES
@BOTH_PLANS
@alone
def test_client_is_answered_by_the_link_and_seen_as_itself(plan: Plan, version: int) -> None:
    assert answers(started(plan), version)


@BOTH_FAMILIES
@BOTH_PLANS
@alone
def test_client_is_answered_though_sources_are_checked_strictly(plan: Plan, version: int) -> None:
    assert answers(started(plan, strict=True), version)


@alone
def test_client_is_answered_by_ipv6_though_docker_disabled_it_in_the_container() -> None:
    ipv4 = replace(SPLIT, addresses=FULL.addresses[:1])
    assert answers(started(ipv4, ipv6=False), 6)


@BOTH_FAMILIES
@alone
def test_client_is_answered_though_docker_s_routes_are_the_tunnel_s(version: int) -> None:
    assert answers(started(replace(FULL, own_table=False)), version)


@BOTH_FAMILIES
@pytest.mark.parametrize("last", [True, False], ids=["second", "first"])
@alone
def test_client_is_answered_though_the_container_has_a_second_tunnel(
    last: bool, version: int
) -> None:
    container = started()
    other = replace(
        BARE,
        device="wgp1",
        owner=OTHER,
        addresses=tuple(map(ip_interface, SECOND.values())),
        place=1,
    )
    within(container.namespace, lambda: add_tun(f"{SECOND[4]}/32", device="wgp1", name="wg1"))
    for plan in (other, FULL, other) if last else (other, FULL):
        container.apply(plan)
    assert answers(container, version)


@BOTH_FAMILIES
@alone
def test_client_is_answered_though_another_network_has_the_default_route(version: int) -> None:
    container = started(SPLIT)
    gateway = {4: "192.0.2.1", 6: "2001:db8::1"}[version]
    within(container.namespace, lambda: add_device("eth0", "192.0.2.2/24", "2001:db8::2/64"))
    container.do(f"route add default via {gateway} dev eth0")
    container.apply()
    asked = LINK[version], PORT
    listening = container.server(version, socket.SOCK_STREAM)
    with listening, container.host.tcp(version, *asked) as client, listening.accept()[0] as served:
        served.sendall(b"answer")
        assert client.recv(100) == b"answer"


@BOTH_FAMILIES
@BOTH_PLANS
@alone
def test_client_of_a_port_that_is_closed_is_told_at_once(plan: Plan, version: int) -> None:
    container = started(plan)
    with pytest.raises(ConnectionRefusedError):
        container.host.tcp(version, LINK[version], PORT)


@BOTH_FAMILIES
@alone
def test_server_on_the_tunnel_s_address_gets_datagrams(version: int) -> None:
    container = started()
    server = container.server(version, socket.SOCK_DGRAM, OWN[version])
    with server, container.host.udp(version) as client:
        client.sendto(b"hello", (LINK[version], PORT))
        assert server.recv(100) == b"hello"


@BOTH_FAMILIES
@alone
def test_only_the_link_s_own_addresses_are_reached_by_it(version: int) -> None:
    container = started()
    ip(f"route add {OWN[version]} dev {NAME}")
    with container.server(version, socket.SOCK_DGRAM) as server:
        with container.host.udp(version) as client:
            client.sendto(b"direct", (OWN[version], PORT))
            client.sendto(b"hello", (LINK[version], PORT))
        assert server.recv(100) == b"hello"


# What doesn't leave


def udp(host: str) -> socket.socket:
    return socket.socket(family(6 if ":" in host else 4), socket.SOCK_DGRAM)


def send(
    container: Container, host: str, *, device: str = "", source: str = "", mark: int = 0
) -> None:
    """Have the container send the secret to a host; that the kernel refuses is no error."""

    def try_to() -> None:
        with udp(host) as sender, contextlib.suppress(OSError):
            sender.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            if device:
                sender.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode())
            if mark:
                sender.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, mark)
            if source:
                sender.bind((source, 0))
            sender.sendto(SECRET, (host, PORT))

    within(container.namespace, try_to)


def send_raw(container: Container, content: bytes, *, mark: int = 0, direct: int = 0) -> None:
    """Have the container send a frame by the link; that the kernel refuses is no error."""
    packet_qdisc_bypass, sol_packet = 20, 263

    def try_to() -> None:
        with (
            socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sender,
            contextlib.suppress(OSError),
        ):
            sender.setsockopt(sol_packet, packet_qdisc_bypass, direct)
            sender.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, mark)
            sender.bind((INSIDE, 0x800))
            sender.send(content)

    within(container.namespace, try_to)


@BOTH_FAMILIES
@pytest.mark.parametrize("mark", [0, MARK], ids=["unmarked", "marked"])
@pytest.mark.parametrize("device", ["", INSIDE], ids=["routed", "bound"])
@pytest.mark.parametrize("source", [{}, LINK, OWN], ids=["any", "link", "tunnel"])
@BOTH_PLANS
@alone
def test_container_begins_nothing_by_the_link(
    plan: Plan, source: dict[int, str], device: str, mark: int, version: int
) -> None:
    container = started(plan)
    for host in (OUTSIDE[version], CLIENT[version]):
        send(container, host, device=device, source=source.get(version, ""), mark=mark)
    assert SECRET not in container.came()


@pytest.mark.parametrize("to", ["224.0.0.251", "255.255.255.255", "ff02::fb", "fe80::1"])
@alone
def test_group_and_link_local_addresses_are_not_reached_by_the_link(to: str) -> None:
    container = started()
    send(container, to, device=INSIDE)
    send(container, to, device=INSIDE, mark=MARK)
    assert SECRET not in container.came()


@BOTH_FAMILIES
@alone
def test_route_by_hand_lets_nothing_out_by_the_link(version: int) -> None:
    container = started()
    container.do(f"route replace {OUTSIDE[version]} dev {INSIDE}")
    send(container, OUTSIDE[version])
    assert SECRET not in container.came()


@BOTH_FAMILIES
@pytest.mark.parametrize("mark", [0, MARK], ids=["unmarked", "marked"])
@pytest.mark.parametrize("direct", [0, 1], ids=["queued", "direct"])
@alone
def test_frame_that_a_program_makes_itself_does_not_leave_by_the_link(
    version: int, mark: int, direct: int
) -> None:
    container = started()
    content = datagram(LINK[version], PORT, CLIENT[version], PORT, SECRET)
    send_raw(container, frame(content), mark=mark, direct=direct)
    send_raw(container, frame(content, bytes.fromhex("027767707562")), mark=mark, direct=direct)
    send_raw(container, STRANGER + STRANGER + b"\x88\xb5" + SECRET, mark=mark, direct=direct)
    assert SECRET not in container.came()


@alone
def test_packet_that_a_program_forges_to_itself_opens_no_way_by_the_link() -> None:
    container = started()

    def forge() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as forger:
            for own in (LINK[4], OWN[4]):
                with contextlib.suppress(OSError):
                    forger.sendto(datagram(CLIENT[4], PORT, own, 7, b"hello"), (own, 0))
                    answer = datagram(own, 7, CLIENT[4], PORT, SECRET)
                    forger.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, MARK)
                    forger.sendto(answer, (CLIENT[4], 0))

    within(container.namespace, forge)
    assert SECRET not in container.came()


@alone
def test_client_can_t_be_answered_but_by_the_connection_that_it_began() -> None:
    container = started()
    with container.server(4, socket.SOCK_DGRAM) as server, container.host.udp(4) as client:
        client.sendto(b"hello", (LINK[4], PORT))
        _, address = server.recvfrom(100)

    def send_by_another_port() -> None:
        with udp(address[0]) as other, contextlib.suppress(OSError):
            other.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, MARK)
            other.sendto(SECRET, address)

    within(container.namespace, send_by_another_port)
    assert SECRET not in container.came()


@BOTH_FAMILIES
@alone
def test_everything_else_leaves_by_the_tunnel(version: int) -> None:
    container = started()
    send(container, CLIENT[version])
    while SECRET not in os.read(container.tunnel, 2048):
        pass
    assert SECRET not in container.came()


@BOTH_FAMILIES
@alone
def test_what_has_no_route_is_refused_at_once(version: int) -> None:
    container = started(SPLIT)

    def connect() -> None:
        with socket.socket(family(version), socket.SOCK_STREAM) as sender:
            sender.settimeout(10)
            sender.connect((OUTSIDE[version], PORT))

    with pytest.raises(OSError, match="unreachable"):
        within(container.namespace, connect)


@alone
def test_link_is_no_other_network_of_the_container() -> None:
    container = started()
    assert container.apply().others == frozenset()


# What it is made of


def link_in(container: Container) -> str:
    return container.shown("-d", "link", "show", INSIDE)


@alone
def test_plan_that_is_applied_again_changes_nothing() -> None:
    container = started()
    outcome = container.apply()
    assert (outcome.done, outcome.guarded) == ((), True)


@pytest.mark.parametrize(
    "undone",
    [
        f"rule del priority {PRIORITY} fwmark {MARK}",
        f"rule del priority {PRIORITY} from {LINK[4]}",
        f"rule del priority {LAST}",
        f"-6 rule del priority {PRIORITY} fwmark {MARK}",
        f"route flush table {TABLE}",
        f"-6 route flush table {TABLE}",
        f"route add 203.0.113.0/24 dev {INSIDE} table {TABLE}",
        f"address del {LINK[4]}/32 dev {INSIDE}",
        f"address del {LINK[6]}/128 dev {INSIDE}",
        f"address add 192.0.2.9/32 dev {INSIDE}",
        f"address flush dev {INSIDE}",
        f"address del {OWN[4]}/32 dev wg0",
        f"link set {INSIDE} down",
    ],
)
@alone
def test_what_is_undone_in_the_container_is_put_right(undone: str) -> None:
    container = started()
    before = everything(container)
    container.do(undone)
    assert everything(container) != before
    assert container.apply().done
    assert everything(container) == before
    assert container.apply().done == ()
    assert all(answers(container, version) for version in (4, 6))


@pytest.mark.parametrize(
    "undone",
    [
        f"link del {INSIDE}",
        f"link set {INSIDE} group 7",
        f"link set {INSIDE} arp on",
        f"link set {INSIDE} address 02:00:00:00:00:09",
        f"link set {INSIDE} down name mine",
        f"link set {INSIDE} alias mine",
    ],
)
@alone
def test_link_that_is_no_longer_as_it_was_made_is_made_anew(undone: str) -> None:
    container = started()
    container.do(undone)
    outcome = container.apply()
    assert f"{INSIDE} made" in outcome.done
    assert not outcome.guarded
    assert container.apply().done == ()
    container.host.set_up(LINK)
    assert all(answers(container, version) for version in (4, 6))
    send_raw(container, frame(datagram(LINK[4], 1, CLIENT[4], PORT, SECRET)), mark=MARK)
    assert SECRET not in container.came()


def everything(container: Container) -> str:
    """Return the routes, rules and addresses of a container."""
    kinds = ("rule", "address show scope global")
    commands = (f"-{version} {what}" for version in (4, 6) for what in kinds)
    tables = (f"-{version} route show table {TABLE}" for version in (4, 6))
    shown = (container.shown(*command.split()) for command in (*commands, *tables))
    return "".join("\n".join(sorted(each.splitlines())) for each in shown)


@alone
def test_leftover_on_the_host_is_replaced() -> None:
    first = started()
    second = new_namespace()
    space = inside(second)
    within(second, lambda: add_tun())
    assert f"{INSIDE} made" in apply.apply(space, FULL, DeviceConfig()).done
    assert not link_in(first)


@alone
def test_new_address_of_the_tunnel_is_that_of_datagrams() -> None:
    container = started()
    moved = replace(FULL, addresses=tuple(map(ip_interface, SECOND.values())))
    container.apply(moved)
    assert all(answers(container, version) for version in (4, 6))


@alone
def test_plan_without_ports_has_no_link() -> None:
    container = started()
    outcome = container.apply(BARE)
    assert f"{INSIDE} deleted" in outcome.done
    assert not link_in(container)
    assert NAME not in [name for _, name in socket.if_nameindex()]
    assert f"lookup {TABLE}" not in everything(container)
    assert container.apply(BARE).done == ()


@alone
def test_clear_leaves_nothing_of_the_link() -> None:
    container = started()
    apply.clear(container.space, DEVICE, OWNER)
    assert not link_in(container)
    assert f"lookup {TABLE}" not in everything(container)
    apply.clear(container.space, DEVICE, OWNER)


@alone
def test_link_of_another_tunnel_stays() -> None:
    container = started()
    other = replace(BARE, device="wgp1", owner=OTHER, addresses=())
    within(container.namespace, lambda: add_tun(device="wgp1", name="wg1"))
    before = everything(container)
    apply.apply(container.space, other, DeviceConfig())
    apply.apply(container.space, replace(other, link=Link("wgpubffffffffff", ())), DeviceConfig())
    apply.clear(container.space, "wgp1", OTHER)
    assert container.apply().done == ()
    assert everything(container).replace("5180", "") == before.replace("5180", "")
    assert all(answers(container, version) for version in (4, 6))
