"""Files of real providers and tools are read unedited."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from tests.conf.reading import (
    PROVIDER_FILES,
    accepted,
)

# Real files


@dataclass(frozen=True)
class Expected:
    """What the container must get from a file; of its peers, the first."""

    addresses: list[str]
    allowed_ips: list[str]
    endpoint: tuple[str, str] | None
    dns: tuple[str, ...] = ()
    dns_search: tuple[str, ...] = ()
    mtu: int | None = None
    keepalive: int = 0
    preshared: bool = False
    listen_port: int = 0
    fwmark: int = 0
    peers: int = 1
    warnings: int = 0


ALL = ["0.0.0.0/0", "::/0"]

PROVIDERS = {
    "airvpn": Expected(
        ["10.128.44.12/32", "fd7d:76ee:e68f:a993:9dd:8a5d:b1c:2/128"],
        ALL,
        ("europe3.vpn.airdns.example", "1637"),
        dns=("10.128.0.1", "fd7d:76ee:e68f:a993::1"),
        mtu=1320,
        keepalive=15,
        preshared=True,
    ),
    "fritzbox": Expected(
        ["192.168.178.202/24"],
        ["192.168.178.0/24", "0.0.0.0/0"],
        ("x7q2m4k9.myfritz.example", "57293"),
        dns=("192.168.178.1",),
        dns_search=("fritz.box",),
        keepalive=25,
        preshared=True,
    ),
    "ivpn": Expected(
        ["172.20.155.3/32", "fd00:4956:504e:ffff::ac14:9b03/128"],
        ALL,
        ("192.0.2.77", "2049"),
        dns=("172.16.0.1",),
    ),
    "mullvad": Expected(
        ["10.64.12.34/32", "fc00:bbbb:bbbb:bb01::1:c21/128"],
        ALL,
        ("192.0.2.10", "51820"),
        dns=("10.64.0.1",),
    ),
    "mullvad-ipv6": Expected(
        ["fc00:bbbb:bbbb:bb01::1:c21/128"],
        ["::/0"],
        ("2001:db8:3:27::a05f", "51820"),
        dns=("fc00:bbbb:bbbb:bb01::1",),
    ),
    "nordlynx": Expected(
        ["10.5.0.2/32"],
        ["0.0.0.0/0"],
        ("203.0.113.34", "51820"),
        dns=("192.0.2.53", "192.0.2.54"),
        keepalive=25,
        listen_port=51820,
    ),
    "opnsense": Expected(
        ["10.10.10.2/32"],
        ["10.10.10.0/24", "192.168.1.0/24"],
        ("vpn.example.org", "51821"),
        dns=("10.10.10.1",),
        dns_search=("lan.example",),
        keepalive=21,
        preshared=True,
    ),
    "own-server": Expected(
        ["10.7.0.1/24"],
        ["10.7.0.2/32", "10.20.0.0/16"],
        ("fe80::5054:ff:fe12:3456%eth0", "51820"),
        listen_port=51820,
        fwmark=0xCA6C,
        warnings=4,
    ),
    "pfsense": Expected(
        ["10.6.210.2/24"],
        ["10.6.210.0/24", "10.0.0.0/16"],
        ("203.0.113.7", "51820"),
        listen_port=51820,
        warnings=1,
    ),
    "pivpn-server": Expected(
        ["10.122.242.1/24", "fd11:5ee:bad:c0de::1/64"],
        ["10.122.242.2/32", "fd11:5ee:bad:c0de::2/128"],
        None,
        mtu=1420,
        preshared=True,
        listen_port=51820,
        peers=2,
    ),
    "privatevpn": Expected(
        ["10.34.0.77/16"],
        ["0.0.0.0/0"],
        ("de-fra.pvdata.example", "3389"),
        dns=("198.51.100.1", "198.51.100.2"),
        keepalive=21,
    ),
    "proton": Expected(
        ["10.2.0.2/32"], ALL, ("198.51.100.25", "51820"), dns=("10.2.0.1",), keepalive=25
    ),
    "warp-amnezia": Expected(
        ["172.16.0.2/32", "2001:db8:110:8a36::2/128"],
        ALL,
        ("192.0.2.192", "4500"),
        dns=("192.0.2.1", "2001:db8:4700::1111"),
        mtu=1280,
        warnings=2,
    ),
    "wg-easy": Expected(
        ["10.8.0.2/24"],
        ALL,
        ("wg.example.com", "51820"),
        dns=("192.0.2.53",),
        mtu=1420,
        preshared=True,
    ),
    "wgcf-warp": Expected(
        ["172.16.0.2/32", "2001:db8:110:8a36::2/128"],
        ALL,
        ("engage.warp.example", "2408"),
        dns=("192.0.2.1", "192.0.2.2", "2001:db8:4700::1111"),
        mtu=1280,
    ),
    "windows-notepad": Expected(
        ["10.9.0.2/24"], ["10.9.0.0/24"], ("vpn.example.net", "51820"), dns=("10.9.0.1",)
    ),
    "windscribe": Expected(
        ["100.64.7.8/32"],
        ALL,
        ("yyz-101-wg.windscribe.example", "443"),
        dns=("10.255.255.2",),
        preshared=True,
    ),
}


def test_every_provider_file_has_its_expectation() -> None:
    assert sorted(PROVIDERS) == sorted(file.stem for file in PROVIDER_FILES.glob("*.conf"))


@pytest.mark.parametrize(("name", "expected"), PROVIDERS.items())
def test_a_providers_file_works_unedited(name: str, expected: Expected) -> None:
    config = accepted((PROVIDER_FILES / f"{name}.conf").read_bytes())
    first = config.peers[0]
    assert expected == Expected(
        addresses=list(map(str, config.addresses)),
        allowed_ips=list(map(str, first.allowed_ips)),
        endpoint=(first.endpoint.host, first.endpoint.port) if first.endpoint else None,
        dns=tuple(map(str, config.dns)),
        dns_search=config.dns_search,
        mtu=config.mtu,
        keepalive=first.persistent_keepalive,
        preshared=first.preshared_key is not None,
        listen_port=config.listen_port,
        fwmark=config.fwmark,
        peers=len(config.peers),
        warnings=len(config.warnings),
    )
    assert config.routes
