"""The values of a configuration file: one function for each kind, text in and value out.

The rules are those of wg(8) (config.c, encoding.c) for its own keys, and of wg-quick(8) with ip(8)
for the others. Each function raises `BadValueError`; no message repeats a key. Pure: no input, no
output.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
)

from wgplugin.codes import Code
from wgplugin.model.device import AllowedIP, Key
from wgplugin.model.prefixes import InterfaceAddress, IPAddress
from wgplugin.redact import shown

MAX_PORT = 65535
MAX_FWMARK = 0xFFFFFFFF
MIN_MTU = 68
"""Below this the kernel turns IPv4 off."""
MAX_MTU = 2147483552
"""The kernel's limit for a WireGuard device (drivers/net/wireguard/device.c)."""

_DIGITS = re.compile(r"[0-9]+")
_HEX = re.compile(r"0x([0-9a-fA-F]+)")
_C_NOTATIONS = {
    10: re.compile(r"[1-9][0-9]*"),
    8: re.compile(r"0[0-7]*"),
    16: re.compile(r"0[xX][0-9a-fA-F]+"),
}
HOST_NAME = re.compile(r"(?=.{1,253}\.?$)[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*\.?")
_WORD = re.compile(r"[^ \t,]+")
_BASE64 = set(string.ascii_letters + string.digits + "+/")
_KEY_CHARACTERS = 44


class BadValueError(Exception):
    """Raised for a value that can't be used; ``offset`` is where in the text it goes wrong."""

    def __init__(self, code: Code, message: str, hint: str = "", offset: int = 0) -> None:
        self.code = code
        self.message = message
        self.hint = hint
        self.offset = offset
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class AllowedIPChange:
    """One item of AllowedIPs: a range to add (``+`` or nothing before it) or to remove (``-``).

    ``exact`` is false if the item had bits after its prefix, which the kernel drops.
    """

    range: AllowedIP
    sign: str
    exact: bool


def whole(text: str) -> Iterator[tuple[int, str]]:
    """Take a value that isn't a list: one item, and where it starts."""
    yield 0, text


def commas(text: str) -> Iterator[tuple[int, str]]:
    """Take a list with commas between its items, as wg(8) does; an item may be empty."""
    offset = 0
    for item in text.split(","):
        yield offset, item
        offset += len(item) + 1


def words(text: str) -> Iterator[tuple[int, str]]:
    """Take a list with commas or spaces between its items, as wg-quick(8) does."""
    return ((match.start(), match[0]) for match in _WORD.finditer(text))


def key(text: str) -> Key:
    """Read a key: 44 characters of canonical base64 (encoding.c)."""
    try:
        return Key.from_base64(text)
    except ValueError:
        pass
    raise BadValueError(Code.BAD_KEY, *_what_is_wrong_with_key(text))


def _what_is_wrong_with_key(text: str) -> tuple[str, str]:
    body = text.rstrip("=")
    if set(body) & set("-_") and set(body) <= _BASE64 | set("-_"):
        return "this key is in the URL's form of base64", "write '+' for '-' and '/' for '_'"
    if len(text) == 64 and set(text) <= set(string.hexdigits):
        return "this key is in hexadecimal", "WireGuard wants base64, as 'wg genkey' writes it"
    if not set(body) <= _BASE64:
        return "this isn't a key: it has characters that base64 doesn't", "copy it again"
    if len(body) == _KEY_CHARACTERS - 1 and text == body:
        return "the '=' at the end of this key is missing", "copy it again, to its end"
    if len(text) < _KEY_CHARACTERS:
        return f"this key has {len(text)} characters, not 44", "it was cut short: copy it again"
    if len(text) > _KEY_CHARACTERS:
        return f"this key has {len(text)} characters, not 44", "something follows it: copy it again"
    return "this isn't a key that 'wg genkey' would write", "a character is wrong: copy it again"


def listen_port(text: str) -> int:
    """Read ListenPort: 0 to 65535, 0 for automatic.

    Stricter than wg(8), which takes 70000 for 4464 and looks up names of services.
    """
    number = decimal(text, MAX_PORT)
    if number is None:
        raise BadValueError(Code.BAD_VALUE, f"{shown(text)} isn't a number from 0 to {MAX_PORT}")
    return number


def fwmark(text: str) -> int:
    """Read FwMark: ``off``, decimal, or hexadecimal after a small ``0x`` (config.c)."""
    if text.lower() == "off":
        return 0
    number = decimal(text, MAX_FWMARK)
    if number is None and (match := _HEX.fullmatch(text)):
        number = _bounded(match[1], 16, MAX_FWMARK)
    if number is None:
        raise BadValueError(
            Code.BAD_VALUE,
            f"{shown(text)} isn't 'off' or a number from 0 to 0xffffffff",
            "the x of a hexadecimal number is a small one" if text.startswith("0X") else "",
        )
    return number


def persistent_keepalive(text: str) -> int:
    """Read PersistentKeepalive: ``off`` or seconds from 0 to 65535 (config.c)."""
    number = 0 if text.lower() == "off" else decimal(text, 65535)
    if number is None:
        message = f"{shown(text)} isn't 'off' or a number of seconds from 0 to 65535"
        raise BadValueError(Code.BAD_VALUE, message)
    return number


