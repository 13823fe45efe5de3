"""A ticket works once, soon, and for nobody else. Proofs are used once."""

from __future__ import annotations

import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from meetings.tickets import Bearer, Nonces, Tickets, browser_digest, new_browser


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


BROWSER = new_browser()
BEARER = Bearer("occurrence", "participant", "device", "user", "session", browser_digest(BROWSER), "127.0.0.0/24")
MINE = {"user_id": "user", "session_key": "session", "browser": BROWSER}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tickets(clock: Clock) -> Tickets:
    return Tickets(clock)


def test_a_ticket_works_once(tickets: Tickets) -> None:
    ticket = tickets.issue(BEARER)
    assert tickets.redeem(ticket, **MINE) == BEARER
    assert tickets.redeem(ticket, **MINE) is None


def test_a_ticket_expires_after_thirty_seconds(tickets: Tickets, clock: Clock) -> None:
    ticket = tickets.issue(BEARER)
    clock.now = 30.0
    assert tickets.redeem(ticket, **MINE) is None


@pytest.mark.parametrize(
    "other",
    [{"user_id": ""}, {"user_id": "other"}, {"session_key": "other"}, {"browser": ""}, {"browser": new_browser()}],
)
def test_somebody_else_cannot_use_it_and_uses_it_up(tickets: Tickets, other: dict[str, str]) -> None:
    ticket = tickets.issue(BEARER)
    assert tickets.redeem(ticket, **{**MINE, **other}) is None
    assert tickets.redeem(ticket, **MINE) is None


def test_a_removed_persons_tickets_are_dead(tickets: Tickets) -> None:
    ticket = tickets.issue(BEARER)
    tickets.forget("participant")
    assert tickets.redeem(ticket, **MINE) is None


def test_old_tickets_are_forgotten_by_themselves(tickets: Tickets, clock: Clock) -> None:
    for _ in range(50):
        tickets.issue(BEARER)
    clock.now = 31.0
    tickets.issue(BEARER)
    assert len(tickets) == 1


def test_a_proof_is_used_once(clock: Clock) -> None:
    nonces = Nonces(clock, life_seconds=300)
    assert nonces.use("device", "nonce", known=True)
    assert not nonces.use("device", "nonce", known=True)
    assert nonces.use("other device", "nonce", known=True)
    clock.now = 299.0
    assert not nonces.use("device", "nonce", known=True)


def test_a_proof_is_used_once_whichever_thread_asks() -> None:
    """The door is asked in several threads: each of these proofs is shown in two of them, as nearly at once as it
    goes."""
    many = 20_000
    nonces = Nonces(time.monotonic)
    together = threading.Barrier(2)

    def show(_: int) -> int:
        together.wait(10)
        return sum(nonces.use("device", str(number), known=True) for number in range(many))

    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(2) as threads:
            assert sum(threads.map(show, range(2))) == many
    finally:
        sys.setswitchinterval(usual)


def test_a_full_memory_refuses_instead_of_forgetting(clock: Clock) -> None:
    nonces = Nonces(clock, life_seconds=300, most=2)
    assert nonces.use("device", "1", known=True)
    assert nonces.use("device", "2", known=True)
    assert not nonces.use("device", "3", known=True)
    clock.now = 301.0
    assert nonces.use("device", "3", known=True)


def test_a_crowd_of_strangers_keeps_off_nobody_who_is_known(clock: Clock) -> None:
    nonces = Nonces(clock, life_seconds=300, most=2)
    crowd = [nonces.use("device", str(number), known=False) for number in range(5)]
    assert crowd == [True, True, False, False, False]
    assert nonces.use("device", "mine", known=True)
    assert not nonces.use("device", "0", known=True), "a stranger's proof is worth nothing as somebody else's"
    clock.now = 301.0
    assert nonces.use("device", "later", known=False)
