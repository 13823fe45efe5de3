"""Who sees which meeting. Asked for every request; an outsider's answer is the answer of an unknown id."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db.models import Min, Q, QuerySet
from django.utils import timezone

from meetings import selectors
from meetings.models import Invitation, Meeting, Occurrence
from meetings.services import scheduling
from portal.api.problems import Problem, invalid


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
    return Seen(meeting, occurrence_of(meeting, timezone.now()), is_host=selectors.is_host(user, meeting))


def hosted_by(user: Any, meeting_id: UUID) -> Seen:
    """The meeting if `user` hosts it. Raises Problem: "not_a_host" for listed people, "not_found" for others."""
    seen = seen_by(user, meeting_id)
    if not seen.is_host:
        raise Problem("not_a_host")
    return seen


def occurrence_of(meeting: Meeting, now: datetime) -> Occurrence:
    """The live occurrence, else the next, else the last: what the meeting's code leads to, whatever its age."""
    occurrences = list(meeting.occurrences.all())
    going_on = [one for one in occurrences if one.ended_at is None and one.cancelled_at is None]
    live = [one for one in going_on if one.started_at is not None]
    to_come = [one for one in going_on if not selectors.is_over(one, now)]
    return next(iter([*live, *to_come, *reversed(occurrences)]))


def meetings_of(user: Any) -> QuerySet[Meeting]:
    """Meetings that `user` hosts or is invited to, with their first start as `starts`, in that order."""
    own = Q(user=user) | Q(user=None, email__in=selectors.verified_addresses(user))
    invited = Invitation.objects.filter(own, revoked_at=None).values("occurrence__meeting")
    return (
        Meeting.objects.filter(
            Q(pk__in=Meeting.objects.filter(hosts=user).values("pk"))
            | Q(pk__in=invited)
            | Q(pk__in=selectors.meetings_listing(user).values("pk"))
        )
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


def make_host(by: Any, seen: Seen, email: str) -> None:
    """Makes the account of this address a host. Raises Problem where there is none."""
    account = get_user_model().objects.filter(email=email, is_active=True).first()
    if account is None:
        raise invalid("role", "A host needs an account, and there is none with this address.")
    if not seen.meeting.hosts.filter(pk=account.pk).exists():
        hosts = [*seen.meeting.hosts.all(), account]
        scheduling.change_meeting(by, seen.meeting, tell=False, hosts=hosts)
