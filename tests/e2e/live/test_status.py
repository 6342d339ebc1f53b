"""What the plugin tells of its tunnels: to programs, to Prometheus, to people and in the log."""

import json
from pathlib import Path

import pytest

from tests.e2e.commands import run, wait_until
from tests.e2e.conftest import Configurations
from tests.e2e.docker import container, network, wireguard
from tests.e2e.live.conftest import get, tunnel, wait_for
from tests.e2e.provider import ENDPOINT, WEB_IPV4, Provider


def test_status_has_each_tunnel_and_no_secret(
    configurations: Configurations, provider: Provider
) -> None:
    name = configurations.client("told", "10.8.90.1/32", allowed_ips="203.0.113.0/24")
    with network(name) as net, container(net) as box:
        wait_for(name, lambda status: bool(status["peers"]), "the tunnel")
        assert tunnel(name)["health"] == "never"
        assert box.fetch(WEB_IPV4) == "10.8.90.1"
        wait_for(name, lambda status: status["health"] == "up", "the handshake")
        found = tunnel(name)
        endpoint = box.inspect()["NetworkSettings"]["Networks"][net]
        assert found["endpoint"] == endpoint["EndpointID"]
        assert found["network"] == endpoint["NetworkID"]
        assert found["namespace"] == box.inspect()["NetworkSettings"]["SandboxKey"]
        assert found["interface"] == "wg0"
        (peer,) = found["peers"]
        assert peer["public_key"] == provider.public_key
        assert peer["endpoint"] == ENDPOINT
        assert peer["allowed_ips"] == ["203.0.113.0/24"]
        assert peer["received_bytes"] > 0
        assert peer["sent_bytes"] > 0
        text = (configurations.folder / f"{name}.conf").read_text()
        secret = text.split("PrivateKey = ")[1].split()[0]
        for path in ("/status", "/metrics"):
            assert secret not in get(path)
    assert json.loads(get("/status"))["tunnels"] == []


def test_metrics_have_what_the_status_has(configurations: Configurations) -> None:
    name = configurations.client("measured", "10.8.91.1/32", allowed_ips="203.0.113.0/24")
    with network(name) as net, container(net) as box:
        assert box.fetch(WEB_IPV4) == "10.8.91.1"
        wait_for(name, lambda status: status["health"] == "up", "the handshake")
        lines = get("/metrics").splitlines()
    health = [line for line in lines if line.startswith("wireguard_tunnel_health{")]
    up = [line for line in health if 'configuration="measured"' in line and line.endswith(" 1.0")]
    assert ['health="up"' in line for line in up] == [True]
    assert any(line.startswith("wireguard_peer_received_bytes_total{") for line in lines)


def test_people_get_a_table_from_the_socket_that_is_found(configurations: Configurations) -> None:
    name = configurations.client("shown", "10.8.92.1/32", allowed_ips="203.0.113.0/24")
    with network(name) as net, container(net) as box:
        assert box.fetch(WEB_IPV4) == "10.8.92.1"
        wait_for(name, lambda status: status["health"] == "up", "the handshake")
        head, row, *_ = run(*wireguard("status")).splitlines()
    assert head.split()[:4] == ["CONFIGURATION", "ENDPOINT", "HEALTH", "DEVICE"]
    assert row.split()[0] == "shown"
    assert row.split()[2:4] == ["up", "wg0"]


def test_events_are_logged_one_a_line(configurations: Configurations) -> None:
    log = Path("/var/log/dockerd.log")
    if not log.exists():
        pytest.skip("Docker's log is a file in the lab alone")
    name = configurations.client("logged", "10.8.93.1/32", allowed_ips="203.0.113.0/24")
    path = configurations.folder / f"{name}.conf"
    text = path.read_text()
    with network(name) as net, container(net) as box:
        assert box.fetch(WEB_IPV4) == "10.8.93.1"
        wait_until(lambda: "(logged): up: handshake" in log.read_text(), "up")
        path.write_text(text.replace("203.0.113.0/24", "203.0.113.0/24, 10.93.0.0/16"))
        wait_until(lambda: "reloaded: endpoint" in log.read_text(), "reloaded")
        path.write_text(text.replace("[Peer]", "[Pier]"))
        wait_until(lambda: "(logged): refused: logged.conf:" in log.read_text(), "refused")
    lines = [line for line in log.read_text().splitlines() if "(logged): refused" in line]
    assert len(lines) == 1
