"""A configuration file that is right becomes the value that the user gets."""

from __future__ import annotations

from ipaddress import ip_address, ip_interface, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conf.reading import (
    INTERFACE,
    PEER,
    PEER_2,
    PRESHARED,
    PRIVATE,
    PUBLIC,
    ZEROS,
    accepted,
    faults_of,
    interface,
    key,
    peer,
    relaxed,
)
from tests.strategies import configs, written
from wgplugin.conf.parser import MAX_FAULTS
from wgplugin.model.configuration import InterfaceConfig, PeerEndpoint, PeerSection

# What is accepted


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(INTERFACE.rstrip(), id="no line end at the end"),
        pytest.param(INTERFACE.replace("\n", "\r\n"), id="CR LF"),
        pytest.param(f"\ufeff{INTERFACE}", id="byte order mark"),
        pytest.param(INTERFACE.upper().replace(PRIVATE.upper(), PRIVATE), id="capitals"),
        pytest.param(INTERFACE.lower().replace(PRIVATE.lower(), PRIVATE), id="small letters"),
        pytest.param(f"[ Inter face ]\nPrivate\tKey\v=\f{PRIVATE}", id="white space in names"),
        pytest.param(f"[Interface]\nPrivateKey={PRIVATE[:9]} {PRIVATE[9:]}", id="and in values"),
        pytest.param(f"# é\n\n[Interface] # b\nPrivateKey={PRIVATE}# c", id="comments"),
        pytest.param(f"{INTERFACE}[Interface]\n[Interface]\n", id="sections repeated"),
        pytest.param(f"[Interface]\nPrivateKey={PUBLIC}\nPrivateKey={PRIVATE}\n", id="last wins"),
        pytest.param(f"[Interface]\nPrivateKey={ZEROS}\nPrivateKey={PRIVATE}\n", id="but zeros"),
        pytest.param(f"[Interface]\n#\x00\nPrivateKey={PRIVATE}\0", id="NUL with nothing after"),
        pytest.param(INTERFACE.encode() + b"# \xff\xfe caf\xe9\n", id="comment in no encoding"),
        pytest.param(f"{INTERFACE}Address=\nDNS=,\nMTU=\nTable=\nPostUp=\n", id="empty values"),
    ],
)
def test_file_may_be_written_in_these_ways(text: str | bytes) -> None:
    config = accepted(text)
    assert config.private_key == key(PRIVATE)
    assert config == accepted(INTERFACE)


@pytest.mark.parametrize(
    ("text", "attribute", "value"),
    [
        ("ListenPort = 51820", "listen_port", 51820),
        ("ListenPort = 0", "listen_port", 0),
        ("ListenPort = 00051820", "listen_port", 51820),
        (f"ListenPort = {'0' * 5000}9", "listen_port", 9),
        ("FwMark = off", "fwmark", 0),
        ("FwMark = OFF", "fwmark", 0),
        ("FwMark = 0xCA6C", "fwmark", 0xCA6C),
        ("FwMark = 051820", "fwmark", 51820),
        ("FwMark = 4294967295", "fwmark", 0xFFFFFFFF),
        ("MTU = 1420", "mtu", 1420),
        ("mtu=0x500", "mtu", 1280),
        ("MTU = 02400", "mtu", 1280),
        ("MTU = 1420\nMTU =", "mtu", None),
        ("MTU = 1279", "mtu", 1279),
        ("Table = off", "routes", False),
        ("Table = OFF", "routes", False),
        ("Table = auto", "routes", True),
        ("Table = off\nTable =", "routes", True),
        ("SaveConfig = FALSE", "warnings", ()),
    ],
)
def test_a_setting_of_the_interface_is_read(text: str, attribute: str, value: object) -> None:
    config = interface(text)
    assert getattr(config, attribute) == value
    assert config.warnings == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10.2.0.2/32", ["10.2.0.2/32"]),
        ("10.2.0.2", ["10.2.0.2/32"]),
        ("fd00::2", ["fd00::2/128"]),
        ("10.2.0.2/24,fd00::2/64", ["10.2.0.2/24", "fd00::2/64"]),
        ("10.2.0.2/24, fd00::2/64,", ["10.2.0.2/24", "fd00::2/64"]),
        ("10.2.0.2/24 \t fd00::2/64", ["10.2.0.2/24", "fd00::2/64"]),
        ("10.2.0.2/24\nAddress = fd00::2/64 # second", ["10.2.0.2/24", "fd00::2/64"]),
        ("10.2.0.2/255.255.255.0", ["10.2.0.2/24"]),
        ("::ffff:10.2.0.2/104", ["::ffff:10.2.0.2/104"]),
    ],
)
def test_addresses_keep_their_host_bits_and_order(text: str, expected: list[str]) -> None:
    config = interface(f"Address = {text}")
    assert config.addresses == tuple(map(ip_interface, expected))


