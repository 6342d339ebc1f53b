"""nftables messages as bytes, from linux/netfilter/nf_tables.h. Pure.

A tunnel has tables of its own. Of others' tables, a chain alone is ever changed that they have for
rules like that: Docker's DOCKER-USER.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator

from wgplugin.kernel.attributes import nest, pack, pack_text
from wgplugin.kernel.nftables import INET, Chain, PrefixMap, PrefixSet, Rule, Table, jump_to
from wgplugin.model.prefixes import Prefix

_REQUEST, _ACK, _EXCLUSIVE, _CREATE, _APPEND = 1, 4, 0x200, 0x400, 0x800
_BATCH_BEGIN, _BATCH_END = 0x10, 0x11
_SUBSYSTEM = 10
_NEWTABLE, _DELTABLE, _NEWCHAIN = 0, 2, 3
_NEWRULE, _DELRULE, _NEWSET, _NEWSETELEM = 6, 8, 9, 12
_CONSTANT, _INTERVAL, _MAP, _INTERVAL_END = 2, 4, 8, 1
_TO_VERDICTS = 0xFFFFFF00
_ELEMENTS = 500
_KEY_TYPES, _LENGTHS = {4: 7, 6: 8}, {4: 4, 6: 16}
"""Of a set's keys by IP version; the types are those of nft(8), for its listings."""


def create_table(table: Table) -> list[bytes]:
    """Return the messages that create a table; they fail with EEXIST if its name is taken.

    They are a batch: the kernel carries out all of them or none.
    """
    new = _message(_NEWTABLE, table.family, pack_text(1, table.name), _CREATE | _EXCLUSIVE)
    return _batch([new, *_content(table)])


def replace_table(table: Table) -> list[bytes]:
    """Return the messages that create a table in place of one of that name, as one batch.

    To delete a table takes the kernel some 10 ms, to create one a fraction of one.
    """
    name, family = pack_text(1, table.name), table.family
    return _batch(
        [
            _message(_DELTABLE, family, name, 0),
            _message(_NEWTABLE, family, name),
            *_content(table),
        ]
    )


def _content(table: Table) -> list[bytes]:
    family = table.family
    messages: list[bytes] = []
    for number, each in enumerate(table.sets, 1):
        messages += _set(table, each, number)
    for chain in table.chains:
        messages.append(_chain(table, chain))
    for number, found in enumerate(table.maps, len(table.sets) + 1):
        messages += _map(table, found, number)
    for chain in table.chains:
        for rule in chain.rules:
            attributes = _place(table.name, chain.name) + nest(4, b"".join(rule))
            messages.append(_message(_NEWRULE, family, attributes, _CREATE | _APPEND))
    return messages


def delete_table(name: str, family: int = INET) -> list[bytes]:
    """Return the messages that delete a table; they fail with ENOENT if there is none."""
    return _batch([_message(_DELTABLE, family, pack_text(1, name), 0)])


def change_chain(
    family: int,
    table: str,
    chain: str,
    delete: Iterable[int],
    add: Iterable[Rule],
    before: int = 0,
) -> list[bytes]:
    """Return the messages that change the rules of a chain that is there already.

    ``delete``: the handles of rules. ``add``: rules in order, which come before that of the handle
    ``before``, 0 for the chain's end. Messages fail with ENOENT if what they name isn't there.
    """
    place = _place(table, chain)
    messages = [
        _message(_DELRULE, family, place + pack(3, struct.pack(">Q", handle)), 0)
        for handle in delete
    ]
    at = pack(6, struct.pack(">Q", before)) if before else b""
    flags = _CREATE | (0 if before else _APPEND)
    messages += [
        _message(_NEWRULE, family, place + nest(4, b"".join(rule)) + at, flags) for rule in add
    ]
    return _batch(messages)


def _place(table: str, chain: str) -> bytes:
    return pack_text(1, table) + pack_text(2, chain)


