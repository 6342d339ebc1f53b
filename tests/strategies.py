"""Hypothesis strategies for configuration files: values with the text that says them, and text that
is nearly, but not always, a file."""

from __future__ import annotations

import base64
from collections.abc import Callable
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
)
from itertools import product

from hypothesis import strategies as st

from wgplugin.model.configuration import InterfaceConfig, PeerEndpoint, PeerSection
from wgplugin.model.device import Key

keys = st.binary(min_size=32, max_size=32).filter(any).map(Key)
addresses: st.SearchStrategy[IPv4Address | IPv6Address] = st.ip_addresses().filter(
    lambda address: "%" not in str(address)
)
_labels = st.sampled_from(
    ["vpn", "a", "xn--bcher-kva", "us-free-14", "_udp", "9", "example", "net"]
)
host_names = st.lists(_labels, min_size=1, max_size=4).map(
    lambda labels: ".".join([*labels, "org"])
)


@st.composite
def interface_addresses(draw: st.DrawFn) -> IPv4Interface | IPv6Interface:
    """An address that an interface can have, with its prefix."""
    number = draw(st.integers(1, 0xFFFF))
    if draw(st.booleans()):
        return IPv4Interface(((10 << 24) + number, draw(st.integers(0, 32))))
    return IPv6Interface(((0xFD << 120) + number, draw(st.integers(0, 128))))


@st.composite
def networks(draw: st.DrawFn) -> IPv4Network | IPv6Network:
    """A range of addresses, masked."""
    if draw(st.booleans()):
        v4 = draw(st.integers(0, 2**32 - 1)), draw(st.integers(0, 32))
        return IPv4Network(v4, strict=False)
    v6 = draw(st.integers(0, 2**128 - 1)), draw(st.integers(0, 128))
    return IPv6Network(v6, strict=False)


@st.composite
def endpoints(draw: st.DrawFn) -> PeerEndpoint:
    """A peer's endpoint: an address, with or without a zone, or a name."""
    zones = st.integers(1, 0xFFFF).map(lambda low: f"{IPv6Address((0xFE80 << 112) + low)}%eth0")
    host = draw(addresses.map(str) | zones | host_names)
    return PeerEndpoint(
        host, draw(st.integers(1, 65535).map(str) | st.sampled_from(["domain", "https"]))
    )


@st.composite
def configs(draw: st.DrawFn) -> InterfaceConfig:
    """What a file without anything to warn of can say."""
    ranges = draw(st.lists(networks(), max_size=8, unique=True))
    peers = [
        PeerSection(
            public_key=key,
            preshared_key=draw(st.none() | keys),
            endpoint=draw(st.none() | endpoints()),
            persistent_keepalive=draw(st.integers(0, 65535)),
            allowed_ips=tuple(ranges[number::3]),
        )
        for number, key in enumerate(draw(st.lists(keys, max_size=3, unique=True)))
    ]
    return InterfaceConfig(
        private_key=draw(keys),
        listen_port=draw(st.integers(0, 65535)),
        fwmark=draw(st.integers(0, 0xFFFFFFFF)),
        addresses=tuple(draw(st.lists(interface_addresses(), max_size=4, unique=True))),
        mtu=draw(st.none() | st.integers(1280, 9000)),
        dns=tuple(draw(st.lists(addresses, max_size=3, unique=True))),
        dns_search=tuple(draw(st.lists(host_names, max_size=2, unique=True))),
        routes=draw(st.booleans()),
        peers=tuple(peers),
        warnings=(),
    )


@st.composite
def written(draw: st.DrawFn, config: InterfaceConfig) -> str:
    """A file that says ``config``, in one of the many ways to write it."""
    lines = ["[Interface]", f"PrivateKey = {config.private_key.base64()}"]
    lines += [f"ListenPort = {config.listen_port}"] if config.listen_port else []
    lines += [f"FwMark = {draw(st.sampled_from(['{}', '{:#x}'])).format(config.fwmark)}"]
    lines += _listed(draw, "Address", config.addresses)
    lines += [f"MTU = {config.mtu}"] if config.mtu else []
    lines += _listed(draw, "DNS", (*config.dns, *config.dns_search))
    lines += [] if config.routes else ["Table = off"]
    for peer in config.peers:
        lines += ["[Peer]", f"PublicKey = {peer.public_key.base64()}"]
        if peer.preshared_key:
            lines += [f"PresharedKey = {peer.preshared_key.base64()}"]
        if peer.endpoint:
            host, port = peer.endpoint.host, peer.endpoint.port
            host = f"[{host}]" if ":" in host else host
            lines += [f"Endpoint = {host}:{port}"]
        if peer.persistent_keepalive or draw(st.booleans()):
            lines += [f"PersistentKeepalive = {peer.persistent_keepalive or 'off'}"]
        lines += _listed(draw, "AllowedIPs", peer.allowed_ips)
    style = draw(st.sampled_from(_STYLES))
    mark, end = draw(st.sampled_from(["", "\ufeff"])), draw(st.sampled_from(["\n", "\r\n"]))
    return mark + end.join(style(line) for line in lines) + draw(st.sampled_from(["", end]))


