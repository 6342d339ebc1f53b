"""The refusals of a start that are the live edition's own, and those of base that it has not."""

from collections.abc import Iterator

import pytest

from tests.e2e.conftest import Configurations
from tests.e2e.refusal_causes import CAUSES, CAUSES_IN_BASE, CAUSES_IN_LIVE, hosts_restored
from tests.e2e.refusals import (
    Cause,
    Tunnel,
    bridge_of_refusals,
    expect_refusal_and_cure,
    expect_start,
    stage,
    tunnel_in,
)
from wgplugin.codes import Code

# Of those that both editions have, one before the claim, one at it, and one at the device.
BOTH = (Code.NO_SUCH_FILE, Code.IN_USE, Code.PORT_IN_USE)


@pytest.fixture
def tunnel(configurations: Configurations) -> Iterator[Tunnel]:
    with tunnel_in(configurations) as tunnel:
        yield tunnel


@pytest.fixture(scope="module")
def bridge() -> Iterator[str]:
    with bridge_of_refusals() as bridge:
        yield bridge


@pytest.mark.parametrize(
    "cause",
    [*CAUSES_IN_LIVE, *(cause for cause in CAUSES if cause.codes[0] in BOTH)],
    ids=lambda cause: cause.name,
)
def test_refused_container_has_its_networks_and_starts_after_the_cure(
    tunnel: Tunnel, bridge: str, cause: Cause
) -> None:
    expect_refusal_and_cure(tunnel, bridge, cause)


@pytest.mark.parametrize("cause", CAUSES_IN_BASE, ids=lambda cause: cause.name)
def test_container_starts_though_the_base_edition_would_refuse(
    tunnel: Tunnel, bridge: str, cause: Cause
) -> None:
    with hosts_restored(), stage(tunnel, bridge, cause) as at, cause.lasts(at):
        expect_start(at)
