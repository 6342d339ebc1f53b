"""The table of published ports has a rule for each, where it belongs."""

from ipaddress import ip_address

from hypothesis import given
from hypothesis import strategies as st

from wgplugin.kernel import nftables
from wgplugin.kernel.nftables import Rule, Table
from wgplugin.kernel.port_table import AFTER_DOCKER, port_table
from wgplugin.model.prefixes import IPAddress
from wgplugin.model.published import Publication, PublishedPort, link_addresses

NAME = "wireguard-ports-0"
ADDRESSES: list[IPAddress | None] = [
    None,
    *map(ip_address, ("0.0.0.0", "::", "192.0.2.1", "2001:db8::1", "127.0.0.1", "::1")),
]
PORTS = st.builds(
    PublishedPort,
    st.sampled_from(["tcp", "udp", "sctp"]),
    st.integers(1, 65535),
    st.integers(1, 65535),
    st.sampled_from(ADDRESSES),
)
PUBLICATIONS = st.builds(
    lambda number, families, ports: Publication(
        "wgpub0123456789", tuple(each.ip for each in link_addresses(number, families)), tuple(ports)
    ),
    st.integers(2, 8191),
    st.sets(st.sampled_from([4, 6])),
    st.lists(PORTS, max_size=4),
)


def rules(table: Table) -> dict[str, tuple[Rule, ...]]:
    return {chain.name: chain.rules for chain in table.chains}


@given(st.lists(PUBLICATIONS, max_size=4))
def test_each_port_has_a_rule_for_each_family_that_it_and_its_container_have(
    publications: list[Publication],
) -> None:
    expected = {"ports": 0, "own": 0}
    for publication in publications:
        for port in publication.ports:
            chain = "own" if port.address and port.address.is_loopback else "ports"
            for address in publication.addresses:
                if not port.address or port.address.version == address.version:
                    expected[chain] += 1
    found = rules(port_table(NAME, publications))
    assert {chain: len(found[chain]) for chain in expected} == expected


@given(PUBLICATIONS, PORTS, PORTS)
def test_rules_differ_for_ports_that_differ(
    publication: Publication, one: PublishedPort, other: PublishedPort
) -> None:
    def table(port: PublishedPort) -> Table:
        both = tuple(each.ip for each in link_addresses(2, (4, 6)))
        return port_table(NAME, [publication, Publication(publication.device, both, (port,))])

    assert (table(one) == table(other)) == (one == other)


def test_docker_s_rules_come_first() -> None:
    docker_s = -100
    assert docker_s < AFTER_DOCKER
    chains = port_table(NAME, []).chains
    found = [each for each in chains if each.kind == "nat" and each.hook != nftables.POSTROUTING]
    assert [each.priority for each in found] == [AFTER_DOCKER] * 2