def test_dns_servers_and_search_domains_are_separated() -> None:
    config = interface("DNS = 10.2.0.1, fritz.box fd00::1\nDNS = corp.example,1.1.1.1")
    assert config.dns == tuple(map(ip_address, ["10.2.0.1", "fd00::1", "1.1.1.1"]))
    assert config.dns_search == ("fritz.box", "corp.example")


def test_a_peer_says_nothing_but_its_key_if_it_wants_to() -> None:
    assert peer("") == PeerSection(key(PUBLIC), None, None, 0, ())


@pytest.mark.parametrize(
    ("text", "attribute", "value"),
    [
        (f"PreSharedKey = {PRESHARED}", "preshared_key", key(PRESHARED)),
        (f"PresharedKey = {ZEROS}", "preshared_key", None),
        ("PersistentKeepalive = 25", "persistent_keepalive", 25),
        ("PersistentKeepalive = Off", "persistent_keepalive", 0),
        ("PersistentKeepalive = 0065535", "persistent_keepalive", 65535),
        ("Endpoint = 192.0.2.1:51820", "endpoint", PeerEndpoint("192.0.2.1", "51820")),
        ("Endpoint = [192.0.2.1]:51820", "endpoint", PeerEndpoint("192.0.2.1", "51820")),
        ("Endpoint = [2001:db8::1]:domain", "endpoint", PeerEndpoint("2001:db8::1", "domain")),
        ("Endpoint = 2001:db8::1:51820", "endpoint", PeerEndpoint("2001:db8::1", "51820")),
        ("Endpoint = [fe80::1%eth0]:5", "endpoint", PeerEndpoint("fe80::1%eth0", "5")),
        ("Endpoint = [ff02::1%eth0]:5", "endpoint", PeerEndpoint("ff02::1%eth0", "5")),
        ("Endpoint = [2001:db8::1%2]:5", "endpoint", PeerEndpoint("2001:db8::1%2", "5")),
        ("Endpoint = vpn_1.example.net.:5", "endpoint", PeerEndpoint("vpn_1.example.net.", "5")),
        ("Endpoint = a:1\nEndpoint = b:2", "endpoint", PeerEndpoint("b", "2")),
    ],
)
def test_a_setting_of_a_peer_is_read(text: str, attribute: str, value: object) -> None:
    assert getattr(peer(text), attribute) == value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.0.0.0/0, ::/0", ["0.0.0.0/0", "::/0"]),
        ("0.0.0.0/0,::0/0", ["0.0.0.0/0", "::/0"]),
        ("10.0.0.1", ["10.0.0.1/32"]),
        ("fd00::1", ["fd00::1/128"]),
        ("10.0.0.5/8", ["10.0.0.0/8"]),
        ("10.0.0.0/08", ["10.0.0.0/8"]),
        ("10.0.0.0/ 2 4", ["10.0.0.0/24"]),
        ("::ffff:10.0.0.0/104", ["::ffff:a00:0/104"]),
        ("10.2.0.0/16\nAllowedIPs = 10.1.0.0/16", ["10.2.0.0/16", "10.1.0.0/16"]),
        ("10.0.0.0/8, 10.1.0.0/16, 10.0.0.0/8", ["10.0.0.0/8", "10.1.0.0/16"]),
        ("+10.0.0.0/8, + fd00::/8", ["10.0.0.0/8", "fd00::/8"]),
        ("10.0.0.0/8, fd00::/8, -10.0.0.0/8", ["fd00::/8"]),
        ("-10.0.0.0/8, 10.0.0.0/8", ["10.0.0.0/8"]),
    ],
)
def test_allowed_ips_are_those_the_kernel_would_have(text: str, expected: list[str]) -> None:
    assert peer(f"AllowedIPs = {text}").allowed_ips == tuple(map(ip_network, expected))


def test_sections_of_one_peer_are_merged_as_the_kernel_does() -> None:
    first = (
        f"PresharedKey={PRESHARED}\nEndpoint=a:1\nPersistentKeepalive=5\nAllowedIPs=10.0.0.0/8\n"
    )
    again = "Endpoint = b:2\nAllowedIPs = 10.1.0.0/16\n"
    [merged] = accepted(INTERFACE + PEER + first + PEER + again).peers
    assert merged == PeerSection(
        key(PUBLIC), key(PRESHARED), PeerEndpoint("b", "2"), 5, (ip_network("10.1.0.0/16"),)
    )


