"""What the benchmark makes of its samples; and that it speaks to the plugin as Docker does."""

import json
import re
import socket
import threading
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from bench import ports, requests
from bench.__main__ import other_plugin
from bench.attach import Crowd
from bench.attachments import Attachment, Subject, configuration, write_configurations
from bench.client import Connection, RefusedError
from bench.floor import planned_device
from bench.live import page
from bench.live_runs import Attempts, prefixes, with_allowed_ips
from bench.shared import SHARED, with_address
from bench.stats import Summary, percentile, ratios, summarize
from bench.table import Report, Row, Table, Target, bar, compared, figure, from_json, markdown
from tests.e2e.commands import run
from tests.e2e.provider import NAMESPACE
from tests.memory_host import MemoryHost
from tests.serving import serving
from wgplugin.conf.folder import ConfigFolder
from wgplugin.conf.parser import parse
from wgplugin.networks.resolver import Resolver
from wgplugin.networks.status import decode
from wgplugin.plugin import assemble
from wgplugin.state.store import Store

ROW = Row("the plugin", "ms", Summary(2, 1, 3, 9), Summary(1.5, 1, 2, 9))
TABLE = Table("1. Title", "About it.", (ROW,), (Target("times", 1.5, 1.3),), "floor")
REPORT = Report("lab", {"kernel": "6.12"}, (TABLE,))
WAS = Table("1. Title", "About it.", (replace(ROW, values=Summary(8, 7, 9, 9)),))
BEFORE = Report("lab", {"commit": "abc"}, (WAS,))


def test_median_and_spread_are_those_of_the_samples() -> None:
    assert summarize(list(range(101))) == Summary(median=50, low=10, high=90, count=101)


def test_a_single_sample_is_its_own_median() -> None:
    assert summarize([7]) == Summary(7, 7, 7, 1)


def test_a_percentile_is_between_its_neighbours() -> None:
    assert percentile([10, 20], 75) == 17.5


def test_a_ratio_is_taken_of_samples_of_one_round() -> None:
    # The machine was ten times slower in the second round, for both.
    assert ratios([2, 20, 2], [1, 10, 1]).median == 2


def test_a_row_is_compared_to_the_base() -> None:
    rows = compared({"floor": [1, 1], "plugin": [3, 3]}, "floor")
    assert [row.ratio and row.ratio.median for row in rows] == [1, 3]


def test_a_report_survives_json() -> None:
    assert from_json(json.loads(json.dumps(asdict(REPORT)))) == REPORT


def test_the_page_shows_row_ratio_and_a_missed_target() -> None:
    page = markdown([REPORT])
    assert "| the plugin | 2.00 ms | 1.00–3.00 |" in page
    assert "1.50 (1.00–2.00)" in page
    assert "times: 1.50; target at most 1.30: **missed**" in page


def test_the_page_shows_what_a_row_was_before() -> None:
    new = replace(ROW, name="new")
    page = markdown([replace(REPORT, tables=(replace(TABLE, rows=(ROW, new)),))], BEFORE)
    assert "Before: the figures of commit abc." in page
    assert "| n | before |" in page
    assert re.search(r"\| the plugin \|.* 9 \| 8\.00 ms \|$", page, re.MULTILINE)
    assert re.search(r"\| new \|.* 9 \|  \|$", page, re.MULTILINE)


def test_a_table_without_older_figures_has_no_column_for_them() -> None:
    page = markdown([replace(REPORT, tables=(replace(TABLE, title="2. Other"),))], BEFORE)
    assert "before |" not in page


@pytest.mark.parametrize(("value", "met"), [(0.96, False), (0.97, True), (1.03, True), (2, False)])
def test_a_target_is_met_between_its_bounds(value: float, met: bool) -> None:
    assert Target("ratio", value, at_most=1.03, at_least=0.97).met is met


def test_a_bar_is_as_long_as_its_share() -> None:
    assert bar(5, 10).strip() == "█" * 12
    assert len(bar(5, 10)) == len(bar(10, 10)) == 24


@pytest.mark.parametrize(
    ("value", "text"), [(1234.5, "1234"), (12.34, "12.3"), (1.234, "1.23"), (0.0123, "0.012")]
)
def test_a_figure_has_three_digits(value: float, text: str) -> None:
    assert figure(value) == text


