"""What the plugin remembers survives it, whole, and never takes the rest down."""

import asyncio
import errno
import json
import os
import stat
import threading
from collections.abc import Callable
from ipaddress import ip_address, ip_interface, ip_network
from pathlib import Path

import msgspec
import pytest

from wgplugin.clock import Moment
from wgplugin.errors import StoreError
from wgplugin.model import docker_routes
from wgplugin.model.published import PublishedPort
from wgplugin.state.records import Endpoint, Network, RouteRecord
from wgplugin.state.store import MAX_SIZE, Store

NETWORK = Network(id="n1", configuration="home", tunnel={"sink": "off"})
ROUTE = RouteRecord(docker_routes.DockerRoute(ip_network("10.0.0.0/8"), ip_address("169.254.1.1")))
ENDPOINT = Endpoint(
    id="e1",
    network_id="n1",
    configuration="home",
    created=Moment("boot", 12.5),
    routes=(ROUTE,),
)


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_records_are_there_after_a_restart(tmp_path: Path) -> None:
    store = Store(tmp_path)
    asyncio.run(store.networks.put(NETWORK))
    asyncio.run(store.endpoints.put(ENDPOINT))

    again = Store(tmp_path)

    assert list(again.networks) == [NETWORK]
    assert list(again.endpoints) == [ENDPOINT]


def test_removed_record_leaves_no_file(tmp_path: Path) -> None:
    store = Store(tmp_path)
    asyncio.run(store.networks.put(NETWORK))
    asyncio.run(store.networks.remove("n1"))
    asyncio.run(store.networks.remove("n1"))

    assert store.networks.get("n1") is None
    assert files(tmp_path) == []


def test_later_record_takes_the_place_of_an_earlier_one(tmp_path: Path) -> None:
    store = Store(tmp_path)
    asyncio.run(store.networks.put(NETWORK))
    asyncio.run(store.networks.put(Network(id="n1", configuration="work")))

    assert Store(tmp_path).networks.get("n1") == Network(id="n1", configuration="work")


@pytest.mark.parametrize("is_refused", [stat.S_ISREG, stat.S_ISDIR], ids=["file", "folder"])
def test_network_that_is_not_on_the_disk_is_refused_and_an_endpoint_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_refused: Callable[[int], bool]
) -> None:
    store = Store(tmp_path)

    def fail(descriptor: int) -> None:
        if is_refused(os.fstat(descriptor).st_mode):
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(StoreError, match="Input/output error"):
        asyncio.run(store.networks.put(NETWORK))
    asyncio.run(store.endpoints.put(ENDPOINT))
    assert list(Store(tmp_path).endpoints) == [ENDPOINT]
    asyncio.run(store.endpoints.remove("e1"))
    assert files(tmp_path) == []


@pytest.mark.parametrize("content", [b"", bytes(300)], ids=["empty", "zeros"])
def test_endpoint_that_a_power_cut_left_without_content_is_removed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, content: bytes
) -> None:
    asyncio.run(Store(tmp_path).endpoints.put(ENDPOINT))
    (tmp_path / "endpoints" / "e0.json").write_bytes(content)

    assert list(Store(tmp_path).endpoints) == [ENDPOINT]
    assert files(tmp_path) == ["endpoints/e1.json"]
    assert "e0.json is removed: it has no content" in caplog.text


