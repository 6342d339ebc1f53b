"""What a configuration file says is what the user gets; what is wrong in it is told well."""

from __future__ import annotations

import re
import traceback
from dataclasses import dataclass
from ipaddress import ip_address, ip_interface, ip_network
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.strategies import configs, nearly_files, nearly_quick_files, written
from wgplugin.conf.parser import MAX_FAULTS, parse
from wgplugin.errors import ConfigError, Fault
from wgplugin.model.configuration import InterfaceConfig, PeerEndpoint, PeerSection
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
def test_a_large_bad_file_is_answered_with_a_bounded_number_of_faults(text: str) -> None:
    assert len(_faults(text.encode())) <= MAX_FAULTS


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


# What is refused


MISTAKES: list[tuple[str, list[str]]] = [
    # names
    ("Adress = 10.0.0.1", ["3:1 unknown key 'Adress'; did you mean Address?"]),
    (f"{PEER}AllowedIP = ::/0", ["5:1 unknown key 'AllowedIP'; did you mean AllowedIPs?"]),
    (f"{PEER}Keepalive = 5", ["5:1 unknown key 'Keepalive'; did you mean Persistent"]),
    (f"{PEER}PSK = {PRESHARED}", ["5:1 unknown key; did you mean PresharedKey?"]),
    ("Frobnicate = 5", ["3:1 unknown key 'Frobnicate'; neither wg nor wg-quick knows it"]),
    ("Private\u212aey = 5", ["3:1 unknown key; did you mean PrivateKey?"]),
    ("Frobnicatethisthingnow = 5", ["3:1 unknown key; neither"]),
    ("Addr ess = 10.0.0.1", ["3:1 Address must be written without spaces"]),
    ("[ Interface ]\nAddress = 10.0.0.1\nMTU = 1420", ["4:1 wg-quick finds Address only below"]),
    ("[Peers]", ["3:1 unknown section 'Peers'; did you mean [Peer]?", "3:1 this [Peer] has"]),
    ("[Interface] x", ["3:1 this must be [Interface], alone in its line"]),
    ("[Interface", ["3:1 this must be [Interface], alone in its line"]),
    ("[Foo]\nBar = 1", ["3:1 unknown section 'Foo'; there are only [Interface] and [Peer]"]),
    # sections
    ("AllowedIPs = ::/0", ["3:1 AllowedIPs belongs in [Peer]; line 3 is in the [Interface] of li"]),
    (f"{PEER}Address = 10.0.0.1", ["5:1 Address belongs in [Interface]; line 5 is in the [Peer]"]),
    ("[Peer]", ["3:1 this [Peer] has no PublicKey"]),
    # lines
    ("; comment", ["3:1 this isn't a comment; comments begin with '#'"]),
    ("// comment", ["3:1 this isn't a comment; comments begin with '#'"]),
    ("ListenPort = 5 ; comment", ["3:14 ListenPort: '5;comment' isn't", "comments begin with '#'"]),
    ("MTU 1420", ["3:1 the '=' after MTU is missing"]),
    ("MTU: 1420", ["3:1 the '=' after MTU is missing"]),
    ("  Table", ["3:3 the '=' after Table is missing"]),
    ("PostUp iptables --dport=5", ["3:1 the '=' after PostUp is missing"]),
    ("hello", ["3:1 this line has no '='; comments begin with '#'"]),
    (PUBLIC, ["3:1 a key stands here without its name"]),
    (f"{PEER}AllowedIPs =", ["5:1 AllowedIPs has no value; leave the line out"]),
    (f"{PEER}PresharedKey = # none", ["5:1 PresharedKey has no value"]),
    # other programs
    ("Jc = 4\nJmin = 40\nS1 = 0\nH1 = 1-2\nI5 = <b>", ["3:1 Jc is a key of AmneziaWG; the kernel"]),
    (f"{PEER}Reserved = 1,2,3", ["5:1 Reserved is a key of sing-box or Xray"]),
    ("IncludedApplications = a.b", ["3:1 IncludedApplications is a key of WireGuard's app"]),
    ("[Socks5]\nBindAddress = 127.0.0.1:1080", ["3:1 [Socks5] is a section of wireproxy"]),
    ("[http]", ["3:1 [http] is a section of wireproxy"]),
    ("[WireGuardPeer]", ["3:1 [WireGuardPeer] is a section of systemd-networkd"]),
    # numbers
    ("ListenPort = 65536", ["3:14 ListenPort: '65536' isn't a number from 0 to 65535"]),
    ("ListenPort = domain", ["3:14 ListenPort: 'domain' isn't"]),
    ("ListenPort = off", ["3:14 ListenPort: 'off' isn't"]),
    ("ListenPort = 1_0", ["3:14 ListenPort: '1_0' isn't"]),
    ("ListenPort = +5", ["3:14 ListenPort: '+5' isn't"]),
    ("ListenPort = \u0665", ["3:14 ListenPort: this isn't"]),
    ("FwMark = 0XCA6C", ["3:10 FwMark: '0XCA6C' isn't 'off' or", "is a small one"]),
    ("FwMark = 0x", ["3:10 FwMark: '0x' isn't"]),
    ("FwMark = 0x100000000", ["3:10 FwMark: '0x100000000' isn't"]),
    (f"{PEER}PersistentKeepalive = 0x19", ["5:23 PersistentKeepalive: '0x19' isn't"]),
    (f"{PEER}PersistentKeepalive = 65536", ["5:23 PersistentKeepalive: '65536' isn't"]),
    ("MTU = 67", ["3:7 MTU: '67' isn't a number from 68 on; 1420"]),
    ("MTU = 1420 1400", ["3:7 MTU: '1420 1400' isn't"]),
    ("SaveConfig = yes", ["3:14 SaveConfig: 'yes' isn't 'true' or 'false'"]),
    # addresses
    ("Address = 10.0.0.300, fd00::g", ["3:11 Address: '10.0.0.300'", "3:23 Address: 'fd00::g'"]),
    ("Address = 10.0.0.1/33", ["3:20 Address: the prefix of '10.0.0.1/33' isn't a number from 0"]),
    ("Address = 10.0.0.1/08", ["3:20 Address: the prefix"]),
    ("Address = 10.0.0.1/255.0.255.0", ["3:20 Address: the prefix"]),
    ("Address = 10.0.0.1\v10.0.0.2", ["3:11 Address: this isn't an IP address"]),
    ("Address = 10.8/16", ["3:11 Address: '10.8/16' isn't an IP address"]),
    ("Address = 010.0.0.1", ["3:11 Address: '010.0.0.1' isn't"]),
    ("Address = fe80::1%eth0/64", ["3:11 Address: 'fe80::1%eth0/64' isn't"]),
    ("Address = 0.0.0.0/0", ["3:11 Address: '0.0.0.0/0' can't be an interface's address"]),
    ("Address = ff02::1", ["3:11 Address: 'ff02::1' can't be"]),
    ('Address = "10.0.0.1"', ["3:11 Address:", "remove the quotes"]),
    ("DNS = 10.0.0.1:53", ["3:7 DNS: '10.0.0.1:53' isn't the address of a DNS server; write it w"]),
    ("DNS = 1.1.1, a/b", ["3:7 DNS: '1.1.1' isn't", "3:14 DNS: 'a/b' is neither a DNS server"]),
    (f"{PEER}AllowedIPs = ::/0, 10.0.0.0/33", ["5:29 AllowedIPs: the prefix of '10.0.0.0/33'"]),
    (f"{PEER}AllowedIPs = 10.0.0.0/255.0.0.0", ["5:23 AllowedIPs:", "write /8 for this mask"]),
    (f"{PEER}AllowedIPs = ::/0,", ["5:19 AllowedIPs: an address is missing", "a comma too many"]),
    (f"{PEER}AllowedIPs = 10/8", ["5:14 AllowedIPs: '10/8' isn't an address range"]),
    (f"{PEER}AllowedIPs = 01.0.0.0/8", ["5:14 AllowedIPs: '01.0.0.0/8' isn't"]),
    (f"{PEER}AllowedIPs = ::/0 10.0.0.0/8", ["5:17 AllowedIPs: the prefix", "commas"]),
    (f"{PEER}AllowedIPs = fe80::1%lo/64", ["5:14 AllowedIPs: a range can't have a zone"]),
    (f"{PEER}AllowedIPs = \u00a0::/0", ["5:14 AllowedIPs: this isn't an address range"]),
    # endpoints
    (f"{PEER}Endpoint = vpn.example", ["5:12 Endpoint: 'vpn.example' has no port; write HOST:POR"]),
    (f"{PEER}Endpoint = vpn.example:", ["5:12 Endpoint: 'vpn.example:' has no port"]),
    (f"{PEER}Endpoint = 2001:db8::1", ["5:12 Endpoint: '2001:db8::1' has no port; write [ADDRESS"]),
    (f"{PEER}Endpoint = [2001:db8::1]", ["5:12 Endpoint: '[2001:db8::1]' has no port"]),
    (f"{PEER}Endpoint = [2001:db8::1:5", ["5:12 Endpoint: the ']' after the address is missing"]),
    (f"{PEER}Endpoint = a:0", ["5:14 Endpoint: the port isn't a number from 1 to 65535"]),
    (f"{PEER}Endpoint = [::1]:99999", ["5:18 Endpoint: the port isn't a number"]),
    (f"{PEER}Endpoint = a:5182O", ["5:14 Endpoint: the port isn't a number"]),
    (f"{PEER}Endpoint = *:5", ["5:12 Endpoint: '*' is neither an address nor a host name"]),
    (f"{PEER}Endpoint = :5", ["5:12 Endpoint: this is neither"]),
    (f"{PEER}Endpoint = 10.0.0.256:5", ["5:12 Endpoint: '10.0.0.256' isn't an IPv4 address"]),
    (f"{PEER}Endpoint = https://a.example:5", ["5:12 Endpoint: an endpoint isn't a URL"]),
    (f"{PEER}Endpoint = b\u00fccher.example:5", ["5:12 Endpoint: this host name isn't in ASCII;"]),
    (f"{PEER}Endpoint = [2001:db8::1%eth0]:5", ["5:12 Endpoint: only a link-local address"]),
    (f"{PEER}Endpoint = [fe80::1%]:5", ["5:12 Endpoint: only a link-local address"]),
    (f"{PEER}Endpoint = <host>:5", ["5:12 Endpoint:", "placeholder"]),
    # keys
    (f"{PEER}PresharedKey = {PRESHARED[:-1]}", ["5:16 PresharedKey: the '=' at the end of this k"]),
    (f"{PEER}PresharedKey = {PRESHARED[1:]}", ["5:16 PresharedKey: this key has 43 characters, n"]),
    (f"{PEER}PresharedKey = {PRESHARED}x", ["5:16 PresharedKey:"]),
    (f"{PEER}PresharedKey = {PRESHARED}{PRESHARED}", ["5:16 PresharedKey:"]),
    (f"{PEER}PresharedKey = {PRESHARED[:-3]}-_=", ["5:16 PresharedKey: this key is in the URL's"]),
    (f"{PEER}PresharedKey = {'0f' * 32}", ["5:16 PresharedKey: this key is in hexadecimal"]),
    (f"{PEER}PresharedKey = {'A' * 42}9=", ["5:16 PresharedKey: this isn't a key that 'wg genkey"]),
    (f'{PEER}PresharedKey = "{PRESHARED}"', ["5:16 PresharedKey:", "remove the quotes"]),
    (f"{PEER}PresharedKey = <yours>", ["5:16 PresharedKey:", "placeholder"]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "faults"), MISTAKES, ids=[faults[0] for _, faults in MISTAKES])
