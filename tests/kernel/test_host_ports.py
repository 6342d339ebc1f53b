"""What publishing ports changes on the host, puts right, and takes back."""

import asyncio
import contextlib
import shutil
import socket
import subprocess
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import pytest

from tests.kernel.hosts import (
    HOST,
    LOOPBACK,
    NEIGHBOUR,
    OWNER,
    PORT,
    Container,
    Host,
    container,
    is_reached,
    listening,
    needs_sctp,
    port,
    source,
    started,
    write,
)
from tests.kernel.namespaces import (
    add_device,
    alone,
    here,
    ip,
    needs_ipv6,
    needs_namespaces,
    needs_nftables,
    needs_sysctl,
)
from wgplugin.kernel import forwarding, nftables
from wgplugin.kernel.host_ports import HostPorts
from wgplugin.kernel.netfilter import NetfilterSocket
from wgplugin.kernel.nftables import INET, Chain, Rule, Table
from wgplugin.kernel.nftables_lists import FoundRule
from wgplugin.kernel.nftables_messages import change_chain
from wgplugin.kernel.publishing import KernelPublishing
from wgplugin.model.backends import PublishingKernel
from wgplugin.model.published import PortBinding

pytestmark = [needs_namespaces, needs_nftables, needs_ipv6, needs_sysctl]

IPV4, IPV6 = 2, 10
FAMILIES = {IPV4: (4, "ip"), IPV6: (6, "ip6")}
ANY = {4: "0.0.0.0", 6: "::"}
DROP, RETURN = nftables.verdict(nftables.DROP), nftables.verdict(nftables.RETURN)
USER_S = (*nftables.meta(nftables.META_OIFNAME, b"lo\0"), *DROP)
"""A rule that a user has in DOCKER-USER."""


def docker(*rules: Rule) -> None:
    """Have the chains that Docker makes, with rules in DOCKER-USER."""
    for family in FAMILIES:
        chains = (
            Chain("DOCKER-USER", rules),
            Chain("FORWARD", (nftables.jump("DOCKER-USER"), DROP), hook=nftables.FORWARD),
        )
        NetfilterSocket().install(Table("filter", chains, family=family))


def docker_user(family: int = IPV4) -> list[str]:
    """Return what each rule in DOCKER-USER is."""
    known = {
        "in": forwarding.PASS[0],
        "out": forwarding.PASS[1],
        "user's": USER_S,
        "return": RETURN,
        "drop": DROP,
    }
    return [
        next(name for name, each in known.items() if rule.does(each))
        for rule in NetfilterSocket().rules(family, "filter", "DOCKER-USER")
    ]


def published(*ports: str) -> tuple[Host, Container]:
    host, box = started(), container()
    host.publish(box.publication(*(port(address=each) for each in ports or ("",))))
    return host, box


def links() -> set[str]:
    return {name for _, name in socket.if_nameindex() if name.startswith("wgpub")}


def tables() -> set[tuple[int, str]]:
    return {(each.family, each.table) for each in NetfilterSocket().chains()}


def own_table() -> str:
    (name,) = {name for _, name in tables() if name.startswith("wireguard-ports-")}
    return name


# Once, again, and no more


@alone
def test_second_time_there_is_nothing_to_do_for_this_process_nor_for_nftables() -> None:
    docker(RETURN)
    host, box = published()
    before = NetfilterSocket().generation()
    assert host.publish(box.publication(port())).done == ()
    assert NetfilterSocket().generation() == before


@alone
def test_change_of_others_nftables_leaves_nothing_to_do() -> None:
    docker(RETURN)
    host, box = published()
    NetfilterSocket().install(Table("others", ()))
    before = NetfilterSocket().generation()
    assert host.publish(box.publication(port())).done == ()
    assert NetfilterSocket().generation() == before


