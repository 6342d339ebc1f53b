"""Keys of other programs are ignored if plain WireGuard satisfies their values, else refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conf.reading import INTERFACE, PEER, accepted, refused, relaxed
from wgplugin.codes import Code

AMNEZIA = "AmneziaWG's keys are ignored: with these values the peer speaks plain WireGuard"
RESERVED = "Reserved is ignored: plain WireGuard always has zeros there"


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("Jc = 4\nJmin = 40\nJmax = 70", (3, 1), AMNEZIA),
        (" S1 = 0\nS2 = 0\nS3=0\ns4 = 0", (3, 2), AMNEZIA),
        ("H1 = 1\nH2 = 2 # plain\nh 3 = 3\nH4=4", (3, 1), AMNEZIA),
        ("I1 = <b 0xc7><r 16>\nI2 =\nI5 = ", (3, 1), AMNEZIA),
        ("Reserved = 0,0,0", (3, 1), RESERVED),
        ("Reserved = [0, 0, 0]", (3, 1), RESERVED),
        (f"{PEER}reserved = 0, 0, 0", (5, 1), RESERVED),
        (f"{PEER}Reserved=[0,0,0]", (5, 1), RESERVED),
    ],
)
def test_key_with_a_value_of_plain_wireguard_is_ignored_with_one_warning(
    text: str, place: tuple[int, int], message: str
) -> None:
    [warning] = accepted(f"{INTERFACE}{text}\n").warnings
    assert (warning.line, warning.column) == place
    assert warning.message.startswith(message)
    assert warning.code is Code.IGNORED


@relaxed
@given(name=st.sampled_from(["Jc", "Jmin", "Jmax"]), number=st.integers(0, 10**9))
def test_any_number_of_junk_packets_is_ignored(name: str, number: int) -> None:
    assert accepted(f"{INTERFACE}{name} = {number}\n").warnings


@relaxed
@given(letter=st.sampled_from("SH"), index=st.integers(1, 4), number=st.integers(0, 10**9))
def test_padding_and_message_types_are_those_of_plain_wireguard_or_refused(
    letter: str, index: int, number: int
) -> None:
    plain = 0 if letter == "S" else index
    text = f"{INTERFACE}{letter}{index} = {number}\n"
    if number == plain:
        assert accepted(text).warnings
    else:
        [fault] = refused(text).faults
        assert fault.code is Code.OTHER_PROGRAM
        assert f"{letter}{index} = {plain}" in fault.hint


@pytest.mark.parametrize(
    "text",
    [
        "H1 = 1-1",
        "H1 = 2",
        "S5 = 0",
        "S1 =",
        "Jc = -1",
        "Jc = 4,5",
        f"{PEER}Jc = 4",
        f"{PEER}I1 = <r 16>",
        f"{PEER}Reserved = 0,0",
        f"{PEER}Reserved = 0,0,1",
        f"{PEER}Reserved = [0,0,0",
        f"{PEER}Reserved =",
        "ClientID = AAAA",
    ],
)
def test_any_other_value_is_refused(text: str) -> None:
    [fault] = refused(f"{INTERFACE}{text}\n").faults
    assert fault.code is Code.OTHER_PROGRAM


def test_key_of_another_program_before_any_section_is_refused() -> None:
    assert refused(f"Jc = 4\n{INTERFACE}").faults[0].code is Code.OTHER_PROGRAM
