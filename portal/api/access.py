"""Who sees which meeting. Asked for every request; an outsider's answer is the answer of an unknown id."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Min, Q, QuerySet
from django.utils import timezone

from meetings import selectors
from meetings.models import Invitation, Meeting, Occurrence
from portal.api.problems import Problem

LATE = timedelta(hours=1)
"""So long after its time an occurrence still counts as the one that people mean."""


@dataclass(frozen=True)
class Seen:
    """A meeting as the token's owner may see it. `occurrence` is the live or next one, or else the last."""

    meeting: Meeting
    occurrence: Occurrence
    is_host: bool


def seen_by(user: Any, meeting_id: UUID) -> Seen:
    """The meeting if `user` hosts it or is listed. Raises Problem("not_found") for others, administrators too."""
    meeting = selectors.meeting_for(user, meeting_id)
    if meeting is None:
        raise Problem("not_found")
    return Seen(meeting, occurrence_of(meeting, timezone.now()), is_host=meeting.hosts.filter(pk=user.pk).exists())


def hosted_by(user: Any, meeting_id: UUID) -> Seen:
    """The meeting if `user` hosts it. Raises Problem: "not_a_host" for listed people, "not_found" for others."""
    seen = seen_by(user, meeting_id)
    if not seen.is_host:
        raise Problem("not_a_host")
    return seen


def occurrence_of(meeting: Meeting, now: datetime) -> Occurrence:
    occurrences = list(meeting.occurrences.all())
    still = [one for one in occurrences if not one.ended_at and not one.cancelled_at and one.ends_at + LATE > now]
    return still[0] if still else occurrences[-1]


def meetings_of(user: Any) -> QuerySet[Meeting]:
    """Meetings that `user` hosts or is invited to, with their first start as `starts`, in that order."""
    invited = Invitation.objects.filter(user=user, revoked_at=None).values("occurrence__meeting")
    return (
        Meeting.objects.filter(Q(pk__in=Meeting.objects.filter(hosts=user).values("pk")) | Q(pk__in=invited))
        .annotate(starts=Min("occurrences__starts_at"))
        .prefetch_related("hosts", "occurrences")
        .order_by("starts", "pk")
    )


def invitation_of(seen: Seen, invitation_id: UUID) -> Invitation:
    """An invitation of this very meeting; another meeting's is not found, whoever hosts that."""
    found = (
        Invitation.objects.select_related("occurrence__meeting", "user")
        .filter(pk=invitation_id, occurrence__meeting=seen.meeting)
        .first()
    )
    if found is None:
        raise Problem("not_found")
    return found
