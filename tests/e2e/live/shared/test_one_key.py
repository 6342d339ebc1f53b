"""One key has one tunnel: whose it is, and what is refused when a network or container is made."""

from tests.e2e.commands import refused, run, wait_until
from tests.e2e.conftest import Configurations
from tests.e2e.docker import container, create_network, docker, network
from tests.e2e.live.conftest import tunnel
from tests.e2e.live.shared.conftest import shared, start_on
from tests.e2e.modes import SHARED
from tests.e2e.provider import WEB_IPV4
from tests.e2e.routers import Router, pinned

OTHER = "other-network"


def test_router_is_made_for_the_first_container_and_goes_with_the_network(
    configurations: Configurations,
) -> None:
    name = configurations.client("lasts", "10.8.120.1", allowed_ips="0.0.0.0/0")
    with shared(name) as net:
        router = Router(net)
        assert not pinned()
        with container(net):
            identity = router.identity()
        with container(net) as box:
            assert box.fetch(WEB_IPV4) == "10.8.120.1"
            assert router.identity() == identity
    assert not pinned()


def test_configuration_in_use_is_refused_to_other_networks_and_free_without_containers(
    configurations: Configurations,
) -> None:
    name = configurations.client("claimed", "10.8.121.1/32", allowed_ips="0.0.0.0/0")
    run(*create_network(OTHER, name))
    try:
        with shared(name) as net:
            with container(net) as box, container(net) as second:
                assert "[WG111]" in refused(*start_on(OTHER))
                assert box.fetch(WEB_IPV4) == second.fetch(WEB_IPV4) == "10.8.121.1"
            assert pinned() == {Router(net).network_id}
            with container(OTHER) as box:
                assert not pinned(), "a key has one tunnel"
                assert box.fetch(WEB_IPV4) == "10.8.121.1"
                assert "[WG111]" in refused(*start_on(net))
                assert not pinned()
            with container(net) as box:
                assert box.fetch(WEB_IPV4) == "10.8.121.1"
                wait_until(lambda: not tunnel(name)["error"], "the router")
    finally:
        docker("network", "rm", OTHER)


def test_second_shared_network_has_the_configuration_once_the_first_has_no_container(
    configurations: Configurations,
) -> None:
    name = configurations.client("two", "10.8.122.1/32", allowed_ips="0.0.0.0/0")
    run(*create_network(OTHER, name, *SHARED.options))
    try:
        with shared(name) as net:
            with container(net):
                assert "[WG111]" in refused(*start_on(OTHER))
                assert pinned() == {Router(net).network_id}
            with container(OTHER) as box:
                assert box.fetch(WEB_IPV4) == "10.8.122.1"
                assert pinned() == {Router(OTHER).network_id}
    finally:
        docker("network", "rm", OTHER)


def test_shared_network_without_subnet_is_refused_with_what_to_leave_out(
    configurations: Configurations,
) -> None:
    name = configurations.client("null", "10.8.123.1/32", allowed_ips="0.0.0.0/0")
    output = refused(*create_network("null", name, *SHARED.options, "--ipam-driver", "null"))
    assert "without --ipam-driver null" in output
    assert "[WG120]" in output


def test_subnet_with_an_address_of_the_tunnel_is_refused(configurations: Configurations) -> None:
    name = configurations.client("within", "10.8.124.1/32", allowed_ips="0.0.0.0/0")
    subnet = ("--subnet", "10.8.124.0/24")
    output = refused(*create_network("within", name, *SHARED.options, *subnet))
    assert "another --subnet" in output
    assert "[WG122]" in output


def test_options_of_shared_networks_are_refused_without_the_mode(
    configurations: Configurations,
) -> None:
    name = configurations.client("unshared", "10.8.125.1/32", allowed_ips="0.0.0.0/0")
    null = ("--ipam-driver", "null")
    for text in ("wireguard-isolate=on", "wireguard-nat=off", "wireguard-forward=1:10.0.0.1:1"):
        output = refused(*create_network("unshared", name, *null, "--opt", text))
        assert "wireguard-mode=shared" in output
        assert "[WG121]" in output


def test_file_s_address_with_docker_s_subnet_names_the_mode(configurations: Configurations) -> None:
    name = configurations.client("hint", "10.8.126.1/32", allowed_ips="0.0.0.0/0")
    output = refused(*create_network("hint", name, "--subnet", "172.28.126.0/24"))
    assert "wireguard-mode=shared" in output
    assert "[WG107]" in output


def test_first_container_that_is_refused_leaves_no_router(configurations: Configurations) -> None:
    name = configurations.client("broken", "10.8.127.1/32", allowed_ips="0.0.0.0/0")
    path = configurations.folder / f"{name}.conf"
    text = path.read_text()
    with shared(name) as net:
        path.write_text(text.replace("AllowedIPs", "AllowedIP"))
        assert "did you mean AllowedIPs" in refused(*start_on(net))
        assert not pinned()
        path.write_text(text)
        with container(net) as box:
            assert box.fetch(WEB_IPV4) == "10.8.127.1"


def test_first_container_whose_port_is_in_use_leaves_no_router(
    configurations: Configurations,
) -> None:
    port = "ListenPort = 51779"
    holder, name = (
        configurations.client(
            each, f"10.8.128.{number}/32", allowed_ips="0.0.0.0/0", interface=port
        )
        for number, each in enumerate(("holder", "port"), 1)
    )
    with network(holder) as net, shared(name) as other:
        with container(net):
            assert "[WG404]" in refused(*start_on(other))
            assert not pinned()
        with container(other) as box:
            assert box.fetch(WEB_IPV4) == "10.8.128.2"
