"""Leases: nothing is permitted without a yes that still runs, a no acts at once, silence takes nothing early."""

from __future__ import annotations

import math
import random

import pytest

from meetings.roundtrip.ledger import (
    LONGEST_RETRY_SECONDS,
    NO_STANDS_SECONDS,
    Claim,
    Ledger,
    Purpose,
)
from meetings.roundtrip.protocol import Kind, Outcome, Verdict

ENTER = Claim("ann", Purpose.ENTER, "ann", "room")
SPEAK = Claim("ann", Purpose.PUBLISH, "ann", "microphone")
HEAR = Claim("ann", Purpose.RECEIVE, "bob", "microphone")
NO = Verdict(Outcome.REFUSED, reason="The seat is sold.")
SILENCE = Verdict(Outcome.UNANSWERED, problem="There was no whole answer within 3 seconds.")


def yes(lease: int | None = None, *, grants: frozenset[Kind] | None = None) -> Verdict:
    return Verdict(Outcome.ALLOWED, lease_seconds=lease, grants=grants)


def ledger() -> Ledger:
    return Ledger(60, lambda: 0.0)


def asked(book: Ledger, claim: Claim, now: float) -> int:
    """Asks about a claim that has to be due."""
    assert claim in book.turn(now).due
    return book.asked(claim)


def allowed(book: Ledger, claim: Claim, now: float = 0.0, lease: int | None = None) -> None:
    """The way from nothing to a running lease."""
    book.want(claim, now)
    assert book.answered(claim, asked(book, claim, now), yes(lease), now)


def test_nothing_is_permitted_before_a_yes() -> None:
    book = ledger()
    assert not book.permits(ENTER, 0.0)
    book.want(ENTER, 0.0)
    assert not book.permits(ENTER, 0.0)
    number = asked(book, ENTER, 0.0)
    assert not book.permits(ENTER, 0.0)
    book.answered(ENTER, number, yes(), 0.2)
    assert book.permits(ENTER, 0.2)


def test_a_yes_is_good_for_its_lease_and_not_a_moment_longer() -> None:
    book = ledger()
    allowed(book, ENTER, lease=15)
    assert book.permits(ENTER, 14.999)
    assert not book.permits(ENTER, 15.0)


def test_a_yes_without_a_lease_is_good_for_the_services_own() -> None:
    book = ledger()
    allowed(book, ENTER)
    assert book.permits(ENTER, 59.9) and not book.permits(ENTER, 60.0)


def test_a_yes_to_one_thing_is_no_yes_to_another() -> None:
    book = ledger()
    allowed(book, ENTER)
    for claim in (SPEAK, HEAR, Claim("bob", Purpose.ENTER, "bob", "room")):
        assert not book.permits(claim, 1.0)


@pytest.mark.parametrize("lease", [15, 16, 60, 600, 3600])
def test_a_lease_is_asked_about_again_before_it_ends_in_time_for_an_answer(lease: int) -> None:
    book = Ledger(60, random.Random(1).random)
    allowed(book, ENTER, lease=lease)
    due_at = next(now for now in (tenth / 10 for tenth in range(lease * 10)) if book.turn(now).due)
    assert lease * 0.5 <= due_at <= lease - 5 + 0.1
    assert book.permits(ENTER, due_at)


def test_the_answer_prolongs_the_lease() -> None:
    book = ledger()
    allowed(book, ENTER, lease=60)
    book.answered(ENTER, asked(book, ENTER, 45.0), yes(60), 46.0)
    assert book.turn(60.0).ended == ()
    assert book.permits(ENTER, 105.9) and not book.permits(ENTER, 106.0)


def test_a_no_ends_a_running_lease_at_once_and_keeps_its_reason() -> None:
    book = ledger()
    allowed(book, ENTER, lease=60)
    book.answered(ENTER, asked(book, ENTER, 45.0), NO, 45.2)
    assert not book.permits(ENTER, 45.2)
    assert book.refusal(ENTER) == "The seat is sold."
    assert book.turn(1000.0).due == ()


