"""How fast one address is listened to: requests beyond the pace are left in the network until their time comes.

Reading and refusing a request costs as much as answering an easy one. So a flood is not refused but not read: whoever
sends it waits, and nobody else does. Pure; the caller brings the time.
"""

from __future__ import annotations

import math
from collections import OrderedDict

from meetings.budgets import Rate

REFUSED_COUNTS = 10
"""Whoever goes on after being told that it is too much is listened to ten times as seldom."""
MOST_ADDRESSES = 10_000
MOST_SECONDS = 30.0
"""Whoever would have to wait longer is not counted and not waited for."""


class Pace:
    """When the next request of each address may be read (a generic cell rate, ITU-T I.371, in seconds)."""

    def __init__(self, rate: Rate) -> None:
        self._apart = 1 / rate.per_second
        self._ahead = (rate.burst - 1) * self._apart
        self._due: OrderedDict[str, float] = OrderedDict()

    def seconds_to_wait(self, address: str, now: float) -> float:
        """Counts one request of this address. How long to leave it alone: 0 within the pace, each later one longer, and
        infinity where it would be too long.
        """
        due = max(now, self._due.get(address, 0.0))
        wait = max(0.0, due - self._ahead - now)
        if wait > MOST_SECONDS:
            return math.inf
        self._count(address, due, 1)
        return wait

    def was_refused(self, address: str, now: float) -> None:
        """The request that was counted came too often."""
        self._count(address, max(now, self._due.get(address, 0.0)), REFUSED_COUNTS - 1)

    def _count(self, address: str, due: float, requests: int) -> None:
        self._due[address] = due + requests * self._apart
        self._due.move_to_end(address)
        while len(self._due) > MOST_ADDRESSES:
            self._due.popitem(last=False)
