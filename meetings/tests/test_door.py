"""The door: its table, its two orders, and every reason it can give. Refusals are tested harder than permissions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from itertools import product
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meetings import doormodels, doorwords
from meetings.door import (
    BELOW,
    COLUMN,
    EASE,
    PRESETS,
    REASONS,
    RULES,
    Admit,
    AskedAddress,
    Capabilities,
    Decision,
    Facts,
    Refuse,
    Row,
    Rules,
    Settled,
    Wait,
    Way,
    WithoutHost,
    capabilities,
    decide,
    is_ordered,
    ordered,
    preset_of,
    with_preset,
)
from meetings.doorlimits import Limits, within
from meetings.rights import Audience, Own

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
MOMENTS = [NOON + timedelta(minutes=minutes) for minutes in (-60, -10, -1, 0, 1, 60)]
NO, YES = (False, True), (True, False)

TABLES = list(product(Way, repeat=4))
ORDERED = [ways for ways in TABLES if is_ordered(Rules(*ways))]

Make = Callable[[Random], Any]


def maybe(values: Iterable[Any]) -> list[Any]:
    """None, or every other time one of them."""
    found = list(values)
    return [*[None] * len(found), *found]


def each_of(build: Callable[..., Any], **choices: Sequence[Any] | Make) -> Make:
    """Makes one with one of its choices for each field. The first is the quiet one: sometimes most fields have that, or
    hardly anybody would be admitted.
    """

    def make(chance: Random) -> Any:
        quiet = chance.choice((0.0, 0.5, 0.8, 0.95))

        def one_of(values: Sequence[Any] | Make) -> Any:
            if callable(values):
                return values(chance)
            return values[0] if chance.random() < quiet else chance.choice(values)

        return build(**{name: one_of(values) for name, values in choices.items()})

    return make


def evenly(values: Sequence[Any]) -> Make:
    """None of them is the quiet one."""
    return lambda chance: chance.choice(values)


def by_one_number(make: Make) -> st.SearchStrategy[Any]:
    """All fields by one number: to draw them one by one takes ten times as long as to decide."""
    return st.integers(0, 2**24 - 1).map(lambda number: make(Random(number)))


def rules_of(tables: list[tuple[Way, ...]]) -> Make:
    """Rules with one of these tables: one choice for all four rows, and none is thrown away."""
    return each_of(
        lambda ways, **rest: Rules(*ways, **rest),
        ways=evenly(tables),
        guests_verified=NO,
        anyone_verified=evenly(list(AskedAddress)),
        opens_minutes=maybe(range(61)),
        without_host=list(WithoutHost),
        speak=list(Audience),
        show=list(Audience),
        share=list(Audience),
        chat=list(Audience),
    )


any_rules, ordered_rules = by_one_number(rules_of(TABLES)), by_one_number(rules_of(ORDERED))
any_facts = by_one_number(
    each_of(
        Facts,
        now=[NOON],
        row=evenly(list(Row)),
        rules=rules_of(TABLES),
        opens_at=maybe(MOMENTS),
        starts_at=maybe(MOMENTS),
        ended=NO,
        cancelled=NO,
        locked_at=maybe(MOMENTS),
        suspended=NO,
        host_inside=YES,
        blocked=NO,
        removed=NO,
        must_knock=NO,
        let_in_at=maybe(MOMENTS),
        seat=NO,
        waiting=NO,
        verified=evenly(NO),
        refused_until=maybe(MOMENTS),
        revoked=NO,
        replaced=NO,
        link_in_use=NO,
        asking=NO,
        came_second=NO,
        move_refused_until=maybe(MOMENTS),
        signed_in=YES,
        own=[Own(*four) for four in product((None, None, *NO), repeat=4)],
        active_account=YES,
        may_receive_mail=YES,
        exception=maybe(Way),
        most=list(Way),
        unwanted_address=NO,
        capacity=maybe([1, 2, 3]),
        inside=range(5),
        ahead=range(3),
        known_by=["", "@nordhavn.example"],
    )
)

quiet_facts = by_one_number(
    each_of(
        Facts,
        now=[NOON],
        row=evenly(list(COLUMN)),
        rules=rules_of(ORDERED),
        host_inside=YES,
        exception=list(Way),
        most=list(Way),
        must_knock=NO,
        verified=evenly(NO),
        waiting=NO,
        capacity=[None, 1],
        inside=range(2),
    )
)
"""Nothing stands against these people but what is settled for them."""


def facts(row: Row = Row.GUEST, preset: str = "guests_knock", **more: object) -> Facts:
    """Somebody at noon, a host inside, the door open."""
    return replace(Facts(now=NOON, row=row, rules=with_preset(Rules(), preset), host_inside=True), **more)


def ease(some: Facts) -> int:
    """How far somebody gets without anybody's help; typing the code that was mailed to them is no help."""
    decision: Decision = decide(some)
    if decision == Refuse("verify_email"):
        decision = decide(replace(some, verified=True))
    return 2 if isinstance(decision, Admit) else 1 if isinstance(decision, Wait) else 0