DAMAGE = {
    "empty": b"",
    "cut off": b'{"id":"n0","version":2,"confi',
    "not UTF-8": b"\xff\xfe",
    "a list": b"[]",
    "nested too deeply": b'{"x":' * 100_000,
    "no version": b'{"id":"n0","configuration":"home"}',
    "version of no number": b'{"id":"n0","version":"2","configuration":"home"}',
    "version that never was": b'{"id":"n0","version":0,"configuration":"home"}',
    "wrong type": b'{"id":"n0","version":2,"configuration":7}',
    "another's": b'{"id":"n1","version":2,"configuration":"home"}',
    "too large": b" " * (MAX_SIZE + 1),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_damaged_file_is_set_aside_and_the_others_are_served(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: bytes
) -> None:
    asyncio.run(Store(tmp_path).networks.put(NETWORK))
    damaged = tmp_path / "networks" / "n0.json"
    damaged.write_bytes(damage)

    assert list(Store(tmp_path).networks) == [NETWORK]
    assert str(damaged) in caplog.text
    assert files(tmp_path) == ["networks/n0.json.damaged", "networks/n1.json"]
    assert (tmp_path / "networks" / "n0.json.damaged").read_bytes() == damage


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo, lambda path: path.symlink_to("nothing")])
def test_record_that_is_no_file_is_ignored(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, make: Callable[[Path], None]
) -> None:
    asyncio.run(Store(tmp_path).networks.put(NETWORK))
    make(tmp_path / "networks" / "n0.json")

    assert list(Store(tmp_path).networks) == [NETWORK]
    assert "n0.json" in caplog.text


def test_half_written_file_is_cleared_up(tmp_path: Path) -> None:
    asyncio.run(Store(tmp_path).networks.put(NETWORK))
    (tmp_path / "networks" / "n2.new").write_bytes(b'{"id": "n2"')

    assert list(Store(tmp_path).networks) == [NETWORK]
    assert files(tmp_path) == ["networks/n1.json"]


def test_record_of_the_first_version_is_read(tmp_path: Path) -> None:
    Store(tmp_path)
    old = {"id": "e1", "version": 1, "network_id": "n1", "configuration": "home"}
    (tmp_path / "endpoints" / "e1.json").write_text(json.dumps(old))

    (endpoint,) = Store(tmp_path).endpoints
    assert endpoint == Endpoint(
        id="e1", network_id="n1", configuration="home", created=Moment("", 0.0)
    )


@pytest.mark.parametrize("route", [{}, {"destination": "x", "next_hop": ""}, 1, None])
def test_record_with_a_route_that_is_none_is_set_aside(tmp_path: Path, route: object) -> None:
    asyncio.run(Store(tmp_path).endpoints.put(ENDPOINT))
    path = tmp_path / "endpoints" / "e1.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "routes": [route]}))

    assert not list(Store(tmp_path).endpoints)
    assert files(tmp_path) == ["endpoints/e1.json.damaged"]


def test_record_of_the_second_version_keeps_its_routes(tmp_path: Path) -> None:
    Store(tmp_path)
    old = {
        "id": "e1",
        "version": 2,
        "network_id": "n1",
        "configuration": "home",
        "created": {"boot_id": "boot", "seconds": 12.5},
        "routes": [
            {"Destination": "169.254.1.1/32", "RouteType": 1, "NextHop": ""},
            {"Destination": "0.0.0.0/1", "RouteType": 0, "NextHop": "169.254.1.1"},
        ],
    }
    (tmp_path / "endpoints" / "e1.json").write_text(json.dumps(old))

    (endpoint,) = Store(tmp_path).endpoints
    assert endpoint.route_values == (
        docker_routes.DockerRoute(ip_network("169.254.1.1/32")),
        docker_routes.DockerRoute(ip_network("0.0.0.0/1"), ip_address("169.254.1.1")),
    )


def test_record_of_the_third_version_has_no_mtu(tmp_path: Path) -> None:
    Store(tmp_path)
    old = {"id": "n1", "version": 3, "configuration": "home", "tunnel": {"sink": "off"}}
    (tmp_path / "networks" / "n1.json").write_text(json.dumps(old))

    (network,) = Store(tmp_path).networks
    assert network == Network(id="n1", configuration="home", tunnel={"sink": "off"}, mtu=None)


