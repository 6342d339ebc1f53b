"""What the benchmark makes of its samples; and that it speaks to the plugin as Docker does."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from bench.__main__ import other_plugin
from bench.attach import Crowd
from bench.attachments import Attachment, Subject, configuration, write_configurations
from bench.client import Connection, RefusedError
from bench.floor import planned_device
from bench.stats import Summary, percentile, ratios, summarize
from bench.table import Report, Row, Table, Target, bar, compared, figure, from_json, markdown
from tests.memory_host import MemoryHost
from tests.serving import serving
from wgplugin.conf.folder import ConfigFolder
from wgplugin.conf.parser import parse
from wgplugin.networks.resolver import Resolver
from wgplugin.plugin import assemble
from wgplugin.state.store import Store

ROW = Row("the plugin", "ms", Summary(2, 1, 3, 9), Summary(1.5, 1, 2, 9))
TABLE = Table("1. Title", "About it.", (ROW,), (Target("times", 1.5, 1.3),), "floor")
REPORT = Report("lab", {"kernel": "6.12"}, (TABLE,))


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
