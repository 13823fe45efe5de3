"""How much the way to one receiver carries, from when packets left and when they came. Pure.

Google congestion control (draft-ietf-rmcat-gcc-02, sections 4 and 5) with a line through the delays in place of the
Kalman filter, as browsers do it: where the delay grows from one group of packets to the next, a queue grows, so more is
sent than gets through. Then the estimate falls below what came lately; otherwise it rises slowly, and to no more than
half as much again as has come. Two clocks are compared that have nothing to do with each other: only differences count.

Whatever a receiver claims, the rate at which it got something is never taken for more than the rate at which it left.
"""

import math
from collections import deque
from collections.abc import Sequence

from media_engine.numbered import Arrival

_GROUP_SECONDS = 0.015
_MOST_GROUPS = 128
_OUT_OF_STEP_SECONDS = 3.0
_RATE_SECONDS = 0.5
_LATEST_RATE_SECONDS = 0.2
_LEAST_SPAN_SECONDS = 0.08
_DECREASE = 0.85
_BETWEEN_FALLS_SECONDS = 0.3
_RISE_PER_SECOND = 1.08
_STEP_BITS_PER_SECOND = 25_000.0
_NEAR = 0.15
_AHEAD, _AHEAD_BITS_PER_SECOND = 1.5, 10_000.0
_LEAST_BITS_PER_SECOND, _MOST_BITS_PER_SECOND = 30_000.0, 20_000_000.0
_FIRST_SECONDS = 1.0
_BASE_SECONDS = 10.0
"""The quickest of ten to twenty seconds is what a way takes without a queue."""
_SHORT_SECONDS, _LONG_SECONDS = 0.04, 0.12
_HIGHER_SECONDS, _HIGHER_TIMES = 0.005, 2
"""The line through the delays takes a third of a second to bend; a queue that is filled fast is seen sooner."""


_WINDOW, _LEAST_POINTS = 20, 10
_SMOOTHING, _GAIN, _MOST_COUNTED = 0.9, 4.0, 60
_OVER_MS = 10.0
_RAISING, _LOWERING, _LEAST_THRESHOLD, _MOST_THRESHOLD, _FAR = 0.0087, 0.039, 6.0, 600.0, 15.0
"""Of `Trend`; times in milliseconds."""


class Trend:
    """Whether delays grow, by the slope of a line through the latest of them (milliseconds throughout).

    `delta` is how much later a group came after the one before than it left after it.
    """

    __slots__ = ("_accumulated", "_count", "_over_ms", "_over_times", "_points", "_previous", "_smoothed", "_threshold")

    def __init__(self) -> None:
        self._points: deque[tuple[float, float]] = deque(maxlen=_WINDOW)
        self._accumulated = self._smoothed = self._previous = self._over_ms = 0.0
        self._count = self._over_times = 0
        self._threshold = 12.5

    def add(self, delta: float, apart: float, at: float) -> int:
        """A group came at `at`, `apart` after the last left. 1 where delays grow too much, -1 where they shrink."""
        self._count = min(self._count + 1, _MOST_COUNTED)
        self._accumulated += delta
        self._smoothed = _SMOOTHING * self._smoothed + (1 - _SMOOTHING) * self._accumulated
        self._points.append((at, self._smoothed))
        if len(self._points) < _LEAST_POINTS:
            return 0
        trend = self._slope()
        grows = self._count * trend * _GAIN
        verdict = 0
        if grows > self._threshold:
            self._over_ms += apart
            self._over_times += 1
            if self._over_ms > _OVER_MS and self._over_times > 1 and trend >= self._previous:
                verdict = 1
        else:
            self._over_ms, self._over_times = 0.0, 0
            verdict = -1 if grows < -self._threshold else 0
        self._previous = trend
        self._adapt(abs(grows), apart)
        return verdict

    def _slope(self) -> float:
        """Least squares."""
        points = self._points
        count, since = len(points), points[0][0]
        sum_x = sum_y = sum_xx = sum_xy = 0.0
        for at, value in points:
            x = at - since
            sum_x += x
            sum_y += value
            sum_xx += x * x
            sum_xy += x * value
        spread = count * sum_xx - sum_x * sum_x
        return (count * sum_xy - sum_x * sum_y) / spread if spread > 0 else 0.0

    def _adapt(self, size: float, apart: float) -> None:
        """Have the threshold follow what is usual, so that neither jitter nor other senders starve this one."""
        if size > self._threshold + _FAR:
            return
        factor = _LOWERING if size < self._threshold else _RAISING
        self._threshold += factor * (size - self._threshold) * min(apart, 100.0)
        self._threshold = min(_MOST_THRESHOLD, max(_LEAST_THRESHOLD, self._threshold))


