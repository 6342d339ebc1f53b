"""DNS messages of a hub's resolver: what is whose name, and the answers, whatever comes in."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from dnslib import (
    CLASS,
    CNAME,
    EDNS0,
    QTYPE,
    RCODE,
    RR,
    A,
    DNSHeader,
    DNSLabel,
    DNSQuestion,
    DNSRecord,
    EDNSOption,
)
from hypothesis import example, given
from hypothesis import strategies as st

from tests.strategies import addresses
from wgplugin.model.prefixes import IPAddress
from wgplugin.networks import names
from wgplugin.networks.names import LARGEST_DATAGRAM, LARGEST_QUERY, Query

HUB = "Office.hq"
TYPES = st.sampled_from([*QTYPE.forward, 65280])
LABELS = st.binary(min_size=1, max_size=63).filter(lambda label: label.isascii())


def asking(name: str, kind: str = "A", **header: int) -> DNSRecord:
    record = DNSRecord.question(name, kind)
    for field, value in header.items():
        setattr(record.header, field, value)
    return record


def read(record: DNSRecord) -> Query:
    query = names.read(bytes(record.pack()))
    assert query
    return query


def parsed(answer: bytes) -> DNSRecord:
    return DNSRecord.parse(answer)


@st.composite
def queries(draw: st.DrawFn) -> DNSRecord:
    """Anything that the library can say of a question."""
    header = DNSHeader(id=draw(st.integers(0, 0xFFFF)), bitmap=draw(st.integers(0, 0x7FFF)))
    labels = draw(st.lists(LABELS, max_size=3))
    question = DNSQuestion(DNSLabel(labels), draw(TYPES), draw(st.integers(0, 0xFFFF)))
    record = DNSRecord(header, questions=[question] * draw(st.integers(0, 2)))
    for _ in range(draw(st.integers(0, 3))):
        data = draw(st.binary(max_size=20))
        size, version = draw(st.integers(0, 0xFFFF)), draw(st.integers(0, 255))
        record.add_ar(EDNS0(udp_len=size, version=version, opts=[EDNSOption(10, data)]))
    return record


# Whose name it is


@pytest.mark.parametrize(
    ("name", "container"),
    [
        ("web", b"web"),
        ("WeB", b"web"),
        ("web_1.office.hq", b"web_1"),
        ("web.OFFICE.hq", b"web"),
        ("office", b"office"),
        ("web.office", None),
        ("a.web.office.hq", None),
        ("office.hq", None),
        ("web.hq", None),
        ("www.example.org", None),
        (".", None),
    ],
)
def test_container_s_name_is_one_label_alone_or_before_the_hub_s(
    name: str, container: bytes | None
) -> None:
    assert read(asking(name)).container(HUB) == container


@pytest.mark.parametrize(
    ("name", "expected"), [("office.HQ", True), ("hq", False), ("web.office.hq", False)]
)
def test_hub_s_own_name_is_known(name: str, expected: bool) -> None:
    assert read(asking(name)).is_hub(HUB) is expected


# What is no query that can be served


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        bytes(11),
        bytes(asking("web", qr=1).pack()),
        bytes(asking("web").pack()).ljust(LARGEST_QUERY + 1, b"\0"),
    ],
    ids=["empty", "short", "answer", "long"],
)
def test_packet_that_is_no_query_gets_no_answer(packet: bytes) -> None:
    assert names.read(packet) is None


TWO_QUESTIONS = DNSRecord(questions=[DNSQuestion("web"), DNSQuestion("db")])
WITH_ANSWER = asking("web")
WITH_ANSWER.add_answer(RR("web", rdata=A("192.0.2.1")))
TWICE_EDNS = asking("web")
TWICE_EDNS.add_ar(EDNS0(udp_len=512), EDNS0(udp_len=512))


@pytest.mark.parametrize(
    "packet",
    [
        bytes(DNSRecord().pack()),
        bytes(TWO_QUESTIONS.pack()),
        bytes(WITH_ANSWER.pack()),
        bytes(TWICE_EDNS.pack()),
        bytes(asking("web").pack())[:-1],
        bytes(asking("web").pack())[:12] + b"\xc0\xff\0\1\0\1",
        bytes(asking("web").pack())[:12] + b"\x40" + b"a" * 64 + b"\0\0\1\0\1",
        bytes(asking("web").pack())[:12] + b"\x3f" * 257 + b"\0\0\1\0\1",
    ],
    ids=["none", "two", "answer", "two-edns", "cut", "pointer", "long-label", "long-name"],
)
def test_malformed_query_is_told_so(packet: bytes) -> None:
    query = names.read(packet)
    assert query
    assert query.trouble == RCODE.FORMERR
    answer = parsed(query.answered(RCODE.FORMERR))
    assert (answer.header.id, answer.header.rcode) == (query.header.id, RCODE.FORMERR)


@pytest.mark.parametrize("kind", ["AXFR", "IXFR"])
def test_transfer_is_refused(kind: str) -> None:
    assert read(asking("web", kind)).trouble == RCODE.REFUSED


def test_class_other_than_the_internet_s_is_refused() -> None:
    question = DNSQuestion("version.bind", QTYPE.TXT, CLASS.CH)
    assert read(DNSRecord(q=question)).trouble == RCODE.REFUSED


@pytest.mark.parametrize("opcode", [1, 2, 4, 5, 15])
def test_operation_other_than_a_query_is_not_implemented(opcode: int) -> None:
    assert read(asking("web", opcode=opcode)).trouble == RCODE.NOTIMP


# Answers


def test_answer_repeats_the_question_as_it_was_written() -> None:
    query = read(asking("wEb.OfFiCe.hQ", id=4711))
    answer = parsed(query.answered(RCODE.NOERROR, [ip_address("172.30.5.3")]))
    assert (answer.header.id, answer.header.qr, answer.header.tc) == (4711, 1, 0)
    assert str(answer.q.qname) == str(answer.a.rname) == "wEb.OfFiCe.hQ."
    assert (str(answer.a.rdata), answer.a.ttl) == ("172.30.5.3", names.TTL)


def test_answer_has_addresses_of_both_families() -> None:
    found = [ip_address("172.30.5.3"), ip_address("fd00::3")]
    answer = read(asking("web", "ANY")).answered(RCODE.NOERROR, found)
    assert [str(each.rdata) for each in parsed(answer).rr] == ["172.30.5.3", "fd00::3"]


@pytest.mark.parametrize("rcode", [RCODE.NOERROR, RCODE.NXDOMAIN])
def test_negative_answer_is_not_to_be_kept(rcode: int) -> None:
    answer = parsed(read(asking("web")).answered(rcode))
    assert (answer.rr, answer.auth) == ([], [])


@pytest.mark.parametrize("dnssec", ["", "do"])
def test_edns_is_answered_with_edns(dnssec: str) -> None:
    record = asking("web")
    record.add_ar(EDNS0(udp_len=4096, flags=dnssec, opts=[EDNSOption(10, b"a cookie")]))
    (edns,) = parsed(read(record).answered(RCODE.NOERROR)).ar
    assert (edns.rtype, edns.edns_len, edns.rdata) == (QTYPE.OPT, LARGEST_DATAGRAM, [])
    assert edns.edns_do == bool(dnssec)


def test_client_without_edns_gets_none() -> None:
    assert parsed(read(asking("web")).answered(RCODE.NOERROR)).ar == []


def test_later_version_of_edns_is_told_so() -> None:
    record = asking("web")
    record.add_ar(EDNS0(udp_len=4096, version=1))
    query = read(record)
    assert query.trouble == 16
    answer = parsed(query.answered(16))
    (edns,) = answer.ar
    assert (answer.header.rcode, edns.edns_rcode, edns.edns_ver) == (0, 1, 0)


@pytest.mark.parametrize(
    ("size", "room"),
    [(None, 512), (0, 512), (700, 700), (1232, 1232), (4096, 1232), (65535, 1232)],
)
def test_answer_that_is_too_long_asks_for_tcp(size: int | None, room: int) -> None:
    record = asking("web")
    if size is not None:
        record.add_ar(EDNS0(udp_len=size))
    query = read(record)
    for length, fits in ((room, True), (room + 1, False)):
        answer = query.answered(RCODE.NOERROR).ljust(length, b"\0")
        fitted = query.fitted(answer)
        assert (fitted == answer) is fits
        assert parsed(fitted).header.tc == (not fits)
        assert len(fitted) <= room
        assert parsed(fitted).q == record.q


# What is asked of others


@given(name=LABELS, kind=st.sampled_from(list(names.ADDRESSES)))
def test_docker_is_asked_for_one_label(name: bytes, kind: int) -> None:
    query = names.docker_query(name, kind)
    # This is the form that a container's nftables let pass.
    assert query[12 : 12 + 1 + len(name) + 1] == bytes([len(name)]) + name + b"\0"
    assert query[4:12] == b"\0\1\0\0\0\0\0\0"
    assert parsed(query).header.rd


def docker_s(query: bytes, *records: RR) -> bytes:
    answer = parsed(query).reply()
    answer.add_answer(*records)
    return bytes(answer.pack())


def test_addresses_are_those_of_the_answer_in_its_order() -> None:
    query = names.docker_query(b"web", QTYPE.A)
    found = ["172.30.5.9", "172.30.5.3"]
    answer = docker_s(
        query,
        RR("web", QTYPE.CNAME, rdata=CNAME("other")),
        *(RR("web", rdata=A(each)) for each in found),
    )
    assert names.addresses(query, answer) == list(map(ip_address, found))


def test_answer_to_another_query_has_no_addresses() -> None:
    query, other = (names.docker_query(name, QTYPE.A) for name in (b"web", b"db"))
    answer = docker_s(other, RR("db", rdata=A("172.30.5.9")))
    assert names.addresses(query, query[:2] + answer[2:]) == []
    assert names.addresses(other, answer) == [ip_address("172.30.5.9")]


def test_forwarded_query_has_ids_that_are_not_the_client_s() -> None:
    query = read(asking("www.example.org"))
    ids = {names.forwarded(query)[:2] for _ in range(50)}
    assert len(ids) > 40
    assert names.forwarded(query)[2:] == query.packet[2:]


@pytest.mark.parametrize(
    ("name", "kind", "change", "expected"),
    [
        ("www.example.org", "A", {}, True),
        ("WWW.example.org", "A", {}, True),
        ("www.example.org", "A", {"id": 2}, False),
        ("www.example.org", "A", {"qr": 0}, False),
        ("www.example.com", "A", {}, False),
        ("www.example.org", "AAAA", {}, False),
    ],
)
def test_answer_has_the_id_and_the_question_of_the_query(
    name: str, kind: str, change: dict[str, int], expected: bool
) -> None:
    query = bytes(asking("www.example.org", id=1).pack())
    answer = asking(name, kind, **{"id": 1, "qr": 1} | change)
    assert names.is_answer(bytes(answer.pack()), query) is expected


# Whatever comes in


@given(packet=st.binary(max_size=600) | st.binary(max_size=60).map(lambda end: b"id\1" + end))
@example(packet=b"id\1\0\0\1" + bytes(4) + b"\0\1" + b"\1a\xc0\x0c" * 200)
def test_any_bytes_get_an_answer_or_none(packet: bytes) -> None:
    query = names.read(packet)
    if query:
        answer = query.answered(query.trouble or RCODE.NOERROR)
        assert answer[:2] == packet[:2]
        assert len(query.fitted(answer)) <= query.size
    assert names.addresses(b"id", packet) == [] or packet[:2] == b"id"
    assert not names.is_answer(packet, bytes(12))


@given(record=queries(), found=st.lists(addresses, max_size=200), rcode=st.integers(0, 23))
def test_any_query_gets_an_answer_that_can_be_read(
    record: DNSRecord, found: list[IPAddress], rcode: int
) -> None:
    query = names.read(bytes(record.pack()))
    assert query
    query.container(HUB)
    query.is_hub(HUB)
    answer = query.answered(rcode, found if query.question else ())
    for each in (parsed(answer), parsed(query.fitted(answer))):
        assert each.header.id == record.header.id
        assert each.header.rcode == rcode % 16
        assert not query.question or each.q.qname.label == record.q.qname.label
    assert len(query.fitted(answer)) <= query.size
    assert len(parsed(answer).rr) == (len(found) if query.question else 0)
