"""The life of one seat: every state and every event in one table. What is not in it raises and changes nothing.

States are those of `Participant.State`. "Let in" is not a state but a host's word, stored beside it: the person is
at the door until their program is in the room.

    (new) --arrive--> waiting --enter--> inside --leave--> left --arrive--> waiting …
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class State(StrEnum):
    NEW = "new"
    WAITING = "waiting"
    INSIDE = "inside"
    LEFT = "left"
    REFUSED = "refused"
    REMOVED = "removed"


class Event(StrEnum):
    """ARRIVE: the door did not refuse. ENTER: admitted, and in the room. TAKE_OVER: the same person's seat on another
    device, inside, moves here. LET_IN, MESSAGE, TURN_AWAY, REMOVE and
    SEND_BACK: a host's answer. SHUT_OUT: the rules refuse somebody who had a seat. END: the meeting is over."""

    ARRIVE = "arrive"
    ENTER = "enter"
    TAKE_OVER = "take_over"
    LET_IN = "let_in"
    MESSAGE = "message"
    TURN_AWAY = "turn_away"
    REMOVE = "remove"
    SEND_BACK = "send_back"
    SHUT_OUT = "shut_out"
    LEAVE = "leave"
    END = "end"


class IllegalEvent(Exception):
    """This event cannot happen in this state."""

    def __init__(self, state: StrEnum, event: StrEnum) -> None:
        super().__init__(f"{event} does not fit {state}")
        self.state = state
        self.event = event


TABLE: Final[Mapping[State, Mapping[Event, State]]] = MappingProxyType(
    {
        State.NEW: {Event.ARRIVE: State.WAITING},
        State.WAITING: {
            Event.ARRIVE: State.WAITING,
            Event.ENTER: State.INSIDE,
            Event.TAKE_OVER: State.INSIDE,
            Event.LET_IN: State.WAITING,
            Event.MESSAGE: State.WAITING,
            Event.TURN_AWAY: State.REFUSED,
            Event.SHUT_OUT: State.REFUSED,
            Event.LEAVE: State.LEFT,
            Event.END: State.LEFT,
        },
        State.INSIDE: {
            # Coming back after a cut: the seat is theirs, they were never outside.
            Event.ARRIVE: State.INSIDE,
            Event.ENTER: State.INSIDE,
            Event.REMOVE: State.REMOVED,
            Event.SEND_BACK: State.WAITING,
            Event.SHUT_OUT: State.REFUSED,
            Event.LEAVE: State.LEFT,
            Event.END: State.LEFT,
        },
        State.LEFT: {
            Event.ARRIVE: State.WAITING,
            # A host who removes somebody in the moment in which they leave still means it.
            Event.REMOVE: State.REMOVED,
            Event.LEAVE: State.LEFT,
            Event.END: State.LEFT,
        },
        State.REFUSED: {
            Event.ARRIVE: State.WAITING,
            # A host may change their mind, and a no may become a block.
            Event.TURN_AWAY: State.REFUSED,
            Event.SHUT_OUT: State.REFUSED,
            Event.END: State.REFUSED,
        },
        State.REMOVED: {
            # Only where the removal came without a block does the door let it come to this.
            Event.ARRIVE: State.WAITING,
            Event.REMOVE: State.REMOVED,
            Event.SHUT_OUT: State.REMOVED,
            Event.END: State.REMOVED,
        },
    }
)


def after(state: State | str, event: Event) -> State:
    """The state that follows. Raises `IllegalEvent`."""
    here = State(state)
    try:
        return TABLE[here][event]
    except KeyError:
        raise IllegalEvent(here, event) from None
