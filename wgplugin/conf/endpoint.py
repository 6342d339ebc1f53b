"""A peer's Endpoint, from its text. Pure."""

from __future__ import annotations

import re
import string
from ipaddress import IPv4Address, IPv6Address

from wgplugin.codes import Code
from wgplugin.conf.values import HOST_NAME, MAX_FWMARK, MAX_PORT, BadValueError, decimal, literal
from wgplugin.model.configuration import PeerEndpoint
from wgplugin.redact import shown

_SERVICE = re.compile(r"[A-Za-z][A-Za-z0-9._+-]{0,31}")
_NUMBER_LABEL = re.compile(r"[0-9]+|0[xX][0-9a-fA-F]*")
_ZONE = re.compile(r"[A-Za-z0-9_.=+-]{1,15}")


def endpoint(text: str) -> PeerEndpoint:
    """Read Endpoint: ``host:port``, split at the last colon or after the brackets (config.c).

    Stricter than wg(8), which accepts a port of 0 or 99999, ``*``, and outdated notations such as
    ``0x7f.1``. Host names, service names and zones are checked at lookup, not here.

    Raises:
        BadValueError: the text isn't an endpoint.
    """
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        port = rest[1:] if rest.startswith(":") else ""
        if not bracket:
            message, hint = "the ']' after the address is missing", "write [ADDRESS]:PORT"
            raise BadValueError(Code.BAD_ENDPOINT, message, hint)
        offset = len(host) + 3
    else:
        host, colon, port = text.rpartition(":")
        host, port = (host, port) if colon else (text, "")
        offset = len(host) + 1
    if not port:
        hint = "write HOST:PORT, as in vpn.example.net:51820"
        raise BadValueError(Code.BAD_ENDPOINT, f"{shown(text)} has no port", hint)
    _check_host(host, text)
    if port[0] in string.digits or not _SERVICE.fullmatch(port):
        number = decimal(port, MAX_PORT)
        if not number:
            message = f"the port isn't a number from 1 to {MAX_PORT}"
            raise BadValueError(Code.BAD_ENDPOINT, message, "", offset)
    return PeerEndpoint(host, port)


def _check_host(host: str, text: str) -> None:
    name, percent, zone = host.partition("%")
    address = literal(name)
    if isinstance(address, IPv6Address):
        numbered = decimal(zone, MAX_FWMARK) is not None
        local = address.is_link_local or address.is_multicast
        named = local and _ZONE.fullmatch(zone) is not None
        if percent and not (numbered or named):
            message = "only a link-local address (fe80::) has a zone, an interface's name"
            raise BadValueError(Code.BAD_ENDPOINT, message)
    elif "//" in host:
        hint = "leave out everything before the host's name"
        raise BadValueError(Code.BAD_ENDPOINT, "an endpoint isn't a URL", hint)
    elif ":" in host and literal(text.strip("[]")):
        hint = "write [ADDRESS]:PORT"
        raise BadValueError(Code.BAD_ENDPOINT, f"{shown(text)} has no port", hint)
    elif not host.isascii():
        hint = "write it in its xn-- form"
        raise BadValueError(Code.BAD_ENDPOINT, "this host name isn't in ASCII", hint)
    elif not HOST_NAME.fullmatch(host):
        message = f"{shown(host)} is neither an address nor a host name"
        raise BadValueError(Code.BAD_ENDPOINT, message)
    elif not isinstance(address, IPv4Address) and _ends_in_number(host):
        message = f"{shown(host)} isn't an IPv4 address"
        raise BadValueError(Code.BAD_ENDPOINT, message, "it has four numbers")


def _ends_in_number(host: str) -> bool:
    return _NUMBER_LABEL.fullmatch(host.rstrip(".").rpartition(".")[2]) is not None
