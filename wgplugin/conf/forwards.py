"""The value of ``forward``: ports of a shared network's tunnel that lead to containers. Pure."""

from __future__ import annotations

import re
from typing import Literal

from wgplugin.codes import Code
from wgplugin.conf.values import MAX_PORT, BadValueError, commas, decimal, literal
from wgplugin.model.router import Forward
from wgplugin.redact import shown

_FORWARD = re.compile(
    r"(?P<port>\w+):(?:(?P<address>[^][:/]*|\[[^][/]*\]):)?(?P<to>\w+)(?:/(?P<protocol>\w*))?"
)
_FORM = "write PORT:ADDRESS:PORT, as 8443:172.20.0.5:443 or 5353:[fd00::5]:53/udp"
_PROTOCOLS: dict[str, Literal["tcp", "udp"]] = {"tcp": "tcp", "udp": "udp"}


def forwards(text: str) -> tuple[Forward, ...]:
    """Read a list with commas between its items, which have the form PORT:ADDRESS:PORT[/PROTOCOL].

    Without an address, it is that of the container whose option this is.

    Raises:
        BadValueError: an item has another form, or a part of it can't be.
    """
    items = [(offset, item) for offset, item in commas(text) if text.strip()]
    return tuple(_forward(item, offset) for offset, item in items)


def _forward(item: str, offset: int) -> Forward:
    text = item.strip()
    offset += item.index(text)
    match = _FORWARD.fullmatch(text)
    if not match:
        raise _fault(f"{shown(text)} isn't a forwarded port", _FORM, offset)
    address = None
    if match["address"] is not None:
        address = literal(match["address"].strip("[]"))
        if address is None:
            message = f"{shown(match['address'])} isn't the address of a forwarded port"
            raise _fault(message, _FORM, offset + match.start("address"))
    protocol = "tcp" if match["protocol"] is None else match["protocol"].lower()
    if protocol not in _PROTOCOLS:
        message = f"the protocol of {shown(text)} isn't tcp or udp"
        raise _fault(message, "", offset + match.start("protocol"))
    port, to = _port(match, "port", offset), _port(match, "to", offset)
    return Forward(port, address, to, _PROTOCOLS[protocol])


def _port(match: re.Match[str], group: str, offset: int) -> int:
    port = decimal(match[group], MAX_PORT)
    if not port:
        message = f"the port {shown(match[group])} isn't a number from 1 to {MAX_PORT}"
        raise _fault(message, "", offset + match.start(group))
    return port


def _fault(message: str, hint: str, offset: int) -> BadValueError:
    return BadValueError(Code.BAD_FORWARD, message, hint, offset)
