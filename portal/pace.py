"""How fast one address is listened to: requests beyond the pace are left in the network until their time comes.

Reading and refusing a request costs as much as answering an easy one. So a flood is not refused but not read: whoever
sends it waits, and nobody else does. Pure; the caller brings the time.
"""

from __future__ import annotations

import math
from collections import OrderedDict

from meetings.budgets import Rate
from meetings.network import site_of

REFUSED_COUNTS = 10
"""Whoever goes on after being told that it is too much is listened to ten times as seldom."""
MOST_ADDRESSES = 10_000
MOST_SECONDS = 30.0
"""Whoever would have to wait longer is not counted and not waited for."""


class Pace:
    """When the next request of each address, and of each /48 of IPv6, may be read (a generic cell rate, ITU-T I.371, in
    seconds)."""

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._due: OrderedDict[str, float] = OrderedDict()

    def seconds_to_wait(self, address: str, now: float) -> float:
        """Counts one request of this address. How long to leave it alone: 0 within the pace, each later one longer, and
        infinity where it would be too long.
        """
        wait = max(self._ahead(key, rate, now) for key, rate in self._kept(address))
        if wait > MOST_SECONDS:
            return math.inf
        self._count(address, now, 1)
        return wait

    def was_refused(self, address: str, now: float) -> None:
        """The request that was counted came too often."""
        self._count(address, now, REFUSED_COUNTS - 1)

    def _kept(self, address: str) -> list[tuple[str, Rate]]:
        site = site_of(address)
        return [(address, self._rate), (site, self._rate.of_a_site)] if site else [(address, self._rate)]

    def _ahead(self, key: str, rate: Rate, now: float) -> float:
        """By how many seconds its next request would come too early; 0: by none."""
        return max(0.0, self._due.get(key, 0.0) - (rate.burst - 1) / rate.per_second - now)

    def _count(self, address: str, now: float, requests: int) -> None:
        for key, rate in self._kept(address):
            self._due[key] = max(now, self._due.get(key, 0.0)) + requests / rate.per_second
            self._due.move_to_end(key)
        while len(self._due) > MOST_ADDRESSES:
            self._due.popitem(last=False)
