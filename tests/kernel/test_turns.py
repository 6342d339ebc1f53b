"""Blocking work is done in turn, and nobody waits for ever."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from wgplugin.kernel.turns import NotDoneError, Turns

pytestmark = pytest.mark.anyio

LONG, SHORT = 10.0, 0.05


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as pool:
        yield pool


@pytest.fixture
def release(pool: ThreadPoolExecutor) -> Iterator[threading.Event]:
    """An event that ends what waits for it, at the latest at the end of the test."""
    event = threading.Event()
    yield event
    event.set()


async def test_result_and_error_of_the_work_are_the_caller_s(pool: ThreadPoolExecutor) -> None:
    turns = Turns(pool.submit, LONG)
    assert await turns.run(divmod, 7, 2) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        await turns.run(divmod, 7, 0)


async def test_work_begins_when_the_one_before_has_ended_though_its_caller_was_cancelled(
    pool: ThreadPoolExecutor, release: threading.Event
) -> None:
    turns = Turns(pool.submit, LONG)
    order: list[str] = []
    begun = threading.Event()

    def first() -> None:
        begun.set()
        release.wait()
        order.append("first")

    caller = asyncio.ensure_future(turns.run(first))
    await asyncio.to_thread(begun.wait)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    second = asyncio.ensure_future(turns.run(order.append, "second"))
    await asyncio.sleep(0)
    assert order == []
    release.set()
    await second
    assert order == ["first", "second"]


async def test_work_that_ends_late_is_refused_until_it_ends_and_then_done_again(
    pool: ThreadPoolExecutor, release: threading.Event
) -> None:
    turns = Turns(pool.submit, SHORT)
    ended = threading.Event()

    def work() -> None:
        release.wait()
        ended.set()

    with pytest.raises(NotDoneError):
        await turns.run(work)
    async with asyncio.timeout(LONG):
        with pytest.raises(NotDoneError):
            await Turns.run(turns, ended.set)
    assert not ended.is_set()
    release.set()
    await asyncio.to_thread(ended.wait)
    await asyncio.to_thread(pool.submit(lambda: None).result)
    assert await turns.run(ended.is_set)


async def test_work_for_which_no_thread_gets_free_in_time_is_never_done(
    pool: ThreadPoolExecutor, release: threading.Event
) -> None:
    for _ in range(2):
        pool.submit(release.wait)
    turns, done = Turns(pool.submit, SHORT), threading.Event()
    with pytest.raises(NotDoneError):
        await turns.run(done.set)
    release.set()
    assert await turns.run(done.is_set) is False


async def test_present_work_goes_on_after_the_end_and_no_other_is_begun(
    pool: ThreadPoolExecutor, release: threading.Event
) -> None:
    turns = Turns(pool.submit, LONG)
    caller = asyncio.ensure_future(turns.run(release.wait))
    waiting = asyncio.ensure_future(turns.run(len, ""))
    await asyncio.sleep(0)
    turns.end()
    release.set()
    assert await caller
    with pytest.raises(NotDoneError, match="is closed"):
        await waiting
