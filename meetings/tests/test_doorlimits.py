"""Limits of an organisation: they only close, they keep both orders, and hosts are offered what they may have."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from meetings.door import (
    COLUMN,
    EASE,
    PRESETS,
    AskedAddress,
    Row,
    Rules,
    Way,
    WithoutHost,
    is_ordered,
    ordered,
    with_preset,
)
from meetings.doorlimits import ALL_OPEN, RIGHTS, SETTLEABLE, Limits, broken, within
from meetings.models import Occurrence
from meetings.rights import WIDTH
from meetings.rulebook import locks_at
from meetings.tests.test_door import any_rules, ordered_rules

any_options = st.fixed_dictionaries(
    {"mics_start_off": st.booleans(), "lock_after_minutes": st.none() | st.integers(0, 60)}
)
limits = st.builds(
    lambda defaults, most, fixed, options: Limits(within(replace(defaults, **options), Limits(most=most)), most, fixed),
    ordered_rules,
    ordered_rules,
    st.frozensets(st.sampled_from(SETTLEABLE)),
    any_options,
)


@given(any_rules, limits)
@settings(max_examples=500)
def test_a_limit_only_closes(rules: Rules, some: Limits) -> None:
    held = within(rules, some)
    for row in COLUMN:
        assert EASE[held.way(row)] <= min(EASE[rules.way(row)], EASE[some.most.way(row)])
    assert held.guests_verified >= rules.guests_verified
    assert list(AskedAddress).index(held.anyone_verified) >= list(AskedAddress).index(rules.anyone_verified)
    for name in RIGHTS:
        assert WIDTH[getattr(held, name)] <= WIDTH[getattr(rules, name)]
    assert held.mics_start_off >= rules.mics_start_off
    assert held.without_host in {rules.without_host, WithoutHost.WAIT}
    for name in ("opens_minutes", "lock_after_minutes"):
        now, before = getattr(held, name), getattr(rules, name)
        assert before is None or (now is not None and now <= before)


@given(ordered_rules, limits)
@settings(max_examples=500)
def test_what_is_within_stays_ordered_and_within_and_may_be_kept(rules: Rules, some: Limits) -> None:
    held = within(rules, some)
    assert is_ordered(held)
    assert within(held, some) == held
    assert broken(held, some, held) == ()


@given(limits)
@settings(max_examples=300)
def test_a_new_meeting_starts_as_the_organisation_says_and_may_stay_so(some: Limits) -> None:
    assert is_ordered(some.start)
    assert broken(some.start, some) == ()
    for name in some.fixed & set(COLUMN.values()):
        assert getattr(some.start, name) is getattr(some.defaults, name) or not is_ordered(some.defaults)


@given(limits, st.sampled_from(list(COLUMN)), st.sampled_from(Way))
@settings(max_examples=600)
def test_every_answer_that_is_offered_can_be_chosen(some: Limits, row: Row, way: Way) -> None:
    """Picking it moves other rows only to answers that are offered too, so "Also changed" never runs into a no."""
    if way not in some.choices(row):
        return
    settled, _also = ordered(replace(some.start, **{COLUMN[row]: way}), row)
    settled = replace(settled, guests_verified=settled.guests_verified or some.must_verify())
    assert broken(settled, some) == ()


@given(any_rules, limits, st.sampled_from(list(COLUMN)))
@settings(max_examples=500)
def test_nobody_chooses_a_more_open_answer_than_allowed(rules: Rules, some: Limits, row: Row) -> None:
    if EASE[rules.way(row)] > EASE[some.most.way(row)]:
        assert COLUMN[row] in broken(rules, some)
        assert COLUMN[row] in broken(rules, some, kept=rules)


@given(ordered_rules, limits)
@settings(max_examples=500)
def test_a_rule_that_hosts_may_not_change_keeps_the_default(rules: Rules, some: Limits) -> None:
    for name in some.fixed:
        if getattr(rules, name) != getattr(some.start, name):
            assert name in broken(rules, some)


def test_without_a_policy_everything_is_allowed() -> None:
    assert all(Limits().offers(preset) for preset in PRESETS)
    assert within(ALL_OPEN, Limits()) == ALL_OPEN
    assert Limits().start == Rules()


def test_less_than_walks_in_for_strangers_turns_anyone_with_the_link_off() -> None:
    some = Limits(most=replace(ALL_OPEN, anyone=Way.KNOCKS))
    assert not some.offers("anyone_with_link")
    assert some.offers("guests_knock")
    assert some.choices(Row.ANYONE) == {Way.KNOCKS, Way.TURNED_AWAY}


def test_a_settled_row_bounds_the_rows_above_and_below_it() -> None:
    some = Limits(replace(Rules(), colleagues=Way.KNOCKS), fixed=frozenset({"colleagues"}))
    assert some.choices(Row.COLLEAGUE) == {Way.KNOCKS}
    assert some.choices(Row.LISTED) == {Way.KNOCKS, Way.WALKS_IN}
    assert some.choices(Row.ANYONE) == {Way.KNOCKS, Way.TURNED_AWAY}
    assert not some.offers("anyone_with_link")


def test_guests_type_a_code_where_the_organisation_asks_for_it() -> None:
    some = Limits(most=replace(ALL_OPEN, guests_verified=True))
    walks_in = replace(Rules(), guests=Way.WALKS_IN)
    assert broken(walks_in, some) == ("guests_verified",)
    assert within(walks_in, some).guests_verified
    assert some.offers("named_people")
    # Where anybody walks in, a code would keep nobody out.
    assert some.offers("anyone_with_link")


def test_a_door_that_was_closed_further_than_the_default_stays_so() -> None:
    some = Limits(with_preset(Rules(), "anyone_with_link"), fixed=frozenset({"anyone", "guests"}))
    assert within(with_preset(Rules(), "guests_knock"), some) == with_preset(Rules(), "guests_knock")


def test_a_door_that_locks_with_the_start_is_no_door_that_never_does() -> None:
    limits = Limits(defaults=Rules(lock_after_minutes=15), fixed=frozenset({"lock_after_minutes"}))
    noon = datetime(2026, 11, 24, 12, tzinfo=UTC)
    begun = Occurrence(starts_at=noon, started_at=noon)
    assert locks_at(begun, within(Rules(lock_after_minutes=0), limits)) == noon