def test_records_of_the_fourth_version_are_of_one_container(tmp_path: Path) -> None:
    Store(tmp_path)
    network = {"id": "n1", "version": 4, "configuration": "home", "mtu": 1400}
    endpoint = {
        "id": "e1",
        "version": 4,
        "network_id": "n1",
        "configuration": "home",
        "created": {"boot_id": "boot", "seconds": 12.5},
        "routes": [{"destination": "10.0.0.0/8", "next_hop": ""}],
    }
    (tmp_path / "networks" / "n1.json").write_text(json.dumps(network))
    (tmp_path / "endpoints" / "e1.json").write_text(json.dumps(endpoint))

    store = Store(tmp_path)
    assert list(store.networks) == [
        Network(id="n1", configuration="home", mtu=1400, mode="container")
    ]
    (found,) = store.endpoints
    assert (found.mac_address, found.interface, len(found.routes)) == ("", "wg", 1)


def test_record_of_a_shared_network_is_read_as_it_was_written(tmp_path: Path) -> None:
    network = Network(
        id="n1",
        configuration="home",
        mode="shared",
        gateways=("172.20.0.1/16", "fd00::1/64"),
        internal=True,
    )
    endpoint = msgspec.structs.replace(ENDPOINT, interface="eth", mac_address="02:42:ac:14:00:02")
    asyncio.run(Store(tmp_path).networks.put(network))
    asyncio.run(Store(tmp_path).endpoints.put(endpoint))

    store = Store(tmp_path)
    assert (list(store.networks), list(store.endpoints)) == ([network], [endpoint])
    assert network.gateway_values == (ip_interface("172.20.0.1/16"), ip_interface("fd00::1/64"))


def test_record_of_the_fifth_version_publishes_nothing(tmp_path: Path) -> None:
    Store(tmp_path)
    endpoint = {
        "id": "e1",
        "version": 5,
        "network_id": "n1",
        "configuration": "home",
        "created": {"boot_id": "boot", "seconds": 12.5},
        "mac_address": "02:42:ac:14:00:02",
    }
    (tmp_path / "endpoints" / "e1.json").write_text(json.dumps(endpoint))

    (found,) = Store(tmp_path).endpoints
    assert (found.mac_address, found.ports, found.number, found.target_values) == (
        "02:42:ac:14:00:02",
        (),
        0,
        (),
    )


def test_record_with_published_ports_is_read_as_it_was_written(tmp_path: Path) -> None:
    endpoint = msgspec.structs.replace(
        ENDPOINT,
        published=("8080:80/tcp", "[::1]:53:5353/udp"),
        number=7,
        targets=("172.20.0.2", "fd00::2"),
    )
    asyncio.run(Store(tmp_path).endpoints.put(endpoint))

    (found,) = Store(tmp_path).endpoints
    assert found == endpoint
    assert found.ports == (
        PublishedPort("tcp", 8080, 80),
        PublishedPort("udp", 53, 5353, ip_address("::1")),
    )
    assert found.target_values == (ip_address("172.20.0.2"), ip_address("fd00::2"))


def test_records_of_layout_6_have_no_pools(tmp_path: Path) -> None:
    Store(tmp_path)
    network = {"id": "n1", "version": 6, "configuration": "home", "addresses": {"a.b": "192.0.2.1"}}
    (tmp_path / "networks" / "n1.json").write_text(json.dumps(network))
    endpoint = {
        "id": "e1",
        "version": 6,
        "network_id": "n1",
        "configuration": "home",
        "created": {"boot_id": "boot", "seconds": 12.5},
        "published": ["8080:80/tcp"],
        "number": 7,
    }
    (tmp_path / "endpoints" / "e1.json").write_text(json.dumps(endpoint))
    store = Store(tmp_path)
    assert store.networks.get("n1") == Network(
        id="n1", configuration="home", addresses={"a.b": "192.0.2.1"}
    )
    (found,) = store.endpoints
    assert found.claims == {"home"}
    assert (found.since, found.why) == (0.0, "")
    assert (found.published, found.number) == (("8080:80/tcp",), 7)


