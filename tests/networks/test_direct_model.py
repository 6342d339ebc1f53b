"""Whatever comes from Docker, in whatever order, and whatever fails: nothing is lost or left.

A state machine sends calls one by one or at once, twice, late, or cut short; devices move, the
kernel refuses, time passes, the plugin and the host start anew. After each step it is checked what
the plugin remembers, what the host has, and what was said.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import tempfile
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.hosts import PRIVATE_KEY, Host
from tests.loops import LoopWithoutThreads
from wgplugin.docker import protocol
from wgplugin.errors import PluginError
from wgplugin.model.identity import device_name
from wgplugin.state.store import Store

CONFIGURATIONS = ("home", "work")
NETWORKS = ("n1", "n2", "n3")
ENDPOINTS = ("e1", "e2", "e3")
DEVICES = {endpoint: device_name(endpoint) for endpoint in ENDPOINTS}

CREATE_NETWORK, DELETE_NETWORK = "CreateNetwork", "DeleteNetwork"
CREATE_ENDPOINT, JOIN, LEAVE = "CreateEndpoint", "Join", "Leave"
DELETE_ENDPOINT = "DeleteEndpoint"

call_names = st.sampled_from(
    (
        CREATE_NETWORK,
        DELETE_NETWORK,
        CREATE_ENDPOINT,
        CREATE_ENDPOINT,
        JOIN,
        JOIN,
        LEAVE,
        DELETE_ENDPOINT,
    )
)
calls = st.tuples(
    call_names,
    st.sampled_from(NETWORKS),
    st.sampled_from(ENDPOINTS),
    st.sampled_from(CONFIGURATIONS),
)
Call = tuple[str, str, str, str]
failures = st.sets(st.sampled_from(("create", "configure", "delete", "locations")), max_size=2)


class Output(logging.Handler):
    """Keeps what is logged."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


