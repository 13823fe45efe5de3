"""Who settled what the door goes by, and since when: the part of `door.Facts` that only its explanation needs.

Reads rows that have been fetched already, and asks the database nothing but names that came along with them.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from meetings.door import Settled
from meetings.doorlimits import Limits
from meetings.models import Block, Invitation, Occurrence, Participant

WITH_NAMES = ("meeting__created_by", "meeting__door_changed_by", "locked_by", "ended_by", "suspended_by")
"""What to select along with an occurrence, so that no name costs a query of its own."""


def settled_by(
    occurrence: Occurrence,
    limits: Limits,
    *,
    seat: Participant | None,
    same_person: Iterable[Participant],
    blocks: Iterable[Block],
    invitation: Invitation | None,
) -> dict[str, Settled]:
    """By the codes of `door.RULES`. What nobody wrote down is left out."""
    meeting = occurrence.meeting
    table = _said(meeting.door_changed_at or meeting.created_at, meeting.door_changed_by or meeting.created_by)
    found = {"table": table, "opening": table, "without_host": table, "code": table, "limit": limits.settled}
    if occurrence.ended_at is not None:
        found["ended"] = _said(occurrence.ended_at, occurrence.ended_by)
    cancelled_at = occurrence.cancelled_at or meeting.cancelled_at
    if cancelled_at is not None:
        found["cancelled"] = Settled(cancelled_at)
    if occurrence.locked_at is not None:
        found["lock"] = _said(occurrence.locked_at, occurrence.locked_by)
    if occurrence.suspended_at is not None:
        found["suspended"] = _said(occurrence.suspended_at, occurrence.suspended_by)
    block = max(blocks, key=lambda one: one.created_at, default=None)
    if block is not None:
        found["block"] = Settled(block.created_at)
    if seat is not None and seat.let_in_at is not None:
        found["let_in"] = _said(seat.let_in_at, seat.let_in_by)
    if seat is not None and seat.entered_at is not None:
        found["seat"] = Settled(seat.entered_at)
    for one in same_person:
        if one.must_knock:
            found["must_knock"] = Settled(None, one.refused_by)
        if one.refused_until is not None:
            found["refusal"] = Settled(one.left_at, one.refused_by)
    if invitation is not None and invitation.revoked_at is not None:
        found["revoked"] = Settled(invitation.revoked_at)
    if invitation is not None and invitation.claimed_at is not None:
        found["link_in_use"] = Settled(invitation.claimed_at)
    return found


def _said(at: datetime | None, by: Any) -> Settled:
    return Settled(at, by.name if by is not None else "")
