"""Who acts. Roles are read from the database for every action, never remembered from when somebody came in."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model

from meetings.models import Meeting, Occurrence, Participant
from meetings.register import blocks_in
from meetings.services.errors import NotAHost


def require_host(by: Any, occurrence: Occurrence) -> Any:
    """The account that acts. `by` is a `Participant` inside this occurrence, or an account (a host through the API).

    Raises `NotAHost` unless that account hosts the meeting now, is active and is not blocked here.
    """
    if isinstance(by, Participant):
        seat = Participant.objects.filter(pk=by.pk, occurrence=occurrence, state=Participant.State.INSIDE).first()
        account_id = seat.user_id if seat is not None else None
    else:
        account_id = by.pk if by is not None else None
    account = _host(account_id, occurrence.meeting_id)
    if blocks_in(occurrence.meeting_id).filter(user=account).exists():
        raise NotAHost
    return account


def require_host_of(by: Any, meeting: Meeting) -> Any:
    """The account that acts on a whole meeting. Raises `NotAHost`."""
    return _host(by.pk if by is not None else None, meeting.pk)


def _host(account_id: Any, meeting_id: Any) -> Any:
    found = None
    if account_id is not None:
        hosts = get_user_model().objects.filter(is_active=True, meetings_hosted=meeting_id)
        found = hosts.filter(pk=account_id).first()
    if found is None:
        raise NotAHost
    return found
