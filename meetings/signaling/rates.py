"""Token buckets: how often somebody may do something. Pure; the caller brings the clock and keeps its own rules.

A bucket refuses rather than delays, so that nothing queues up behind it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable

from meetings.budgets import Rate

__all__ = ["Bucket", "Budgets", "Rate"]


class Bucket:
    """Holds `burst` tokens, refilled continuously."""

    __slots__ = ("_at", "_rate", "_tokens")

    def __init__(self, rate: Rate, now: float) -> None:
        self._rate = rate
        self._tokens = rate.burst
        self._at = now

    def _refill(self, now: float) -> None:
        # A clock that goes back gives nothing and takes nothing.
        if now > self._at:
            self._tokens = min(self._rate.burst, self._tokens + (now - self._at) * self._rate.per_second)
            self._at = now

    def take(self, now: float, amount: float = 1) -> bool:
        """Takes `amount` tokens and returns True, or takes nothing and returns False."""
        self._refill(now)
        if self._tokens < amount:
            return False
        self._tokens -= amount
        return True

    def seconds_until(self, now: float, amount: float = 1) -> float:
        """Returns after how many seconds `take(amount)` will succeed."""
        self._refill(now)
        return max(0.0, (amount - self._tokens) / self._rate.per_second)


class Budgets:
    """One bucket per key, for at most `most` keys: the longest unused is forgotten first, so that strangers cannot
    fill memory.
    """

    def __init__(self, rate: Rate, clock: Callable[[], float], *, most: int = 10_000) -> None:
        self._rate = rate
        self._clock = clock
        self._most = most
        self._buckets: OrderedDict[Hashable, Bucket] = OrderedDict()

    def _bucket(self, key: Hashable) -> Bucket:
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = Bucket(self._rate, self._clock())
            while len(self._buckets) > self._most:
                self._buckets.popitem(last=False)
        self._buckets.move_to_end(key)
        return bucket

    def take(self, key: Hashable, amount: float = 1) -> bool:
        return self._bucket(key).take(self._clock(), amount)

    def seconds_until(self, key: Hashable) -> float:
        return self._bucket(key).seconds_until(self._clock())

    def has(self, key: Hashable) -> bool:
        """Says whether a token is left, without taking it."""
        return key not in self._buckets or self._bucket(key).seconds_until(self._clock()) == 0

    def __len__(self) -> int:
        return len(self._buckets)