def test_mistake_is_reported_with_its_place_and_what_was_meant(
    text: str, faults: list[str]
) -> None:
    error = refused(INTERFACE + text + "\n")
    told = [f"{each.line}:{each.column} {each}" for each in error.faults]
    starts = [each for each in faults if each[0].isdigit()]
    assert len(told) == len(starts), told
    assert all(each.startswith(start) for each, start in zip(told, starts, strict=True)), told
    assert all(each in str(error) for each in faults if each not in starts), told


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(b"", "x.conf:1:1: this file is empty", id="empty"),
        pytest.param(b"\r\n \n", "x.conf:1:1: this file is empty", id="blank"),
        pytest.param(b"# a\n", "x.conf:1:1: this file has no PrivateKey in an [Int", id="comment"),
        pytest.param(b"[Interface]\n", "x.conf:1:1: this file has no PrivateKey", id="no key"),
        pytest.param(
            INTERFACE.replace(PRIVATE, ZEROS).encode(),
            "x.conf:2:14: PrivateKey: zeros are no key; make one with 'wg genkey'",
            id="zeros",
        ),
        pytest.param(
            INTERFACE.replace("\n", "\r").encode(),
            "x.conf:1:1: this file has CR alone at its line ends; save it with LF or CR LF",
            id="CR",
        ),
        *(
            pytest.param(
                INTERFACE.encode(encoding),
                "x.conf:1:1: this file is in UTF-16 or isn't text; save it as UTF-8",
                id=encoding,
            )
            for encoding in ("utf-16", "utf-16-le", "utf-16-be", "utf-32")
        ),
        pytest.param(
            f"PrivateKey = {PRIVATE}\nMTU = 1420\nFoo = 1\n".encode(),
            "x.conf:1:1: this comes before any section; begin with [Interface]",
            id="no section",
        ),
        pytest.param(
            b"; mine\n" + INTERFACE.encode(),
            "x.conf:1:1: this isn't a comment; comments begin with '#'",
            id="comment first",
        ),
    ],
)
def test_file_that_is_wrong_as_a_whole_is_reported_in_one_line(data: bytes, expected: str) -> None:
    [line] = str(refused(data)).splitlines()
    assert line.startswith(expected)


