"""Who sees which meeting. Asked for every request; an outsider's answer is the answer of an unknown id."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db.models import OuterRef, Q, QuerySet, Subquery

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
    return Seen(meeting, selectors.occurrence_now(meeting), is_host=selectors.is_host(user, meeting))


def hosted_by(user: Any, meeting_id: UUID) -> Seen:
    """The meeting if `user` hosts it. Raises Problem: "not_a_host" for listed people, "not_found" for others."""
    seen = seen_by(user, meeting_id)
    if not seen.is_host:
        raise Problem("not_a_host")
    return seen


def occurrence_named(seen: Seen, occurrence_id: UUID | None) -> Occurrence:
    """An occurrence of this very meeting, the current one where none is named. Raises Problem("not_found")."""
    if occurrence_id is None:
        return seen.occurrence
    found = seen.meeting.occurrences.select_related("meeting", "series").filter(pk=occurrence_id).first()
    if found is None:
        raise Problem("not_found")
    return found


def meetings_of(user: Any, now: datetime) -> QuerySet[Meeting]:
    """Meetings that `user` hosts or is invited to, in the order of `starts`: when their current occurrence, `current`,
    does."""
    invited = selectors.standing_invitations(user).values("occurrence__meeting")
    current = selectors.by_nearness(Occurrence.objects.filter(meeting=OuterRef("pk")), now)
    return (
        Meeting.objects.filter(
            Q(pk__in=Meeting.objects.filter(hosts=user).values("pk"))
            | Q(pk__in=invited)
            | Q(pk__in=selectors.meetings_listing(user).values("pk"))
        )
        .annotate(current=Subquery(current.values("pk")[:1]), starts=Subquery(current.values("starts_at")[:1]))
        .prefetch_related("hosts")
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
        scheduling.change_meeting(by, seen.meeting, tell=False, hosts=lambda now: [*now, account])
