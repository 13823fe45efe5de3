"""Requests are answered in threads that stay, one request in one thread, and behind the loop's."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from meetings.threads import NICENESS, step_back
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
    for thread in (first, second):
        thread.join(0.2)
    assert [first.is_alive(), second.is_alive()].count(True) == 1


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