@alone
def test_next_process_goes_on_with_what_stands() -> None:
    docker(USER_S, RETURN)
    host, box = published()
    host.ports = HostPorts(OWNER)
    assert host.publish(box.publication(port())).done == ("nftables installed",)
    assert docker_user() == ["user's", "in", "out", "return"]
    with listening(box.namespace, ANY[4]) as server:
        assert source(server, host.neighbour, HOST[4]) == NEIGHBOUR[4]


def drop_table() -> None:
    NetfilterSocket().delete(own_table(), INET)


def drop_rule() -> None:
    rule = NetfilterSocket().rules(INET, own_table(), "answers")[-1]
    change(INET, own_table(), "answers", delete=(rule.handle,))


def add_rule() -> None:
    change(INET, own_table(), "answers", add=(nftables.verdict(nftables.ACCEPT),))


def flush() -> None:
    for family, table in tables():
        NetfilterSocket().delete(table, family)


def flush_docker_user() -> None:
    rules = NetfilterSocket().rules(IPV4, "filter", "DOCKER-USER")
    change(IPV4, "filter", "DOCKER-USER", delete=[rule.handle for rule in rules])


def return_first() -> None:
    first = NetfilterSocket().rules(IPV4, "filter", "DOCKER-USER")[0].handle
    change(IPV4, "filter", "DOCKER-USER", add=(RETURN,), before=first)


def change(
    family: int,
    table: str,
    chain: str,
    delete: Sequence[int] = (),
    add: Sequence[Rule] = (),
    before: int = 0,
) -> None:
    NetfilterSocket().send(change_chain(family, table, chain, delete, add, before))


@pytest.mark.parametrize(
    "undo",
    [drop_table, drop_rule, add_rule, flush, flush_docker_user, return_first],
    ids=lambda each: each.__name__,
)
@alone
def test_nftables_that_others_undid_are_put_right(undo: Callable[[], None]) -> None:
    docker(RETURN)
    host, box = published()
    undo()
    assert host.publish(box.publication(port())).done
    assert host.publish(box.publication(port())).done == ()
    with listening(box.namespace, ANY[4]) as server:
        assert source(server, host.neighbour, HOST[4]) == NEIGHBOUR[4]


class Meddled(NetfilterSocket):
    """Somebody else deletes the table as soon as it was looked at."""

    def rules(self, family: int, table: str, chain: str = "") -> list[FoundRule]:
        found = super().rules(family, table, chain)
        drop_table()
        return found


@alone
def test_nftables_that_others_undo_meanwhile_are_put_right() -> None:
    host, box = started(), container()
    honest, host.space.netfilter = host.space.netfilter, Meddled()
    host.publish(box.publication(port()))
    host.space.netfilter = honest
    assert host.publish(box.publication(port())).done == ("nftables installed",)
    assert host.publish(box.publication(port())).done == ()


@alone
def test_link_that_was_changed_by_hand_is_put_right() -> None:
    host, box = published()
    device, own = box.device, box.addresses
    ip(
        f"link set {device} group default arp on alias mine down",
        f"address del 169.254.192.1/32 dev {device}",
        f"address add 10.9.9.9/32 dev {device}",
    )
    write(Path(f"net/ipv4/conf/{device}/route_localnet"), "0")
    write(Path(f"net/ipv4/conf/{device}/forwarding"), "0")
    assert set(host.publish(box.publication(port())).done) >= {
        f"{device}: {each}"
        for each in (
            *("group set", "ARP off", "alias set", "set up", "route_localnet on", "forwarding on"),
            *("address 169.254.192.1/32 added", "address 10.9.9.9/32 removed"),
            *(f"route {own[4]}/32 added", f"route {own[6]}/128 added"),
            "local route ::1/128 added",
        )
    }
    assert host.publish(box.publication(port())).done == ()
    with listening(box.namespace, ANY[6]) as server:
        assert source(server, -1, LOOPBACK[6]) == "fd77:6770:7562::1"


