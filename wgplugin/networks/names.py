"""DNS messages of a hub's resolver: queries, answers, and whose name is asked for. Pure.

Sources: RFC 1035; RFC 6891 (EDNS), RFC 2308 (negative answers), RFC 8020 (NXDOMAIN). Import
this late, as the library takes memory that only hubs need.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address

from dnslib import AAAA, CLASS, EDNS0, QTYPE, RCODE, RR, A, DNSHeader, DNSQuestion, DNSRecord
from dnslib.label import DNSBuffer, DNSLabel

from wgplugin.model.prefixes import IPAddress

LARGEST_QUERY = 1232
"""The bytes of the longest query that is read, several times those of the longest name."""

LARGEST_DATAGRAM = 1232
"""The bytes of the longest answer by UDP, which no path fragments (DNS flag day 2020)."""

TTL = 5
"""The seconds for which a container's address may be kept: one that is restarted may get another.

A negative answer has no SOA, so it isn't kept at all (RFC 2308, section 5).
"""

ADDRESSES = {QTYPE.A: 4, QTYPE.AAAA: 6}
"""The types that a container's name has, with their address family."""

_TRANSFERS = (QTYPE.IXFR, QTYPE.AXFR)
_SMALLEST_DATAGRAM = 512
_HEADER, _IS_ANSWER = 12, 0x80
_LONGEST_NAME, _LONGEST_LABEL = 253, 63
_MOST_ADDITIONAL = 2
_NOT_THIS_VERSION = 16
_RECORDS = {4: (QTYPE.A, A), 6: (QTYPE.AAAA, AAAA)}


@dataclass(frozen=True, slots=True)
class Query:
    """A query as it came, and its parts.

    ``question`` is None if it has none that can be repeated. ``trouble``: the RCODE by which it is
    answered at once, None if it can be served. ``size``: the bytes of an answer that the
    client takes by UDP. ``edns``: the client's EDNS record, None without.
    """

    packet: bytes
    header: DNSHeader
    question: DNSQuestion | None
    trouble: int | None = None
    size: int = _SMALLEST_DATAGRAM
    edns: RR | None = None

    @property
    def kind(self) -> int:
        """The type that is asked for."""
        return int(self.question.qtype) if self.question else 0

    def container(self, hub: str) -> bytes | None:
        """Return the name, in lower case, if it may be a container's: NAME or NAME.HUB."""
        first, *rest = _labels(self.question) or [b""]
        return first if first and rest in ([], _split(hub)) else None

    def is_hub(self, hub: str) -> bool:
        """Return whether the name is the hub's own: there are names below it, so it exists."""
        return _labels(self.question) == _split(hub)

    def answered(self, rcode: int, addresses: Iterable[IPAddress] = ()) -> bytes:
        """Return the answer with an RCODE, and with addresses of this name."""
        name = self.question.qname if self.question else None
        header = DNSHeader(
            id=self.header.id,
            bitmap=0,
            qr=1,
            opcode=self.header.opcode,
            aa=int(rcode in (RCODE.NOERROR, RCODE.NXDOMAIN)),
            rd=self.header.rd,
            ra=1,
            rcode=rcode & 0xF,
        )
        answer = DNSRecord(header, questions=[self.question] if self.question else [])
        for address in addresses:
            kind, record = _RECORDS[address.version]
            answer.add_answer(RR(name, kind, CLASS.IN, TTL, record(tuple(address.packed))))
        return self._packed(answer, rcode)

    def fitted(self, answer: bytes) -> bytes:
        """Return an answer as it can be sent by UDP: without records if it is too long for that."""
        if len(answer) <= self.size:
            return answer
        header = DNSHeader.parse(DNSBuffer(answer))
        header.tc, rcode = 1, header.rcode
        return self._packed(DNSRecord(header, questions=[self.question]), rcode)

    def _packed(self, answer: DNSRecord, rcode: int) -> bytes:
        if self.edns:
            flags = "do" if self.edns.edns_do else ""
            answer.add_ar(EDNS0(ext_rcode=rcode >> 4, flags=flags, udp_len=LARGEST_DATAGRAM))
        return bytes(answer.pack())