@given(any_facts)
@settings(max_examples=600)
def test_every_combination_of_facts_has_one_answer_with_a_known_reason(some: Facts) -> None:
    decision = decide(some)
    assert decision.reason in REASONS[type(decision)]
    assert decide(some) == decision
    if some.row is Row.ANYONE and decision.reason == "walks_in":
        proved = some.rules.anyone_verified is AskedAddress.ANY_ADDRESS and some.verified
        assert proved or some.rules.anyone_verified is AskedAddress.NONE


@given(quiet_facts | any_facts, st.sampled_from(maybe(MOMENTS)))
@settings(max_examples=600)
def test_nobody_comes_in_with_a_link_that_belongs_to_another_device(some: Facts, let_in_at: datetime | None) -> None:
    if some.row != Row.HOST:
        assert not isinstance(decide(replace(some, link_in_use=True, let_in_at=let_in_at)), Admit)


@given(any_facts)
@settings(max_examples=600)
def test_nobody_is_admitted_against_a_standing_no(some: Facts) -> None:
    against = (some.ended, some.cancelled, some.blocked, not some.active_account, some.revoked and some.row != Row.HOST)
    if any(against):
        assert isinstance(decide(some), Refuse)


@given(any_facts)
@settings(max_examples=600)
def test_only_hosts_get_a_hosts_capabilities(some: Facts) -> None:
    decision = decide(some)
    if isinstance(decision, Admit):
        assert decision.capabilities.host == (some.row is Row.HOST)
        assert decision.capabilities == capabilities(some)


@given(any_facts)
@settings(max_examples=600)
def test_a_row_that_is_turned_away_never_learns_that_the_meeting_exists(some: Facts) -> None:
    rules = with_preset(Rules(), "guests_knock")
    stranger = replace(some, row=Row.ANYONE, let_in_at=None, replaced=False, rules=rules, exception=None)
    decision = decide(stranger)
    assert isinstance(decision, Refuse)
    assert decision.unknown or stranger.seat
    if stranger.active_account and not stranger.revoked:
        assert decision == Refuse("closed", unknown=True)


@given(quiet_facts | any_facts, ordered_rules, ordered_rules)
@settings(max_examples=800)
def test_nobody_less_known_gets_in_more_easily(some: Facts, host_rules: Rules, limits: Rules) -> None:
    rules = within(host_rules, Limits(most=limits))
    # What differs between people beside their row is held equal: proofs that a row has by its nature are given.
    # The limits of an organisation are ordered as its rules are; an exception is the same for whoever has it.
    base = replace(some, rules=rules, revoked=False, link_in_use=False, active_account=True, unwanted_address=False)
    rows = [Row.HOST, *COLUMN]
    for better in rows:
        below = list(COLUMN) if better is Row.HOST else BELOW[better]
        for lesser in below:
            there = ease(replace(base, row=better, most=limits.way(better)))
            assert there >= ease(replace(base, row=lesser, most=limits.way(lesser))), (better, lesser)


@given(quiet_facts | any_facts, st.integers(1, 600))
@settings(max_examples=600)
def test_being_early_never_changes_what_the_door_says_once_it_opens(some: Facts, early_s: int) -> None:
    opens_at = NOON
    waited = replace(some, now=opens_at, opens_at=opens_at)
    before = decide(replace(waited, now=opens_at - timedelta(seconds=early_s), refused_until=None))
    arrives_late = decide(replace(waited, refused_until=None))
    if before == Wait("early", until=opens_at):
        assert not isinstance(arrives_late, Refuse)
    if isinstance(before, Admit):
        assert before.reason in {"host", "let_in", "seat"}
        assert before == arrives_late