def test_silence_takes_nothing_before_its_time_and_gives_nothing() -> None:
    book = ledger()
    allowed(book, ENTER, lease=60)
    book.answered(ENTER, asked(book, ENTER, 45.0), SILENCE, 48.0)
    assert book.permits(ENTER, 59.9)
    assert not book.permits(ENTER, 60.0)
    assert book.turn(60.0).ended == (ENTER,)
    assert book.refusal(ENTER) is None


def test_a_lease_that_ended_is_told_once() -> None:
    book = ledger()
    allowed(book, ENTER, lease=15)
    assert book.turn(15.0).ended == (ENTER,)
    assert book.turn(16.0).ended == ()


def test_silence_is_asked_again_less_and_less_often_but_for_ever() -> None:
    book = ledger()
    book.want(ENTER, 0.0)
    now, pauses = 0.0, []
    for _ in range(10):
        book.answered(ENTER, asked(book, ENTER, now), SILENCE, now)
        later = book.next_at()
        assert later is not None
        pauses.append(later - now)
        assert book.turn(math.nextafter(later, 0)).due == ()
        now = later
    assert pauses == sorted(pauses)
    assert pauses[0] == 1.0 and pauses[-1] == LONGEST_RETRY_SECONDS


def test_one_question_at_a_time_is_open_about_a_claim() -> None:
    book = ledger()
    book.want(ENTER, 0.0)
    asked(book, ENTER, 0.0)
    book.want(ENTER, 0.1)
    assert book.turn(100.0).due == ()


def test_the_most_urgent_is_asked_first() -> None:
    book = ledger()
    bob, cid = (Claim(name, Purpose.ENTER, name, "room") for name in ("bob", "cid"))
    allowed(book, ENTER, lease=60)
    allowed(book, bob, lease=50)
    for claim in (HEAR, SPEAK, cid):
        book.want(claim, 40.0)
    # Running leases by their end; then who wants to come in, to speak, to hear.
    assert book.turn(40.0).due == (bob, ENTER, cid, SPEAK, HEAR)


def test_a_no_is_asked_again_only_when_the_claim_is_made_anew_and_not_too_soon() -> None:
    book = ledger()
    book.want(SPEAK, 0.0)
    book.answered(SPEAK, asked(book, SPEAK, 0.0), NO, 0.0)
    assert book.turn(100.0).due == ()
    book.drop(SPEAK, 100.0)
    book.want(SPEAK, 100.1)
    assert book.turn(100.1).due == (SPEAK,)
    book.answered(SPEAK, book.asked(SPEAK), NO, 100.2)
    for moment in range(20):
        book.drop(SPEAK, 100.2 + moment / 100)
        book.want(SPEAK, 100.2 + moment / 100)
    assert book.turn(100.2 + NO_STANDS_SECONDS - 0.01).due == ()
    assert book.turn(100.2 + NO_STANDS_SECONDS).due == (SPEAK,)


def test_whoever_comes_anew_is_asked_about_anew() -> None:
    book = ledger()
    allowed(book, ENTER, lease=60)
    allowed(book, SPEAK, lease=60)
    book.revoke([SPEAK], "", 1.0)
    book.again("ann", 10.0, early=False)
    assert set(book.turn(10.0).due) == {SPEAK}
    book.again("ann", 10.0, early=True)
    assert set(book.turn(10.0).due) == {ENTER, SPEAK}
    assert book.permits(ENTER, 10.0), "a running lease survives a reload"
    assert not book.permits(SPEAK, 10.0)


def test_a_yes_that_was_given_before_a_revocation_does_not_outlive_it() -> None:
    book = ledger()
    book.want(ENTER, 0.0)
    number = asked(book, ENTER, 0.0)
    book.revoke([ENTER], "Signed out.", 0.1)
    assert not book.answered(ENTER, number, yes(), 0.2)
    assert not book.permits(ENTER, 0.2)
    assert book.refusal(ENTER) == "Signed out."


