"""Which packets of one stream have arrived, which are missing, and what to say about it. Pure.

Answers three questions about a received SSRC: is this packet new, which sequence numbers should be asked for again
(RFC 4585 NACK), and what goes into a receiver report (RFC 3550, section 6.4). Time is a parameter, in seconds.
"""

from typing import Final, NamedTuple

from media_engine.rtp import unwrap

_WINDOW: Final = 1024
_MASK: Final = _WINDOW - 1
_UNSEEN: Final = -(1 << 62)
_MAX_MISSING: Final = 256
_MAX_TRIES: Final = 8
_UNKNOWN_RETRY_SECONDS: Final = 0.1
_LEAST_RETRY_SECONDS: Final = 0.02
_MOST_RETRY_SECONDS: Final = 0.5
_TOO_SOON: Final = 0.9
_RETRY_FACTOR: Final = 1.25
"""Asked again before the answer can be here, a publisher sends twice what its way may hardly carry once."""
_REPEAT_SECONDS: Final = 0.02
"""After this a request is said once more on a lossy way. libwebrtc answers only one of two within a round trip."""


class ReceptionReport(NamedTuple):
    """The fields of a report block that only the receiver of the stream knows (RFC 3550, section 6.4.1)."""

    fraction_lost: int
    cumulative_lost: int
    highest_sequence: int
    jitter: int