def test_all_mistakes_of_a_file_are_reported_at_once_in_their_order() -> None:
    text = (
        f"[Interface]\nPrivateKey = {PRIVATE[1:]}\nAdress = 10.0.0.1\n; x\n"
        "[Peer]\nAllowedIPs = 10.0.0.0/33\nEndpoint = vpn.example\n"
    )
    assert str(refused(text)).splitlines() == [
        "x.conf:2:14: PrivateKey: this key has 43 characters, not 44; "
        "it was cut short: copy it again [WG217]",
        "x.conf:3:1: unknown key 'Adress'; did you mean Address? [WG211]",
        "x.conf:4:1: this isn't a comment; comments begin with '#' [WG213]",
        "x.conf:5:1: this [Peer] has no PublicKey [WG216]",
        "x.conf:6:23: AllowedIPs: the prefix of '10.0.0.0/33' isn't a number from 0 to 32 [WG219]",
        "x.conf:7:12: Endpoint: 'vpn.example' has no port; "
        "write HOST:PORT, as in vpn.example.net:51820 [WG220]",
    ]


@pytest.mark.parametrize("name", ["PrivateKey", "PrivateKeyy", "Private-Key", "privatekey "])
def test_key_with_a_mistake_is_not_reported_as_missing(name: str) -> None:
    error = refused(f"[Interface]\n{name} = {PRIVATE[1:]}\n")
    assert len(error.faults) == 1
    assert "has no PrivateKey" not in str(error)


