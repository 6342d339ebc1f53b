"""What the plugin may do, and where a private key is not."""

import os
import stat
from pathlib import Path

from tests.e2e.conftest import Configurations
from tests.e2e.docker import (
    LIVE,
    PLUGIN,
    container,
    docker,
    network,
    plugin_id,
    plugin_pid,
    state_folder,
)
from tests.e2e.provider import WEB_IPV4

CAP_DAC_OVERRIDE, CAP_NET_BIND_SERVICE, CAP_NET_ADMIN, CAP_SYS_ADMIN = 1, 10, 12, 21
NEEDED = (CAP_DAC_OVERRIDE, CAP_NET_ADMIN, *([CAP_SYS_ADMIN, CAP_NET_BIND_SERVICE] if LIVE else []))
DOCKER_LOG = Path("/var/log/dockerd.log")


def test_plugin_at_work_has_the_capabilities_of_its_edition_in_every_thread_and_can_get_no_more(
    configurations: Configurations,
) -> None:
    name = configurations.client("caps", "10.8.0.12/32", allowed_ips="0.0.0.0/0")
    with network(name) as net, container(net):
        statuses = [
            dict(line.split(":\t", 1) for line in path.read_text().splitlines())
            for path in Path(f"/proc/{plugin_pid()}/task").glob("*/status")
        ]
    assert len(statuses) > 1
    for status in statuses:
        sets = {int(status[name], 16) for name in ("CapPrm", "CapEff", "CapBnd")}
        assert sets == {sum(1 << number for number in NEEDED)}
        assert status["NoNewPrivs"] == "1"


def test_socket_is_for_root_alone(configurations: Configurations) -> None:
    socket = Path("/run/docker/plugins", plugin_id(), "wireguard.sock").stat()
    assert (socket.st_uid, stat.S_IMODE(socket.st_mode)) == (0, 0o600)


def test_private_key_is_nowhere_but_in_the_file_and_the_kernel(
    configurations: Configurations,
) -> None:
    name = configurations.client("secret", "10.8.0.13/32", allowed_ips="0.0.0.0/0")
    key = (configurations.folder / f"{name}.conf").read_text().split()[3]
    with network(name) as net, container(net) as box:
        texts = [
            docker("inspect", box.name),
            docker("network", "inspect", net),
            docker("plugin", "inspect", PLUGIN),
            *(path.read_text() for path in state_folder().rglob("*.json")),
            Path(f"/proc/{plugin_pid()}/environ").read_text(),
        ]
        assert key in box.in_namespace("wg", "show", "wg0", "private-key")
    if DOCKER_LOG.exists():
        texts.append(DOCKER_LOG.read_text(errors="replace"))
    assert len(key) == 44
    assert not [text for text in texts if key in text]


def test_configuration_of_another_user_is_used(configurations: Configurations) -> None:
    name = configurations.client("theirs", "10.8.0.14/32", allowed_ips="0.0.0.0/0")
    path = configurations.folder / f"{name}.conf"
    path.chmod(0o600)
    os.chown(path, 12345, 12345)
    with network(name) as net, container(net) as box:
        assert box.fetch(WEB_IPV4) == "10.8.0.14"
