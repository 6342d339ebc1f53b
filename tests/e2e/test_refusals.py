"""A refused start costs a container nothing: it has its networks, and its next start works."""

from collections.abc import Iterator
from uuid import uuid4

import pytest

from tests.e2e.commands import refused
from tests.e2e.conftest import Configurations
from tests.e2e.docker import IMAGE, LIVE, Container, docker, network
from tests.e2e.lasting import configurations
from tests.e2e.refusal_causes import CAUSES, CAUSES_IN_BASE, hosts_restored
from tests.e2e.refusals import (
    Cause,
    Tunnel,
    bridge_of_refusals,
    expect_no_device_on_the_host,
    expect_refusal_and_cure,
    tunnel_in,
)
from wgplugin.codes import Code

__all__ = ["configurations"]

pytestmark = pytest.mark.skipif(LIVE, reason="the live edition's are in tests/e2e/live")


@pytest.fixture(scope="module")
def tunnel(configurations: Configurations) -> Iterator[Tunnel]:
    with tunnel_in(configurations) as tunnel:
        yield tunnel


@pytest.fixture(scope="module")
def bridge() -> Iterator[str]:
    with bridge_of_refusals() as bridge:
        yield bridge


@pytest.mark.parametrize("cause", CAUSES + CAUSES_IN_BASE, ids=lambda cause: cause.name)
def test_refused_container_has_its_networks_and_starts_after_the_cure(
    tunnel: Tunnel, bridge: str, cause: Cause
) -> None:
    with hosts_restored():
        expect_refusal_and_cure(tunnel, bridge, cause)


def test_two_full_tunnels_are_refused_in_one_sentence_and_one_of_them_starts(
    configurations: Configurations,
) -> None:
    first, second = (
        configurations.client(name, f"10.8.62.{number}/32", allowed_ips="0.0.0.0/0, ::/0")
        for number, name in enumerate(("first", "second"), 1)
    )
    box = Container(f"container-{uuid4().hex[:8]}")
    with network(first) as net, network(second) as other:
        try:
            docker(
                "create", "--name", box.name, "--network", net, IMAGE, "/busybox", "sleep", "600"
            )
            docker("network", "connect", other, box.name)
            output = refused("docker", "start", box.name)
            assert "NetworkDriver.Join: the container's tunnels " in output
            assert {first, second} <= set(output.replace(",", " ").split())
            assert "take the container off one of them" in output
            assert f"[{Code.SAME_ROUTES}]" in output
            expect_no_device_on_the_host()
            docker("network", "disconnect", other, box.name)
            docker("start", box.name)
            assert box.run("ls", "/sys/class/net").split() == ["lo", "wg0"]
        finally:
            docker("rm", "--force", box.name)