@given(quiet_facts | any_facts, st.integers(-600, 600), st.integers(0, 600))
@settings(max_examples=600)
def test_arriving_early_never_yields_more_than_arriving_late(some: Facts, early_s: int, later_s: int) -> None:
    early = replace(some, now=NOON + timedelta(seconds=early_s), refused_until=None)
    late = replace(early, now=early.now + timedelta(seconds=later_s))
    assert ease(early) <= ease(late)


@given(any_facts)
@settings(max_examples=600)
def test_without_a_host_only_hosts_and_held_seats_and_starters_come_in(some: Facts) -> None:
    decision = decide(replace(some, host_inside=False))
    if isinstance(decision, Admit) and decision.reason == "walks_in":
        assert some.row is Row.LISTED
        assert some.rules.without_host is WithoutHost.LISTED_START


@given(any_facts)
@settings(max_examples=600)
def test_a_lock_admits_only_hosts_seats_and_those_let_in_after_it(some: Facts) -> None:
    decision = decide(replace(some, locked_at=NOON))
    if isinstance(decision, Admit):
        assert some.row is Row.HOST or some.seat or (some.let_in_at is not None and some.let_in_at >= NOON)


@given(any_facts)
@settings(max_examples=600)
def test_a_suspended_meeting_admits_only_hosts_and_seats_and_refuses_nobody_more_than_before(some: Facts) -> None:
    before, held = decide(replace(some, suspended=False)), decide(replace(some, suspended=True))
    if isinstance(held, Admit):
        assert some.row is Row.HOST or some.seat
        assert held == before
    assert isinstance(held, Refuse) == isinstance(before, Refuse)


@given(any_facts)
@settings(max_examples=300)
def test_must_knock_outweighs_a_table_that_says_walks_in(some: Facts) -> None:
    decision = decide(replace(some, must_knock=True))
    if isinstance(decision, Admit):
        assert decision.reason in {"host", "let_in", "seat"}


@given(any_rules, st.sampled_from(list(COLUMN)))
@settings(max_examples=400)
def test_ordering_keeps_the_edited_row_and_both_orders(rules: Rules, changed: Row) -> None:
    settled, also = ordered(rules, changed)
    assert is_ordered(settled)
    assert settled.way(changed) is rules.way(changed)
    assert changed not in also
    assert set(also) == {row for row in COLUMN if settled.way(row) is not rules.way(row)} - {changed}
    assert ordered(settled, changed) == (settled, ())


def test_raising_a_row_says_what_else_rose() -> None:
    rules, also = ordered(replace(Rules(), anyone=Way.WALKS_IN), Row.ANYONE)
    assert also == (Row.GUEST,)
    assert preset_of(rules) == "anyone_with_link"


def test_lowering_a_row_lowers_what_must_be_below() -> None:
    rules, also = ordered(replace(Rules(), listed=Way.TURNED_AWAY), Row.LISTED)
    assert also == (Row.COLLEAGUE, Row.GUEST)
    assert [rules.way(row) for row in COLUMN] == [Way.TURNED_AWAY] * 4


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_are_ordered_and_recognised(preset: str) -> None:
    rules = with_preset(Rules(), preset)
    assert is_ordered(rules)
    assert preset_of(rules) == preset
    assert preset_of(replace(rules, guests_verified=not rules.guests_verified)) == "custom"
    # A code for people who are turned away is asked of nobody, so it makes no other door.
    asked = replace(rules, anyone_verified=AskedAddress.ANY_ADDRESS)
    assert preset_of(asked) == (preset if rules.anyone is Way.TURNED_AWAY else "custom")


TABLE = {
    "named_people": ("walks_in", "closed", "verify_email", "closed"),
    "guests_knock": ("walks_in", "walks_in", "knock", "closed"),
    "everyone_knocks": ("knock", "knock", "knock", "closed"),
    "anyone_with_link": ("walks_in", "walks_in", "walks_in", "walks_in"),
}


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_answer_as_the_form_promises(preset: str) -> None:
    assert tuple(decide(facts(row, preset)).reason for row in COLUMN) == TABLE[preset]
    assert decide(facts(Row.HOST, preset)) == Admit(Capabilities(True, True, True, True, True, host=True), "host")