@alone
def test_link_without_ipv6_is_published_for_ipv4_alone() -> None:
    host, box = started(), container()
    write(Path(f"net/ipv6/conf/{box.device}/disable_ipv6"), "1")
    host.publish(box.publication(port()))
    assert host.publish(box.publication(port())).done == ()
    with listening(-1, ANY[6]) as server, listening(box.namespace, ANY[4]) as inner:
        assert source(inner, -1, LOOPBACK[4]) == "169.254.192.1"
        assert not is_reached(server, host.neighbour, HOST[6], PORT, "tcp")


# Links that come and go


@alone
def test_link_that_is_not_there_yet_is_left_out_and_changes_nothing() -> None:
    host, box = started(), Container(2)
    assert host.publish(box.publication(port())).done == ()
    assert tables() == set()
    box.link()
    assert host.publish(box.publication(port())).done
    with listening(box.namespace, ANY[4]) as server:
        assert source(server, host.neighbour, HOST[4]) == NEIGHBOUR[4]


@alone
def test_publication_that_ends_is_taken_back_with_its_link() -> None:
    host, first, second = started(), container(2), container(3)
    host.publish(first.publication(port()), second.publication(port(8081)))
    assert f"{second.device}: deleted" in host.publish(first.publication(port())).done
    assert links() == {first.device}
    with listening(first.namespace, ANY[4]) as server:
        assert source(server, host.neighbour, HOST[4]) == NEIGHBOUR[4]


@alone
def test_container_behind_a_link_that_stays_loses_its_routes() -> None:
    host, box, second = started(), container(2), Container(3)
    other = Container(3).publication(port(8081))
    behind = type(other)(box.device, other.addresses, other.ports)
    host.publish(box.publication(port()), behind)
    assert set(host.publish(box.publication(port())).done) == {
        "nftables installed",
        f"{box.device}: route {second.addresses[4]}/32 removed",
        f"{box.device}: route {second.addresses[6]}/128 removed",
    }


@alone
def test_without_publications_nothing_is_left() -> None:
    docker(USER_S, RETURN)
    before = tables()
    host, _ = published()
    assert host.publish().done
    assert links() == set()
    assert tables() == before
    assert docker_user() == ["user's", "return"]
    assert host.publish().done == ()


@alone
def test_links_of_others_stay_and_are_let_pass() -> None:
    docker(RETURN)
    host, mine, theirs = started(), container(2), container(3)
    add_device("wgpubx")
    HostPorts("another plugin").publish(here(), [theirs.publication(port(8081))])
    host.publish(mine.publication(port()))
    host.publish()
    assert links() == {theirs.device, "wgpubx"}
    assert docker_user() == ["in", "out", "return"]
    with listening(theirs.namespace, ANY[4]) as server:
        assert source(server, host.neighbour, HOST[4], 8081) == NEIGHBOUR[4]


# Docker's firewall


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ((), ["in", "out"]),
        ((RETURN,), ["in", "out", "return"]),
        ((USER_S, RETURN), ["user's", "in", "out", "return"]),
        ((USER_S,), ["user's", "in", "out"]),
        ((RETURN, *forwarding.PASS), ["in", "out", "return"]),
        ((*forwarding.PASS, *forwarding.PASS, USER_S), ["in", "out", "user's"]),
        ((forwarding.PASS[1], RETURN), ["out", "in", "return"]),
    ],
)
@alone
def test_docker_user_lets_links_pass_unless_the_user_forbids_it(
    rules: tuple[Rule, ...], expected: list[str]
) -> None:
    docker(*rules)
    host, box = published()
    assert {family: docker_user(family) for family in FAMILIES} == dict.fromkeys(FAMILIES, expected)
    with listening(box.namespace, ANY[6]) as server:
        assert source(server, host.neighbour, HOST[6]) == NEIGHBOUR[6]


@alone
def test_what_the_user_forbids_in_docker_user_stays_forbidden() -> None:
    docker((*nftables.meta(nftables.META_IIFNAME, b"eth0\0"), *DROP), RETURN)
    host, box = started(), container()
    host.publish(box.publication(port(protocol="udp")))
    with listening(box.namespace, ANY[4], protocol="udp") as server:
        assert not is_reached(server, host.neighbour, HOST[4])
        assert is_reached(server, -1, HOST[4])


