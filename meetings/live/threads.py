"""The threads in which a `Live` asks the database: some for what is decided, some for whoever asks at the door."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from channels.db import DatabaseSyncToAsync

from meetings.threads import NICENESS_INSIDE, step_back

T = TypeVar("T")

DOOR_THREADS = 2

_works_for = threading.local()
"""`live` is true in a thread while it works for a `Live`."""


class Threads:
    """`count` 0: everything in the caller's thread, for tests."""

    def __init__(self, count: int) -> None:
        self._inside = self._at_door = None
        if count:
            self._inside = ThreadPoolExecutor(
                count, "live-database", initializer=step_back, initargs=(NICENESS_INSIDE,)
            )
            self._at_door = ThreadPoolExecutor(DOOR_THREADS, "door", initializer=step_back)

    async def run(self, function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        return await self._run(self._inside, function, *args, **kwargs)

    async def run_at_door(self, function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        return await self._run(self._at_door, function, *args, **kwargs)

    async def _run(
        self, executor: ThreadPoolExecutor | None, function: Callable[..., T], *args: Any, **kwargs: Any
    ) -> T:
        call = functools.partial(_for_live, function, *args, **kwargs)
        if executor is None:
            return await DatabaseSyncToAsync(call, thread_sensitive=True)()
        return await DatabaseSyncToAsync(call, thread_sensitive=False, executor=executor)()

    def are_needed_here(self) -> bool:
        """Whether the door can not be asked while the calling thread waits."""
        return self._inside is None or getattr(_works_for, "live", False)

    def close(self) -> None:
        for executor in (self._inside, self._at_door):
            if executor is not None:
                executor.shutdown(wait=False, cancel_futures=True)


def _for_live(function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    _works_for.live = True
    try:
        return function(*args, **kwargs)
    finally:
        _works_for.live = False
