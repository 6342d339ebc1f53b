"""The files and settings of shared networks, for tests."""

from __future__ import annotations

from ipaddress import ip_interface

from wgplugin.conf import parser
from wgplugin.conf.settings import override
from wgplugin.model.configuration import InterfaceConfig, TunnelSettings
from wgplugin.model.prefixes import InterfaceAddress

BOTH, IPV4 = (4, 6), (4,)
KEY = "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk="
ROUTER = "172.20.0.1/16"
BOTH_ROUTERS = "172.20.0.1/16 fd20::1/64"
CONTAINER = "172.20.0.2/16"


def file(allowed_ips: str = "0.0.0.0/0", address: str = "10.8.0.2/32") -> InterfaceConfig:
    addresses = f"Address = {address}\n" if address else ""
    text = (
        f"[Interface]\nPrivateKey = {KEY}\n{addresses}DNS = 10.8.0.1, example.net\n"
        f"[Peer]\nPublicKey = {KEY}\nAllowedIPs = {allowed_ips}\n"
    )
    return parser.parse(text.encode(), "x.conf")


def settings(**texts: str) -> TunnelSettings:
    return override(TunnelSettings(mode="shared"), texts)


def interfaces(text: str) -> tuple[InterfaceAddress, ...]:
    return tuple(map(ip_interface, text.split()))