def read(packet: bytes) -> Query | None:
    """Return a query; None if it is none, or too long to be one."""
    if not _HEADER <= len(packet) <= LARGEST_QUERY or packet[2] & _IS_ANSWER:
        return None
    buffer = DNSBuffer(packet)
    header = DNSHeader.parse(buffer)
    malformed = Query(packet, header, None, RCODE.FORMERR)
    if header.opcode:
        return Query(packet, header, None, RCODE.NOTIMP)
    if (header.q, header.a, header.auth) != (1, 0, 0) or header.ar > _MOST_ADDITIONAL:
        return malformed
    try:
        question = DNSQuestion.parse(buffer)
        additional = [RR.parse(buffer) for _ in range(header.ar)]
    except Exception:
        # The library raises whatever odd bytes lead to.
        return malformed
    found = [each for each in additional if each.rtype == QTYPE.OPT]
    if not _is_name(question.qname) or len(found) > 1:
        return malformed
    if not found:
        return Query(packet, header, question, _trouble(question))
    (edns,) = found
    size = min(max(edns.edns_len, _SMALLEST_DATAGRAM), LARGEST_DATAGRAM)
    trouble = _NOT_THIS_VERSION if edns.edns_ver else _trouble(question)
    return Query(packet, header, question, trouble, size, edns)


def docker_query(name: bytes, kind: int) -> bytes:
    """Return a query for a container's name, with an id of its own."""
    header = DNSHeader(id=_new_id(), bitmap=0, rd=1)
    return bytes(DNSRecord(header, q=DNSQuestion(DNSLabel([name]), kind)).pack())


def addresses(query: bytes, answer: bytes | None) -> list[IPAddress]:
    """Return the addresses in the answer to a query; none if it isn't one, or can't be read."""
    if not answer or not is_answer(answer, query):
        return []
    try:
        record = DNSRecord.parse(answer)
        found = [bytes(each.rdata.data) for each in record.rr if each.rtype in ADDRESSES]
    except Exception:
        # As in read().
        return []
    return [ip_address(each) for each in found]


def forwarded(query: Query) -> bytes:
    """Return a query as another server is asked, with a new id: nobody can guess it."""
    return _new_id().to_bytes(2) + query.packet[2:]


def is_answer(packet: bytes, query: bytes) -> bool:
    """Return whether a packet answers a query: it has the same id and question."""
    if len(packet) < _HEADER or packet[:2] != query[:2] or not packet[2] & _IS_ANSWER:
        return False
    try:
        asked, repeated = (_question(each) for each in (query, packet))
    except Exception:
        # As in read().
        return False
    return bool(asked == repeated)


def rcode(answer: bytes) -> int:
    """Return an answer's RCODE."""
    return answer[3] & 0xF


def handed_on(query: Query, answer: bytes) -> bytes:
    """Return another server's answer with the id of the client's query."""
    return query.packet[:2] + answer[2:]


def _question(packet: bytes) -> DNSQuestion:
    buffer = DNSBuffer(packet)
    DNSHeader.parse(buffer)
    return DNSQuestion.parse(buffer)


def _labels(question: DNSQuestion | None) -> list[bytes]:
    return [label.lower() for label in question.qname.label] if question else []


def _split(name: str) -> list[bytes]:
    return name.lower().encode().split(b".")


def _is_name(name: DNSLabel) -> bool:
    return len(name) <= _LONGEST_NAME and all(len(each) <= _LONGEST_LABEL for each in name.label)


def _trouble(question: DNSQuestion) -> int | None:
    """Refuse what is neither a question for a name of the internet, nor one for a single answer."""
    is_served = question.qclass == CLASS.IN and question.qtype not in _TRANSFERS
    return None if is_served else int(RCODE.REFUSED)


def _new_id() -> int:
    return int.from_bytes(os.urandom(2))
