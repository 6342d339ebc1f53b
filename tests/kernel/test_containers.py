"""Which files are taken for containers' namespaces; what is done in them: see tests/e2e/live."""

from pathlib import Path

import pytest

from wgplugin.kernel.containers import KEY, KernelContainers
from wgplugin.kernel.setns import trouble

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("/var/run/docker/netns/0123456789ab", "0123456789ab"),
        ("/run/docker/netns/0123456789ab", "0123456789ab"),
        ("/var/run/docker/netns/default", None),
        ("/var/run/docker/netns/../../../etc/passwd", None),
        ("/var/run/docker/netns/0123456789ab/", None),
        ("/var/run/docker/netns/0123456789ab\n", None),
        ("/proc/1/ns/net", None),
        ("", None),
    ],
)
def test_only_docker_s_names_for_namespaces_are_taken(key: str, name: str | None) -> None:
    match = KEY.fullmatch(key)
    assert (match and match[1]) == name


async def test_namespace_that_is_not_there_is_an_answer(tmp_path: Path) -> None:
    containers = KernelContainers(tmp_path)
    key = "/var/run/docker/netns/0123456789ab"
    assert not await containers.exists(key)
    assert await containers.observe(key, "wgp0123456789ab") is None


def test_folder_that_is_not_mounted_is_reported(tmp_path: Path) -> None:
    assert "isn't mounted" in trouble(tmp_path)
