"""A configuration file as tests write it, and the result of reading it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from wgplugin.conf.parser import parse
from wgplugin.errors import ConfigError, Fault
from wgplugin.model.configuration import InterfaceConfig, PeerSection
from wgplugin.model.device import Key

PROVIDER_FILES = Path(__file__).parents[1] / "provider_files"

PRIVATE = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
PUBLIC = "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA="
PUBLIC_2 = "AgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4fICE="
PRESHARED = "AwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISI="
ZEROS = f"{'A' * 43}="

INTERFACE = f"[Interface]\nPrivateKey = {PRIVATE}\n"
PEER = f"[Peer]\nPublicKey = {PUBLIC}\n"
PEER_2 = f"[Peer]\nPublicKey = {PUBLIC_2}\n"

relaxed = settings(
    deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


def accepted(text: str | bytes) -> InterfaceConfig:
    return parse(text if isinstance(text, bytes) else text.encode(), "x.conf")


def refused(text: str | bytes) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        accepted(text)
    return caught.value


def interface(text: str) -> InterfaceConfig:
    return accepted(INTERFACE + text + "\n")


def peer(text: str) -> PeerSection:
    [found] = accepted(INTERFACE + PEER + text + "\n").peers
    return found


def key(text: str) -> Key:
    return Key.from_base64(text)


def faults_of(data: bytes) -> tuple[Fault, ...]:
    """The faults of a file that is refused, or the warnings of one that isn't."""
    try:
        return parse(data, "x.conf").warnings
    except ConfigError as error:
        return error.faults