LOCKED = NOON - timedelta(minutes=5)
BEFORE, AFTER = LOCKED - timedelta(minutes=1), LOCKED + timedelta(minutes=1)
SOON = NOON + timedelta(minutes=2)
OPEN_TO_ADDRESSES = replace(
    with_preset(Rules(), "anyone_with_link"), guests_verified=True, anyone_verified=AskedAddress.ANY_ADDRESS
)
OPEN_TO_INVITED = replace(OPEN_TO_ADDRESSES, anyone_verified=AskedAddress.INVITED_ADDRESS)
REFUSALS = [
    (facts(ended=True, cancelled=True, blocked=True), Refuse("ended")),
    (facts(cancelled=True, blocked=True), Refuse("cancelled")),
    (facts(Row.HOST, ended=True), Refuse("ended")),
    (facts(Row.HOST, cancelled=True), Refuse("cancelled")),
    (facts(Row.HOST, blocked=True), Refuse("blocked")),
    (facts(Row.HOST, blocked=True, removed=True), Refuse("removed")),
    (facts(blocked=True, seat=True, let_in_at=AFTER), Refuse("blocked")),
    (facts(blocked=True, removed=True), Refuse("removed")),
    (facts(Row.LISTED, active_account=False), Refuse("inactive", unknown=True)),
    (facts(Row.HOST, active_account=False, seat=True), Refuse("inactive")),
    (facts(revoked=True, seat=True, let_in_at=AFTER), Refuse("revoked", unknown=True)),
    (facts(Row.COLLEAGUE, revoked=True), Refuse("revoked", unknown=True)),
    (facts(link_in_use=True), Refuse("link_in_use")),
    (facts(link_in_use=True, let_in_at=AFTER), Refuse("link_in_use")),
    (facts(link_in_use=True, waiting=True, came_second=True), Refuse("link_in_use")),
    (facts(link_in_use=True, waiting=True), Refuse("link_moved")),
    (facts(link_in_use=True, seat=True, came_second=True), Refuse("link_moved")),
    (facts(link_in_use=True, came_second=True, move_refused_until=SOON), Refuse("move_refused", until=SOON)),
    (facts(link_in_use=True, asking=True, refused_until=SOON), Refuse("not_let_in", until=SOON)),
    (facts(refused_until=SOON), Refuse("not_let_in", until=SOON)),
    (facts(refused_until=SOON, waiting=True), Refuse("not_let_in", until=SOON)),
    (facts(locked_at=LOCKED), Refuse("locked")),
    (facts(Row.LISTED, locked_at=LOCKED), Refuse("locked")),
    (facts(locked_at=LOCKED, let_in_at=BEFORE), Refuse("locked")),
    (facts(Row.ANYONE), Refuse("closed", unknown=True)),
    (facts(Row.ANYONE, replaced=True), Refuse("link_replaced")),
    (facts(Row.ANYONE, replaced=True, revoked=True), Refuse("revoked", unknown=True)),
    (facts(Row.ANYONE, seat=True), Refuse("closed", unknown=True)),
    (facts(Row.ANYONE, ended=True), Refuse("closed", unknown=True)),
    (facts(Row.ANYONE, cancelled=True, locked_at=LOCKED), Refuse("closed", unknown=True)),
    (facts(Row.COLLEAGUE, "named_people"), Refuse("closed", unknown=True)),
    (facts(rules=Rules(guests=Way.TURNED_AWAY)), Refuse("sign_in")),
    (facts(rules=Rules(guests=Way.TURNED_AWAY), signed_in=True), Refuse("not_listed")),
    (facts(preset="named_people"), Refuse("verify_email")),
    (facts(rules=Rules(guests_verified=True)), Refuse("verify_email")),
    (facts(rules=Rules(guests_verified=True), must_knock=True), Refuse("verify_email")),
    (facts(rules=OPEN_TO_ADDRESSES), Refuse("verify_email")),
    (facts(Row.ANYONE, rules=OPEN_TO_ADDRESSES), Refuse("verify_email")),
    (facts(Row.ANYONE, rules=OPEN_TO_ADDRESSES, may_receive_mail=False), Refuse("verify_email")),
    (facts(Row.ANYONE, rules=OPEN_TO_INVITED, verified=True), Refuse("verify_email")),
    (facts(Row.ANYONE, rules=OPEN_TO_ADDRESSES, locked_at=LOCKED), Refuse("locked")),
    (facts(Row.ANYONE, rules=replace(OPEN_TO_ADDRESSES, anyone=Way.TURNED_AWAY)), Refuse("closed", unknown=True)),
    (facts(preset="named_people", opens_at=SOON, host_inside=False), Refuse("verify_email")),
    (facts(exception=Way.TURNED_AWAY), Refuse("closed", unknown=True)),
    (facts(Row.LISTED, exception=Way.TURNED_AWAY, seat=True), Refuse("closed", unknown=True)),
    (facts(exception=Way.WALKS_IN, most=Way.TURNED_AWAY), Refuse("closed", unknown=True)),
    (facts(exception=Way.WALKS_IN, blocked=True), Refuse("blocked")),
    (facts(exception=Way.WALKS_IN, revoked=True), Refuse("revoked", unknown=True)),
    (facts(exception=Way.WALKS_IN, locked_at=LOCKED), Refuse("locked")),
    (facts(exception=Way.WALKS_IN, ended=True), Refuse("ended")),
    (facts(exception=Way.WALKS_IN, refused_until=SOON), Refuse("not_let_in", until=SOON)),
    (facts(exception=Way.WALKS_IN, rules=Rules(guests_verified=True)), Refuse("verify_email")),
    # What the organisation closes, no host's word opens.
    (facts(rules=Rules(guests=Way.TURNED_AWAY), most=Way.TURNED_AWAY, let_in_at=AFTER), Refuse("closed", unknown=True)),
    (facts(Row.ANYONE, unwanted_address=True, let_in_at=AFTER, seat=True), Refuse("closed", unknown=True)),
]


