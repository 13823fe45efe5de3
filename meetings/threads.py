"""Threads step back behind the loop's, which carries everybody's media, and take turns beside it.

One interpreter runs one thread at a time, and whoever gives it up hands it to any of those who wait. So the loop would
wait behind every thread that is at work, half a millisecond each: of them all, `AT_WORK` may be at work at once. More
would be done no sooner. Who waits for something else lets another work meanwhile.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Final, TypeVar

T = TypeVar("T")

NICENESS = 10
NICENESS_INSIDE: Final = 2
"""Of those who decide about people inside: media end where no answer comes within ten seconds. Beside programs that
want all of the processor they are answered five times as soon as with 10; and the loop, which waits for whoever has the
interpreter, waits a third as long."""
AT_WORK: Final = 2


class Turns:
    """`free` turns, given in the order in which they were asked for. Whoever only interrupted theirs has it at once,
    so that nobody who holds a lock meanwhile stands in line: `free` is negative then, and newcomers wait longer.
    """

    def __init__(self, free: int) -> None:
        self._lock = threading.Lock()
        self._free = free
        self._line: deque[threading.Lock] = deque()

    def take(self) -> None:
        """Waits for a turn."""
        with self._lock:
            if self._free > 0:
                self._free -= 1
                return
            gate = threading.Lock()
            gate.acquire()
            self._line.append(gate)
        gate.acquire()

    def give_back(self) -> None:
        """Ends a turn, or interrupts it."""
        with self._lock:
            self._free += 1
            if self._free > 0 and self._line:
                self._free -= 1
                self._line.popleft().release()

    def resume(self) -> None:
        """Goes on with a turn that was interrupted."""
        with self._lock:
            self._free -= 1


_turns = Turns(AT_WORK)
_own = threading.local()
"""`works` is true in a thread that has a turn."""


def in_turn(work: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    """What `work` returns, as soon as this thread may be at work. They come in the order in which they asked."""
    turns = _turns  # who is at work still when a test puts others in their place gives back what it has taken
    turns.take()
    _own.works = True
    try:
        return work(*args, **kwargs)
    finally:
        _own.works = False
        turns.give_back()


@contextlib.contextmanager
def waiting() -> Iterator[None]:
    """Around a wait of a thread that may have a turn: another works meanwhile.

    Whoever waits for a request in another thread without this waits forever where that one waits for a turn.
    """
    if not getattr(_own, "works", False):
        yield
        return
    _own.works = False
    _turns.give_back()
    try:
        yield
    finally:
        _turns.resume()
        _own.works = True


def step_back(by: int = NICENESS) -> None:
    """The calling thread runs with a lower priority from now on, where threads have one of their own (Linux).

    Without, whoever works in a thread keeps the processor for its whole slice, some milliseconds, while the loop waits
    for it on the same core.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            own = threading.get_native_id()
            os.setpriority(os.PRIO_PROCESS, own, os.getpriority(os.PRIO_PROCESS, own) + by)
