"""Which configuration of a pool a container gets."""

from tests.e2e.commands import refused, succeeds
from tests.e2e.conftest import Configurations
from tests.e2e.docker import container, create_network
from tests.e2e.pools.pooling import clients, pool_network, silent, start_on
from tests.e2e.provider import WEB_IPV4

PING = ("ping", "-c", "1", "-W", "1", WEB_IPV4)


def test_pattern_takes_files_in_their_order_and_those_that_come_later(
    configurations: Configurations,
) -> None:
    (second,) = clients(configurations, "server-2")
    with pool_network("server-*") as net, container(net) as box:
        assert box.fetch(WEB_IPV4) == second
        first, third = clients(configurations, "server-1", "server-3")
        with container(net) as another, container(net) as last:
            assert (another.fetch(WEB_IPV4), last.fetch(WEB_IPV4)) == (first, third)


def test_rotate_takes_the_one_that_was_used_longest_ago(configurations: Configurations) -> None:
    addresses = clients(configurations, "round-1", "round-2")
    seen = []
    with pool_network("round-*", "pick=rotate") as net:
        for _ in range(3):
            with container(net) as box:
                seen.append(box.fetch(WEB_IPV4))
    assert seen == [*addresses, addresses[0]]


def test_one_without_a_handshake_at_its_last_use_comes_last(
    configurations: Configurations,
) -> None:
    silent(configurations, "z-silent")
    (answering,) = clients(configurations, "b-answering")
    with pool_network("z-silent,b-answering") as net:
        assert not succeeds(*start_on(net, *PING))
        with container(net) as box:
            assert box.fetch(WEB_IPV4) == answering


def test_broken_file_is_left_out(configurations: Configurations) -> None:
    configurations.write("z-broken", "[Interface]\nPrivateKey = none\n")
    (whole,) = clients(configurations, "b-whole")
    with pool_network("z-broken,b-whole") as net, container(net) as box:
        assert box.fetch(WEB_IPV4) == whole
        output = refused(*start_on(net))
    assert "z-broken.conf:2:14: " in output


def test_files_with_one_key_are_not_used_at_once(configurations: Configurations) -> None:
    (address,) = clients(configurations, "twin-1")
    text = (configurations.folder / "twin-1.conf").read_text()
    configurations.write("twin-2", text)
    with pool_network("twin-*") as net:
        with container(net) as box:
            assert box.fetch(WEB_IPV4) == address
            output = refused(*start_on(net))
            assert "twin-2.conf has the private key" in output
        with container(net) as box:
            assert box.fetch(WEB_IPV4) == address


def test_pattern_that_matches_nothing_is_refused_with_names_that_are_near(
    configurations: Configurations,
) -> None:
    clients(configurations, "mullvad-se")
    output = refused(*create_network("wrong", "mulvad-*"))
    assert "no file matches wireguard-config=mulvad-*; did you mean mullvad-se?" in output