@pytest.mark.parametrize(("some", "answer"), REFUSALS)
def test_refusals(some: Facts, answer: Refuse) -> None:
    assert decide(some) == answer


STARTERS = Rules(without_host=WithoutHost.LISTED_START)
OPENS = NOON + timedelta(minutes=10)
OTHERS = [
    (facts(), Wait("knock")),
    (facts(Row.LISTED, opens_at=OPENS), Wait("early", until=OPENS)),
    (facts(opens_at=OPENS), Wait("early", until=OPENS)),
    (facts(Row.LISTED, opens_at=OPENS, host_inside=False), Wait("early", until=OPENS)),
    (facts(Row.LISTED, host_inside=False), Wait("no_host")),
    (facts(host_inside=False), Wait("no_host")),
    (facts(locked_at=LOCKED, waiting=True), Wait("knock")),
    (facts(Row.LISTED, locked_at=LOCKED, waiting=True), Wait("knock")),
    (facts(Row.LISTED, must_knock=True), Wait("knock")),
    (facts(preset="named_people", may_receive_mail=False), Wait("knock")),
    (facts(rules=Rules(guests_verified=True), verified=True), Wait("knock")),
    (facts(rules=Rules(guests_verified=True), may_receive_mail=False), Wait("knock")),
    (facts(rules=Rules(anyone=Way.KNOCKS, guests_verified=True)), Wait("knock")),
    (facts(Row.ANYONE, rules=replace(OPEN_TO_ADDRESSES, anyone=Way.KNOCKS), verified=True), Wait("knock")),
    (facts(refused_until=NOON), Wait("knock")),
    (facts(link_in_use=True, asking=True, let_in_at=AFTER, seat=True), Wait("moving")),
    (facts(preset="anyone_with_link", link_in_use=True, asking=True), Wait("moving")),
    (facts(Row.LISTED, suspended=True), Wait("suspended")),
    (facts(suspended=True), Wait("suspended")),
    (facts(suspended=True, let_in_at=AFTER), Wait("suspended")),
    (facts(Row.LISTED, suspended=True, host_inside=False), Wait("suspended")),
    (facts(Row.LISTED, capacity=2, inside=2), Wait("full", place=1)),
    (facts(Row.LISTED, capacity=2, inside=3, ahead=4), Wait("full", place=5)),
    (facts(let_in_at=BEFORE, capacity=2, inside=2), Wait("full", place=1)),
    (facts(capacity=2, inside=2), Wait("knock")),
    (facts(Row.LISTED, capacity=2, inside=2, host_inside=False), Wait("no_host")),
    (facts(Row.LISTED, exception=Way.KNOCKS), Wait("knock")),
    (facts(Row.ANYONE, exception=Way.KNOCKS), Wait("knock")),
    (facts(exception=Way.WALKS_IN, most=Way.KNOCKS), Wait("knock")),
    (facts(Row.LISTED, exception=Way.WALKS_IN, must_knock=True), Wait("knock")),
    (facts(Row.COLLEAGUE, rules=STARTERS, exception=Way.WALKS_IN, host_inside=False), Wait("no_host")),
]


