"""Questions to the database. Nothing here writes."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from meetings.door import Facts, Row
from meetings.models import Invitation, Meeting, Occurrence, Participant


def occurrence_for_code(code: str, now: datetime | None = None) -> Occurrence | None:
    """The live or next occurrence of the meeting with this code, or the last one that ended within a day."""
    raise NotImplementedError


def meeting_for(user: Any, meeting_id: UUID | str) -> Meeting | None:
    """The meeting if this person hosts it or is listed; None otherwise, so that a view can answer 404."""
    raise NotImplementedError


def visitor_row(occurrence: Occurrence, *, user: Any, invitation: Invitation | None) -> Row:
    """The best row of several proofs. Listed and colleague match an account or its verified addresses only."""
    raise NotImplementedError


def facts_for(
    occurrence: Occurrence,
    *,
    row: Row,
    user: Any,
    invitation: Invitation | None,
    participant: Participant | None,
    device: str,
    host_inside: bool,
    now: datetime,
) -> Facts:
    """What the door needs to know about this visitor, read now."""
    raise NotImplementedError
