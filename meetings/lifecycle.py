"""The life of one occurrence: every state, every event, one table. "Locked" is a flag beside it, not a state in it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from meetings.admission import IllegalEvent


class Stage(StrEnum):
    SCHEDULED = "scheduled"
    LIVE = "live"
    ENDED = "ended"
    CANCELLED = "cancelled"


class Event(StrEnum):
    """START: somebody is inside for the first time. END: a host, or nobody left after its time. MOVE: another time."""

    START = "start"
    END = "end"
    CANCEL = "cancel"
    MOVE = "move"


TABLE: Final[Mapping[Stage, Mapping[Event, Stage]]] = MappingProxyType(
    {
        Stage.SCHEDULED: {
            Event.START: Stage.LIVE,
            Event.CANCEL: Stage.CANCELLED,
            Event.MOVE: Stage.SCHEDULED,
        },
        # Who cancels a meeting that people are in has to end it; the service does both in that order.
        Stage.LIVE: {Event.START: Stage.LIVE, Event.END: Stage.ENDED},
        Stage.ENDED: {},
        Stage.CANCELLED: {},
    }
)


def stage_of(*, started: bool, ended: bool, cancelled: bool) -> Stage:
    """The stage that these stored facts mean. What is over stays over, whatever else is stored."""
    if ended:
        return Stage.ENDED
    if cancelled:
        return Stage.CANCELLED
    return Stage.LIVE if started else Stage.SCHEDULED


def after(stage: Stage, event: Event) -> Stage:
    """The stage that follows. Raises `IllegalEvent`."""
    try:
        return TABLE[stage][event]
    except KeyError:
        raise IllegalEvent(stage, event) from None
