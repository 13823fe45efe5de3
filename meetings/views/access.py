"""Which meeting a page may be about. Whoever may not know of a meeting gets the same 404 as for none at all."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse

from meetings import listing, selectors
from meetings.models import Meeting
from meetings.services.errors import NotAHost

View = Callable[..., HttpResponse]


def for_hosts(view: View) -> View:
    """Signed in, and a 404 when the service finds that the role was lost between the question and the deed."""

    @login_required
    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except NotAHost:
            raise Http404 from None

    return guarded


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


def open_meeting(user: Any, meeting_id: Any) -> Meeting:
    """A meeting of this host that is neither cancelled nor over. Raises Http404 for every other."""
    meeting = hosted_meeting(user, meeting_id)
    if meeting.cancelled_at is not None or listing.current(meeting).ended_at is not None:
        raise Http404
    return meeting
