"""What was sent to one receiver under which transport-wide number, until the receiver says that it came. Pure.

The hot path takes `following` for the next packet, and notes all packets that left together at once. Sound has no
number here: what is sent again under the same RTP number has to be the same to the last byte.

`inner.c` has the same class, which notes without making anything and takes its place with the inner loops.
"""

from collections import deque
from typing import TYPE_CHECKING, Final

from media_engine import native
from media_engine.feedback import TransportFeedback
from media_engine.rtp import unwrap

_MOST_RUNS: Final = 512
"""Some seconds' worth. What has fallen out of them is not known any more, and nothing is concluded from it."""

Run = tuple[int, int, float, int]
"""The number of the first; how many; when they left in engine time; their octets in all."""
Arrival = tuple[float, float, float]
"""Packets that came: when they left by our clock, when the last arrived by the receiver's, their octets."""


class Numbered:
    """The numbers of one transport. They are extended: 16 bits of them are sent."""

    __slots__ = ("_runs", "_told", "following")

    def __init__(self) -> None:
        self.following = 1
        self._runs: deque[Run] = deque(maxlen=_MOST_RUNS)
        self._told = 0

    def note(self, octets: int, now: float, count: int = 1) -> int:
        """Note that packets leave now, `count` of `octets` in all. The 16 bits of the first one's number."""
        number = self.following
        self.following = number + count
        self._runs.append((number, count, now, octets))
        return number & 0xFFFF

    def match(self, feedback: TransportFeedback) -> list[Arrival]:
        """What `feedback` says that was not told before: what came, one entry for all that had left together.

        Numbers that were never sent, or were told of before, count for nothing. Where a feedback got lost, what it was
        about is added to the first of the next: it is no more lost than it was.
        """
        told, end = self._told, self.following
        first = unwrap(feedback.first, end - 1)
        last = min(first + feedback.count, end) - 1
        if last <= told or last < first:
            return []
        skipped = self._octets_between(told + 1, first) if first > told + 1 else 0.0
        runs, arrivals = self._runs, list[Arrival]()
        begin = behind = 0
        left_at = latest = each = octets = 0.0
        for offset, arrived_at in feedback.came:
            number = first + offset
            if not told < number <= last:
                continue
            if number >= behind:
                if octets:
                    arrivals.append((left_at, latest, octets))
                    octets = 0.0
                while runs and runs[0][0] + runs[0][1] <= number:
                    runs.popleft()
                if not runs:
                    break
                begin, count, left_at, total = runs[0]
                behind, each, latest = begin + count, total / count, arrived_at
            if number >= begin:
                octets += each + skipped
                skipped = 0.0
                latest = max(latest, arrived_at)
        if octets:
            arrivals.append((left_at, latest, octets))
        self._told = last
        return arrivals

    def _octets_between(self, begin: int, end: int) -> float:
        """Octets of the numbers from `begin` up to `end`, which is not among them."""
        total = 0.0
        for number, count, _, octets in self._runs:
            if number >= end:
                break
            inside = min(end, number + count) - max(begin, number)
            if inside > 0:
                total += octets * inside / count
        return total

    @property
    def outstanding_octets(self) -> float:
        """What has left and was not told of yet."""
        return self._octets_between(self._told + 1, self.following)


if native.inner is not None and not TYPE_CHECKING:
    Numbered = native.inner.Numbered