@pytest.mark.parametrize(("some", "answer"), OTHERS)
def test_waiting(some: Facts, answer: Wait) -> None:
    assert decide(some) == answer


ADMITTED = [
    (facts(Row.HOST, opens_at=OPENS, host_inside=False, locked_at=LOCKED), "host"),
    (facts(Row.HOST, revoked=True), "host"),
    (facts(Row.HOST, exception=Way.TURNED_AWAY, capacity=1, inside=5), "host"),
    (facts(Row.LISTED, capacity=2, inside=1), "walks_in"),
    (facts(seat=True, capacity=2, inside=3), "seat"),
    (facts(exception=Way.WALKS_IN), "walks_in"),
    (facts(Row.COLLEAGUE, "named_people", exception=Way.WALKS_IN), "walks_in"),
    (facts(exception=Way.TURNED_AWAY, let_in_at=BEFORE), "let_in"),
    (facts(Row.LISTED, rules=STARTERS, exception=Way.WALKS_IN, host_inside=False), "walks_in"),
    (facts(Row.LISTED), "walks_in"),
    (facts(Row.LISTED, rules=STARTERS, host_inside=False), "walks_in"),
    (facts(preset="named_people", verified=True), "walks_in"),
    (facts(let_in_at=BEFORE), "let_in"),
    (facts(let_in_at=AFTER, locked_at=LOCKED), "let_in"),
    (facts(let_in_at=BEFORE, opens_at=OPENS, host_inside=False), "let_in"),
    (facts(let_in_at=BEFORE, refused_until=SOON), "let_in"),
    (facts(preset="named_people", let_in_at=BEFORE), "let_in"),
    (facts(seat=True, locked_at=LOCKED, host_inside=False), "seat"),
    (facts(seat=True, suspended=True), "seat"),
    (facts(Row.HOST, suspended=True, host_inside=False), "host"),
    (facts(Row.ANYONE, let_in_at=BEFORE), "let_in"),
    (facts(Row.ANYONE, "anyone_with_link"), "walks_in"),
    (facts(Row.ANYONE, rules=OPEN_TO_ADDRESSES, verified=True), "walks_in"),
    (facts(rules=OPEN_TO_INVITED, verified=True), "walks_in"),
    (facts(Row.ANYONE, rules=OPEN_TO_INVITED, let_in_at=BEFORE), "let_in"),
    (facts(rules=replace(with_preset(Rules(), "anyone_with_link"), guests_verified=True)), "walks_in"),
]


@pytest.mark.parametrize(("some", "reason"), ADMITTED)
def test_admissions(some: Facts, reason: str) -> None:
    assert decide(some) == Admit(capabilities(some), reason)


@given(quiet_facts | any_facts)
@settings(max_examples=800)
def test_an_exception_never_gives_more_than_the_organisation_allows(some: Facts) -> None:
    if some.row is Row.HOST or some.exception is None:
        return
    assert ease(some) <= ease(replace(some, exception=some.most))
    if some.most is Way.TURNED_AWAY:
        assert isinstance(decide(some), Refuse)


@given(any_facts)
@settings(max_examples=600)
def test_nobody_but_a_host_takes_a_place_that_is_not_free(some: Facts) -> None:
    decision = decide(replace(some, capacity=2, inside=2))
    if isinstance(decision, Admit):
        assert decision.reason in {"host", "seat"}
    if decision.reason == "full":
        assert isinstance(decide(replace(some, capacity=2, inside=1)), Admit)


HOLDS = {
    "host": lambda some: some.row is Row.HOST,
    "table": lambda some: some.row is not Row.HOST,
    "limit": lambda some: some.row is not Row.HOST,
    "exception": lambda some: some.exception is not None,
    "must_knock": lambda some: some.must_knock,
    "code": lambda some: some.row is Row.GUEST and not some.verified,
    "address_code": lambda some: some.row is Row.ANYONE and not some.verified,
    "invited_code": lambda some: some.row is Row.ANYONE,
    "opening": lambda some: some.opens_at is not None and some.now < some.opens_at,
    "without_host": lambda some: not some.host_inside,
    "full": lambda some: some.is_full,
    "lock": lambda some: some.locked_at is not None,
    "seat": lambda some: some.seat,
    "let_in": lambda some: some.let_in,
    "refusal": lambda some: some.refused_until is not None and some.now < some.refused_until,
    "link_in_use": lambda some: some.link_in_use,
    "moving": lambda some: some.link_in_use and some.asking,
    "move_refused": lambda some: some.link_in_use and some.move_refused_until is not None,
    "replaced": lambda some: some.replaced,
    "suspended": lambda some: some.suspended,
    "revoked": lambda some: some.revoked,
    "block": lambda some: some.blocked,
    "account": lambda some: not some.active_account,
    "ended": lambda some: some.ended,
    "cancelled": lambda some: some.cancelled,
}
"""What must be so for a rule to have decided."""

