"""Gives every request a thread that is there already, and few of them at once the interpreter.

Django answers a request in a thread of its own, which it starts and ends again. While it starts, the loop waits for it,
and so does everybody's media; on a busy machine that is milliseconds. Knows ASGI and asgiref alone.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final

from asgiref.sync import ThreadSensitiveContext

from meetings.threads import in_turn, step_back

MOST_KEPT: Final = 32


class _Thread(ThreadPoolExecutor):
    """One thread. `last` is what it was given to do last."""

    last: Future[Any] | None = None

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.last = super().submit(in_turn, fn, *args, **kwargs)
        return self.last


class KeptThreads:
    """Wraps the application that answers HTTP. Of the threads that nobody needs now at most `MOST_KEPT` stay."""

    def __init__(self, application: Callable[..., Awaitable[None]]) -> None:
        self._application = application
        self._free: list[_Thread] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        thread = self._free.pop() if self._free else _Thread(1, "request", initializer=step_back)
        try:
            async with ThreadSensitiveContext(executor=thread):
                await self._application(scope, receive, send)
        finally:
            # Where somebody goes away in the middle, their thread is still at work, and nobody waits for it.
            is_free = thread.last is None or thread.last.done()
            if is_free and len(self._free) < MOST_KEPT:
                self._free.append(thread)
            else:
                thread.shutdown(wait=False)
