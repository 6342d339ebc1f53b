"""A mistake in a configuration file is reported with its place and a cure."""

from __future__ import annotations

import pytest

from tests.conf.reading import (
    INTERFACE,
    PEER,
    PRESHARED,
    PRIVATE,
    PUBLIC,
    ZEROS,
    refused,
)

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
    ("Jc = 4\nS1 = 0\nH1 = 1-2\nH2 = 5", ["5:1 H1 is a key of AmneziaWG; the kernel can't"]),
    ("S2 = 15", ["3:1 S2 is a key of AmneziaWG", "which has S2 = 0 or no such key"]),
    ("h 4 = 5", ["3:1 h4 is a key of AmneziaWG", "which has h4 = 4 or no such key"]),
    ("Jc = many", ["3:1 Jc is a key of AmneziaWG", "which has Jc = 0 or no such key"]),
    ("J1 = 5", ["3:1 J1 is a key of AmneziaWG; the kernel can't speak it: ask for a plain WireGu"]),
    (f"{PEER}S1 = 0", ["5:1 S1 is a key of AmneziaWG; the kernel can't speak it: ask for a plain"]),
    ("Jc", ["3:1 Jc is a key of AmneziaWG"]),
    (f"{PEER}Reserved = 1,2,3", ["5:1 Reserved is a key of sing-box or Xray", "Reserved = 0,0,0"]),
    ("Reserved = [0,0,0", ["3:1 Reserved is a key of sing-box or Xray; kernel WireGuard always"]),
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
    # characters that only look like a space
    (f"{PEER}AllowedIPs = \u00a0::/0", ["5:14 AllowedIPs: here is a no-break space, U+00A0; r"]),
    (f"{PEER}AllowedIPs = ::/0, \u20070.0.0.0/0", ["5:20 AllowedIPs: here is a figure space, U+2"]),
    ("Address = 10.0.0.1,\u202f10.0.0.2", ["3:20 Address: here is a narrow no-break space, U+202"]),
    ("MTU = 1420\u200b", ["3:11 MTU: here is a zero-width space, U+200B; delete it"]),
    (f"{PEER}Endpoint = a.example:5\u00a0", ["5:23 Endpoint: here is a no-break space, U+00A0"]),
    (f"{PEER}PresharedKey = {PRESHARED}\u00a0", ["5:60 PresharedKey: here is a no-break space, "]),
    ("DNS\u00a0= 10.0.0.1", ["3:4 here is a no-break space, U+00A0; replace it with a plain sp"]),
    ("\u00a0", ["3:1 here is a no-break space, U+00A0"]),
    ("[Peer]\u00a0\nPublicKey = x", ["3:7 here is a no-break space", "4:13 PublicKey: this key"]),
    ("; a\u00a0comment", ["3:1 this isn't a comment"]),
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
