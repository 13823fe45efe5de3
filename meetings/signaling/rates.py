"""Token buckets: how often somebody may do something. Pure; the caller brings the clock and keeps its own rules.

A bucket refuses rather than delays, so that nothing queues up behind it.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable

from meetings.budgets import OF_A_SITE, Rate
from meetings.network import site_of

__all__ = ["AddressBudgets", "AddressCounts", "Bucket", "Budgets", "Rate"]


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


class AddressBudgets:
    """One bucket for each address (`network.source_of`), and a larger one for each /48 of IPv6.

    `what` is counted apart: the same address has a bucket for each. What is refused counts in neither.
    """

    def __init__(self, rate: Rate, clock: Callable[[], float]) -> None:
        self._addresses = Budgets(rate, clock)
        self._sites = Budgets(rate.of_a_site, clock)

    def take(self, source: str, what: Hashable = "") -> bool:
        if not self.has(source, what):
            return False
        for budgets, key in self._kept(source, what):
            budgets.take(key)
        return True

    def seconds_until(self, source: str, what: Hashable = "") -> float:
        return max(budgets.seconds_until(key) for budgets, key in self._kept(source, what))

    def has(self, source: str, what: Hashable = "") -> bool:
        """Says whether one is left, without taking it."""
        return all(budgets.has(key) for budgets, key in self._kept(source, what))

    def _kept(self, source: str, what: Hashable) -> list[tuple[Budgets, Hashable]]:
        kept: list[tuple[Budgets, Hashable]] = [(self._addresses, (what, source))]
        if site := site_of(source):
            kept.append((self._sites, (what, site)))
        return kept


class AddressCounts:
    """How many an address holds at once, and all of its /48 together."""

    def __init__(self) -> None:
        self._held: Counter[str] = Counter()

    def has_room(self, source: str, most: int) -> bool:
        site = site_of(source)
        return self._held[source] < most and (not site or self._held[site] < most * OF_A_SITE)

    def come(self, source: str) -> None:
        self._held.update(filter(None, (source, site_of(source))))

    def go(self, source: str) -> None:
        for key in filter(None, (source, site_of(source))):
            self._held[key] -= 1
            if self._held[key] <= 0:
                del self._held[key]

    def __getitem__(self, source: str) -> int:
        return self._held.get(source, 0)

    def __len__(self) -> int:
        return len(self._held)