def _chain(table: Table, found: Chain) -> bytes:
    attributes = pack_text(1, table.name) + pack_text(3, found.name)
    if found.hook is not None:
        devices = b"".join(pack_text(1, device) for device in found.devices)
        hook = _number(1, found.hook) + _number(2, found.priority)
        attributes += nest(4, hook + (nest(4, devices) if devices else b""))
        attributes += pack_text(7, found.kind)
    return _message(_NEWCHAIN, table.family, attributes)


def _set(table: Table, found: PrefixSet, number: int) -> Iterator[bytes]:
    kind = _number(3, _CONSTANT | _INTERVAL)
    length = _LENGTHS[found.version]
    elements = [each for span in ranges(found.prefixes) for each in _element(*span, length)]
    yield from _looked_up(table, found, number, kind, elements)


def _map(table: Table, found: PrefixMap, number: int) -> Iterator[bytes]:
    kind = _number(3, _CONSTANT | _INTERVAL | _MAP) + _number(6, _TO_VERDICTS)
    length = _LENGTHS[found.version]
    elements: list[bytes] = []
    for net, chain in found.chains:
        ((first, behind),) = ranges([net])
        elements += _element(first, behind, length, nest(2, jump_to(chain)))
    yield from _looked_up(table, found, number, kind, elements)


def _looked_up(
    table: Table, found: PrefixSet | PrefixMap, number: int, kind: bytes, elements: list[bytes]
) -> Iterator[bytes]:
    names = pack_text(1, table.name) + pack_text(2, found.name)
    key = _number(4, _KEY_TYPES[found.version]) + _number(5, _LENGTHS[found.version])
    yield _message(_NEWSET, table.family, names + kind + key + _number(10, number))
    for start in range(0, len(elements), _ELEMENTS):
        yield _message(
            _NEWSETELEM,
            table.family,
            names + _number(4, number) + nest(3, b"".join(elements[start : start + _ELEMENTS])),
        )


def _element(first: int, behind: int, length: int, data: bytes = b"") -> Iterator[bytes]:
    """Yield the ends of a range; the last range may have no end. ``data`` is what it leads to."""
    yield nest(1, nest(1, pack(1, first.to_bytes(length, "big"))) + data)
    if behind < 1 << 8 * length:
        key = nest(1, pack(1, behind.to_bytes(length, "big")))
        yield nest(1, key + _number(3, _INTERVAL_END))


def ranges(prefixes: Iterable[Prefix]) -> list[tuple[int, int]]:
    """Return the ranges of addresses that prefixes of one family cover, as half-open intervals.

    They are in order, and don't touch: the kernel refuses intervals that overlap.
    """
    found: list[tuple[int, int]] = []
    for first, behind in sorted(
        (int(net.network_address), int(net.broadcast_address) + 1) for net in prefixes
    ):
        if found and first <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], behind)
        else:
            found.append((first, behind))
    return found


def _batch(messages: Iterable[bytes]) -> list[bytes]:
    """Frame and number messages; the last of them asks for an answer, errors come in any case."""
    *others, last = messages
    kind, flags = struct.unpack_from("=HH", last, 4)
    messages = [*others, last[:4] + struct.pack("=HH", kind, flags | _ACK) + last[8:]]
    begin = _header(_BATCH_BEGIN, _REQUEST) + struct.pack(">BBH", 0, 0, _SUBSYSTEM)
    end = _header(_BATCH_END, _REQUEST) + struct.pack(">BBH", 0, 0, _SUBSYSTEM)
    return [_numbered(message, number) for number, message in enumerate([begin, *messages, end])]


def _message(kind: int, family: int, attributes: bytes, flags: int = _CREATE) -> bytes:
    head = _header(_SUBSYSTEM << 8 | kind, _REQUEST | flags)
    return head + struct.pack(">BBH", family, 0, 0) + attributes


def _header(kind: int, flags: int) -> bytes:
    return struct.pack("=IHHII", 0, kind, flags, 0, 0)


def _numbered(message: bytes, number: int) -> bytes:
    return struct.pack("=I", len(message)) + message[4:8] + struct.pack("=I", number) + message[12:]


def _number(kind: int, value: int) -> bytes:
    return pack(kind, struct.pack(">I", value & 0xFFFFFFFF))