Group = tuple[float, float, float, float]
"""Packets that left together: when the first and the last left, when the last came, their octets."""


class Estimator:
    """One transport's estimate: `bits_per_second`, infinite before anything is known.

    `queue_seconds` is how much longer than the quickest the latest packets were under way, `report_seconds` how soon
    after it left the quickest packet was told of.
    """

    __slots__ = (
        "_bases",
        "_bases_since",
        "_begun_at",
        "_came",
        "_ceiling",
        "_fell_at",
        "_group",
        "_groups",
        "_previous_queue",
        "_rising",
        "_trend",
        "_updated_at",
        "bits_per_second",
        "queue_seconds",
        "report_seconds",
    )

    def __init__(self) -> None:
        self.bits_per_second = math.inf
        self.queue_seconds = 0.0
        self.report_seconds = math.inf
        self._came = 0.0
        self._ceiling = 0.0
        self._fell_at = -math.inf
        self._begun_at = self._updated_at = math.inf
        self._groups: deque[Group] = deque(maxlen=_MOST_GROUPS)
        self._restart()

    def _restart(self) -> None:
        """Compare with nothing that was before."""
        self._trend = Trend()
        self._group: Group | None = None
        """The one that comes in."""
        self._groups.clear()
        self._bases = (math.inf, math.inf)
        self._bases_since = -math.inf
        self._rising, self._previous_queue = 0, 0.0

    def on_arrivals(self, arrivals: Sequence[Arrival], beside: float, now: float, *, is_probing: bool = False) -> bool:
        """Packets have come, says a feedback that has come now. Whether more is sent than gets through.

        `beside` is what is sent in bits per second without a number: it is part of the estimate, and believed to come.
        Who `is_probing` for more than they need wants to know sooner.
        """
        verdict = 0
        for arrival in arrivals:
            verdict = self._add(arrival) or verdict
        group = self._group
        if group is None or not arrivals or not self._groups:
            return False
        self.queue_seconds = max(0.0, group[2] - group[1] - min(self._bases))
        if verdict > 0 and self.queue_seconds < _SHORT_SECONDS:
            verdict = 0  # the line still rises after a moment in which nothing moved; the queue has gone
        long = _SHORT_SECONDS if is_probing else _LONG_SECONDS
        if self.queue_seconds > long and self._rising + self._is_higher(self.queue_seconds) >= _HIGHER_TIMES:
            verdict = 1
        came = self._rate(_RATE_SECONDS)
        self._came = self._rate(_LATEST_RATE_SECONDS) or came
        self._begun_at = min(self._begun_at, now)
        self.report_seconds = min(self.report_seconds, now - arrivals[-1][0])
        if verdict > 0 and came:
            # What came while it was narrow: not before it became so, and not before there was more than it carries.
            self._fall((max if is_probing else min)(came, self._came) + beside, now)
        elif came and self.bits_per_second == math.inf:
            self._begin(came + beside, now)
        elif came and verdict == 0:
            self._rise(came + beside, now)
        self._updated_at = now
        return verdict > 0

    def seconds_of(self, octets: float) -> float:
        """How long it takes for so much to come, at the pace of the latest."""
        return 8 * octets / max(self._came, _LEAST_BITS_PER_SECOND)

    def _add(self, arrival: Arrival) -> int:
        """Take one packet. What a group that is over by it says: 1 too much, -1 a queue that drains, 0 nothing."""
        left_at, arrived_at, octets = arrival
        group = self._group
        if group is not None:
            first_left_at, last_left_at, latest, before = group
            if abs(arrived_at - latest - (left_at - last_left_at)) > _OUT_OF_STEP_SECONDS:
                self._restart()  # a clock that was set, or a claim that can't be true
            elif left_at - first_left_at <= _GROUP_SECONDS:
                self._group = first_left_at, left_at, max(latest, arrived_at), before + octets
                return 0
            else:
                self._group = left_at, left_at, arrived_at, octets
                return self._take(group)
        self._group = left_at, left_at, arrived_at, octets
        return 0

    def _take(self, group: Group) -> int:
        """Take a group that is over."""
        last = self._groups[-1] if self._groups else None
        self._groups.append(group)
        _, left_at, arrived_at, _ = group
        self._measure_queue(left_at, arrived_at - left_at)
        if last is None or arrived_at < last[2]:
            return 0
        apart = left_at - last[1]
        return self._trend.add(1000 * (arrived_at - last[2] - apart), 1000 * apart, 1000 * arrived_at)

    def _measure_queue(self, left_at: float, delay: float) -> None:
        """How long the queue was for a group that was under way for `delay`, and how often running it has grown."""
        current, before = self._bases
        if left_at > self._bases_since + _BASE_SECONDS:
            current, before, self._bases_since = delay, current, left_at
        self._bases = min(current, delay), before
        queue = delay - min(self._bases)
        self._rising = self._rising + 1 if self._is_higher(queue) else 0
        self._previous_queue = queue

    def _is_higher(self, queue: float) -> bool:
        return queue > _SHORT_SECONDS and queue > self._previous_queue + _HIGHER_SECONDS

    def _rate(self, seconds: float) -> float:
        """What came in the latest `seconds`, in bits per second; 0 while that can't be told.

        Over the time that it took to leave or to come, whichever is longer: a burst is no rate, and nor is a claim.
        """
        newest = oldest = self._groups[-1]
        octets = begun = 0.0
        for group in reversed(self._groups):
            octets += begun
            oldest, begun = group, group[3]
            if group[1] <= newest[1] - seconds:
                break
        span = max(newest[2] - oldest[2], newest[1] - oldest[1])
        return 8 * octets / span if span >= _LEAST_SPAN_SECONDS else 0.0

    def _fall(self, came: float, now: float) -> None:
        """To less than what came, so that the queue drains. A fall that follows too soon is the same one."""
        if now < self._fell_at + _BETWEEN_FALLS_SECONDS:
            return
        self._fell_at, self._ceiling = now, came
        self.bits_per_second = max(_LEAST_BITS_PER_SECOND, min(self.bits_per_second, _DECREASE * came))

    def _begin(self, came: float, now: float) -> None:
        """Nothing has limited anything so far, so all that was sent has come."""
        if now >= self._begun_at + _FIRST_SECONDS:
            self.bits_per_second = _most(came)

    def _rise(self, came: float, now: float) -> None:
        """Step by step where it fell last, by a share elsewhere; what came fits, and half as much again may."""
        limit, estimate = _most(came), self.bits_per_second
        seconds = min(1.0, max(0.0, now - self._updated_at))
        if abs(estimate - self._ceiling) < _NEAR * self._ceiling:
            estimate += _STEP_BITS_PER_SECOND * seconds
        else:
            estimate *= _RISE_PER_SECOND**seconds
        self.bits_per_second = max(self.bits_per_second, min(limit, max(estimate, came)))


def _most(came: float) -> float:
    """What may be concluded from `came` at best."""
    return min(_MOST_BITS_PER_SECOND, _AHEAD * came + _AHEAD_BITS_PER_SECOND)
