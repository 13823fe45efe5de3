"""Who settled what the door goes by, and since when: the part of `door.Facts` that only its explanation needs.

Reads rows that have been fetched already, and asks the database nothing but names that came along with them.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from meetings.door import Settled
from meetings.doorlimits import Limits
from meetings.models import Block, DoorException, Invitation, Occurrence, Participant

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
    exception: DoorException | None,
) -> dict[str, Settled]:
    """By the codes of `door.RULES`. What nobody wrote down is left out."""
    meeting = occurrence.meeting
    table = _said(meeting.door_changed_at or meeting.created_at, meeting.door_changed_by or meeting.created_by)
    block = max(blocks, key=lambda one: one.created_at, default=None)
    found = {
        "table": table,
        "opening": table,
        "without_host": table,
        "code": table,
        "address_code": table,
        "invited_code": table,
        "limit": limits.settled,
        "exception": _said(exception.set_at, exception.set_by) if exception else None,
        "ended": _said(occurrence.ended_at, occurrence.ended_by),
        "cancelled": _said(occurrence.cancelled_at or meeting.cancelled_at),
        "lock": _said(occurrence.locked_at, occurrence.locked_by),
        "suspended": _said(occurrence.suspended_at, occurrence.suspended_by),
        "block": _said(block.created_at) if block else None,
        "let_in": _said(seat.let_in_at, seat.let_in_by) if seat else None,
        "seat": _said(seat.entered_at) if seat else None,
        "revoked": _said(invitation.revoked_at) if invitation else None,
        "link_in_use": _said(invitation.claimed_at) if invitation else None,
    }
    for one in same_person:
        if one.must_knock:
            found["must_knock"] = Settled(None, one.refused_by)
        if one.refused_until is not None:
            found["refusal"] = Settled(one.left_at, one.refused_by)
    return {rule: settled for rule, settled in found.items() if settled is not None}


def _said(at: datetime | None, by: Any = None) -> Settled | None:
    return Settled(at, by.name if by is not None else "") if at is not None else None
