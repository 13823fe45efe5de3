"""Every state × every event of the two small machines: the table's next state, or a refusal that changes nothing."""

from __future__ import annotations

import pytest

from meetings import admission, lifecycle
from meetings.admission import IllegalEvent
from meetings.models import Participant

SEATS = {
    # event:      new        waiting    inside     left       refused    removed
    "arrive": ("waiting", "waiting", "inside", "waiting", "waiting", "waiting"),
    "enter": (None, "inside", "inside", None, None, None),
    "take_over": (None, "inside", None, None, None, None),
    "let_in": (None, "waiting", None, None, None, None),
    "message": (None, "waiting", None, None, None, None),
    "turn_away": (None, "refused", None, None, "refused", None),
    "remove": (None, None, "removed", "removed", None, "removed"),
    "send_back": (None, None, "waiting", None, None, None),
    "shut_out": (None, "refused", "refused", None, "refused", "removed"),
    "leave": (None, "left", "left", "left", None, None),
    "end": (None, "left", "left", "left", "refused", "removed"),
}
STAGES = {
    # event:   scheduled   live    ended  cancelled
    "start": ("live", "live", None, None),
    "end": (None, "ended", None, None),
    "cancel": ("cancelled", None, None, None),
    "move": ("scheduled", None, None, None),
}


def test_the_tables_below_are_complete() -> None:
    assert set(SEATS) == set(admission.Event)
    assert set(STAGES) == set(lifecycle.Event)
    assert set(admission.State) - {"new"} == set(Participant.State.values)


@pytest.mark.parametrize(
    ("state", "event", "following"),
    [
        (state, admission.Event(event), row[position])
        for event, row in SEATS.items()
        for position, state in enumerate(admission.State)
    ],
)
def test_a_seat(state: admission.State, event: admission.Event, following: str | None) -> None:
    if following is None:
        with pytest.raises(IllegalEvent):
            admission.after(state, event)
    else:
        assert admission.after(state, event) == following


@pytest.mark.parametrize(
    ("stage", "event", "following"),
    [
        (stage, lifecycle.Event(event), row[position])
        for event, row in STAGES.items()
        for position, stage in enumerate(lifecycle.Stage)
    ],
)
def test_an_occurrence(stage: lifecycle.Stage, event: lifecycle.Event, following: str | None) -> None:
    if following is None:
        with pytest.raises(IllegalEvent):
            lifecycle.after(stage, event)
    else:
        assert lifecycle.after(stage, event) == following


def test_nobody_is_inside_without_having_come_to_the_door() -> None:
    leading_inside = {
        (state, event)
        for state, row in admission.TABLE.items()
        for event, following in row.items()
        if following is admission.State.INSIDE and state is not admission.State.INSIDE
    }
    waiting = admission.State.WAITING
    assert leading_inside == {(waiting, admission.Event.ENTER), (waiting, admission.Event.TAKE_OVER)}


@pytest.mark.parametrize("started", [False, True])
@pytest.mark.parametrize("cancelled", [False, True])
def test_what_has_ended_stays_ended(started: bool, cancelled: bool) -> None:
    stage = lifecycle.stage_of(started=started, ended=True, cancelled=cancelled)
    assert stage is lifecycle.Stage.ENDED
    assert not lifecycle.TABLE[stage]


def test_a_word_that_is_no_state_is_refused() -> None:
    with pytest.raises(ValueError, match="asleep"):
        admission.after("asleep", admission.Event.LEAVE)
