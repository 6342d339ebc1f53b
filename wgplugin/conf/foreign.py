"""The keys and sections that other programs write into WireGuard's files.

Such a key has no effect here. It is ignored if plain WireGuard behaves as its value asks, and
refused otherwise. Pure.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from wgplugin.codes import Code
from wgplugin.conf.keys import Warned


class Owner(NamedTuple):
    """A program, and the cure for a file that has its keys or sections."""

    name: str
    hint: str


class _Plain(NamedTuple):
    """The values of a key, without white space, with which plain WireGuard works.

    ``example`` is one of them. ``warning`` is for a file that has one in one of ``sections``.
    """

    sections: tuple[str, ...]
    values: re.Pattern[str]
    example: str
    hint: str
    warning: str


_AMNEZIA = Owner("AmneziaWG", "the kernel can't speak it: ask for a plain WireGuard file")
_SING_BOX = Owner("sing-box or Xray", "kernel WireGuard has nothing like it: remove the line")
_ANDROID = Owner("WireGuard's app for Android", "remove the line")
_WIREPROXY = Owner("wireproxy", "remove the section: containers need no proxy to the tunnel")
_NETWORKD = Owner("systemd-networkd", "write the file in the form that wg-quick takes")

_KEYS = {
    **dict.fromkeys(["jc", "jmin", "jmax", "itime", "advancedsecurity"], _AMNEZIA),
    **{f"{letter}{number}": _AMNEZIA for letter in "shij" for number in range(1, 6)},
    **dict.fromkeys(["reserved", "clientid"], _SING_BOX),
    **dict.fromkeys(["excludedapplications", "includedapplications"], _ANDROID),
    **dict.fromkeys(["checkalive", "checkaliveinterval"], _WIREPROXY),
    **dict.fromkeys(["publickeyfile", "privatekeyfile", "routeallowedips"], _NETWORKD),
}

_SECTIONS = {
    **dict.fromkeys(
        ["socks5", "http", "tcpclienttunnel", "tcpservertunnel", "stdiotunnel", "sni", "resolve"],
        _WIREPROXY,
    ),
    **dict.fromkeys(
        ["netdev", "wireguard", "wireguardpeer", "match", "network", "route"], _NETWORKD
    ),
}


def _amnezia(pattern: str, example: str = "0") -> _Plain:
    return _Plain(
        sections=("Interface",),
        values=re.compile(pattern),
        example=example,
        hint=f"{_AMNEZIA.hint}, which has {{}} or no such key",
        warning="AmneziaWG's keys are ignored: with these values the peer speaks plain WireGuard; "
        "no junk packets are sent",
    )


# Sources: the README of amneziawg-go. A client sends the packets of Jc, Jmin, Jmax and I1 to I5
# before its handshake, and any peer drops them. S is padding and H a message's type: both ends
# must have the same.
_PLAIN = {
    **dict.fromkeys(["jc", "jmin", "jmax"], _amnezia("[0-9]+")),
    **{f"s{number}": _amnezia("0+") for number in range(1, 5)},
    **{f"h{number}": _amnezia(f"0*{number}", str(number)) for number in range(1, 5)},
    **{f"i{number}": _amnezia("(?s:.*)") for number in range(1, 6)},
    "reserved": _Plain(
        sections=("Interface", "Peer"),
        values=re.compile(r"0+,0+,0+|\[0+,0+,0+\]"),
        example="0,0,0",
        hint="kernel WireGuard always has {}: remove the line",
        warning="Reserved is ignored: plain WireGuard always has zeros there",
    ),
}


def ignored(name: str, value: str, section: str) -> Warned | None:
    """Return a warning if plain WireGuard does what a key asks, else None.

    ``name`` is in lower case, ``value`` without white space, ``section`` a title or empty.
    """
    plain = _PLAIN.get(name)
    if plain is None or section not in plain.sections or not plain.values.fullmatch(value):
        return None
    return Warned(Code.IGNORED, plain.warning)


def owner_of_key(name: str, written: str, section: str) -> Owner | None:
    """Return the program that has a key of this name, with a cure for the value that it has.

    ``written`` is the name as it stands in the file; for the others see ignored().
    """
    owner, plain = _KEYS.get(name), _PLAIN.get(name)
    if owner is None or plain is None or section not in plain.sections:
        return owner
    return owner._replace(hint=plain.hint.format(f"{written} = {plain.example}"))


def owner_of_section(name: str) -> Owner | None:
    """Return the program that has a section of this name, which is in lower case."""
    return _SECTIONS.get(name)
