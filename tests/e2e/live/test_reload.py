"""An edit of a file is applied to the running container, and disturbs nothing else."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.commands import run, wait_until
from tests.e2e.conftest import Configurations
from tests.e2e.docker import Container, container, network
from tests.e2e.live.conftest import get, tunnel, wait_for
from tests.e2e.live.pace import pace
from tests.e2e.modes import Mode
from tests.e2e.provider import NAMESPACE, WEB_IPV4

SERVER = Path(__file__).with_name("stream.py")
PORT = "9000"


@pytest.fixture
def stream(plugin: str, provider: object) -> Iterator[None]:
    process = subprocess.Popen(
        ["ip", "netns", "exec", NAMESPACE, sys.executable, str(SERVER), WEB_IPV4, PORT]
    )
    yield
    process.kill()
    process.wait()


class Stream:
    """A connection of a container's through its tunnel, on which numbers come."""

    def __init__(self, box: Container) -> None:
        self._box = box

    def numbers(self) -> list[int]:
        """Return what has come so far."""
        return [int(line) for line in self._box.run("cat", "/numbers").split("\n")[:-1]]

    def goes_on(self) -> None:
        """Wait until more has come, and see that nothing is missing."""
        seen = len(self.numbers())
        wait_until(lambda: len(self.numbers()) > seen + 10, "the stream")
        numbers = self.numbers()
        assert numbers == list(range(len(numbers)))


@contextmanager
def streaming(net: str) -> Iterator[tuple[Container, Stream]]:
    """A container that reads the stream from its start on, in one connection."""
    with container(net, command=f"sleep 600 | nc {WEB_IPV4} {PORT} >/numbers") as box:
        wait_until(lambda: "numbers" in box.run("ls", "/"), "the stream")
        yield box, Stream(box)


def datagrams(box: Container) -> AbstractContextManager[dict[str, int]]:
    """Datagrams of a container's through its tunnel; see pace()."""
    inside = ("nsenter", "--net", "--target", str(box.pid()))
    return pace(("ip", "netns", "exec", NAMESPACE), inside, (WEB_IPV4, PORT))


def peer(allowed_ips: str, key: str = "") -> str:
    public_key = key or run("wg", "pubkey", stdin=run("wg", "genkey"))
    return f"[Peer]\nPublicKey = {public_key}\nAllowedIPs = {allowed_ips}\n"


def has(name: str, key: str, allowed_ips: list[str]) -> bool:
    """Tell whether a tunnel has a peer with these allowed IPs; with none, no such peer."""
    return peers(name).get(key, []) == allowed_ips


def allows(name: str, key: str, allowed_ips: set[str]) -> bool:
    """Tell whether a peer of a tunnel has these allowed IPs, in any order."""
    return set(peers(name)[key]) == allowed_ips


def peers(name: str) -> dict[str, list[str]]:
    return {each["public_key"]: each["allowed_ips"] for each in tunnel(name)["peers"]}


def leads(mode: Mode, box: Container, allowed_ips: list[str]) -> bool:
    """Tell whether so much of the prefixes of these tests leads into a container's tunnel."""
    return [net for net in mode.destinations(box) if net.startswith("10.70.")] == allowed_ips


def test_peer_is_added_changed_and_removed_beside_a_stream(
    configurations: Configurations, mode: Mode, stream: None
) -> None:
    name = configurations.client("stream", "10.8.70.1/32", allowed_ips="203.0.113.0/24")
    path = configurations.folder / f"{name}.conf"
    text = path.read_text()
    key = run("wg", "pubkey", stdin=run("wg", "genkey"))
    with network(name, *mode.options) as net, streaming(net) as (box, numbers):
        numbers.goes_on()
        for allowed in (["10.70.1.0/24"], ["10.70.2.0/24"], []):
            path.write_text(text + "".join(peer(each, key) for each in allowed))
            wait_until(partial(has, name, key, allowed), "the change")
            wait_until(partial(leads, mode, box, allowed), "the routes")
            numbers.goes_on()


def test_prefixes_that_stay_lose_nothing_while_others_come_and_go(
    configurations: Configurations,
) -> None:
    name = configurations.client("steady", "10.8.77.1/32", allowed_ips="203.0.113.0/24")
    path = configurations.folder / f"{name}.conf"
    text, key = path.read_text(), configurations.provider.public_key
    with network(name) as net, container(net) as box:
        assert box.fetch(WEB_IPV4) == "10.8.77.1"
        with datagrams(box) as became:
            for more in ("10.77.0.0/16", "10.78.0.0/16, 10.79.0.0/16", "") * 4:
                stays = ["203.0.113.0/24", *filter(None, more.split(", "))]
                path.write_text(text.replace("203.0.113.0/24", ", ".join(stays)))
                wait_until(partial(allows, name, key, set(stays)), "the edit")
    assert became["sent"] > 1000
    assert became == {"sent": became["sent"], "refused": 0, "answered": became["sent"]}


