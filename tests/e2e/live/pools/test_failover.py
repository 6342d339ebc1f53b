"""A tunnel whose server is cut off goes on by another one; the container doesn't notice more."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.commands import CommandError, exit_status, succeeds, wait_until
from tests.e2e.conftest import Configurations
from tests.e2e.docker import wireguard
from tests.e2e.lasting import configurations
from tests.e2e.live.conftest import get
from tests.e2e.live.pools.conftest import status_of
from tests.e2e.live.pools.failing_over import MTU, PORT, Client, Clients, clients
from tests.e2e.pools.pooling import is_seen_as
from tests.e2e.provider import WEB_IPV4, WEB_IPV6, Provider

__all__ = ["configurations"]

MOVED = ("stay", "gone", "ipv4")
PATIENCE = 40
DOCKERD_LOG = Path("/var/log/dockerd.log")


@pytest.fixture(scope="module")
def moved(
    configurations: Configurations,
    provider: Provider,
    second: Provider,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Clients]:
    with clients(configurations, provider, second, tmp_path_factory.mktemp("dns")) as moved:
        yield moved


def status(client: Client) -> dict[str, object]:
    return status_of(client.box, client.net)


@pytest.mark.parametrize("name", MOVED)
def test_other_server_answers_in_time(moved: Clients, name: str) -> None:
    assert moved.took[name] < PATIENCE


def test_processes_and_devices_are_those_from_before(moved: Clients) -> None:
    now = {name: each.identity() for name, each in moved.by_name.items() if name in moved.before}
    assert now == moved.before


def test_nothing_was_seen_outside(moved: Clients) -> None:
    assert not moved.seen_outside()


def test_new_connection_lasts(moved: Clients) -> None:
    """The old one is of an address that is no more."""
    assert moved["stay"].box.run("sh", "-c", "cat /numbers")
    lines = moved["stay"].box.run("sh", "-c", f"sleep 2 | nc {WEB_IPV4} {PORT} | head -n 20")
    assert lines.split() == [*map(str, range(20))]


def test_dns_is_that_of_the_other_file(moved: Clients) -> None:
    assert WEB_IPV4 in moved["stay"].box.run("nslookup", "-type=a", "www.example.test")


def test_addresses_and_mtu_are_those_of_the_other_file(moved: Clients) -> None:
    client = moved["stay"]
    shown = client.box.run("ip", "address", "show", "wg0")
    assert f"mtu {MTU}" in shown
    assert f"inet {client.second}/32" in shown
    assert f"inet {client.first}/32" not in shown


def test_family_that_the_other_file_lacks_is_closed(moved: Clients) -> None:
    with pytest.raises(CommandError):
        moved["ipv4"].box.run("timeout", "2", "wget", "-q", "-O", "-", f"http://[{WEB_IPV6}]/")
    assert not moved.seen_outside()


def test_server_that_never_answered_is_left_too(moved: Clients) -> None:
    wait_until(moved["never"].moved, "the second server")


def test_status_says_what_it_has_of_which_pool_since_when_and_why(moved: Clients) -> None:
    found = status(moved["stay"])
    assert found["configuration"] == "stay-2"
    assert found["pool"] == "stay-*"
    assert found["health"] == "up"
    assert "stay-1" in str(found["why"])
    assert found["switches"] == 1
    assert float(str(found["since"])) > 1.7e9
    assert not found["error"]


def test_metrics_count_the_switch(moved: Clients) -> None:
    found = status(moved["stay"])
    labels = (f'{each}="{str(found[each])[:12]}"' for each in ("endpoint", "network"))
    line = f"wireguard_tunnel_switches_total{{{','.join(labels)}}} 1.0"
    assert line in get("/metrics").splitlines()


@pytest.mark.skipif(not DOCKERD_LOG.exists(), reason="reads the lab's log of dockerd")
def test_log_has_a_line_for_the_switch(moved: Clients) -> None:
    text = DOCKERD_LOG.read_text(errors="replace")
    lines = [line for line in text.splitlines() if "stay-1" in line and "stay-2" in line]
    assert len([line for line in lines if "switched" in line]) == 1


def test_tunnel_without_an_alternative_is_closed_and_says_so(moved: Clients) -> None:
    client = moved["dead"]
    found = status(client)
    assert (found["configuration"], found["health"]) == ("dead-1", "down")
    assert "[WG417]" in str(found["error"])
    assert not is_seen_as(client.box, client.first, WEB_IPV4)
    assert not moved.seen_outside()


def test_waiting_for_a_dead_tunnel_fails(moved: Clients) -> None:
    assert exit_status(*wireguard("wait", moved["dead"].box.name)) == 1


def test_new_file_of_the_pool_is_taken(moved: Clients) -> None:
    client = moved["dead"]
    address = moved.write("dead-2", moved.second)
    wait_until(lambda: is_seen_as(client.box, address, WEB_IPV4), "the new file")
    assert status(client)["configuration"] == "dead-2"


def test_container_that_waits_starts_by_the_server_that_answers(moved: Clients) -> None:
    assert moved["back"].moved()


def test_server_that_comes_back_is_gone_back_to_where_the_network_says_so_alone(
    moved: Clients,
) -> None:
    moved.cut.close()
    back, stay = moved["back"], moved["stay"]
    wait_until(lambda: is_seen_as(back.box, back.first, WEB_IPV4), "the first server")
    assert status(back)["configuration"] == "back-1"
    assert succeeds("docker", "exec", stay.box.name, "/busybox", "ping", "-c", "3", WEB_IPV4)
    assert (status(stay)["configuration"], status(stay)["switches"]) == ("stay-2", 1)
