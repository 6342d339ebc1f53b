"""``wireguard-wait``: before a container starts, a peer has answered."""

from tests.e2e.commands import refused, run
from tests.e2e.conftest import Configurations
from tests.e2e.docker import container
from tests.e2e.pools.pooling import clients, pool_network, silent, start_on
from tests.e2e.provider import WEB_IPV4, Provider


def test_start_is_held_until_a_peer_has_answered(
    configurations: Configurations, provider: Provider
) -> None:
    clients(configurations, "answering")
    text = (configurations.folder / "answering.conf").read_text()
    key = run("wg", "pubkey", stdin=text.partition("PrivateKey = ")[2].split()[0])
    with pool_network("answering", "wait=20", "wait-fail=refuse") as net, container(net):
        # The container's process sends nothing.
        assert provider.has_met(key)


def test_start_is_refused_if_nobody_answers(configurations: Configurations) -> None:
    silent(configurations, "alone")
    with pool_network("alone", "wait=2", "wait-fail=refuse") as net:
        output = refused(*start_on(net))
    assert "alone.conf: no peer answered within 2 s" in output
    assert "[WG416]" in output


def test_start_goes_on_to_the_next_of_the_pool(configurations: Configurations) -> None:
    silent(configurations, "z-silent")
    (answering,) = clients(configurations, "b-answering")
    options = ("wait=20", "wait-fail=refuse")
    with pool_network("z-silent,b-answering", *options) as net, container(net) as box:
        assert box.fetch(WEB_IPV4) == answering


def test_container_starts_all_the_same_if_it_is_not_said_to_be_refused(
    configurations: Configurations,
) -> None:
    silent(configurations, "alone")
    with pool_network("alone", "wait=1") as net:
        run(*start_on(net))