def _listed(draw: st.DrawFn, name: str, items: tuple[object, ...]) -> list[str]:
    if draw(st.booleans()):
        return [f"{name} = {item}" for item in items]
    return [f"{name} = {draw(st.sampled_from([', ', ',', ' , '])).join(map(str, items))}"] * bool(
        items
    )


def _upper_name(line: str) -> str:
    name, equals, value = line.partition("=")
    return name.upper() + equals + value


def _lower_name(line: str) -> str:
    name, equals, value = line.partition("=")
    return name.lower() + equals + value


_STYLES: list[Callable[[str], str]] = [
    lambda line: line,
    lambda line: line.replace(" = ", "="),
    lambda line: f"\t {line} \t# what = ever, é",
    lambda line: f"\n# PrivateKey = none\n{line}",
    _upper_name,
    _lower_name,
]

_KEY = base64.b64encode(bytes(range(32))).decode()
_OTHER_KEY = base64.b64encode(bytes(range(1, 33))).decode()
VALID_START = f"[Interface]\nPrivateKey = {_KEY}\n"

_KEYS = [_KEY, _OTHER_KEY, f" {_KEY[:9]} {_KEY[9:]}", f"{'A' * 43}=", _KEY[:-1], _KEY[1:], "A" * 44]
_KEYS += [f"{_KEY}=", f"{_KEY[:-2]}9=", "-_".join([_KEY[:20], _KEY[22:]]), f'"{_KEY}"', ""]
_NUMBERS = ["0", "5", "51820", "65535", "65536", "70000", "+5", "-5", "*", "domain", "nosuch", ""]
_NUMBERS += ["0x10", "0X10", "0xg", "0x", "00025", "٥", "5 1", "1_0", "off", "OFF", "oFF ", "5.0"]
_NUMBERS += ["4294967295", "4294967296", "0xffffffff", "0x100000000", "0x0000000001", "9" * 40, "="]
_V4 = ["0.0.0.0", "10.0.0.1", "255.255.255.255", "1.2.3", "1.2.3.4.5", "01.2.3.4", "256.1.1.1", "1"]
_V4 += [
    "1.2.3.00",
    "0x7f.0.0.1",
    "2130706433",
    "1.2.3.4.",
    "１.2.3.4",
    "",
    "localhost",
    "a.invalid",
]
_V6 = [
    "::",
    "::0",
    "2001:db8::1",
    "fe80::1%lo",
    "ff02::1%lo",
    "fe80::1%1",
    "2001:db8::1%lo",
    "1:2:3:4:5:6:7:8",
]
_V6 += ["::ffff:10.0.0.0", "1::2::3", "1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:8::", "::1.2.3", "12345::"]
_V6 += ["FE80::A", "fe80::1%", "fe80::1%nosuchif", ":::", ":1::", "1:", "::g"]
_PREFIXES = ["", "/0", "/8", "/08", "/32", "/33", "/64", "/128", "/129", "/", "/+8", "/8/8", "/0x8"]
_PREFIXES += ["/255.0.0.0", "/٨", "/ 2 4", "/-1", f"/{'0' * 50}8", f"/{'9' * 40}"]

