"""What the way to one receiver carries. Pure.

Four witnesses: an estimate from how delays grow; what was sent lately and met with no objection; its loss; and the
round trip. The estimate is ours (`estimator.py`) where the receiver says which packets came when, and otherwise its own
(REMB, draft-alvestrand-rmcat-remb), which browsers make from the abs-send-time that packets carry then. Either follows
what is received, and REMB is late when more comes: by itself an estimate is no sign that less would fit, only its fall
is. So while something larger is wanted, repeated packets fill the way a little further each time, until somebody
objects.
"""

import math

_LOSSY = 0.1
_CLEAN = 0.02
_LOSSY_THOUGH_EMPTY, _CLEAN_THOUGH_EMPTY = 0.3, 0.25
_FALL = 0.95
_FIRST_FALL = 0.75
_QUEUE_SECONDS = 0.15
_ROUND_TRIP_DRIFT_SECONDS = 0.002
_LEAST_BITS_PER_SECOND = 100_000.0
_UNLIMITED_BITS_PER_SECOND = 20_000_000.0
_RISE_PER_SECOND = 1.08
_STEP = 1.2
_PACE, _PACE_WHERE_FULL = 2.5, 1.25
_PACE_BITS_PER_SECOND = 3_000_000.0
"""Who is sent little has proven little: no reason to have a whole picture wait for long."""
_FULL_SECONDS = 30.0
_LEAST_STEP = 30_000.0
_AFTER_A_FALL_SECONDS = 4.0
_LEAST_REST_SECONDS = 4.0
_MOST_REST_SECONDS = 10.0


class Downlink:
    """Everything in bits per second; `now` in seconds. `sent` is what was sent lately, padding included."""

    __slots__ = (
        "_clean_at",
        "_fell_at",
        "_is_probing",
        "_proven",
        "_queued_at",
        "_rest_seconds",
        "_round_trip",
        "estimate",
        "loss_limit",
        "sent",
    )

    def __init__(self) -> None:
        self.estimate = math.inf
        self.loss_limit = math.inf
        self.sent = 0.0
        self._proven = 0.0
        self._clean_at = 0.0
        self._fell_at = self._queued_at = -math.inf
        self._is_probing = False
        self._rest_seconds = _LEAST_REST_SECONDS
        self._round_trip = math.inf

    @property
    def capacity(self) -> float:
        """What should get through without delay; infinite while nothing speaks against it."""
        return max(self.estimate, self._proven)

    @property
    def available(self) -> float:
        """What may be sent."""
        return min(self.capacity, self.loss_limit)

    def on_sent(self, bits_per_second: float, now: float) -> None:
        """So much was sent lately. What nobody objects to is proven."""
        self.sent = bits_per_second
        if now >= self._fell_at + _AFTER_A_FALL_SECONDS:
            self._proven = max(self._proven, bits_per_second)

    def on_estimate(self, bits_per_second: float, now: float) -> None:
        """An estimate has come. The first one is about what was sent before anything was known."""
        before = self.estimate * _FALL if self.estimate < math.inf else self._proven * _FIRST_FALL
        # Of less than the least nothing is concluded: where so little comes, an estimate is hardly more than that.
        bits_per_second = max(float(bits_per_second), _LEAST_BITS_PER_SECOND)
        if bits_per_second < before:
            self._queued_at = now
            self._object(now)
        self.estimate = bits_per_second

    def on_round_trip(self, seconds: float, now: float) -> None:
        """A round trip was measured. Where it has grown by a queue, more is sent than gets through.

        That counts while more is sent than the estimate: it can't fall then, as it has not risen yet.
        """
        self._round_trip = min(self._round_trip + _ROUND_TRIP_DRIFT_SECONDS, seconds)
        if seconds > self._round_trip + _QUEUE_SECONDS and self.estimate < self._proven:
            self._queued_at = now
            self._object(now)

    def on_loss(self, fraction: float, now: float, *, is_empty: bool = False) -> None:
        """The share of packets that did not arrive since this was last said, 0 to 1.

        Below 2 % the limit rises by 8 % a second, above 10 % it falls by half of the loss; in between it stays, as
        radio links lose packets without being full (draft-ietf-rmcat-gcc-02, section 6). Where the way is known to be
        `is_empty`, without a queue, it rises below 25 % and falls above 30 %: what is full is slow before it loses.
        """
        clean, lossy = (_CLEAN_THOUGH_EMPTY, _LOSSY_THOUGH_EMPTY) if is_empty else (_CLEAN, _LOSSY)
        if fraction > lossy:
            base = min(self.loss_limit, self.sent or self.loss_limit)
            self.loss_limit = max(_LEAST_BITS_PER_SECOND, base * (1 - fraction / 2))
            self._object(now)
        elif fraction < clean and self.loss_limit < math.inf:
            self.loss_limit *= _RISE_PER_SECOND ** min(1.0, max(0.0, now - self._clean_at))
            if self.loss_limit > min(2 * self.capacity, _UNLIMITED_BITS_PER_SECOND):
                self.loss_limit = math.inf
        self._clean_at = now

    def had_queue(self, now: float) -> bool:
        """Whether there was a queue lately. Loss alone says nothing of one."""
        return now < self._queued_at + _FULL_SECONDS

    def picture_pace(self, sound: float, pictures: float, now: float) -> float:
        """How fast pictures may leave beside `sound`: much faster than they come, but where the way was full lately.

        Always faster than the `pictures` that are sent now: that they are too much is not for the pace to say.
        """
        room = max(_LEAST_BITS_PER_SECOND, self.capacity - sound)
        if now < self._fell_at + _FULL_SECONDS:
            return _PACE_WHERE_FULL * max(room, pictures)
        return max(_PACE * max(room, pictures), _PACE_BITS_PER_SECOND)

    def _object(self, now: float) -> None:
        """Only the estimate counts now. Whoever was probing waits twice as long as the last time before the next."""
        if self._is_probing:
            self._rest_seconds = min(2 * self._rest_seconds, _MOST_REST_SECONDS)
            self._is_probing = False
        self._fell_at, self._proven = now, 0.0

    def padding(self, wanted_more: float, media: float, now: float) -> float:
        """How much to send beside `media` now, so that a receiver who could have more finds out. 0 for nothing.

        A step above what is proven each time. Once nothing more is wanted, the next search begins as the first did.
        """
        if not wanted_more or self.available == math.inf:
            if self._is_probing:
                self._is_probing, self._rest_seconds = False, _LEAST_REST_SECONDS
            return 0.0
        if now < self._fell_at + self._rest_seconds:
            return 0.0
        self._is_probing = True
        goal = max(self.available * _STEP, self.available + _LEAST_STEP)
        return max(0.0, min(wanted_more, goal - media))
