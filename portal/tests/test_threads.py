"""Requests are answered in threads that stay, one request in one thread, and behind the loop's."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from meetings.threads import AT_WORK, NICENESS, Turns, in_turn, step_back, waiting
from portal import threads
from portal.threads import KeptThreads


def answering(work: Callable[[], Any], said: list[Any], times: int = 1) -> KeptThreads:
    """An application whose answer is what `work` returns in a thread."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        said.append([await sync_to_async(work)() for _ in range(times)])

    return KeptThreads(application)


def test_one_request_after_the_other_is_answered_in_the_same_thread() -> None:
    said: list[Any] = []
    application = answering(threading.get_ident, said, times=2)

    async def body() -> None:
        await application({}, None, None)
        await application({}, None, None)

    asyncio.run(body())
    assert len({one for both in said for one in both}) == 1
    assert threading.get_ident() not in said[0]


def test_two_at_once_have_a_thread_each_and_no_more_are_kept_than_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "MOST_KEPT", 1)
    both = threading.Barrier(2, timeout=20)
    said: list[Any] = []
    application = answering(lambda: (both.wait(), threading.current_thread())[1], said)

    async def body() -> None:
        await asyncio.gather(application({}, None, None), application({}, None, None))

    asyncio.run(body())
    (first,), (second,) = said
    assert first is not second
    _until(lambda: [first.is_alive(), second.is_alive()].count(True) == 1)


def test_who_goes_in_the_middle_leaves_no_thread_that_is_still_busy() -> None:
    begun, goes_on = threading.Event(), threading.Event()
    said: list[Any] = []

    def work() -> bool:
        begun.set()
        return goes_on.wait(20)

    application = answering(work, said)

    async def body() -> None:
        asking = asyncio.create_task(application({}, None, None))
        await asyncio.to_thread(begun.wait, 20)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        assert not goes_on.is_set()
        assert application._free == []
        goes_on.set()

    asyncio.run(body())


@pytest.mark.skipif(sys.platform != "linux", reason="threads have no priority of their own")
def test_a_thread_that_steps_back_leaves_the_loops_priority_alone() -> None:
    before = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    found: list[int] = []

    def work() -> None:
        step_back()
        found.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(20)
    assert found == [min(19, before + NICENESS)]
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == before


def test_who_is_at_work_gives_back_the_turn_that_they_took(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests put others in their place while a thread of the test before is still at work."""
    begun, goes_on = threading.Event(), threading.Event()
    thread = threading.Thread(target=in_turn, args=(lambda: (begun.set(), goes_on.wait(20)),))
    thread.start()
    assert begun.wait(20)
    turns = Turns(AT_WORK)
    monkeypatch.setattr("meetings.threads._turns", turns)
    goes_on.set()
    thread.join(20)
    assert turns._free == AT_WORK


def test_no_more_than_so_many_requests_are_at_work_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    turns = Turns(AT_WORK)
    monkeypatch.setattr("meetings.threads._turns", turns)
    entered, goes_on = threading.Semaphore(0), threading.Event()
    said: list[Any] = []

    def work() -> None:
        entered.release()
        assert goes_on.wait(20)

    application = answering(work, said)

    async def body() -> None:
        asking = asyncio.gather(*(application({}, None, None) for _ in range(3 * AT_WORK)))
        # Who is let in frees the line before it is at work.
        await asyncio.to_thread(_until, lambda: len(turns._line) == 2 * AT_WORK and entered._value >= AT_WORK)
        assert entered._value == AT_WORK
        goes_on.set()
        await asking

    asyncio.run(body())
    assert len(said) == 3 * AT_WORK


def test_who_waits_for_something_else_lets_others_work_and_goes_on_at_once() -> None:
    others_worked, said = threading.Event(), list[Any]()

    def wait_for_others() -> bool:
        with waiting():
            return others_worked.wait(20)

    waits = answering(wait_for_others, said)
    works = answering(others_worked.set, list[Any]())

    async def body() -> None:
        asking = [asyncio.create_task(waits({}, None, None)) for _ in range(AT_WORK)]
        await asyncio.sleep(0)
        await works({}, None, None)
        await asyncio.gather(*asking)

    asyncio.run(body())
    assert said == [[True]] * AT_WORK


def test_turns_come_in_the_order_in_which_they_were_asked_for_and_are_resumed_at_once() -> None:
    turns, order = Turns(1), list[str]()
    turns.take()
    turns.give_back()  # interrupted
    turns.take()  # another one's
    turns.resume()  # although there is none left

    def next_one(name: str) -> None:
        turns.take()
        order.append(name)
        turns.give_back()

    first = threading.Thread(target=next_one, args=("first",))
    first.start()
    _until(lambda: len(turns._line) == 1)
    second = threading.Thread(target=next_one, args=("second",))
    second.start()
    _until(lambda: len(turns._line) == 2)
    turns.give_back()
    assert (order, len(turns._line)) == ([], 2)  # one of two is still at work
    turns.give_back()
    first.join(20)
    second.join(20)
    assert order == ["first", "second"]


def test_a_turn_ends_when_the_work_fails() -> None:
    def fail() -> None:
        raise LookupError

    for _ in range(2 * AT_WORK):
        with pytest.raises(LookupError):
            in_turn(fail)
    assert in_turn(lambda: "done") == "done"


def _until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.001)