_RANGES = list(map("".join, product(["", "+", "-", "--"], _V4 + _V6, _PREFIXES)))
ADDRESSES = ["".join(pair) for pair in product(_V4 + _V6, [*_PREFIXES, "/255.255.255.0", "/024"])]
"""Addresses with prefixes, most of them wrong."""
_ENDPOINTS = [
    form.format(host, port)
    for form in ("{}:{}", "[{}]:{}", "[{}]{}", "{}{}", "[{}:{}", "{}]:{}", "[[{}]]:{}")
    for host, port in product(_V4 + _V6, _NUMBERS)
]
_VALUES = {
    "PrivateKey": _KEYS,
    "ListenPort": _NUMBERS,
    "FwMark": _NUMBERS,
    "PublicKey": _KEYS,
    "PresharedKey": _KEYS,
    "PersistentKeepalive": _NUMBERS,
    "Endpoint": _ENDPOINTS,
    "AllowedIPs": [*_RANGES, "10.0.0.0/8,", ",10.0.0.0/8", "10.0.0.0/8 fd00::/8", "", ","],
}
_GOOD_VALUES = {
    "PrivateKey": _KEY,
    "ListenPort": "51820",
    "FwMark": "0xCA6C",
    "PublicKey": _OTHER_KEY,
    "PresharedKey": _KEY,
    "PersistentKeepalive": "25",
    "Endpoint": "192.0.2.1:51820",
    "AllowedIPs": "0.0.0.0/0, ::/0",
}
_QUICK_VALUES = {
    "Address": ["10.0.0.2/32, fd00::2/128", "10.0.0.2", "", ",", "10.0.0.2/24 10.0.0.3/24"],
    "DNS": ["10.0.0.1, fritz.box", "", "fd00::1"],
    "MTU": ["1420", "", "0x500"],
    "Table": ["off", "auto", "", "1234"],
    "PostUp": ["iptables -A INPUT # not a comment", "", "echo [Peer]"],
    "preup": ["x = y"],
    "SaveConfig": ["true", "FALSE", "", "yes", "true # so"],
}
_ODD_LINES = ["", "# comment", "; comment", "[Interface]", "[ Inter face ]", "[peer]", "[Peer] # x"]
_ODD_LINES += ["[Peer", "Peer", "[Foo]", "Foo = 1", "=", "= 1", "Endpoint", "\ufeff", "\u00a0", "é"]
_LINE_STYLES = [
    "{}={}", "{} = {}", "{} = {}", "{} = {}", "{}={}\r", "\t{}\v=\f{} ", "{}={} # é", "{}=={}",
    "{} {}", "{}={};", "{}={}\0junk", "{}\0={}", "{} ={},", "#{}={}", "{}=\u00a0{}",
]  # fmt: skip


def _lines(names: list[str], values: dict[str, list[str]] = _VALUES) -> st.SearchStrategy[str]:
    """A line of one of the keys: with a value that is good, with any value, or in an odd style."""
    good = [f"{name} = {_GOOD_VALUES[name]}" for name in names if name in _GOOD_VALUES]
    plain = [[f"{name} = {value}" for value in values[name]] for name in names]
    styled = [
        [style.format(name, value) for style in _LINE_STYLES for value in values[name][:20]]
        for name in names
    ]
    choices = [good or _ODD_LINES, _ODD_LINES, *plain, *styled]
    return st.one_of(*map(st.sampled_from, [good] * 2 * len(names) + choices if good else choices))


def _file(interface: list[str], peers: list[list[str]]) -> str:
    sections = ["\n".join(["[Peer]", f"PublicKey={_OTHER_KEY}", *peer]) for peer in peers]
    return VALID_START + "\n".join([*interface, *sections])


_interface_lines = _lines(["PrivateKey", "ListenPort", "FwMark"])
_peer_lines = _lines(["PublicKey", "PresharedKey", "PersistentKeepalive", "Endpoint", "AllowedIPs"])
_files = st.builds(
    _file,
    st.lists(_interface_lines, max_size=2),
    st.lists(st.lists(_peer_lines, max_size=3), max_size=2),
)
_edits = st.tuples(
    st.integers(0, 1000),
    st.integers(0, 2),
    st.sampled_from(
        [*" \t\r\v\f\n\0#;=,:/[]%+-.0159aAKfFxX\u00a0\u0660\u212a\ufeff", "\x1c", "\x85"]
    ),
)


def _edited(text: str, edits: list[tuple[int, int, str]], start: int) -> str:
    for where, removed, inserted in edits:
        place = start + where * (len(text) - start) // 1000
        text = text[:place] + inserted + text[place + removed :]
    return text


def nearly_files() -> st.SearchStrategy[str]:
    """Files of wg(8)'s keys, some damaged; the PrivateKey at their start mostly isn't."""
    start = st.sampled_from([len(VALID_START)] * 9 + [0])
    return st.builds(_edited, _files, st.lists(_edits, max_size=1), start)


def nearly_quick_files() -> st.SearchStrategy[str]:
    """Files with wg-quick(8)'s keys too, without NULs: bash drops one, wg(8) ends a line there."""
    lines = st.lists(_lines(list(_QUICK_VALUES), _QUICK_VALUES) | _interface_lines, max_size=4)
    files = st.builds(_file, lines, st.lists(st.lists(_peer_lines, max_size=2), max_size=1))
    edits = st.lists(_edits, max_size=1)
    edited = st.builds(_edited, files, edits, st.just(len(VALID_START)))
    return edited.map(lambda text: text.replace("\0", ""))
