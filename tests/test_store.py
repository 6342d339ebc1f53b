"""What the plugin remembers survives it, whole, and never takes the rest down."""

import asyncio
from pathlib import Path

import pytest

from wgplugin.errors import StoreError
from wgplugin.protocol import StaticRoute
from wgplugin.store import Endpoint, Network, Store

NETWORK = Network(id="n1", configuration="home", tunnel={"sink": "off"})
ROUTE = StaticRoute(destination="10.0.0.0/8", route_type=1)
ENDPOINT = Endpoint(id="e1", network_id="n1", configuration="home", routes=(ROUTE,))


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


@pytest.mark.parametrize(
    "damage", [b"", b"{", b"\xff\xfe", b"[]", b'{"id": "n1"}', b'{"id":"n1","configuration":7}']
)
def test_damaged_file_is_said_and_the_others_are_served(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: bytes
) -> None:
    asyncio.run(Store(tmp_path).networks.put(NETWORK))
    damaged = tmp_path / "networks" / "n0.json"
    damaged.write_bytes(damage)

    assert list(Store(tmp_path).networks) == [NETWORK]
    assert str(damaged) in caplog.text


def test_half_written_file_is_not_a_record(tmp_path: Path) -> None:
    asyncio.run(Store(tmp_path).networks.put(NETWORK))
    (tmp_path / "networks" / "n2.new").write_bytes(b'{"id": "n2"')

    assert list(Store(tmp_path).networks) == [NETWORK]


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

    assert store.holder("home") == ENDPOINT
    assert store.holder("work") is None
