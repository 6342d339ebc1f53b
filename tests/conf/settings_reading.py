"""The text of wgplugin.yaml, and the result of reading it."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from wgplugin.conf.settings import Settings
from wgplugin.conf.settings_file import parse
from wgplugin.errors import ConfigError
from wgplugin.model.configuration import Probe, TunnelSettings
from wgplugin.model.router import Forward

EXAMPLE = Path(__file__).parents[2] / "wireguard_conf.example"
KEY = "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk="
PIECE = KEY.partition("+")[0] + KEY.rpartition("+")[2].rstrip("=")

relaxed = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def accepted(text: str | bytes, base: Settings | None = None) -> Settings:
    data = text if isinstance(text, bytes) else text.encode()
    return parse(data, "wgplugin.yaml", base or Settings())


def refused(text: str | bytes) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        accepted(text)
    return caught.value


def tunnel(**values: Any) -> TunnelSettings:
    return TunnelSettings(**{name.replace("-", "_"): value for name, value in values.items()})


BYPASS = (ip_network("192.168.0.0/16"), ip_network("fd00::/8"))
VALUES = [
    ("dns", "warn", "warn"),
    ("dns", "Require", "require"),
    ("dns", "off", "off"),
    ("sink", "on", True),
    ("sink", "true", True),
    ("sink", "Yes", True),
    ("sink", "off", False),
    ("sink", "FALSE", False),
    ("sink", "no", False),
    ("bypass", "", ()),
    ("bypass", "192.168.0.0/16, fd00::/8", BYPASS),
    ("bypass", "fd00::1", (ip_network("fd00::1/128"),)),
    ("default", "tunnel", "tunnel"),
    ("default", "gateway", "gateway"),
    ("interface", "vpn", "vpn"),
    ("publish", "on", True),
    ("publish", "off", False),
    ("mode", "container", "container"),
    ("mode", "Shared", "shared"),
    ("isolate", "on", True),
    ("isolate", "off", False),
    ("nat", "on", True),
    ("nat", "off", False),
    ("forward", "", ()),
    ("forward", "8443:172.20.0.5:443", (Forward(8443, ip_address("172.20.0.5"), 443),)),
    ("forward", "53:[fd00::5]:5353/udp", (Forward(53, ip_address("fd00::5"), 5353, "udp"),)),
    (
        "forward",
        "80:8080/TCP, 8443:172.20.0.5:443/tcp",
        (Forward(80, None, 8080), Forward(8443, ip_address("172.20.0.5"), 443)),
    ),
    ("pick", "order", "order"),
    ("pick", "Rotate", "rotate"),
    ("probe", "off", None),
    ("probe", "10.64.0.1", Probe(ip_address("10.64.0.1"))),
    ("probe", "fd00::1", Probe(ip_address("fd00::1"))),
    ("probe", "10.64.0.1:53", Probe(ip_address("10.64.0.1"), 53)),
    ("failback", "off", 0.0),
    ("failback", "600", 600.0),
    ("wait", "no", 0.0),
    ("wait", "7.5", 7.5),
    ("wait-fail", "start", "start"),
    ("wait-fail", "Refuse", "refuse"),
]
