"""A silent peer is searched at all addresses of its name; a tunnel at rest costs nothing."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from tests.loops import LoopWithoutThreads
from tests.networks.searching import AFTER, HANGING, HERE, LITERAL, THERE, THIRD, World, at
from wgplugin.codes import Code

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, object]]:
    """The records are written between two steps of the loop."""
    return "asyncio", {"loop_factory": LoopWithoutThreads}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


async def test_dead_first_address_is_left_for_the_second_which_comes_first_from_then_on(
    world: World,
) -> None:
    world.names.hosts["vpn.test"] = [HERE, THERE]
    world.answering = {THERE}
    await world.configure("vpn.test")
    assert world.where() == HERE
    await world.go_on(15.0)
    assert world.went == [(15.0, THERE)]
    assert world.remembered == {"vpn.test": HERE}
    await world.go_on(10.0)
    assert world.remembered == {"vpn.test": THERE}
    await world.go_on(600.0)
    assert len(world.went) == 1
    await world.configure("vpn.test")
    assert world.where() == THERE


async def test_address_that_never_answered_does_not_replace_one_that_did(world: World) -> None:
    world.names.hosts["vpn.test"] = [HERE, THERE]
    await world.configure("vpn.test", last=HERE)
    await world.go_on(20.0)
    assert world.where() == THERE
    assert world.remembered == {"vpn.test": HERE}


async def test_new_address_replaces_the_last_one_that_the_name_has_no_more(world: World) -> None:
    world.names.hosts["vpn.test"] = [HERE]
    await world.configure("vpn.test")
    world.names.hosts["vpn.test"] = [THERE, THIRD]
    await world.go_on(150.0)
    assert world.remembered == {"vpn.test": THERE}


async def test_peer_with_dead_addresses_goes_round_and_round(world: World) -> None:
    world.names.hosts["vpn.test"] = [HERE, THERE]
    await world.configure("vpn.test")
    await world.go_on(90.0)
    turns = [THERE, HERE, THERE, HERE, THERE, HERE]
    assert world.went == [(15.0 * n, where) for n, where in enumerate(turns, start=1)]
    assert world.names.asked["vpn.test"] <= 90.0 / 30.0


async def test_session_that_ends_is_searched_after_a_time_and_goes_on_at_the_next_address(
    world: World,
) -> None:
    world.names.hosts["vpn.test"] = [HERE, THERE]
    world.answering = {HERE}
    await world.configure("vpn.test")
    await world.go_on(400.0)
    assert not world.went
    assert not world.names.asked
    world.answering = {THERE}
    await world.go_on(AFTER + 15.0)
    assert [where for _, where in world.went] == [THERE]
    assert world.names.asked["vpn.test"] == 1
    await world.go_on(10.0)
    assert not world.search.is_urgent


@pytest.mark.parametrize("answers", [True, False])
async def test_tunnel_at_rest_costs_no_look_up(world: World, answers: bool) -> None:
    world.names.hosts["vpn.test"] = [HERE, THERE]
    world.answering = {HERE} if answers else set()
    await world.configure("vpn.test")
    await world.go_on(30.0)
    world.is_sending = False
    asked, went = world.names.asked.copy(), world.went.copy()
    await world.go_on(20.0)
    assert not world.search.is_urgent
    await world.go_on(7200.0)
    assert (world.names.asked, world.went) == (asked, went)


async def test_tunnel_that_is_used_again_goes_on_with_its_search(world: World) -> None:
    world.names.hosts["vpn.test"] = [HERE, THERE, THIRD]
    await world.configure("vpn.test")
    await world.go_on(15.0)
    world.is_sending = False
    await world.go_on(7200.0)
    world.is_sending, world.answering = True, {THIRD}
    await world.go_on(20.0)
    assert world.where() == THIRD


async def test_address_that_lost_its_route_is_left_though_nothing_can_be_sent(
    world: World,
) -> None:
    world.names.hosts["vpn.test"] = [THERE, HERE]
    world.answering = {THERE, HERE}
    await world.configure("vpn.test")
    await world.go_on(20.0)
    del world.ways[THERE]
    await world.go_on(AFTER + 30.0)
    assert world.where() == HERE
    assert world.remembered == {"vpn.test": HERE}


async def test_literal_address_is_put_back_once(world: World) -> None:
    await world.configure(LITERAL)
    section = world.sections[0]
    world.peers[section] = replace(world.peers[section], endpoint=at(HERE))
    await world.go_on(600.0)
    assert [where for _, where in world.went] == [LITERAL]
    assert not world.search.is_urgent
    assert not world.names.asked


async def test_name_that_does_not_resolve_at_the_start_is_asked_until_it_does(
    world: World,
) -> None:
    await world.configure("vpn.test")
    assert world.search.is_urgent
    await world.go_on(60.0)
    assert world.names.asked["vpn.test"] == 12
    assert world.told == [f"vpn.test can't be resolved [{Code.NOT_RESOLVED}]"]
    world.names.hosts["vpn.test"] = [HERE]
    await world.go_on(5.0)
    assert world.where() == HERE
    assert world.told[1:] == [""]


async def test_trouble_with_a_peer_ends_with_its_removal(world: World) -> None:
    await world.configure("vpn.test")
    await world.go_on(5.0)
    world.sections = []
    await world.go_on(5.0)
    assert world.told[1:] == [""]


async def test_known_addresses_are_tried_while_the_name_does_not_resolve(world: World) -> None:
    world.names.hosts["vpn.test"] = [HERE, THERE]
    await world.configure("vpn.test")
    del world.names.hosts["vpn.test"]
    await world.go_on(60.0)
    assert [where for _, where in world.went] == [THERE, HERE, THERE, HERE]
    assert world.told == [f"vpn.test can't be resolved [{Code.NOT_RESOLVED}]"]
    world.answering = {HERE}
    await world.go_on(5.0)
    assert world.told[1:] == [""]


async def test_hanging_name_does_not_stop_the_search_for_others(world: World) -> None:
    world.names.hosts |= {HANGING: [HERE], "vpn.test": [HERE, THERE]}
    await world.configure("vpn.test", HANGING)
    world.names.goes_on.clear()
    await world.go_on(AFTER)
    assert world.names.asked[HANGING] == 1
    assert world.went[-1] == (AFTER, THERE)
    await world.go_on(10.0)
    world.names.goes_on.set()
    await world.go_on(10.0)
    assert world.went[-1] == (AFTER + 20.0, HERE)


@pytest.mark.parametrize("resolves", [True, False])
async def test_peer_that_answers_while_its_name_is_asked_stays(
    world: World, resolves: bool
) -> None:
    await ask_in_vain(world)
    world.answering = {THERE}
    await world.go_on(5.0)
    if not resolves:
        del world.names.hosts[HANGING]
    world.names.goes_on.set()
    await world.go_on(60.0)
    assert world.where() == THERE
    assert world.remembered == {HANGING: THERE}
    assert not world.told


async def test_peer_that_was_removed_while_its_name_is_asked_is_not_moved(world: World) -> None:
    await ask_in_vain(world)
    went, world.sections = len(world.went), []
    await world.look()
    world.names.goes_on.set()
    await world.look()
    assert len(world.went) == went


async def test_search_that_is_ended_moves_no_peer(world: World) -> None:
    await ask_in_vain(world)
    went = len(world.went)
    world.search.end()
    world.names.goes_on.set()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert len(world.went) == went


async def test_peer_that_cannot_be_moved_is_reported_once(world: World) -> None:
    world.names.hosts["vpn.test"] = [HERE, THERE]
    await world.configure("vpn.test")
    world.is_movable = False
    await world.go_on(20.0)
    assert world.told == [f"the peer can't be moved [{Code.KERNEL_REFUSES}]"]


async def ask_in_vain(world: World) -> None:
    """Search a peer until its name is asked, and let that hang; its address is THERE then."""
    world.names.hosts[HANGING] = [HERE, THERE]
    await world.configure(HANGING)
    world.names.goes_on.clear()
    await world.go_on(30.0)
    assert world.names.asked[HANGING] == 1
    assert world.where() == THERE
