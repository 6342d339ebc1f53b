"""Whether a peer owes an answer."""

from dataclasses import replace

import pytest

from wgplugin.model.device import Key, Peer
from wgplugin.networks.silence import DATA, KEEPALIVE, begin

KEY = Key(bytes(31) + b"\1")
ANSWERED = Peer(KEY, last_handshake=1.0, received=1000, sent=1000)
HANDSHAKE = 148


def owes_after(peer: Peer, *looks: tuple[float, Peer]) -> float | None:
    silence = begin(peer, 0.0)
    for now, seen in looks:
        silence = silence.follow(seen, now)
    return silence.owes_since


def sent(peer: Peer, count: int) -> Peer:
    return replace(peer, sent=peer.sent + count)


def received(peer: Peer, count: int = 32) -> Peer:
    return replace(peer, received=peer.received + count)


def test_peer_that_is_sent_nothing_owes_nothing() -> None:
    assert owes_after(ANSWERED, (10.0, ANSWERED), (1000.0, ANSWERED)) is None


@pytest.mark.parametrize("count", [DATA, HANDSHAKE])
def test_peer_owes_an_answer_from_the_first_look_that_shows_a_packet(count: int) -> None:
    later = sent(ANSWERED, count)
    assert owes_after(ANSWERED, (10.0, later), (20.0, sent(later, 500))) == 10.0


def test_empty_packet_needs_no_answer() -> None:
    assert owes_after(ANSWERED, (10.0, sent(ANSWERED, KEEPALIVE))) is None


@pytest.mark.parametrize("interval", [1, 5, 25])
def test_persistent_keepalives_need_no_answer(interval: int) -> None:
    peer = replace(ANSWERED, persistent_keepalive=interval)
    looks = [(at, sent(peer, KEEPALIVE * int(at // interval))) for at in (10.0, 60.0, 119.0)]
    assert owes_after(peer, *looks) is None


def test_handshakes_among_persistent_keepalives_need_one() -> None:
    peer = replace(ANSWERED, persistent_keepalive=25)
    assert owes_after(peer, (30.0, sent(peer, KEEPALIVE + HANDSHAKE))) == 30.0


def test_answer_ends_the_debt() -> None:
    owing = sent(ANSWERED, HANDSHAKE)
    assert owes_after(ANSWERED, (10.0, owing), (20.0, received(owing))) is None
    shaken = replace(owing, last_handshake=2.0)
    assert owes_after(ANSWERED, (10.0, owing), (20.0, shaken)) is None


def test_peer_that_never_answered_owes_all_that_went_to_it() -> None:
    assert owes_after(sent(Peer(KEY), HANDSHAKE)) == 0.0
    assert owes_after(Peer(KEY), (5.0, sent(Peer(KEY), HANDSHAKE))) == 5.0
    assert owes_after(Peer(KEY), (5.0, Peer(KEY))) is None


def test_peer_that_is_set_up_anew_begins_anew() -> None:
    owing = sent(ANSWERED, HANDSHAKE)
    assert owes_after(ANSWERED, (10.0, owing), (20.0, Peer(KEY))) is None