def test_another_plugin_is_named_by_socket_driver_and_options() -> None:
    subject, network = other_plugin("other,socket=/run/other.sock,driver=other:latest,conf={n}")
    assert subject == Subject("other", Path("/run/other.sock"), {"conf": "{n}"})
    assert network is not None
    assert network.arguments == ["--driver", "other:latest", "--opt=conf=bench"]


def test_the_floor_gives_the_kernel_what_the_file_says() -> None:
    config = parse(configuration("bench", peers=3).encode(), "bench.conf")
    device = planned_device("bench", peers=3)
    assert device.private_key == config.private_key
    assert [peer.public_key for peer in device.peers] == [p.public_key for p in config.peers]
    assert [peer.allowed_ips for peer in device.peers] == [p.allowed_ips for p in config.peers]


@pytest.fixture
def backend() -> MemoryHost:
    return MemoryHost()


@pytest.fixture
def subject(tmp_path: Path, backend: MemoryHost) -> Subject:
    write_configurations(tmp_path, {f"bench-{number}": 1 for number in range(3)})
    return Subject("memory", tmp_path / "sock", {"wireguard-config": "{n}"})


def test_a_crowd_is_attached_and_goes(
    tmp_path: Path, subject: Subject, backend: MemoryHost
) -> None:
    plugin = assemble(ConfigFolder(tmp_path), Store(tmp_path / "state"), backend, Resolver())
    with serving(plugin, subject.socket):
        with Crowd(subject) as crowd:
            crowd.grow(2)
            crowd.grow(3)
            assert len(backend.devices) == 3
        assert not backend.devices


def test_a_refusal_ends_the_measurement(
    tmp_path: Path, subject: Subject, backend: MemoryHost
) -> None:
    plugin = assemble(ConfigFolder(tmp_path), Store(tmp_path / "state"), backend, Resolver())
    attachment = Attachment.of(subject, "absent", 1)
    with (
        serving(plugin, subject.socket),
        Connection(subject.socket) as connection,
        pytest.raises(RefusedError, match=r"absent\.conf"),
    ):
        connection.call(attachment.create_network)


def test_many_allowed_ips_can_not_be_fewer_routes() -> None:
    config = parse(with_allowed_ips(5000).encode(), "bench.conf")
    (peer,) = config.peers
    assert [str(net.network_address) for net in peer.allowed_ips] == prefixes(5000)
    assert len({net.supernet() for net in peer.allowed_ips}) == 5000


def test_containers_of_a_shared_network_have_endpoints_of_their_own() -> None:
    subject = Subject("memory", Path("sock"), SHARED)
    first, second = (Attachment.of(subject, "bench", number, "shared") for number in (0, 1))
    assert first.create_network == second.create_network
    assert first.create_endpoint != second.create_endpoint
    assert first.address != second.address


def test_a_router_has_an_address_of_its_own() -> None:
    assert parse(with_address("bench").encode(), "bench.conf").addresses


def test_requests_to_a_published_port_are_counted() -> None:
    def serve(server: socket.socket) -> None:
        # It ends with its socket.
        with suppress(OSError):
            requests.serve(server)

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve, args=(server,), daemon=True).start()
        assert requests.ask("127.0.0.1", server.getsockname()[1], seconds=0.05) > 0


def test_client_of_a_published_port_asks_the_host_from_outside() -> None:
    command = ports.PAGES.ask("5301")
    assert command[:4] == ("ip", "netns", "exec", NAMESPACE)
    assert command[-4:] == ("--client", ports.HOST, "--port", "5301")


def test_a_refused_run_is_counted() -> None:
    def refuse() -> None:
        run("false")

    attempts = Attempts(refuse)
    attempts.run()
    assert attempts.refused == 1


def test_a_page_of_the_plugin_is_read_whole(
    tmp_path: Path, subject: Subject, backend: MemoryHost
) -> None:
    plugin = assemble(ConfigFolder(tmp_path), Store(tmp_path / "state"), backend, Resolver())
    with serving(plugin, subject.socket):
        assert decode(page(subject.socket, "/status") or b"").edition == "base"


def test_a_page_that_does_not_come_is_given_up(tmp_path: Path) -> None:
    silent = tmp_path / "sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(silent))
        listener.listen()
        assert page(silent, "/status", seconds=0.01) is None
