"""One key, one container: whatever starts, ends, dies, is edited, switched, or is cut short.

A state machine does it in any order, on two networks whose pools overlap and one that has a single
configuration of them. What the plugin can't know is excused: a key that is in no file any more
because of an edit, if an earlier run of the plugin gave it to a container.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Coroutine
from itertools import combinations
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.hosts import PEER, Host
from tests.loops import VirtualTimeLoop
from tests.networks.pooling import key
from wgplugin.codes import Code
from wgplugin.errors import PluginError
from wgplugin.model.device import Key
from wgplugin.model.identity import device_name
from wgplugin.networks.claims import Endpoints
from wgplugin.networks.direct import Direct
from wgplugin.networks.keys import Keys
from wgplugin.state.records import Endpoint, Network

FILES = ("vpn-a", "vpn-b", "vpn-c", "vpn-d")
KEYS = tuple(Key.from_base64(key(f"key {number}")) for number in range(5))
POOLS = {"n1": "vpn-*", "n2": "vpn-d,vpn-b,vpn-a", "single": "vpn-c"}
ENDPOINTS = ("e1", "e2", "e3", "e4", "e5")
BROKEN, GONE = "broken", "gone"

endpoints = st.sampled_from(ENDPOINTS)
networks = st.sampled_from(("n1", "n1", "n2", "n2", "single"))
names = st.sampled_from(FILES)
contents: st.SearchStrategy[Key | str] = st.sampled_from((*KEYS, BROKEN, GONE))


class CutError(Exception):
    """Raised in a switch to cut it short."""


class PoolsAndFate(RuleBasedStateMachine):
    """Starts containers on pools, and has everything else happen."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="pool-model-"))
        self.loop = asyncio.Runner(loop_factory=VirtualTimeLoop)
        self.host = Host(self.folder)
        self.files: dict[str, Key | str] = {}
        for name, content in zip(FILES, KEYS, strict=False):
            self.put(name, content)
        for network, pool in POOLS.items():
            pick = "rotate" if network == "n2" else "order"
            self.loop.run(self.host.create_network(network, pool, wait="6", pick=pick))
        # The key of each device, and the run of the plugin and the network by which it has that.
        self.keys: dict[str, Key] = {}
        self.by_pool: set[str] = set()
        self.excused: set[frozenset[str]] = set()

    def teardown(self) -> None:
        try:
            self.check_that_nothing_is_left()
        finally:
            self.loop.close()
            shutil.rmtree(self.folder)

    def check_that_nothing_is_left(self) -> None:
        """End all; then each configuration can be had."""
        for endpoint in ENDPOINTS:
            self.end(endpoint, comes_back=True)
        assert not list(self.host.store.endpoints)
        assert not self.host.backend.devices
        self.host.backend.dead = set()
        for name, content in zip(FILES, KEYS, strict=False):
            self.put(name, content)
        for endpoint in ENDPOINTS[: len(FILES)]:
            self.loop.run(self.host.create_endpoint("n1", endpoint))

    # What is there

    def put(self, name: str, content: Key | str) -> None:
        self.files[name] = content
        if isinstance(content, Key):
            peers = f"{PEER}Endpoint = 192.0.2.1:51820\n"
            self.host.write(name, peers=peers, key=content.base64())
        elif content == BROKEN:
            (self.folder / f"{name}.conf").write_text("[Interface]\n")
        else:
            (self.folder / f"{name}.conf").unlink(missing_ok=True)

    def record(self, endpoint: str) -> Endpoint | None:
        return self.host.store.endpoints.get(endpoint)

    def network(self, network: str) -> Network:
        found = self.host.store.networks.get(network)
        assert found
        return found

    def has_device(self, endpoint: str) -> bool:
        backend = self.host.backend
        return device_name(endpoint) in backend.devices.keys() | backend.containers

    def devices(self) -> dict[str, Key]:
        """Return the key of each device that is there."""
        return {each: found for each, found in self.keys.items() if self.has_device(each)}

    def is_told(self, endpoint: str, network: str) -> bool:
        """Return whether the plugin can know the key of a device, at a start on a network."""
        record = self.record(endpoint)
        if record is None:
            return False
        if endpoint in self.by_pool:
            return True
        seen = self.network(network).pool.matched(record.claims)
        return any(self.files[name] == self.keys[endpoint] for name in seen)

    @property
    def parts(self) -> tuple[Endpoints, Keys]:
        direct = self.host.driver._modes._container
        assert isinstance(direct, Direct)
        return direct._endpoints, direct._keys

    def note_key(self, endpoint: str, network: str, found: Key) -> None:
        """Take note of the key that a device has got."""
        self.excused -= {pair for pair in self.excused if endpoint in pair}
        self.keys[endpoint] = found
        for other in self.devices().keys() - {endpoint}:
            if network == "single" or not self.is_told(other, network):
                self.excused.add(frozenset({endpoint, other}))
        self.by_pool.discard(endpoint)
        if network != "single":
            self.by_pool.add(endpoint)

    def note_start(self, endpoint: str, network: str) -> None:
        if device_name(endpoint) in self.host.backend.devices:
            _, config = self.host.backend.devices[device_name(endpoint)]
            record = self.record(endpoint)
            assert config
            assert config.private_key
            assert record
            assert record.configuration in self.network(network).pool.matched(FILES)
            self.note_key(endpoint, network, config.private_key)

    # What happens

    @rule(endpoint=endpoints, network=networks, dead=st.sets(st.sampled_from(KEYS), max_size=3))
    def container_starts(self, endpoint: str, network: str, dead: set[Key]) -> None:
        self.host.backend.dead = {*dead}
        before = self.record(endpoint)
        try:
            self.loop.run(self.host.create_endpoint(network, endpoint))
        except PluginError as error:
            if error.code is Code.POOL_USED_UP:
                self.check_used_up(endpoint, network)
            # What an earlier call made may stay as it is.
            assert self.record(endpoint) in (None, before)
        else:
            self.note_start(endpoint, network)

    def check_used_up(self, endpoint: str, network: str) -> None:
        """Check that each file of a pool is claimed, can't be read, or has a key in use."""
        others = [each for each in self.host.store.endpoints if each.id != endpoint]
        claims = {name for each in others for name in each.claims}
        used = {self.files[name] for name in claims} | {*self.devices().values()}
        for name in self.network(network).pool.matched(FILES):
            content = self.files[name]
            assert name in claims or not isinstance(content, Key) or content in used

    @rule(
        starts=st.lists(st.tuples(endpoints, networks), min_size=2, max_size=4),
        cut=st.integers(0, 40),
    )
    def containers_start_at_once_of_which_the_first_is_cut_short(
        self, starts: list[tuple[str, str]], cut: int
    ) -> None:
        self.host.backend.dead = set()
        starts = list({endpoint: (endpoint, network) for endpoint, network in starts}.values())

        async def run() -> list[Any]:
            tasks = [
                asyncio.create_task(self.host.create_endpoint(network, endpoint))
                for endpoint, network in starts
            ]
            for _ in range(cut):
                await asyncio.sleep(0)
            tasks[0].cancel()
            return [*await asyncio.gather(*tasks, return_exceptions=True)]

        inside = {*self.host.backend.containers}
        answers = self.loop.run(run())
        done = [start for start, answer in zip(starts, answers, strict=True) if succeeded(answer)]
        for endpoint, network in done:
            if device_name(endpoint) not in inside:
                # Which of them was first isn't known, so let each be the last one.
                self.note_start(endpoint, network)
        pools = [endpoint for endpoint, network in done if network != "single"]
        assert not {frozenset(pair) for pair in combinations(pools, 2)} & self.same_keys() - (
            self.excused
        )

    @precondition(lambda self: self.host.backend.devices)
    @rule(data=st.data())
    def docker_moves_a_device_into_its_container(self, data: st.DataObject) -> None:
        known = [device_name(each.id) for each in self.host.store.endpoints]
        found = sorted(self.host.backend.devices.keys() & {*known})
        if found:
            self.host.backend.into_container(data.draw(st.sampled_from(found)))

    @rule(endpoint=endpoints, comes_back=st.booleans())
    def container_ends(self, endpoint: str, comes_back: bool) -> None:
        self.end(endpoint, comes_back)

    def end(self, endpoint: str, comes_back: bool) -> None:
        self.container_dies(endpoint, comes_back)
        self.loop.run(self.host.delete_endpoint(endpoint))
        assert self.record(endpoint) is None

    @rule(endpoint=endpoints, comes_back=st.booleans())
    def container_dies(self, endpoint: str, comes_back: bool) -> None:
        backend, name = self.host.backend, device_name(endpoint)
        if name in backend.containers and comes_back:
            backend.out_of_container(name)
        backend.containers.discard(name)

    @rule(name=names, content=contents)
    def file_is_edited(self, name: str, content: Key | str) -> None:
        self.put(name, content)

    @rule(one=names, other=names)
    def files_change_their_names(self, one: str, other: str) -> None:
        first, second = self.files[one], self.files[other]
        self.put(one, second)
        self.put(other, first)

    @rule()
    def time_passes(self) -> None:
        self.host.wait()

    @rule()
    def plugin_starts_anew(self) -> None:
        self.restart()

    @rule()
    def host_starts_anew(self) -> None:
        self.host.reboot()
        self.by_pool.clear()
        self.loop.run(self.host.upkeep.reconcile())
        assert not list(self.host.store.endpoints)

    def restart(self) -> None:
        self.host.start()
        self.by_pool.clear()
        self.loop.run(self.host.upkeep.reconcile())

    # A switch, as the live edition does it

    @precondition(lambda self: self.switchable())
    @rule(data=st.data(), cut=st.sampled_from(("", "before", "after")), restarts=st.booleans())
    def tunnel_is_switched_or_has_an_edit(
        self, data: st.DataObject, cut: str, restarts: bool
    ) -> None:
        record = data.draw(st.sampled_from(self.switchable()))
        pool = self.network(record.network_id).pool
        names = (record.configuration,) if record.former else pool.matched(FILES)
        if readable := [name for name in names if isinstance(self.files[name], Key)]:
            name = data.draw(st.sampled_from(readable))
            self.apply(self.switched(record, name, cut), restarts)

    def switchable(self) -> list[Endpoint]:
        """Return the endpoints of pools that have a device; some are being switched already."""
        return [
            each
            for each in self.host.store.endpoints
            if each.network_id != "single" and self.has_device(each.id)
        ]

    def apply(self, switching: Coroutine[Any, Any, None], restarts: bool) -> None:
        try:
            self.loop.run(switching)
        except PluginError as error:
            if error.code not in (Code.IN_USE, Code.SAME_KEY):
                raise
        except CutError:
            if restarts:
                self.restart()

    async def switched(self, record: Endpoint, name: str, cut: str) -> None:
        endpoints, keys = self.parts
        found = self.files[name]
        assert isinstance(found, Key)
        pool = self.network(record.network_id).pool
        async with endpoints.lock(record.id), keys.given(record.id, name, found, pool):
            if name != record.configuration:
                record = await endpoints.switch(record, name, "by the test")
            if cut == "before":
                raise CutError
            self.note_key(record.id, record.network_id, found)
            if cut == "after":
                raise CutError
            await endpoints.release(record)

    # What is always so

    def same_keys(self) -> set[frozenset[str]]:
        """Return the pairs of endpoints whose devices have one key."""
        return {
            frozenset({one, other})
            for (one, first), (other, second) in combinations(self.devices().items(), 2)
            if first == second
        }

    @invariant()
    def key_is_in_one_container(self) -> None:
        assert self.same_keys() <= self.excused

    @invariant()
    def configuration_has_one_holder(self) -> None:
        for one, other in combinations(self.host.store.endpoints, 2):
            assert not one.claims & other.claims

    @invariant()
    def claim_is_that_of_a_device(self) -> None:
        for record in self.host.store.endpoints:
            assert record.id in self.keys
            assert record.configuration
        known = {device_name(record.id) for record in self.host.store.endpoints}
        assert self.host.backend.devices.keys() <= known

    @invariant()
    def disk_agrees(self) -> None:
        kept = (self.folder / "state" / "endpoints").glob("*.json")
        assert {path.stem for path in kept} == {each.id for each in self.host.store.endpoints}


def succeeded(answer: object) -> bool:
    assert not isinstance(answer, Exception) or isinstance(answer, PluginError)
    return not isinstance(answer, BaseException)


TestPools = PoolsAndFate.TestCase
TestPools.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
