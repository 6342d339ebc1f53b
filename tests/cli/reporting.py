"""Files to check, and the report on them."""

from __future__ import annotations

from pathlib import Path

from hypothesis import HealthCheck, settings

from wgplugin.cli.report import Report, report
from wgplugin.conf import parser
from wgplugin.conf.settings import override
from wgplugin.model.configuration import TunnelSettings

EXAMPLES = Path(__file__).parents[2] / "wireguard_conf.example"
PRIVATE = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
PUBLIC = "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA="
PRESHARED = "AwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISI="
INTERFACE = f"[Interface]\nPrivateKey = {PRIVATE}\n"
PEER = f"[Peer]\nPublicKey = {PUBLIC}\nPresharedKey = {PRESHARED}\n"
FULL = f"{INTERFACE}Address = 10.0.0.2/32\n{PEER}AllowedIPs = 0.0.0.0/0\n"

FIVE_MISTAKES = f"""\
[Interface]
PrivateKey = {PRIVATE[:40]}
Adress = 10.0.0.2/32
MTU = big
[Peer]
PublicKey = {PUBLIC}
AllowedIPs = 10.0.0.0/33
Endpoint = vpn.example.net
"""
FIVE_FAULTS = [
    (
        2,
        14,
        "WG217",
        "PrivateKey: this key has 40 characters, not 44",
        "it was cut short: copy it again",
    ),
    (3, 1, "WG211", "unknown key 'Adress'", "did you mean Address?"),
    (4, 7, "WG218", "MTU: 'big' isn't a number from 68 on", "1420 suits most networks"),
    (7, 23, "WG219", "AllowedIPs: the prefix of '10.0.0.0/33' isn't a number from 0 to 32", ""),
    (
        8,
        12,
        "WG220",
        "Endpoint: 'vpn.example.net' has no port",
        "write HOST:PORT, as in vpn.example.net:51820",
    ),
]

relaxed = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def reported(text: str, **tunnel: str) -> Report:
    return report(parser.parse(text.encode(), "x.conf"), override(TunnelSettings(), tunnel))


def interface(addresses: str, allowed_ips: str, other: str = "") -> str:
    address = f"Address = {addresses}\n" if addresses else ""
    return f"{INTERFACE}{address}{other}{PEER}AllowedIPs = {allowed_ips}\n"
