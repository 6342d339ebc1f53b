"""A plugin that leaks is caught."""

from pathlib import Path

import pytest

from tests.e2e.conftest import Configurations
from tests.e2e.docker import network
from tests.e2e.leaks.conftest import NULL_IPAM
from tests.e2e.leaks.planted import DOCKERS_GATEWAY, ON_LINK_DEFAULT, leaking_plugin
from tests.e2e.leaks.probing import Bridge, Suspects

STARTS = 5


def test_dockers_own_gateway_is_caught(
    suspects: Suspects, configurations: Configurations, config_dir: Path
) -> None:
    name = configurations.client("planted", "10.8.60.1/32", allowed_ips="10.8.0.0/16")
    with (
        leaking_plugin(DOCKERS_GATEWAY, config_dir=config_dir) as plugin,
        network(name, *NULL_IPAM, driver=plugin) as net,
        suspects.on(net) as suspect,
    ):
        assert suspect.leaks(net)


def test_on_link_default_is_caught_where_docker_takes_it(
    suspects: Suspects,
    configurations: Configurations,
    bridges: dict[str, Bridge],
    config_dir: Path,
    release: tuple[int, ...],
) -> None:
    name = configurations.client("planted", "10.8.60.1/32", allowed_ips="0.0.0.0/0")
    bridge = bridges["a-bridge-dual"]
    with (
        leaking_plugin(ON_LINK_DEFAULT, config_dir=config_dir) as plugin,
        network(name, *NULL_IPAM, driver=plugin) as net,
    ):
        if release < (28,):
            with pytest.raises(AssertionError, match="file exists"), suspects.on(net, bridge.name):
                pass
            return
        with suspects.on(net, bridge.name) as suspect:
            assert suspect.leaks(net, bridge)


def test_family_without_a_sink_is_caught(
    suspects: Suspects, configurations: Configurations, bridges: dict[str, Bridge]
) -> None:
    name = configurations.client("planted", "10.8.60.1/32", allowed_ips="0.0.0.0/0")
    bridge = bridges["z-bridge-dual"]
    off = ("--opt", "wireguard-sink=off")
    with network(name, *NULL_IPAM, *off) as net:
        # Docker attaches in an order that varies, and not every start has been seen to leak.
        for _ in range(STARTS):
            with suspects.on(net, bridge.name) as suspect:
                if suspect.leaks(net, bridge):
                    return
    pytest.fail(f"nothing was seen to leak in {STARTS} starts")
