"""A key that a container has is known until its claim is gone, whatever happens to the files."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from tests.hosts import PEER
from tests.networks.pooling import key
from wgplugin.clock import Moment
from wgplugin.codes import Code
from wgplugin.conf.folder import ConfigFolder
from wgplugin.errors import PluginError
from wgplugin.model.device import Key
from wgplugin.model.pool import read
from wgplugin.networks.keys import Keys
from wgplugin.state.records import Endpoint
from wgplugin.state.store import Store

ONE, TWO = (Key.from_base64(key(text)) for text in ("one", "two"))
POOL = read("vpn-*")


class Case:
    """Keys of a folder and of records that the test has."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = Store(folder / "state")
        self.start()

    def start(self) -> None:
        """Begin a run of the plugin."""
        self.keys = Keys(ConfigFolder(self.folder), self.store.endpoints)

    def write(self, name: str, own: Key) -> None:
        text = f"[Interface]\nPrivateKey = {own.base64()}\nAddress = 10.8.0.2/32\n{PEER}"
        (self.folder / f"{name}.conf").write_text(text)

    def claim(self, owner: str, name: str, network: str = "n1") -> None:
        asyncio.run(self.store.endpoints.put(record(owner, name, network=network)))

    def end(self, owner: str) -> None:
        asyncio.run(self.store.endpoints.remove(owner))

    def give(
        self, owner: str, name: str, own: Key, claiming: Endpoint | None = None, fails: bool = False
    ) -> None:
        """Give a key to an owner, with the record that says so."""

        async def run() -> None:
            async with self.keys.given(owner, name, own, POOL):
                if claiming:
                    await self.store.endpoints.put(claiming)
                if fails:
                    raise FailedError

        asyncio.run(run())

    def is_taken(self, own: Key, owner: str = "asking") -> bool:
        try:
            self.give(owner, "vpn-x", own)
        except PluginError as error:
            if error.code is Code.SAME_KEY:
                return True
            raise
        return False


class FailedError(Exception):
    """What a device's kernel says, in the tests."""


def record(owner: str, name: str, former: tuple[str, ...] = (), network: str = "n1") -> Endpoint:
    return Endpoint(
        id=owner,
        network_id=network,
        configuration=name,
        former=former,
        created=Moment("boot", 1.0),
    )


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return Case(tmp_path)


def test_key_is_taken_as_long_as_its_configuration_is_claimed(case: Case) -> None:
    case.give("e1", "vpn-a", ONE, record("e1", "vpn-a"))
    assert case.is_taken(ONE)
    assert not case.is_taken(TWO)
    assert not case.is_taken(ONE, "e1")
    case.end("e1")
    assert not case.is_taken(ONE)


def test_key_that_nobody_claimed_in_the_end_is_free(case: Case) -> None:
    case.give("e1", "vpn-a", ONE)
    assert not case.is_taken(ONE)


def test_both_keys_of_a_switch_are_taken_until_the_former_claim_is_given_up(case: Case) -> None:
    case.claim("e1", "vpn-a")
    case.give("e1", "vpn-a", ONE)
    case.give("e1", "vpn-b", TWO, record("e1", "vpn-b", former=("vpn-a",)))
    assert case.is_taken(ONE)
    assert case.is_taken(TWO)
    case.claim("e1", "vpn-b")
    assert not case.is_taken(ONE)
    assert case.is_taken(TWO)


def test_edited_key_takes_the_place_of_the_former_one_unless_that_fails(case: Case) -> None:
    case.claim("e1", "vpn-a")
    case.give("e1", "vpn-a", ONE)
    with pytest.raises(FailedError):
        case.give("e1", "vpn-a", TWO, fails=True)
    assert case.is_taken(ONE)
    assert case.is_taken(TWO)
    case.give("e1", "vpn-a", TWO)
    assert not case.is_taken(ONE)
    assert case.is_taken(TWO)


def test_key_of_a_shared_network_is_taken_by_any_of_its_containers(case: Case) -> None:
    case.claim("e1", "vpn-a", network="shared")
    case.give("shared", "vpn-a", ONE)
    assert case.is_taken(ONE)
    assert not case.is_taken(ONE, "shared")


def test_keys_of_an_earlier_run_are_those_in_the_files_of_the_pool(case: Case) -> None:
    case.write("vpn-a", ONE)
    case.write("other", TWO)
    case.claim("e1", "vpn-a")
    case.claim("e2", "other")
    case.start()
    assert case.is_taken(ONE)
    assert not case.is_taken(TWO)
    (case.folder / "vpn-a.conf").write_text("[Interface]\n")
    assert not case.is_taken(ONE)


def test_file_of_this_run_is_not_asked_for_its_key(case: Case) -> None:
    case.claim("e1", "vpn-a")
    case.give("e1", "vpn-a", ONE)
    case.write("vpn-a", TWO)
    assert case.is_taken(ONE)
    assert not case.is_taken(TWO)


def test_one_of_two_that_ask_at_once_gets_the_key(case: Case) -> None:
    async def ask(owner: str) -> None:
        async with case.keys.given(owner, f"vpn-{owner}", ONE, POOL):
            await asyncio.sleep(0)

    async def both() -> list[Any]:
        asking: list[Coroutine[Any, Any, None]] = [ask("e1"), ask("e2")]
        return [*await asyncio.gather(*asking, return_exceptions=True)]

    answers = asyncio.run(both())
    assert [type(answer) for answer in answers] == [type(None), PluginError]


def test_nothing_of_a_key_is_told_or_stored(case: Case) -> None:
    case.claim("e1", "vpn-a")
    case.give("e1", "vpn-a", ONE)
    with pytest.raises(PluginError) as caught:
        case.give("e2", "vpn-b", ONE)
    texts = [path.read_text() for path in (case.folder / "state").rglob("*.json")]
    for text in (str(caught.value), *texts, repr(vars(case.keys))):
        assert ONE.base64()[:12] not in text
        assert ONE.raw.hex()[:12] not in text