def iptables(*commands: str) -> str:
    """Do what iptables and ip6tables do; return what they print."""
    found = [
        subprocess.run(
            [f"{tool}-nft", *command.split()], capture_output=True, text=True, check=True
        )
        for tool in ("iptables", "ip6tables")
        for command in commands
    ]
    return "".join(each.stdout for each in found)


@pytest.mark.skipif(not shutil.which("ip6tables-nft"), reason="needs iptables-nft")
@alone
def test_rules_in_docker_user_are_those_that_iptables_makes_and_lists() -> None:
    iptables(
        "-P FORWARD DROP",
        "-N DOCKER-USER",
        "-A DOCKER-USER -i eth9 -j DROP",
        "-A DOCKER-USER -j RETURN",
        "-A FORWARD -j DOCKER-USER",
    )
    host, box = published()
    listed = (
        "-N DOCKER-USER\n-A DOCKER-USER -i eth9 -j DROP\n-A DOCKER-USER -i wgpub+ -j ACCEPT\n"
        "-A DOCKER-USER -o wgpub+ -j ACCEPT\n-A DOCKER-USER -j RETURN\n"
    )
    assert iptables("-S DOCKER-USER") == 2 * listed
    with listening(box.namespace, ANY[4]) as server:
        assert source(server, host.neighbour, HOST[4]) == NEIGHBOUR[4]
    iptables("-D DOCKER-USER -i wgpub+ -j ACCEPT", "-I DOCKER-USER -i wgpub+ -j ACCEPT")
    assert host.publish(box.publication(port())).done == ()
    iptables("-F")
    assert host.publish(box.publication(port())).closed
    iptables("-A FORWARD -j DOCKER-USER")
    assert not host.publish(box.publication(port())).closed
    host.publish()
    assert iptables("-S DOCKER-USER") == 2 * "-N DOCKER-USER\n"


# What keeps clients outside away


def forward(*rules: Rule) -> None:
    chain = Chain("filter_FORWARD", rules, hook=nftables.FORWARD, priority=10)
    NetfilterSocket().install(Table("firewalld", (chain,)))


@alone
def test_host_without_a_firewall_keeps_nobody_away() -> None:
    host, box = published()
    assert host.publish(box.publication(port())).closed == ""


@alone
def test_chain_that_drops_what_is_forwarded_is_told_with_what_opens_it() -> None:
    forward(DROP)
    host, box = started(), container()
    closed = host.publish(box.publication(port())).closed
    assert "inet firewalld filter_FORWARD" in closed
    assert """nft insert rule inet firewalld filter_FORWARD iifname '"wgpub*"' accept""" in closed
    assert host.publish(box.publication(port())).closed == closed
    forward(*forwarding.PASS, DROP)
    assert host.publish(box.publication(port())).closed == ""


@alone
def test_chain_that_lets_all_pass_that_is_redirected_keeps_nobody_away() -> None:
    redirected = (*nftables.ct_bits(nftables.CT_STATUS, 1 << 5), *nftables.verdict(nftables.ACCEPT))
    forward(redirected, DROP)
    host, box = started(), container()
    assert host.publish(box.publication(port())).closed == ""
    with listening(box.namespace, ANY[4]) as server:
        assert source(server, host.neighbour, HOST[4]) == NEIGHBOUR[4]


@pytest.mark.parametrize("version", [4, 6])
@alone
def test_setting_that_stops_forwarding_is_told(version: int) -> None:
    setting = {4: "net.ipv4.ip_forward", 6: "net.ipv6.conf.all.forwarding"}[version]
    host, box = started(), container()
    write(Path(setting.replace(".", "/")), "0")
    assert f"sysctl -w {setting}=1" in host.publish(box.publication(port())).closed
    own = box.publication(port(address=LOOPBACK[version]))
    assert host.publish(own).closed == ""
    other = box.publication(port(address=ANY[10 - version]))
    assert host.publish(other).closed == ""