def test_an_answer_about_somebody_who_has_gone_and_come_is_not_taken_twice() -> None:
    book = ledger()
    book.want(ENTER, 0.0)
    number = asked(book, ENTER, 0.0)
    assert book.answered(ENTER, number, NO, 0.1)
    assert not book.answered(ENTER, number, yes(), 0.2)
    assert not book.permits(ENTER, 0.3)


def test_what_nobody_wants_is_not_asked_about_and_is_forgotten() -> None:
    book = ledger()
    allowed(book, SPEAK, lease=60)
    book.drop(SPEAK, 10.0)
    assert book.turn(50.0).due == ()
    assert book.permits(SPEAK, 50.0), "muted and unmuted within one lease is one question"
    book.turn(60.0)
    assert len(book) == 0
    book.want(HEAR, 70.0)
    book.drop(HEAR, 70.0)
    assert len(book) == 0
    assert book.next_at() is None or book.turn(1000.0).due == ()


def test_a_no_to_somebody_who_has_gone_is_remembered_for_a_while_and_then_forgotten() -> None:
    book = ledger()
    book.want(ENTER, 0.0)
    book.answered(ENTER, asked(book, ENTER, 0.0), NO, 0.0)
    book.drop(ENTER, 0.1)
    book.want(ENTER, 0.2)
    assert book.turn(1.0).due == ()
    book.drop(ENTER, 1.0)
    book.turn(NO_STANDS_SECONDS)
    assert len(book) == 0


def test_grants_are_those_of_the_last_yes() -> None:
    book = ledger()
    allowed(book, ENTER)
    assert book.grants(ENTER) is None
    book.again("ann", 1.0, early=True)
    assert book.turn(1.0).due == (), "coming again and again asks no more often"
    book.answered(ENTER, asked(book, ENTER, NO_STANDS_SECONDS), yes(grants=frozenset({Kind.AUDIO})), 6.0)
    assert book.grants(ENTER) == {Kind.AUDIO}
    book.revoke([ENTER], "", 7.0)
    assert book.grants(ENTER) is None


@pytest.mark.parametrize("seed", range(12))
def test_in_a_walk_through_anything_permitted_means_a_yes_that_still_runs(seed: int) -> None:
    dice = random.Random(seed)
    book = Ledger(60, dice.random)
    everything = [ENTER, SPEAK, HEAR, Claim("bob", Purpose.ENTER, "bob", "room")]
    truth = dict.fromkeys(everything, -math.inf)
    flying: list[tuple[Claim, int, float]] = []
    withdrawn = dict.fromkeys(everything, -math.inf)
    now = 0.0
    for _ in range(600):
        now += dice.choice([0.0, 0.05, 1.0, 7.0])
        claim = dice.choice(everything)
        match dice.randrange(7):
            case 0 | 1:
                book.want(claim, now)
            case 2:
                book.drop(claim, now)
            case 3:
                book.revoke([claim], "", now)
                truth[claim] = -math.inf
                withdrawn[claim] = now
            case 4:
                book.again(claim.participant, now, early=dice.random() < 0.5)
            case 5:
                for due in book.turn(now).due[:2]:
                    flying.append((due, book.asked(due), now))
            case 6 if flying:
                about, number, asked_at = flying.pop(dice.randrange(len(flying)))
                verdict = dice.choice([yes(), yes(15), NO, SILENCE])
                taken = book.answered(about, number, verdict, now)
                assert not (taken and asked_at < withdrawn[about]), "an answer from before a revocation was taken"
                if taken and verdict.outcome is Outcome.ALLOWED:
                    truth[about] = now + (verdict.lease_seconds or 60)
                elif taken and verdict is NO:
                    truth[about] = -math.inf
        for one in everything:
            assert not book.permits(one, now) or now < truth[one]
            # and nothing is taken away early: silence never is, a forgotten lease was over
            assert book.permits(one, now) or now >= truth[one] or book.refusal(one) is not None
