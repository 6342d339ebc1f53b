"""Published ports work while the plugin is upgraded, and after it."""

import pytest

from tests.e2e.conftest import Configurations
from tests.e2e.docker import docker, network
from tests.e2e.faults.test_plugin_upgraded import installed, upgrade
from tests.e2e.live.ports.clients import CLIENT, HOST, another_host, answers, ask
from tests.e2e.live.ports.serving import restart, serving
from tests.e2e.modes import OWN, SHARED, Mode
from tests.e2e.releases import Upgrade

__all__ = ["installed"]

PORT = 8490


@pytest.mark.parametrize("kind", [OWN, SHARED], ids=["container", "shared"])
def test_published_port_works_while_the_plugin_is_upgraded(
    configurations: Configurations, kind: Mode, installed: str, releases: Upgrade
) -> None:
    name = configurations.client("upgraded-ports", "10.8.39.1/32", allowed_ips="0.0.0.0/0")
    with (
        another_host(),
        network(name, *kind.options, driver=installed) as net,
        serving(net, publish=(f"{PORT}:80",)) as box,
    ):
        assert ask(HOST, PORT, abroad=True) == CLIENT
        docker("plugin", "disable", "--force", installed)
        upgrade(installed, releases)
        assert ask(HOST, PORT, abroad=True) == CLIENT
        docker("plugin", "set", installed, f"config.source={configurations.folder}")
        docker("plugin", "enable", installed)
        assert ask(HOST, PORT, abroad=True) == CLIENT
        restart(box)
        assert ask(HOST, PORT, abroad=True) == CLIENT
    assert not answers("127.0.0.1", PORT)
