"""When pictures pause so that a queue on the way to one receiver drains, and for how long. Pure.

Sound waits in the same queue. A smaller encoding alone would let it wait until the queue has gone by itself, and what
is larger than the way even makes it grow: so nothing but sound is sent for as long as what is under way takes. Pictures
go on with a key frame. Where they soon fill the way again, as there is no smaller encoding, they pause twice as long.
"""

import math

_LONG_SECONDS = 0.15
"""Browsers keep about as much sound in hand."""
_RUNNING = 2
"""Feedbacks that say so one after the other: one alone may be about a moment in which nothing moved."""
_LEAST_SECONDS, _MOST_SECONDS = 0.1, 4.0
_AGAIN_SECONDS = 10.0
_MOST_TIMES = 8


class Draining:
    """Pictures pause until `until`, in engine time."""

    __slots__ = ("_begun_at", "_running", "_times", "until")

    def __init__(self) -> None:
        self.until = self._begun_at = -math.inf
        self._times = 1
        self._running = 0

    def on_queue(self, queue_seconds: float, left_at: float, backlog_seconds: float, now: float) -> bool:
        """A feedback: a packet that left at `left_at` waited so long, 0 where it is not too much. Whether to pause now.

        `backlog_seconds` is what that takes which was sent and, as far as is known, has not come.
        """
        if queue_seconds < _LONG_SECONDS or left_at <= self._begun_at or now < self.until:
            self._running = 0
            return False
        self._running += 1
        if self._running < _RUNNING:
            return False
        self._running = 0
        self._times = min(2 * self._times, _MOST_TIMES) if now < self.until + _AGAIN_SECONDS else 1
        self._begun_at = now
        self.until = now + min(_MOST_SECONDS, self._times * max(_LEAST_SECONDS, backlog_seconds))
        return True

    def on_backlog(self, backlog_seconds: float, now: float) -> None:
        """So much is still under way while pictures pause: the longer the queue drains, the better it is known."""
        if now < self.until:
            self.until = min(self._begun_at + _MOST_SECONDS, max(self.until, now + backlog_seconds))
