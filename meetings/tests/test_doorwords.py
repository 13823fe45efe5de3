"""Why the door answered, in words: every rule has a sentence, and the audit log gives back what it was given."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meetings import chain, doorwords
from meetings.door import RULES, Because, Row, Settled, Way

SINCE = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)

becauses = st.builds(
    Because,
    st.sampled_from(sorted(RULES)),
    st.sampled_from(Row),
    st.none() | st.sampled_from(Way),
    st.builds(Settled, st.none() | st.just(SINCE), st.sampled_from(["", "Ingrid Sæther", "%(org)s {x}"])),
    st.sampled_from(["", "the group “Safety team”"]),
    st.none() | st.integers(0, 100),
    st.none() | st.integers(1, 100),
)


@given(becauses)
def test_every_answer_can_be_told_and_kept(because: Because) -> None:
    kept = json.loads(chain.canonical(chain.plain(doorwords.written(because))))
    assert doorwords.read(kept) == because
    told = doorwords.sentence(because)
    assert told.endswith(".")
    assert "%(" not in told.replace("%(org)s {x}", "")
    if because.settled.by:
        assert because.settled.by in told


@pytest.mark.parametrize("kept", [None, {}, [], "x", {"rule": "magic", "row": "guest"}, {"rule": "table", "row": "x"}])
def test_what_is_no_explanation_is_read_as_none(kept: object) -> None:
    assert doorwords.read(kept) is None


def test_it_says_which_rule_since_when_and_by_whom() -> None:
    settled = Settled(SINCE, "Ingrid Sæther")
    assert doorwords.sentence(Because("table", Row.GUEST, Way.KNOCKS, settled)) == (
        "Invited guests knock at this door (since 24 November 2026, 12:00, by Ingrid Sæther)."
    )
    assert doorwords.sentence(Because("exception", Row.GUEST, Way.WALKS_IN, Settled(None, "Marcus Bell"))) == (
        "An exception for this person: whatever their row says, this person walks in (by Marcus Bell)."
    )
    assert doorwords.sentence(Because("full", Row.LISTED, inside=50, capacity=50)) == (
        "50 of 50 people are inside, and places go to people in the order they came."
    )
    assert doorwords.sentence(Because("table", Row.LISTED, Way.WALKS_IN, known_by="the group “Safety team”")) == (
        "People on the list walk in at this door. They are on the list through the group “Safety team”."
    )
