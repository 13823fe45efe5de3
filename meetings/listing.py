"""What the dashboard and the meeting page list: reads only, in as few queries as there are kinds of rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import F, Prefetch, Q, QuerySet

from meetings import selectors
from meetings.door import Row, Way
from meetings.doorlimits import Limits
from meetings.models import AuditDetail, Invitation, Meeting, Occurrence, Participant, SecondDevice

EARLIER_PER_PAGE = 30
OVERRUN = timedelta(hours=1)
"""How long a meeting that nobody entered stays listed after its end."""

_State = Participant.State
_KNOCKED = F("knocked_at").asc(nulls_first=True)
_ENTERED = F("entered_at").asc(nulls_first=True)


def _theirs(user: Any) -> QuerySet[Occurrence]:
    """Occurrences of meetings that this person hosts or is invited to with the account."""
    invited = Q(pk__in=selectors.standing_invitations(user).filter(user=user).values("occurrence"))
    listed = Q(meeting__in=selectors.meetings_listing(user).values("pk"))
    mine = Occurrence.objects.filter(Q(meeting__hosts=user) | invited | listed).values("pk")
    return (
        Occurrence.objects.filter(pk__in=mine, cancelled_at=None, meeting__cancelled_at=None)
        .select_related("meeting")
        .prefetch_related(
            "meeting__hosts",
            Prefetch("invitations", Invitation.objects.filter(revoked_at=None).select_related("user")),
        )
    )


def coming(user: Any, now: datetime) -> list[Occurrence]:
    """Live and future occurrences, soonest first. `present`: the seats inside and at the door."""
    open_still = Q(ends_at__gt=now - OVERRUN) | Q(started_at__isnull=False)
    seats = Participant.objects.filter(state__in=(_State.INSIDE, _State.WAITING)).order_by(_KNOCKED, _ENTERED)
    found = _theirs(user).filter(open_still, ended_at=None).order_by("starts_at", "pk")
    return list(found.prefetch_related(Prefetch("participants", seats, to_attr="present")))


def earlier(user: Any, now: datetime, page: int) -> tuple[list[Occurrence], bool]:
    """One page of what is over, latest first, and whether there is more. `came`: the seats that were taken."""
    over = Q(ended_at__isnull=False) | Q(ends_at__lte=now - OVERRUN, started_at=None)
    first = page * EARLIER_PER_PAGE
    seats = Participant.objects.exclude(entered_at=None).order_by(_ENTERED)
    theirs = _theirs(user).filter(over).order_by("-starts_at", "pk")
    theirs = theirs.prefetch_related(Prefetch("participants", seats, to_attr="came"))
    found = list(theirs[first : first + EARLIER_PER_PAGE + 1])
    return found[:EARLIER_PER_PAGE], len(found) > EARLIER_PER_PAGE


def exposed(user: Any, now: datetime, limits: Limits) -> Meeting | None:
    """The oldest meeting to come of this host that anybody with the link walks into."""
    if limits.ceiling(Row.ANYONE) is not Way.WALKS_IN:
        return None
    return (
        Meeting.objects.filter(hosts=user, door_anyone=Way.WALKS_IN.value, cancelled_at=None)
        .filter(occurrences__ended_at=None, occurrences__cancelled_at=None, occurrences__ends_at__gt=now)
        .order_by("created_at")
        .first()
    )


def current(meeting: Meeting) -> Occurrence:
    """The occurrence that the meeting's page is about: the live one, else the next, else the last."""
    return selectors.occurrence_now(meeting)


@dataclass(frozen=True)
class Invited:
    """An invitation with the latest seat that belongs to it, and the second device that came last with its link since
    it was claimed."""

    invitation: Invitation
    seat: Participant | None
    second_device: SecondDevice | None = None


def invited(occurrence: Occurrence) -> list[Invited]:
    """Everybody who was asked, revoked ones last, each with the seat they took."""
    seats: dict[Any, Participant] = {}
    for seat in occurrence.participants.order_by(_ENTERED, _KNOCKED):
        if seat.invitation_id:
            seats[seat.invitation_id] = seat
        if seat.user_id:
            seats[seat.user_id] = seat
    second: dict[Any, SecondDevice] = {}
    for device in SecondDevice.objects.filter(invitation__occurrence=occurrence).select_related("invitation"):
        if device.invitation.claimed_at is None or device.seen_at >= device.invitation.claimed_at:
            second[device.invitation_id] = device
    found = [
        Invited(invitation, seats.get(invitation.pk) or seats.get(invitation.user_id), second.get(invitation.pk))
        for invitation in occurrence.invitations.select_related("user").order_by("created_at")
    ]
    return sorted(found, key=lambda row: row.invitation.revoked_at is not None)


def invitation_of(meeting: Meeting, invitation_id: Any) -> Invitation | None:
    """An invitation to any occurrence of this meeting."""
    return Invitation.objects.filter(occurrence__meeting=meeting, pk=invitation_id).first()


def history(meeting: Meeting, *, limit: int) -> list[AuditDetail]:
    """The newest audit details of this meeting, newest first."""
    details = AuditDetail.objects.filter(meeting=meeting).select_related("entry", "actor").order_by("-entry_id")
    return list(details[:limit])