def test_a_repeated_section_clears_what_it_sets_to_nothing() -> None:
    first = f"PresharedKey = {PRESHARED}\nPersistentKeepalive = 5\nAllowedIPs = 10.0.0.0/8\n"
    again = f"PresharedKey = {ZEROS}\nPersistentKeepalive = off\n"
    [merged] = accepted(INTERFACE + PEER + first + PEER + again).peers
    assert merged == PeerSection(key(PUBLIC), None, None, 0, ())


def test_a_repeated_section_with_changes_keeps_the_ranges_it_does_not_name() -> None:
    first = "AllowedIPs = 10.0.0.0/8, fd00::/8\nEndpoint = a:1\n"
    again = "AllowedIPs = -fd00::/8, +::/0\n"
    [merged] = accepted(INTERFACE + PEER + first + PEER + again).peers
    assert merged.allowed_ips == (ip_network("10.0.0.0/8"), ip_network("::/0"))
    assert merged.endpoint == PeerEndpoint("a", "1")


def test_a_range_belongs_to_the_last_peer_that_claims_it() -> None:
    ranges = "AllowedIPs = 10.0.0.0/8, 0.0.0.0/0\n"
    config = accepted(INTERFACE + PEER + ranges + PEER_2 + "AllowedIPs = 10.0.0.0/8\n")
    assert [each.allowed_ips for each in config.peers] == [
        (ip_network("0.0.0.0/0"),),
        (ip_network("10.0.0.0/8"),),
    ]
    assert [(each.line, each.message) for each in config.warnings] == [
        (8, "10.0.0.0/8 moves to this [Peer]: only one can have it")
    ]


@relaxed
@given(data=st.data(), config=configs())
def test_written_configuration_is_read_back(data: st.DataObject, config: InterfaceConfig) -> None:
    assert accepted(data.draw(written(config))) == config


def test_five_thousand_allowed_ips_are_all_read() -> None:
    ranges = ", ".join(f"10.{number >> 8}.{number & 255}.0/24" for number in range(5000))
    assert len(peer(f"AllowedIPs = {ranges}").allowed_ips) == 5000


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(INTERFACE + PEER + "AllowedIPs = " + "x," * 200_000, id="bad items"),
        pytest.param("x\n" * 200_000, id="bad lines"),
        pytest.param(INTERFACE + "[Peer]\n" * 50_000, id="nameless peers"),
        pytest.param(INTERFACE + "Jc = 1\n" * 100_000, id="keys of another program"),
        pytest.param(INTERFACE + "; \n" * 200_000, id="bad comments"),
        pytest.param(INTERFACE + PEER * 20_000, id="one peer"),
        pytest.param(INTERFACE + PEER + "AllowedIPs = 10.0.0.1/8\n" * 20_000, id="host bits"),
        pytest.param(INTERFACE + f"FwMark = {'9' * 1_000_000}", id="a long number"),
        pytest.param(INTERFACE + f"{' ' * 1_000_000}x", id="a long line"),
    ],
)
def test_a_large_bad_file_is_answered_with_a_bounded_number_offaults_of(text: str) -> None:
    assert len(faults_of(text.encode())) <= MAX_FAULTS


# What is accepted and ignored


@pytest.mark.parametrize(
    ("text", "place", "part"),
    [
        ("PostUp = iptables -A INPUT # a\nPostUp = b", (3, 10), "PostUp is ignored: the plugin"),
        ("predown=x", (3, 9), "PreDown is ignored"),
        ("SaveConfig = true", (3, 14), "SaveConfig is ignored: the plugin never writes"),
        ("Table = 1234\nTable = main", (3, 9), "Table is ignored"),
        ("DNS = ~corp.example", (3, 7), "only systemd-resolved"),
        ("Address = 10.0.0.1, 10.0.0.1", (3, 11), "10.0.0.1/32 is repeated"),
        ("Address = fd00::1\nMTU = 1279", (4, 7), "IPv6 doesn't work with an MTU below 1280"),
        ("ListenPort = 5\0 6", (3, 15), "NUL"),
        (f"{PEER}AllowedIPs = 10.0.0.5/8", (5, 14), "'10.0.0.5/8' is read as 10.0.0.0/8"),
        (f"{PEER}PublicKey = {PUBLIC}", (5, 13), "is a [Peer] missing?"),
        (f"{PEER}Endpoint = fd00::1:5", (5, 12), "'fd00::1:5' is read as [fd00::1]:5"),
        (f"{PEER}{PEER}", (5, 1), "this is the [Peer] of line 3 again"),
    ],
)
def test_ignored_line_is_reported_once(text: str, place: tuple[int, int], part: str) -> None:
    [warning] = interface(text).warnings
    assert (warning.line, warning.column) == place
    assert part in str(warning)
