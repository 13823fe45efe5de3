"""Which of the packets that a receiver asks for it is sent again. Pure.

A request that follows another within a round trip was made before the answer to that one could arrive. And what repairs
must not push out what it repairs: on a full way every retransmission is the next loss, so repairs have a share of what
the way carries and no more. What is refused is asked for again, if it still matters.
"""

from collections.abc import Sequence

from media_engine.allowance import Allowance

_SHARE = 0.5
_LEAST_BITS_PER_SECOND = 64_000.0
_MOST_BITS_PER_SECOND = 20_000_000.0
_BURST_SECONDS = 0.25
_LEAST_WAIT_SECONDS = 0.02
_UNKNOWN_WAIT_SECONDS = 0.1
_SHARE_OF_ROUND_TRIP = 0.75
"""Round trips vary: one that is short for once must not cost a picture."""
_REMEMBERED = 1024


class Repairs:
    """The budget of one receiver, in requests and in octets, and when it was answered what."""

    __slots__ = ("_answered", "_requests", "left_octets", "refused")

    def __init__(self, requests_per_second: int) -> None:
        self._requests = Allowance(requests_per_second)
        self._answered: dict[tuple[int, int], float] = {}
        self.left_octets = _MOST_BITS_PER_SECOND * _BURST_SECONDS / 8
        self.refused = 0
        """How many requests came too early, or found nothing left."""

    def refill(self, seconds: float, available: float) -> None:
        """Add what `seconds` are worth on a way that carries `available` bits per second."""
        self._requests.refill(seconds)
        rate = min(_MOST_BITS_PER_SECOND, max(_LEAST_BITS_PER_SECOND, available * _SHARE)) / 8
        self.left_octets = min(rate * _BURST_SECONDS, self.left_octets + rate * seconds)

    def due(self, ssrc: int, sequences: Sequence[int], round_trip: float, now: float) -> list[int]:
        """Which of the 16-bit `sequences` to send now. What is asked for counts, found or not: looking it up costs too.

        `round_trip` is in seconds, 0 while unknown.
        """
        since = now - max(_LEAST_WAIT_SECONDS, _SHARE_OF_ROUND_TRIP * (round_trip or _UNKNOWN_WAIT_SECONDS))
        answered, due = self._answered, list[int]()
        if self.left_octets <= 0:
            self.refused += len(sequences)
            return due
        for looked_at, sequence in enumerate(sequences):
            if not self._requests.take():
                self.refused += len(sequences) - looked_at
                break
            key = (ssrc, sequence)
            if answered.get(key, since) > since:
                self.refused += 1
                continue
            answered.pop(key, None)
            answered[key] = now
            due.append(sequence)
        while len(answered) > _REMEMBERED:
            del answered[next(iter(answered))]
        return due