def test_columns_count_characters_as_they_are_in_the_file() -> None:
    [fault] = refused(f"\ufeff{INTERFACE}{PEER} Allowed IPs\t= ::/0 , 1 0 . 0/8 # é\n").faults
    assert (fault.line, fault.column) == (5, 23)


# Keys are secret


def _everything_said(error: BaseException) -> str:
    said = [str(error), repr(error), "".join(traceback.format_exception(error))]
    inner: BaseException | None = error
    while inner is not None:
        said += [repr(inner), str(inner.args)]
        inner = inner.__cause__ or inner.__context__
    return "\n".join(said)


secret_lines = st.sampled_from(
    [
        "PrivateKey = {}",
        "PrivateKey {}",
        "PrivateKey: {}",
        "PrivateKeyy{}",
        "PrivateKey{}",
        "{} = 1",
        "{}",
        "Address = {}",
        "Endpoint = {}",
        "Endpoint = {}:51820",
        "Endpoint = [{}]:51820",
        "Endpoint = a.example:{}",
        "AllowedIPs = {}",
        "AllowedIPs = 10.0.0.0/{}",
        "DNS = {}",
        "DNS = 10.0.0.1 {}",
        "MTU = {}",
        "Table = {}",
        "SaveConfig = {}",
        "FwMark = {}",
        "ListenPort = {}",
        "PersistentKeepalive = {}",
        "PresharedKey = {}",
        "PublicKey = {}",
        "PostUp = wg set wg0 private-key {}",
        "[{}]",
        "[Peer] {}",
        "; {}",
    ]
)


