"""Arrivals and hosts' answers. Everything is persisted, audited and announced before the function returns."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from meetings.door import Decision, Refuse, Row
from meetings.models import Invitation, Occurrence, Participant

By = Any
"""A host: a `Participant` of the occurrence, or a `User` (a host who acts through the API)."""


class NotAHost(Exception):
    """The database, asked now, says that this person hosts nothing here."""


def arrive(
    occurrence: Occurrence,
    *,
    row: Row,
    user: Any,
    invitation: Invitation | None,
    device: str,
    name: str,
    network: str,
    session_key: str,
    decision: Decision,
    now: datetime,
) -> Participant | None:
    """Record that somebody came to the door and what it said.

    Admit and Wait create or refresh the seat of this device: WAITING, or INSIDE if it is already held; `entered`
    makes it INSIDE when the person's socket is in the room. Refuse creates no seat: it closes the one that
    exists, if any, and returns it or None.
    """
    raise NotImplementedError


def let_in(by: By, target: Participant) -> Participant:
    raise NotImplementedError


def keep_waiting(by: By, target: Participant, message: str) -> Participant:
    raise NotImplementedError


def turn_away(by: By, target: Participant, *, note: str = "", block: bool = False) -> Participant:
    raise NotImplementedError


def remove(by: By, target: Participant, *, note: str = "", block: bool = True) -> Participant:
    raise NotImplementedError


def move_to_door(by: By, target: Participant) -> Participant:
    raise NotImplementedError


def put_out(target: Participant, decision: Refuse) -> Participant:
    """The rules, not a host, refuse somebody who had a seat (revoked, deactivated, rule changed …)."""
    raise NotImplementedError


def entered(participant: Participant, *, reason: str = "") -> Participant:
    """The person is in the room: INSIDE. The first one starts the occurrence."""
    raise NotImplementedError


def left(participant: Participant, reason: str) -> Participant:
    """reason: left (pressed Leave), lost (the seat ran out after a cut), stopped (stopped waiting)."""
    raise NotImplementedError


def lock(by: By | None, occurrence: Occurrence) -> Occurrence:
    """by None: the meeting's own rule locks it after `lock_after_minutes`."""
    raise NotImplementedError


def unlock(by: By, occurrence: Occurrence) -> Occurrence:
    raise NotImplementedError


def end_for_everyone(by: By | None, occurrence: Occurrence) -> Occurrence:
    """by None: the last one left and its time is over."""
    raise NotImplementedError


def mute_recorded(by: By, target: Participant, source: str) -> None:
    raise NotImplementedError
