"""The estimate of a way, over simulated ones, with a clock of their own."""

import math
import random
from collections.abc import Callable, Iterator

from hypothesis import given, settings
from hypothesis import strategies as st

from media_engine.estimator import Estimator
from media_engine.feedback import TransportFeedback
from media_engine.numbered import Numbered
from media_engine.tests.network import Lane

FRAME_SECONDS = 0.05
PACKET_OCTETS = 1000
THEIR_CLOCK = 5e5
"""Seconds by which a receiver's clock is ahead of ours: nothing may depend on it."""


class Way:
    """A sender of pictures, a lane, and a receiver who reports every `report_seconds` what has come."""

    def __init__(self, bits_per_second: float, seed: int = 1, report_seconds: float = 0.06) -> None:
        self.lane = Lane(seed, bits_per_second=bits_per_second, queue_seconds=1.0, delay_seconds=0.02)
        self.numbered, self.estimator = Numbered(), Estimator()
        self.report_seconds, self.back_seconds = report_seconds, 0.02
        self.feedback_loss = 0.0
        self.now = 1000.0
        self.beside = 0.0
        self.overused_at: list[float] = []
        self.longest_queue = 0.0
        self._report_at = self._frame_at = self.now
        self._first = 1
        self._coming: dict[int, float] = {}
        self._random = random.Random(seed)
        self._on_way: list[tuple[float, TransportFeedback]] = []

    def run(self, seconds: float, rate: Callable[[], float]) -> Iterator[float]:
        """Send pictures of `rate` bits per second for so long; the estimate after each."""
        end = self.now + seconds
        while self.now < end:
            self.now += 0.01
            if self.now >= self._frame_at:
                self._frame_at += FRAME_SECONDS
                self.send(round(rate() * FRAME_SECONDS / 8))
                yield self.estimator.bits_per_second
            self._report()

    def send(self, octets: int) -> None:
        while octets > 0:
            size = min(octets, PACKET_OCTETS)
            number = self.numbered.note(size, self.now)
            at = self.lane.arrives_at(size, self.now)
            if at is not None:
                self._coming[number] = at
            octets -= size

    def _report(self) -> None:
        if self.now >= self._report_at:
            self._report_at += self.report_seconds
            came = sorted(number for number, at in self._coming.items() if at <= self.now)
            if came:
                arrivals = tuple((number - self._first, self._coming.pop(number) + THEIR_CLOCK) for number in came)
                feedback = TransportFeedback(self._first & 0xFFFF, came[-1] - self._first + 1, arrivals)
                if self._random.random() >= self.feedback_loss:
                    self._on_way.append((self.now + self.back_seconds, feedback))
                self._first = came[-1] + 1
        while self._on_way and self._on_way[0][0] <= self.now:
            arrivals = self.numbered.match(self._on_way.pop(0)[1])
            if self.estimator.on_arrivals(arrivals, self.beside, self.now):
                self.overused_at.append(self.now)
            self.longest_queue = max(self.longest_queue, self.estimator.queue_seconds)

    def obey(self, most: float) -> Callable[[], float]:
        """A sender who keeps to the estimate and has use for `most`."""
        return lambda: min(most, self.estimator.bits_per_second)


def last(estimates: Iterator[float]) -> float:
    return list(estimates)[-1]


def test_nothing_is_limited_before_anything_is_known_and_then_half_as_much_again_as_came() -> None:
    way = Way(10e6)
    estimates = list(way.run(3.0, lambda: 700_000.0))
    assert estimates[0] == math.inf
    assert 1_000_000 < estimates[-1] < 1_300_000
    assert not way.overused_at


def test_a_step_down_is_seen_within_half_a_second_and_believed() -> None:
    way = Way(10e6)
    last(way.run(5.0, lambda: 730_000.0))
    way.lane.bits_per_second = 300_000.0
    narrowed = way.now
    last(way.run(1.0, way.obey(730_000.0)))
    assert way.overused_at[0] < narrowed + 0.45
    estimates = list(way.run(20.0, way.obey(730_000.0)))
    assert min(estimates) > 200_000
    assert max(estimates[40:]) < 400_000
    assert sum(estimates[40:]) / len(estimates[40:]) > 230_000


def test_a_step_up_is_found_by_sending_more() -> None:
    way = Way(300_000.0)
    last(way.run(10.0, way.obey(2e6)))
    way.lane.bits_per_second = 5e6
    assert last(way.run(20.0, way.obey(2e6))) > 600_000


def test_a_tenth_that_is_lost_at_random_makes_nothing_small() -> None:
    way = Way(5e6)
    way.lane.loss = 0.1
    assert min(list(way.run(30.0, lambda: 1_000_000.0))[40:]) > 1_000_000
    assert not way.overused_at


def test_jitter_makes_nothing_small() -> None:
    way = Way(5e6)
    way.lane.jitter_seconds = 0.03
    estimates = list(way.run(30.0, way.obey(1_000_000.0)))
    assert min(estimates[40:]) > 900_000