@alone
def test_ipv6_that_is_not_forwarded_keeps_nobody_away_from_a_host_without_it() -> None:
    host, box = started(), container()
    write(Path("net/ipv6/conf/all/forwarding"), "0")
    ip("address del 2001:db8::1/64 dev eth0")
    assert host.publish(box.publication(port())).closed == ""


@pytest.mark.skipif(not shutil.which("iptables-legacy"), reason="needs iptables-legacy")
@alone
def test_chain_of_iptables_legacy_is_told_until_it_lets_links_pass() -> None:
    def legacy(*commands: str) -> None:
        for command in commands:
            subprocess.run(["iptables-legacy", *command.split()], check=True)

    host, box = published()
    box_s = box.publication(port())
    legacy("-S")
    assert host.publish(box_s).closed == ""
    legacy("-P FORWARD DROP")
    assert "iptables -I FORWARD -i wgpub+ -j ACCEPT" in host.publish(box_s).closed
    legacy("-N DOCKER-USER", "-A FORWARD -j DOCKER-USER", "-I DOCKER-USER -i wgpub+ -j ACCEPT")
    assert "iptables -I DOCKER-USER -o wgpub+ -j ACCEPT" in host.publish(box_s).closed
    legacy("-I DOCKER-USER -o wgpub+ -j ACCEPT")
    assert host.publish(box_s).closed == ""


# Ports of others


@pytest.mark.parametrize("protocol", ["tcp", "udp", pytest.param("sctp", marks=needs_sctp)])
@alone
def test_port_that_a_program_listens_on_is_left_to_it_until_it_ends(protocol: str) -> None:
    host, box = started(), container()
    mine = (port(protocol=protocol), port(8081, protocol))
    with listening(-1, ANY[4], PORT, protocol) as program:
        assert host.publish(box.publication(*mine)).taken == {mine[0]}
        assert source(program, host.neighbour, HOST[4], PORT, protocol) == NEIGHBOUR[4]
        with listening(box.namespace, ANY[4], protocol=protocol) as server:
            assert source(server, -1, HOST[4], 8081, protocol) == HOST[4]
    assert host.publish(box.publication(*mine)).taken == set()
    with listening(box.namespace, ANY[4], protocol=protocol) as server:
        assert source(server, host.neighbour, HOST[4], PORT, protocol) == NEIGHBOUR[4]


# The whole


def asked(work: Callable[[PublishingKernel], Awaitable[None]]) -> None:
    async def run() -> None:
        kernel = KernelPublishing(OWNER)
        with contextlib.closing(kernel):
            await work(kernel)

    asyncio.run(run())


@alone
def test_numbers_are_those_of_all_plugins_containers() -> None:
    host, first, second = started(), container(2), container(300)
    host.publish(first.publication(port()))
    HostPorts("another plugin").publish(here(), [second.publication(port(8081))])
    ip("route add 169.254.192.64/26 dev eth0", "route add 169.254.191.7 dev eth0")

    async def work(kernel: PublishingKernel) -> None:
        assert await kernel.numbers() == {2, 300}

    asked(work)


@alone
def test_nothing_is_open_for_nothing() -> None:
    def files() -> set[str]:
        return {each.name for each in Path("/proc/self/fd").iterdir()}

    async def work(kernel: PublishingKernel) -> None:
        before = files()
        assert (await kernel.publish(())).done == ()
        await kernel.numbers()
        await kernel.choose([PortBinding("tcp", 80)], ())
        assert files() == before
        box = container()
        await kernel.publish([box.publication(port())])
        kernel.close()
        assert box.device in links()

    asked(work)


@alone
def test_change_on_the_host_is_noticed() -> None:
    async def work(kernel: PublishingKernel) -> None:
        noticed = asyncio.ensure_future(kernel.changed())
        await asyncio.sleep(0)
        NetfilterSocket().install(Table("others", ()))
        await asyncio.wait_for(noticed, 10)

    asked(work)
