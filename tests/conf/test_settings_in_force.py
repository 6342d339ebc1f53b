"""An edit of wgplugin.yaml counts at once, and a broken one does no harm."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conf.settings_reading import (
    KEY,
)
from tests.hosts import Host
from wgplugin.codes import Code
from wgplugin.conf.folder import ConfigFolder
from wgplugin.conf.settings import MAX_FILE_SIZE, Settings
from wgplugin.errors import ConfigError, PluginError
from wgplugin.networks.resolver import Resolver

# What the plugin makes of it


@pytest.fixture(autouse=True)
def _log_level_as_before() -> Iterator[None]:
    logger = logging.getLogger("wgplugin")
    before = logger.level
    yield
    logger.setLevel(before)


@pytest.fixture
def host(tmp_path: Path) -> Host:
    host = Host(tmp_path)
    host.write("home")
    return host


def test_file_is_read_as_it_is_now_and_need_not_be_there(tmp_path: Path) -> None:
    base = Settings(resolve_timeout=3.0)
    folder = ConfigFolder(tmp_path, base)
    assert folder.settings() == base
    (tmp_path / "wgplugin.yaml").write_text("log-level: debug")
    assert folder.settings() == Settings(log_level="debug", resolve_timeout=3.0)
    (tmp_path / "wgplugin.yaml").unlink()
    assert folder.settings() == base


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: path.write_bytes(b"#" * (MAX_FILE_SIZE + 1)), "larger than"),
        (lambda path: path.symlink_to("/proc/self/environ"), "leads out of the folder"),
        (os.mkfifo, "isn't a file"),
    ],
)
def test_file_that_is_no_settings_is_an_error(tmp_path: Path, make: Any, said: str) -> None:
    make(tmp_path / "wgplugin.yaml")
    with pytest.raises(ConfigError, match=f"wgplugin.yaml: .*{said}"):
        ConfigFolder(tmp_path).settings()


def test_log_level_follows_the_file(host: Host) -> None:
    for level in ("debug", "error"):
        (host.folder / "wgplugin.yaml").write_text(f"log-level: {level}")
        asyncio.run(host.create_network("n1", "home"))
        assert logging.getLogger("wgplugin").level == getattr(logging, level.upper())


def test_resolve_timeout_follows_the_file(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    bounds: list[float] = []

    async def resolve(self: Resolver, endpoint: object, bound: float) -> None:
        bounds.append(bound)
        raise PluginError(Code.NOT_RESOLVED, "not resolved")

    monkeypatch.setattr(Resolver, "resolve", resolve)
    host.write("home", peers="[Peer]\nPublicKey = " + KEY + "\nEndpoint = vpn.example:1\n")
    asyncio.run(host.create_network("n1", "home"))
    for text in ("resolve-timeout: 7", "resolve-timeout: 8"):
        (host.folder / "wgplugin.yaml").write_text(text)
        with pytest.raises(PluginError, match="not resolved"):
            asyncio.run(host.attach("n1", "e1"))
    assert bounds == [7.0, 8.0]


def test_broken_file_refuses_what_is_new_and_leaves_what_runs(host: Host) -> None:
    (host.folder / "wgplugin.yaml").write_text("log-level: error")
    asyncio.run(host.create_network("n1", "home"))
    asyncio.run(host.attach("n1", "e1"))
    (host.folder / "wgplugin.yaml").write_text("log-level: loud")

    for refused_call in (
        lambda: host.create_network("n2", "home"),
        lambda: host.create_endpoint("n1", "e1"),
    ):
        with pytest.raises(ConfigError, match=r"wgplugin\.yaml:1:12: log-level: 'loud' isn't"):
            asyncio.run(refused_call())
    assert len(host.backend.devices) == 1
    assert logging.getLogger("wgplugin").level == logging.ERROR
    asyncio.run(host.delete_endpoint("e1"))
    assert not host.backend.devices
