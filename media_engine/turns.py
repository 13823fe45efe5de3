"""What is due for many at once, a little at a time: between two steps goes what has come for the port meanwhile.

A session's turn takes as long as it has members, and media that come meanwhile wait for its end. So it is taken in
steps, and after a fraction of a millisecond the loop looks at the port first.
"""

import asyncio
import logging
import math
from collections.abc import Callable, Hashable, Iterable, Iterator
from time import perf_counter
from typing import Generic, TypeVar

_AT_ONCE_SECONDS = 0.0002

_log = logging.getLogger(__name__)

Member = TypeVar("Member", bound=Hashable)


class Turns(Generic[Member]):
    """The turns that have begun and are not over.

    `turn` makes a member's: an iterator that does a step each time it is asked. `on_end` is called after each.
    """

    def __init__(self, turn: Callable[[Member], Iterator[None]], on_end: Callable[[Member], None]) -> None:
        self._turn = turn
        self._on_end = on_end
        self._left: dict[Member, Iterator[None]] = {}
        self._soon: asyncio.Handle | None = None

    def begin(self, due: Iterable[Member], loop: asyncio.AbstractEventLoop) -> None:
        """Begin the turns of those who are due, after all that have begun before.

        Whoever is due again before their last turn is over has waited long enough, and so have those in front of them:
        a busy loop keeps nobody waiting for more than one turn.
        """
        due = tuple(due)
        if any(member in self._left for member in due):
            self._go_on(loop, math.inf)
        for member in due:
            self._left[member] = self._turn(member)
        if self._soon is None:
            self._go_on(loop)

    def stop(self) -> None:
        """No more steps."""
        self._left.clear()
        if self._soon is not None:
            self._soon.cancel()
            self._soon = None

    def _go_on(self, loop: asyncio.AbstractEventLoop, seconds: float = _AT_ONCE_SECONDS) -> None:
        if self._soon is not None:
            self._soon.cancel()
            self._soon = None
        until = perf_counter() + seconds
        while self._left:
            member, turn = next(iter(self._left.items()))
            try:
                for _ in turn:
                    if perf_counter() >= until:
                        self._soon = loop.call_soon(self._go_on, loop)
                        return
            except Exception:  # noqa: BLE001 - one member's trouble is not the others'
                _log.exception("a media session's turn failed")
            del self._left[member]
            self._on_end(member)