class ReceiveLog:
    """The memory of one SSRC. Give it every sequence number; it says which are new and which to ask for.

    `missing` is empty when there is nothing to ask for; before `due_at` nothing needs asking. `timestamp` is the last
    one whose jitter was measured, `asked` how many packets were asked for, `repaired` the last sequence number that
    came because of that. With `asks_twice` every request is said twice, as requests get lost as well. `round_trip` is
    how long the publisher took to answer requests, in seconds, smoothed (RFC 6298, section 2); 0 before the first.
    """

    __slots__ = (
        "_base",
        "_clock_rate",
        "_jitter",
        "_last_expected",
        "_last_received",
        "_seen",
        "_transit",
        "_unbroken",
        "asked",
        "asks_twice",
        "due_at",
        "highest",
        "missing",
        "received",
        "repaired",
        "round_trip",
        "timestamp",
        "wants_nack",
    )

    def __init__(self, clock_rate: int, *, wants_nack: bool) -> None:
        self.wants_nack = wants_nack
        self._clock_rate = clock_rate
        self._seen = [_UNSEEN] * _WINDOW
        self._unbroken = 0
        """Everything from here up to `highest` has come, and is in `_seen` only once a gap follows."""
        self.missing: dict[int, tuple[float, float, int, bool]] = {}
        self.asked = 0
        self.asks_twice = False
        self.repaired = _UNSEEN
        self.round_trip = 0.0
        self.due_at = 0.0
        self.highest = _UNSEEN
        self._base = 0
        self.received = 0
        self._last_expected = 0
        self._last_received = 0
        self._jitter = 0.0
        self._transit = 0.0
        self.timestamp = -1

    def add(self, sequence: int, now: float) -> int | None:
        """Note a 16-bit sequence number. Returns it extended, or None for a duplicate or something too old."""
        highest = self.highest
        if (highest + 1) & 0xFFFF == sequence and highest != _UNSEEN:  # nearly always: the next one, in order
            self.highest = highest + 1
            self.received += 1
            return highest + 1
        if highest == _UNSEEN:
            self.highest = self._base = highest = sequence - 1
            self._unbroken = sequence
        extended = unwrap(sequence, highest)
        if extended <= highest:
            if extended <= highest - _WINDOW or self._has(extended):
                return None
            if extended < self._base:
                self._base = extended - 1
            first_at, asked_at, tries, _ = self.missing.pop(extended, (0.0, 0.0, 0, False))
            if tries:
                self.repaired = extended
            if tries == 1:
                self._measure_round_trip(now - asked_at)
            elif tries and (not self.round_trip or now - asked_at < _TOO_SOON * self.round_trip):
                # Of several requests this answers an earlier one: we ask sooner than an answer can be here.
                self._measure_round_trip(now - first_at)
            self._seen[extended & _MASK] = extended
        else:
            for came in range(max(self._unbroken, extended - _MASK), highest + 1):
                self._seen[came & _MASK] = came
            if extended > highest + 1 and self.wants_nack:
                self._note_gap(highest + 1, extended, now)
            self.highest = self._unbroken = extended
        self.received += 1
        return extended

    def _has(self, sequence: int) -> bool:
        """Whether extended `sequence`, within the window, has come."""
        return sequence >= self._unbroken or self._seen[sequence & _MASK] == sequence

    @property
    def has_begun(self) -> bool:
        """Whether anything has arrived."""
        return self.highest != _UNSEEN

    def follow(self, count: int) -> None:
        """Note that the next `count` have arrived, in order. Ask `has_begun` first."""
        self.highest += count
        self.received += count

    def restore(self, sequence: int) -> bool:
        """Note that the extended `sequence` is here without having come. False where it is no hole in what came."""
        if not max(self._base, self.highest - _WINDOW) < sequence < self.highest or self._has(sequence):
            return False
        self._seen[sequence & _MASK] = sequence
        self.received += 1
        self.missing.pop(sequence, None)
        return True

    def _measure_round_trip(self, seconds: float) -> None:
        self.round_trip += (seconds - self.round_trip) / 8 if self.round_trip else seconds

    @property
    def _retry_seconds(self) -> float:
        if not self.round_trip:
            return _UNKNOWN_RETRY_SECONDS
        return min(_MOST_RETRY_SECONDS, max(_LEAST_RETRY_SECONDS, _RETRY_FACTOR * self.round_trip))

    def _note_gap(self, start: int, end: int, now: float) -> None:
        if end - start > _MAX_MISSING:
            # Too much is gone to be worth repairing: the decoder needs a key frame, not a flood of retransmissions.
            self.missing.clear()
            return
        for sequence in range(start, end):
            # When it was missed or asked for first, and last; how often; whether the last request was said twice.
            self.missing[sequence] = (now, now, 0, False)
        self.due_at = now
        while len(self.missing) > _MAX_MISSING:
            del self.missing[next(iter(self.missing))]

    def measure_jitter(self, timestamp: int, now: float) -> None:
        """Interarrival jitter, RFC 3550 appendix A.8. `timestamp` is the RTP timestamp of the packet just added.

        Of packets with the same timestamp give it the first: those behind it wait for one another, not for the network.
        """
        self.timestamp = timestamp
        transit = now * self._clock_rate - timestamp
        difference = abs(transit - self._transit)
        self._transit = transit
        if difference < self._clock_rate * 4:  # a wrapped or jumped timestamp says nothing about the network
            self._jitter += (difference - self._jitter) / 16

    @property
    def lost(self) -> int:
        """Packets that never came (cumulative; RFC 3550, section 6.4.1). Duplicates do not count against it."""
        return self.highest - self._base - self.received if self.received else 0

    @property
    def jitter_seconds(self) -> float:
        """The present interarrival jitter."""
        return self._jitter / self._clock_rate

    def due_requests(self, now: float) -> list[int]:
        """16-bit sequence numbers to ask for now, oldest first. Asking counts as a try; after 8 it is given up."""
        due: list[int] = []
        retry = self._retry_seconds
        repeat = _REPEAT_SECONDS if self.asks_twice and retry > 2 * _REPEAT_SECONDS else retry
        self.due_at = now + repeat
        for extended, (first_at, asked_at, tries, is_said_twice) in list(self.missing.items()):
            next_at = asked_at + (retry if is_said_twice else repeat) if tries else asked_at
            if next_at > now:
                self.due_at = min(self.due_at, next_at)
            elif extended <= self.highest - _WINDOW:
                del self.missing[extended]
            elif tries and now < asked_at + retry:
                self.missing[extended] = (first_at, asked_at, tries, True)
                due.append(extended & 0xFFFF)
            elif tries >= _MAX_TRIES:
                del self.missing[extended]
            else:
                self.asked += not tries
                self.missing[extended] = (first_at if tries else now, now, tries + 1, False)
                due.append(extended & 0xFFFF)
        return due

    def report(self) -> ReceptionReport:
        """The report since the last call."""
        expected = self.highest - self._base
        expected_interval = expected - self._last_expected
        lost_interval = expected_interval - (self.received - self._last_received)
        self._last_expected = expected
        self._last_received = self.received
        fraction = min(255, lost_interval * 256 // expected_interval) if lost_interval > 0 and expected_interval else 0
        cumulative = max(-0x800000, min(0x7FFFFF, expected - self.received))
        return ReceptionReport(fraction, cumulative, self.highest & 0xFFFFFFFF, min(int(self._jitter), 0xFFFFFFFF))