def allowed_ip(item: str) -> AllowedIPChange:
    """Read an item of AllowedIPs, with ``+`` or ``-`` before it if it changes what the peer has
    (config.c, since wireguard-tools 1.0.20250521)."""
    sign = item[:1] if item[:1] in ("+", "-") else ""
    address_text, slash, prefix_text = item[len(sign) :].partition("/")
    if not item:
        message, hint = "an address is missing in this list", "there is a comma too many"
        raise BadValueError(Code.BAD_ALLOWED_IP, message, hint)
    if "%" in address_text:
        message, hint = "a range can't have a zone", "leave out '%' and all after it"
        raise BadValueError(Code.BAD_ALLOWED_IP, message, hint)
    address = literal(address_text)
    if address is None:
        raise BadValueError(
            Code.BAD_ALLOWED_IP,
            f"{shown(item)} isn't an address range",
            "write it like 10.0.0.0/8 or fd00::/8, with commas between",
        )
    prefix = decimal(prefix_text, address.max_prefixlen) if slash else address.max_prefixlen
    if prefix is None:
        raise _bad_prefix(Code.BAD_ALLOWED_IP, item, prefix_text, address)
    number = int(address)
    range_: AllowedIP = (
        IPv4Network((number, prefix), strict=False)
        if isinstance(address, IPv4Address)
        else IPv6Network((number, prefix), strict=False)
    )
    return AllowedIPChange(range_, sign, exact=number == int(range_.network_address))


def interface_address(item: str) -> InterfaceAddress:
    """Read an item of Address: an IP address with an optional prefix.

    A dotted mask is taken, as by ip(8); its short, octal and hexadecimal forms are not.
    """
    address_text, slash, prefix_text = item.partition("/")
    address = literal(address_text)
    if address is None:
        hint = "write it like 10.0.0.2/32 or fd00::2/128"
        raise BadValueError(Code.BAD_ADDRESS, f"{shown(item)} isn't an IP address", hint)
    if _no_host(address):
        raise BadValueError(Code.BAD_ADDRESS, f"{shown(item)} can't be an interface's address")
    prefix = _address_prefix(prefix_text, address) if slash else address.max_prefixlen
    if prefix is None:
        raise _bad_prefix(Code.BAD_ADDRESS, item, prefix_text, address)
    if isinstance(address, IPv4Address):
        return IPv4Interface((int(address), prefix))
    return IPv6Interface((int(address), prefix))


def _no_host(address: IPAddress) -> bool:
    loopback = address.version == 6 and address.is_loopback
    return address.is_unspecified or address.is_multicast or loopback


def _address_prefix(text: str, address: IPAddress) -> int | None:
    mask = literal(text)
    if isinstance(mask, IPv4Address) and isinstance(address, IPv4Address):
        return _mask_length(mask)
    return None if text[:1] == "0" and text != "0" else decimal(text, address.max_prefixlen)


def _mask_length(mask: IPv4Address) -> int | None:
    hosts = ~int(mask) & 0xFFFFFFFF
    return 32 - hosts.bit_length() if hosts & (hosts + 1) == 0 else None


def dns(item: str) -> IPAddress | str:
    """Read an item of DNS: a server's address, or a domain to search.

    wg-quick takes for a server what has only digits and dots, or a colon (linux.bash).
    """
    if ":" in item or not item.strip("0123456789."):
        server = literal(item, zone=True)
        if server is None:
            message = f"{shown(item)} isn't the address of a DNS server"
            raise BadValueError(Code.BAD_DNS, message, "write it without a port")
        return server
    if item != "~." and not HOST_NAME.fullmatch(item.removeprefix("~")):
        raise BadValueError(Code.BAD_DNS, f"{shown(item)} is neither a DNS server nor a domain")
    return item


def mtu(text: str) -> int | None:
    """Read MTU as ip(8) does, in C's notations; empty means automatic (linux.bash)."""
    if not text:
        return None
    number = _c_number(text)
    if number is None or not MIN_MTU <= number <= MAX_MTU:
        message = f"{shown(text)} isn't a number from {MIN_MTU} on"
        raise BadValueError(Code.BAD_VALUE, message, "1420 suits most networks")
    return number


def flag(text: str) -> bool:
    """Read SaveConfig: ``true`` or ``false`` in any case (linux.bash)."""
    if text.lower() not in ("true", "false"):
        raise BadValueError(Code.BAD_VALUE, f"{shown(text)} isn't 'true' or 'false'")
    return text.lower() == "true"


def literal(text: str, *, zone: bool = False) -> IPAddress | None:
    """Read an address as inet_pton(3) does: a zone isn't part of one."""
    if "%" in text and not zone:
        return None
    try:
        return IPv6Address(text) if ":" in text else IPv4Address(text)
    except ValueError:
        return None


def _bad_prefix(code: Code, item: str, prefix: str, address: IPAddress) -> BadValueError:
    mask = literal(prefix)
    length = _mask_length(mask) if isinstance(mask, IPv4Address) else None
    hint = f"write /{length} for this mask" if length is not None else ""
    return BadValueError(
        code,
        f"the prefix of {shown(item)} isn't a number from 0 to {address.max_prefixlen}",
        hint,
        item.index("/") + 1,
    )


def decimal(text: str, maximum: int) -> int | None:
    """Read a decimal number; None if the text is no such number, or above the maximum."""
    return _bounded(text, 10, maximum) if _DIGITS.fullmatch(text) else None


def _c_number(text: str) -> int | None:
    base = next((base for base, form in _C_NOTATIONS.items() if form.fullmatch(text)), None)
    return None if base is None else _bounded(text.lower().removeprefix("0x"), base, MAX_MTU)


def _bounded(digits: str, base: int, maximum: int) -> int | None:
    """Read digits whose number may be too long for int() to take."""
    digits = digits.lstrip("0") or "0"
    number = int(digits, base) if len(digits) <= 32 else maximum + 1
    return number if number <= maximum else None
