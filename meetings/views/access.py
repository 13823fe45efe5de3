"""Which meeting a page may be about. Whoever may not know of a meeting gets the same 404 as for none at all."""

from __future__ import annotations

from typing import Any

from django.http import Http404

from meetings import selectors
from meetings.models import Meeting


def visible_meeting(user: Any, meeting_id: Any) -> Meeting:
    """A meeting that this person hosts or was invited to. Raises Http404 for every other."""
    meeting = selectors.meeting_for(user, meeting_id)
    if meeting is None:
        raise Http404
    return meeting


def hosted_meeting(user: Any, meeting_id: Any) -> Meeting:
    """A meeting that this person hosts. Raises Http404 for every other."""
    meeting = visible_meeting(user, meeting_id)
    if not selectors.is_host(user, meeting):
        raise Http404
    return meeting