REASONS_OF = {
    "host": {"host"},
    "table": {"walks_in", "knock", "closed", "sign_in", "not_listed"},
    "limit": {"walks_in", "knock", "closed"},
    "exception": {"walks_in", "knock", "closed"},
    "must_knock": {"knock"},
    "code": {"verify_email", "knock"},
    "address_code": {"verify_email"},
    "invited_code": {"verify_email"},
    "opening": {"early"},
    "without_host": {"no_host"},
    "full": {"full"},
    "lock": {"locked", "knock"},
    "seat": {"seat"},
    "let_in": {"let_in"},
    "refusal": {"not_let_in"},
    "link_in_use": {"link_in_use", "link_moved"},
    "moving": {"moving"},
    "move_refused": {"move_refused"},
    "replaced": {"link_replaced"},
    "suspended": {"suspended"},
    "revoked": {"revoked"},
    "block": {"blocked", "removed"},
    "account": {"inactive"},
    "ended": {"ended"},
    "cancelled": {"cancelled"},
}


@given(any_facts)
@settings(max_examples=1000)
def test_every_answer_names_the_rule_that_gave_it_and_a_fact_that_holds(some: Facts) -> None:
    settled = {rule: Settled(NOON, rule) for rule in RULES}
    decision = decide(replace(some, settled=settled))
    because = decision.because
    assert because is not None
    assert because.row is some.row
    assert because.settled == Settled(NOON, because.rule)
    assert HOLDS[because.rule](some)
    assert decision.reason in REASONS_OF[because.rule]
    if because.way is not None and because.rule != "host" and decision.reason != "verify_email":
        assert isinstance(decision, {Way.WALKS_IN: Admit, Way.KNOCKS: Wait, Way.TURNED_AWAY: Refuse}[because.way])


@given(any_facts)
@settings(max_examples=300)
def test_an_answer_does_not_depend_on_who_settled_what(some: Facts) -> None:
    told = replace(some, settled={rule: Settled(NOON, "Ingrid") for rule in RULES}, known_by="the Safety team")
    assert decide(told) == decide(some)


def test_every_rule_has_a_word_and_every_word_a_rule() -> None:
    assert set(HOLDS) == set(REASONS_OF) == RULES == set(doorwords.RULES)
    assert set().union(*REASONS_OF.values()) == set().union(*REASONS.values())


def test_listed_people_who_may_start_do_not_bring_others_in() -> None:
    assert decide(facts(Row.COLLEAGUE, rules=STARTERS, host_inside=False)) == Wait("no_host")
    knocking = replace(STARTERS, listed=Way.KNOCKS, colleagues=Way.KNOCKS)
    assert decide(facts(Row.LISTED, rules=knocking, host_inside=False)) == Wait("no_host")


def test_every_reason_that_is_declared_can_be_given() -> None:
    given_reasons = {decide(some).reason for some, _ in [*REFUSALS, *OTHERS, *ADMITTED]}
    assert given_reasons == set().union(*REASONS.values())


def test_every_table_of_ways_that_can_be_stored_has_an_order_to_keep() -> None:
    good = [ways for ways in product(Way, repeat=4) if is_ordered(Rules(*ways))]
    assert all(EASE[ways[0]] >= max(EASE[way] for way in ways) for ways in good)
    assert all(EASE[ways[3]] <= min(EASE[way] for way in ways) for ways in good)


def test_the_stored_words_are_the_words_of_the_door() -> None:
    from meetings import models

    assert set(models.Way.values) == set(Way)
    assert set(models.Participant.Kind.values) == set(Row)
    assert set(models.Meeting.WithoutHost.values) == set(WithoutHost)
    assert doormodels.AskedAddress.values == list(AskedAddress)
    assert {field.name for field in fields(Rules)} >= set(COLUMN.values())