class DockerAndFate(RuleBasedStateMachine):
    """Sends calls, and moves and takes devices."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="driver-model-"))
        self.host = Host(self.folder)
        for name in CONFIGURATIONS:
            self.host.write(name)
        self.loop = asyncio.Runner(loop_factory=LoopWithoutThreads)
        self.output = Output()
        logging.getLogger("wgplugin").addHandler(self.output)
        # Devices that Docker brought back although their endpoint had been deleted.
        self.orphans: set[str] = set()

    def teardown(self) -> None:
        logging.getLogger("wgplugin").removeHandler(self.output)
        self.loop.close()
        shutil.rmtree(self.folder)

    def coroutine(self, call: Call) -> Coroutine[Any, Any, protocol.Message]:
        name, network, endpoint, configuration = call
        driver, host = self.host.driver, self.host
        request = protocol.EndpointRequest(network_id=network, endpoint_id=endpoint)
        coroutines: dict[str, Callable[[], Coroutine[Any, Any, protocol.Message]]] = {
            CREATE_NETWORK: lambda: host.create_network(network, configuration),
            DELETE_NETWORK: lambda: host.delete_network(network),
            CREATE_ENDPOINT: lambda: host.create_endpoint(network, endpoint),
            JOIN: lambda: host.join(network, endpoint),
            LEAVE: lambda: driver.leave(request),
            DELETE_ENDPOINT: lambda: driver.delete_endpoint(request),
        }
        return coroutines[name]()

    def records(self) -> dict[str, Any]:
        store = self.host.store
        return {record.id: record for record in (*store.networks, *store.endpoints)}

    def say(self, answer: object) -> None:
        self.output.lines.append(str(answer) + repr(answer))
        if isinstance(answer, protocol.Message):
            self.output.lines.append(msgspec.json.encode(answer).decode())

    @rule(call=calls, failing=failures)
    def one_call(self, call: Call, failing: set[str]) -> None:
        before, devices = self.records(), set(self.host.backend.devices)
        self.host.backend.failing = failing
        try:
            answer = self.loop.run(self.coroutine(call))
        except PluginError as error:
            self.say(error)
            self.check_failure(call, before, failing)
            if "delete" not in failing:
                assert set(self.host.backend.devices) <= devices
        else:
            self.say(answer)
            self.check_success(call, failing)
        finally:
            self.host.backend.failing = set()

    def check_failure(self, call: Call, before: dict[str, Any], failing: set[str]) -> None:
        name = call[0]
        if name in (CREATE_NETWORK, JOIN):
            assert self.records() == before
        if name == CREATE_ENDPOINT:
            # At most a stale holder is gone; a device that can't be deleted keeps its claim.
            left = {**self.records()}
            if "delete" in failing:
                left.pop(call[2], None)
            assert left.items() <= before.items()

    def check_success(self, call: Call, failing: set[str]) -> None:
        name, network, endpoint, configuration = call
        store, backend = self.host.store, self.host.backend
        if name == CREATE_NETWORK:
            kept = store.networks.get(network)
            assert kept is not None
            assert kept.configuration == configuration
        elif name == DELETE_NETWORK:
            assert store.networks.get(network) is None
            assert not [e for e in store.endpoints if e.network_id == network]
        elif name == CREATE_ENDPOINT:
            record = store.endpoints.get(endpoint)
            assert record is not None
            assert DEVICES[endpoint] in {*backend.devices, *backend.containers}
            if DEVICES[endpoint] not in backend.containers:
                assert record.network_id == network
                assert not failing & {"create", "configure"}
        elif name == JOIN:
            assert store.endpoints.get(endpoint) is not None
        elif name == DELETE_ENDPOINT:
            assert store.endpoints.get(endpoint) is None
            assert DEVICES[endpoint] not in backend.devices

    @rule(batch=st.lists(calls, min_size=2, max_size=5), cut=st.integers(0, 12), failing=failures)
    def calls_at_once_of_which_the_first_is_cut_short(
        self, batch: list[Call], cut: int, failing: set[str]
    ) -> None:
        async def run() -> list[object]:
            tasks = [asyncio.create_task(self.coroutine(call)) for call in batch]
            for _ in range(cut):
                await asyncio.sleep(0)
            tasks[0].cancel()
            return [*await asyncio.gather(*tasks, return_exceptions=True)]

        self.host.backend.failing = failing
        for answer in self.loop.run(run()):
            assert not isinstance(answer, Exception) or isinstance(answer, PluginError)
            self.say(answer)
        self.host.backend.failing = set()

    @precondition(lambda self: self.host.backend.devices)
    @rule(data=st.data())
    def docker_moves_a_device_into_its_container(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.host.backend.devices)))
        self.host.backend.into_container(name)
        self.orphans.discard(name)

    @precondition(lambda self: self.host.backend.containers)
    @rule(data=st.data(), comes_back=st.booleans())
    def container_ends(self, data: st.DataObject, comes_back: bool) -> None:
        backend = self.host.backend
        name = data.draw(st.sampled_from(sorted(backend.containers)))
        if comes_back and name not in backend.devices:
            backend.out_of_container(name)
            if name not in self.known():
                self.orphans.add(name)
        else:
            backend.containers.remove(name)

    @rule()
    def time_passes(self) -> None:
        self.host.wait()

    @rule(failing=failures)
    def plugin_starts_anew(self, failing: set[str]) -> None:
        before, live = self.records(), set(self.host.backend.containers)
        self.host.start()
        self.host.backend.failing = failing & {"locations"}
        try:
            settled = self.loop.run(self.host.upkeep.reconcile())
        except PluginError:
            assert self.records() == before
            return
        finally:
            self.host.backend.failing = set()
        self.orphans.clear()
        after = self.records()
        assert self.host.backend.containers == live
        for record_id, record in before.items():
            if record_id in NETWORKS or DEVICES[record_id] in live:
                assert after.get(record_id) == record
        if settled:
            assert {e.id for e in self.host.store.endpoints} <= {
                endpoint for endpoint in ENDPOINTS if DEVICES[endpoint] in live
            }

    @rule()
    def host_starts_anew(self) -> None:
        self.host.reboot()
        self.orphans.clear()
        networks = list(self.host.store.networks)
        assert self.loop.run(self.host.upkeep.reconcile())
        assert not list(self.host.store.endpoints)
        assert list(self.host.store.networks) == networks

    def known(self) -> set[str]:
        return {device_name(endpoint.id) for endpoint in self.host.store.endpoints}

    @invariant()
    def memory_and_disk_agree(self) -> None:
        again, store = Store(self.folder / "state"), self.host.store
        assert sorted(again.networks, key=str) == sorted(store.networks, key=str)
        assert sorted(again.endpoints, key=str) == sorted(store.endpoints, key=str)
        files = [path for path in (self.folder / "state").rglob("*") if path.is_file()]
        assert len(files) == len(self.records())

    @invariant()
    def configuration_has_one_holder(self) -> None:
        held = [endpoint.configuration for endpoint in self.host.store.endpoints]
        assert len(held) == len(set(held))

    @invariant()
    def device_on_the_host_has_an_endpoint(self) -> None:
        assert set(self.host.backend.devices) - self.orphans <= self.known()

    @invariant()
    def nobody_holds_a_lock(self) -> None:
        store = self.host.store
        for records in (store.networks, store.endpoints):
            assert not [lock for lock in records._locks.values() if lock.locked()]

    @invariant()
    def nothing_that_was_said_or_kept_has_a_key(self) -> None:
        texts = [path.read_text() for path in (self.folder / "state").rglob("*.json")]
        assert not [text for text in (*self.output.lines, *texts) if PRIVATE_KEY[:20] in text]


TestDriver = DockerAndFate.TestCase
TestDriver.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