def test_others_on_the_way_get_their_share_and_leave_one_behind() -> None:
    way = Way(1_000_000.0)
    last(way.run(5.0, way.obey(800_000.0)))
    end, estimates = way.now + 15.0, []
    while way.now < end:  # half of the way is taken by somebody else
        way.lane.arrives_at(round(500_000 * FRAME_SECONDS / 8), way.now)
        estimates += list(way.run(FRAME_SECONDS - 0.001, way.obey(800_000.0)))
    settled = estimates[len(estimates) // 2 :]
    assert 300_000 < sum(settled) / len(settled) < 700_000
    assert way.estimator.queue_seconds < 0.4


def test_feedback_that_is_lost_neither_lifts_nor_breaks_the_estimate() -> None:
    way = Way(2e6)
    way.feedback_loss = 0.5
    before = last(way.run(10.0, lambda: 1_000_000.0))
    assert 1_000_000 < before < 2_200_000
    way.feedback_loss = 1.0
    assert last(way.run(5.0, lambda: 1_000_000.0)) == before
    way.feedback_loss = 0.0
    assert last(way.run(5.0, lambda: 1_000_000.0)) > 900_000


def test_what_is_sent_without_a_number_is_part_of_the_estimate() -> None:
    way = Way(10e6)
    way.beside = 300_000.0
    assert last(way.run(3.0, lambda: 100_000.0)) > 1.4 * 400_000


def test_a_clock_that_drifts_and_is_set_does_no_harm() -> None:
    estimator, numbered = Estimator(), Numbered()
    for index in range(600):
        now = 10.0 + index * FRAME_SECONDS
        number = numbered.note(2000, now)
        told = now * 1.0002 + (7000.0 if index > 300 else 0.0)
        arrivals = numbered.match(TransportFeedback(number, 1, ((0, told),)))
        assert not estimator.on_arrivals(arrivals, 0.0, now)
    assert estimator.bits_per_second > 320_000


def test_who_claims_that_all_came_at_once_is_sent_no_more_than_half_as_much_again_as_left() -> None:
    estimator, numbered = Estimator(), Numbered()
    for index in range(400):
        now = 10.0 + index * FRAME_SECONDS
        first = numbered.note(2000, now)
        arrivals = numbered.match(TransportFeedback(first, 1, ((0, 77.0 + index * 1e-6),)))
        estimator.on_arrivals(arrivals, 0.0, now)
    assert estimator.bits_per_second < 1.6 * 8 * 2000 / FRAME_SECONDS


@settings(max_examples=40)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 0xFFFF),
            st.lists(st.tuples(st.integers(0, 9000), st.floats(-1e6, 1e6)), max_size=20),
            st.integers(1, 8192),
        ),
        max_size=30,
    )
)
def test_whatever_is_claimed_the_estimate_stays_within_what_was_sent(
    claims: list[tuple[int, list[tuple[int, float]], int]],
) -> None:
    estimator, numbered, now = Estimator(), Numbered(), 5.0
    for first, came, count in claims:
        for _ in range(5):
            now += 0.02
            numbered.note(1200, now)
        arrivals = numbered.match(TransportFeedback(first, count, tuple(came)))
        assert sum(octets for _, _, octets in arrivals) <= 1200 * (numbered.following - 1) + 1
        estimator.on_arrivals(arrivals, 0.0, now)
        assert estimator.bits_per_second >= 30_000
        assert estimator.bits_per_second == math.inf or estimator.bits_per_second < 1_000_000
        assert numbered.outstanding_octets <= 1200 * min(numbered.following - 1, 512)


def test_numbers_are_matched_across_the_wrap_once_each_and_never_before_they_were_sent() -> None:
    numbered = Numbered()
    numbered.following = 0xFFFE
    for index in range(4):
        numbered.note(100 + index, float(index))
    numbered.note(600, 9.0, 3)
    told = TransportFeedback(0xFFFE, 7, ((0, 1.0), (2, 1.5), (4, 2.0), (6, 2.5)))
    assert numbered.match(told) == [(0.0, 1.0, 100), (2.0, 1.5, 102), (9.0, 2.5, 400)]
    assert numbered.match(told) == []
    assert numbered.outstanding_octets == 0
    numbered.note(50, 10.0)
    assert numbered.match(TransportFeedback((numbered.following + 5) & 0xFFFF, 3, ((0, 1.0),))) == []
    assert numbered.outstanding_octets == 50


def test_what_a_lost_feedback_was_about_is_no_more_lost_than_it_was() -> None:
    numbered = Numbered()
    for index in range(6):
        numbered.note(100, float(index))
    assert numbered.match(TransportFeedback(1, 2, ((0, 1.0), (1, 1.1)))) == [(0.0, 1.0, 100), (1.0, 1.1, 100)]
    assert numbered.match(TransportFeedback(5, 2, ((0, 2.0), (1, 2.1)))) == [(4.0, 2.0, 300), (5.0, 2.1, 100)]


def test_what_has_fallen_out_of_memory_is_not_known() -> None:
    numbered = Numbered()
    for index in range(600):
        numbered.note(100, float(index))
    assert numbered.match(TransportFeedback(88, 2, ((0, 1.0), (1, 1.5)))) == [(88.0, 1.5, 100)]
