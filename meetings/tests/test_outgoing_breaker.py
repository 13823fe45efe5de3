"""Somebody who does not answer is asked less and less often, and heard at once when they do."""

from __future__ import annotations

from meetings.outgoing.breaker import FAILURES, FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, Breaker


def broken(now: float = 0.0) -> Breaker:
    breaker = Breaker()
    for _ in range(FAILURES):
        assert breaker.may_ask(now)
        breaker.failed(now)
    return breaker


def test_a_failure_now_and_then_opens_nothing() -> None:
    breaker = Breaker()
    for _ in range(100):
        breaker.failed(0.0)
        breaker.succeeded()
        assert breaker.may_ask(0.0)


def test_after_failures_in_a_row_nobody_asks_for_a_while() -> None:
    breaker = broken()
    assert breaker.is_open
    assert not breaker.may_ask(FIRST_PAUSE_SECONDS - 0.01)
    assert breaker.asks_again_at(0.0) == FIRST_PAUSE_SECONDS


def test_then_one_asks_for_all() -> None:
    breaker = broken()
    assert breaker.may_ask(FIRST_PAUSE_SECONDS)
    assert not breaker.may_ask(FIRST_PAUSE_SECONDS)
    breaker.succeeded()
    assert breaker.may_ask(FIRST_PAUSE_SECONDS)
    assert breaker.may_ask(FIRST_PAUSE_SECONDS)


def test_the_pauses_grow_to_a_limit() -> None:
    breaker, now, pauses = broken(), 0.0, []
    for _ in range(8):
        pauses.append(breaker.open_until - now)
        now = breaker.open_until
        assert breaker.may_ask(now)
        breaker.failed(now)
    assert pauses == sorted(pauses)
    assert pauses[-1] == LONGEST_PAUSE_SECONDS


def test_requests_that_were_on_their_way_when_it_opened_make_no_pause_longer() -> None:
    breaker = broken()
    for _ in range(20):
        breaker.failed(1.0)
    assert breaker.asks_again_at(0.0) == FIRST_PAUSE_SECONDS
    breaker.succeeded()
    assert breaker.may_ask(1.0), "one of them was answered after all"
