"""What one engine has done so far, in numbers for a graph: no ids, nothing per peer. Pure."""

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field
from itertools import accumulate
from math import inf
from typing import Final

WAIT_BOUNDS_SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1.0)

_LEAST_BOUND: Final = WAIT_BOUNDS_SECONDS[0]


@dataclass
class Waits:
    """How long the oldest datagram of a batch lay in the kernel's buffer: what the process adds to everybody's delay.

    `counts` has one entry for each of `WAIT_BOUNDS_SECONDS`, upper bounds, and one for what is above the last.
    """

    counts: list[int] = field(default_factory=lambda: [0] * (len(WAIT_BOUNDS_SECONDS) + 1))
    seconds: float = 0.0

    def note(self, seconds: float) -> None:
        """Count one batch."""
        # Nearly all are within the first.
        self.counts[bisect_left(WAIT_BOUNDS_SECONDS, seconds) if seconds > _LEAST_BOUND else 0] += 1
        self.seconds += seconds

    def cumulative(self) -> list[tuple[float, int]]:
        """How many batches waited no longer than each bound; the last bound is infinity, so the last number is all."""
        return list(zip((*WAIT_BOUNDS_SECONDS, inf), accumulate(self.counts), strict=True))


@dataclass(frozen=True)
class EngineFigures:
    """A moment's state and everything since the engine's start.

    `counted` holds packets_in, octets_in, packets_out, octets_out, retransmitted, reports_out, nacks_in, nacks_out,
    key_frames_asked_in, key_frames_asked_out and repaired; `dropped` is by reason. `busy_seconds` is what reading,
    dealing with and sending media took.
    """

    sessions: int
    peers: int
    transports: dict[str, int]
    counted: Counter[str]
    dropped: Counter[str]
    waits: Waits
    busy_seconds: float