@relaxed
@given(
    secret=st.binary(min_size=32, max_size=32).map(lambda raw: Key(raw).base64()),
    line=secret_lines,
    section=st.sampled_from(["", INTERFACE, INTERFACE + PEER]),
    start=st.integers(0, 20),
    end=st.integers(24, 44),
    gap=st.sampled_from(["", " ", "\n", "-", "é"]),
)
def test_no_piece_of_a_key_is_ever_repeated(
    secret: str, line: str, section: str, start: int, end: int, gap: str
) -> None:
    piece = secret[start:end]
    text = section + line.format(piece[:20] + gap + piece[20:]) + "\n"
    try:
        said = repr(accepted(text).warnings)
    except ConfigError as error:
        said = _everything_said(error)
    runs = {secret[place : place + 16] for place in range(len(secret) - 15)}
    assert not any(run in said for run in runs)
    assert PRIVATE not in said


def test_a_configuration_shows_none_of_its_keys() -> None:
    config = accepted(f"{INTERFACE}{PEER}PresharedKey = {PRESHARED}\n")
    assert not any(secret[:16] in repr(config) for secret in (PRIVATE, PUBLIC, PRESHARED))


@relaxed
@given(data=st.binary() | st.text().map(str.encode) | nearly_files().map(str.encode))
def test_any_bytes_are_read_or_refused_with_a_place(data: bytes) -> None:
    _read_or_refuse(data)


@relaxed
@given(text=nearly_quick_files(), encoding=st.sampled_from(["utf-8", "utf-16", "utf-7"]))
def test_any_text_is_read_or_refused_with_a_place(text: str, encoding: str) -> None:
    _read_or_refuse(text.encode(encoding))


def _faults(data: bytes) -> tuple[Fault, ...]:
    """The faults of a file that is refused, or the warnings of one that isn't."""
    try:
        return parse(data, "x.conf").warnings
    except ConfigError as error:
        return error.faults


def _read_or_refuse(data: bytes) -> None:
    faults = _faults(data)
    lines = data.decode(errors="replace").split("\n")
    assert all(1 <= fault.line <= len(lines) for fault in faults)
    assert all(1 <= fault.column <= len(lines[fault.line - 1]) + 1 for fault in faults)
    assert all("\n" not in str(fault) for fault in faults)
    longer_than_a_name = re.compile("[A-Za-z0-9+/]{21}")
    assert not any(longer_than_a_name.search(str(fault)) for fault in faults)


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
