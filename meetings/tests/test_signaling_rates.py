"""Buckets refuse what is too much, refill with time, and do not grow with strangers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from meetings.signaling.rates import Bucket, Budgets, Rate


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_passes_and_then_the_rate_holds() -> None:
    bucket = Bucket(Rate(per_second=20, burst=60), now=0.0)
    assert sum(bucket.take(0.0) for _ in range(100)) == 60
    assert sum(bucket.take(1.0) for _ in range(100)) == 20


def test_a_clock_that_goes_back_gives_nothing() -> None:
    bucket = Bucket(Rate(per_second=1, burst=1), now=50.0)
    assert bucket.take(50.0)
    assert not bucket.take(10.0)
    assert not bucket.take(50.5)


@given(st.lists(st.floats(0, 5), max_size=60))
def test_no_pattern_of_tries_beats_burst_plus_rate(pauses: list[float]) -> None:
    now, taken = 0.0, 0
    bucket = Bucket(Rate(per_second=2, burst=5), now)
    for pause in pauses:
        now += pause
        taken += bucket.take(now)
    assert taken <= 5 + 2 * now + 1e-6


def test_keys_have_budgets_of_their_own_and_the_longest_unused_is_forgotten() -> None:
    clock = Clock()
    budgets = Budgets(Rate.per_minute(1), clock, most=2)
    assert budgets.take("a")
    assert not budgets.take("a")
    assert budgets.take("b")
    assert 0 < budgets.seconds_until("b") <= 60
    assert budgets.take("c")
    assert len(budgets) == 2
    clock.now += 60
    assert budgets.take("b")


def test_asking_takes_nothing() -> None:
    budgets = Budgets(Rate.per_minute(1), Clock())
    assert budgets.has("a")
    assert budgets.has("a")
    assert budgets.take("a")
    assert not budgets.has("a")