def test_records_of_a_pool_are_read_as_they_were_written(tmp_path: Path) -> None:
    network = Network(
        id="n1",
        configuration="vpn-*,home",
        mode="shared",
        used=("vpn-b", "vpn-a"),
        failed=("vpn-b",),
        chosen="vpn-a",
        since=1_700_000_000.5,
        why="vpn-b is down",
    )
    endpoint = msgspec.structs.replace(
        ENDPOINT,
        configuration="vpn-a",
        former=("vpn-b",),
        since=1_700_000_000.5,
        why="vpn-b is down",
    )
    store = Store(tmp_path)
    asyncio.run(store.networks.put(network))
    asyncio.run(store.endpoints.put(endpoint))
    again = Store(tmp_path)
    assert (list(again.networks), list(again.endpoints)) == ([network], [endpoint])
    assert network.configuration_in_use == "vpn-a"
    assert endpoint.claims == {"vpn-a", "vpn-b"}


def test_record_of_a_newer_version_is_left_for_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    Store(tmp_path)
    newer = tmp_path / "networks" / "n1.json"
    newer.write_text('{"id": "n1", "version": 99, "new": {}}')

    assert not list(Store(tmp_path).networks)
    assert newer.exists()
    assert "a newer version of the plugin wrote it" in caplog.text


@pytest.mark.parametrize("before", [None, NETWORK])
def test_cancelled_put_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: Network | None
) -> None:
    store = Store(tmp_path)
    if before:
        asyncio.run(store.networks.put(before))
    reached, go_on = threading.Event(), threading.Event()
    fsync = os.fsync

    def wait(descriptor: int) -> None:
        reached.set()
        go_on.wait(10)
        fsync(descriptor)

    async def cancel() -> None:
        put = asyncio.create_task(store.networks.put(Network(id="n1", configuration="changed")))
        await asyncio.to_thread(reached.wait, 10)
        put.cancel()
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await put

    monkeypatch.setattr(os, "fsync", wait)
    asyncio.run(cancel())
    assert store.networks.get("n1") == before
    assert Store(tmp_path).networks.get("n1") == before


def test_record_that_cannot_be_written_is_not_kept(tmp_path: Path) -> None:
    store = Store(tmp_path)
    asyncio.run(store.networks.put(NETWORK))
    (tmp_path / "networks" / "n2.new").mkdir()
    (tmp_path / "networks" / "n1.new").mkdir()

    with pytest.raises(StoreError, match="state folder"):
        asyncio.run(store.networks.put(Network(id="n2", configuration="new")))
    with pytest.raises(StoreError, match="state folder"):
        asyncio.run(store.networks.put(Network(id="n1", configuration="changed")))

    assert list(store.networks) == [NETWORK]
    assert list(Store(tmp_path).networks) == [NETWORK]


def test_state_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="state folder"):
        Store(tmp_path / "file")


def test_holder_of_a_configuration_is_found(tmp_path: Path) -> None:
    store = Store(tmp_path)
    asyncio.run(store.endpoints.put(ENDPOINT))

    assert store.holder(msgspec.structs.replace(ENDPOINT, id="other")) == ENDPOINT
    assert store.holder(ENDPOINT) is None
    assert store.holder(msgspec.structs.replace(ENDPOINT, id="other", configuration="x")) is None


def test_both_configurations_of_a_switch_have_a_holder(tmp_path: Path) -> None:
    store = Store(tmp_path)
    switched = msgspec.structs.replace(ENDPOINT, configuration="vpn-b", former=("vpn-a",))
    asyncio.run(store.endpoints.put(switched))
    for name, holder in (("vpn-a", switched), ("vpn-b", switched), ("vpn-c", None)):
        assert (
            store.holder(msgspec.structs.replace(ENDPOINT, id="e2", configuration=name)) == holder
        )
    other = msgspec.structs.replace(ENDPOINT, id="e2", configuration="vpn-c", former=("vpn-a",))
    assert store.holder(other) == switched