def test_addresses_routes_and_mtu_follow_the_file(configurations: Configurations) -> None:
    name = configurations.client("follow", "10.8.71.1/32", allowed_ips="203.0.113.0/24")
    with network(name) as net, container(net) as box:
        configurations.client("follow", "10.8.71.1/32", "10.8.71.2/32", allowed_ips="0.0.0.0/0")
        path = configurations.folder / f"{name}.conf"
        path.write_text(path.read_text().replace("[Peer]", "MTU = 1300\n[Peer]"))
        wait_until(lambda: "mtu 1300" in box.run("ip", "link", "show", "wg0"), "the MTU")
        wait_until(lambda: "10.8.71.2/32" in box.run("ip", "address"), "the address")
        assert "default dev wg0" in box.run("ip", "route", "show", "table", "all")
        assert box.fetch(WEB_IPV4) == "10.8.71.1"
        configurations.client("follow", "10.8.71.2/32", allowed_ips="203.0.113.0/24")
        wait_until(lambda: "10.8.71.1" not in box.run("ip", "address"), "the other address")
        assert box.fetch(WEB_IPV4) == "10.8.71.2"
        assert "default dev wg0" not in box.run("ip", "route", "show", "table", "all")


def test_edit_with_errors_changes_nothing_and_is_reported(
    configurations: Configurations, mode: Mode
) -> None:
    name = configurations.client("wrong", "10.8.72.1/32", allowed_ips="203.0.113.0/24")
    path = configurations.folder / f"{name}.conf"
    text = path.read_text()
    with network(name, *mode.options) as net, container(net) as box:
        wait_for(name, lambda status: bool(status["peers"]), "the tunnel")
        before = peers(name)
        path.write_text(text.replace("AllowedIPs", "AllowedIP"))
        wait_for(name, lambda status: "did you mean AllowedIPs" in status["error"], "the error")
        assert peers(name) == before
        assert box.fetch(WEB_IPV4) == "10.8.72.1"
        path.write_text(text)
        wait_for(name, lambda status: not status["error"], "the end of the error")


def test_file_that_goes_away_changes_nothing(configurations: Configurations) -> None:
    name = configurations.client("absent", "10.8.73.1/32", allowed_ips="203.0.113.0/24")
    path = configurations.folder / f"{name}.conf"
    with network(name) as net, container(net) as box:
        path.rename(path.with_suffix(".old"))
        wait_for(name, lambda status: "no such file" in status["error"], "the error")
        assert box.fetch(WEB_IPV4) == "10.8.73.1"
        path.with_suffix(".old").rename(path)
        wait_for(name, lambda status: not status["error"], "the end of the error")


def test_links_that_are_exchanged_are_followed(configurations: Configurations) -> None:
    """Kubernetes keeps files behind two links, and exchanges the second."""
    name = configurations.client("linked", "10.8.74.1/32", allowed_ips="203.0.113.0/24")
    folder = configurations.folder
    text = (folder / f"{name}.conf").read_text()
    try:
        for version, allowed_ips in (("1", "203.0.113.0/24"), ("2", "0.0.0.0/0")):
            (folder / version).mkdir()
            (folder / version / f"{name}.conf").write_text(
                text.replace("AllowedIPs = 203.0.113.0/24", f"AllowedIPs = {allowed_ips}")
            )
        (folder / "data").symlink_to("1")
        (folder / f"{name}.conf").unlink()
        (folder / f"{name}.conf").symlink_to(f"data/{name}.conf")
        with network(name) as net, container(net) as box:
            assert box.fetch(WEB_IPV4) == "10.8.74.1"
            (folder / "data.new").symlink_to("2")
            (folder / "data.new").rename(folder / "data")
            wait_until(lambda: ["0.0.0.0/0"] in peers(name).values(), "the other file")
    finally:
        (folder / "data").unlink(missing_ok=True)
        run("rm", "-rf", str(folder / "1"), str(folder / "2"))


def test_hundreds_of_edits_end_in_the_last(configurations: Configurations) -> None:
    name = configurations.client("busy", "10.8.75.1/32", allowed_ips="203.0.113.0/24")
    path = configurations.folder / f"{name}.conf"
    text = path.read_text()
    with network(name) as net, container(net) as box:
        for number in range(300):
            path.write_text(text + peer(f"10.75.{number % 250}.0/24"))
        path.write_text(text)
        configurations.write(name, text + "# the end\n")
        wait_for(name, is_of_the_last, "the last edit")
        assert box.fetch(WEB_IPV4) == "10.8.75.1"


def is_of_the_last(status: dict[str, Any]) -> bool:
    """Tell whether a tunnel is as the last edit says; one in between finds the file empty."""
    return len(status["peers"]) == 1 and not status["error"]


def test_reload_while_the_container_goes_leaves_nothing(configurations: Configurations) -> None:
    name = configurations.client("going", "10.8.76.1/32", allowed_ips="203.0.113.0/24")
    path = configurations.folder / f"{name}.conf"
    text = path.read_text()
    with network(name) as net:
        for number in range(3):
            with container(net):
                path.write_text(text + peer(f"10.76.{number}.0/24"))
        assert json.loads(get("/status"))["tunnels"] == []
