"""What the door answers to one person now, and why: the question that operators ask. Reads only, and claims nothing.

Somebody is named by the address of an account or of an invited guest, or by a personal link. A link is looked up and
forgotten; it stands in nothing that is made here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import F

from meetings import codes, door, selectors
from meetings.doorwords import sentence
from meetings.models import Invitation, InvitationToken, Meeting, Occurrence, Participant

ANYONE = "anyone"
_LINK = re.compile(r"/i/([A-Za-z0-9_-]{16,100})/?$")
_CODE = re.compile(r"/m/([^/?#]+)/?(?:[?#].*)?$")
_SECRET = re.compile(r"[A-Za-z0-9_-]{32,100}")


class Unknown(Exception):
    """There is no such meeting, or nobody whom this could name. The text is for people."""


@dataclass(frozen=True)
class Explained:
    """`how`: by what they are known. `decision` carries the reason that `why` tells."""

    occurrence: Occurrence
    name: str
    how: str
    row: door.Row
    decision: door.Decision
    why: str


def meeting_named(typed: str) -> Meeting:
    """A meeting by its id, its code, or its link. Raises `Unknown`."""
    typed = typed.strip()
    found = None
    try:
        found = Meeting.objects.filter(pk=UUID(typed)).first()
    except ValueError:
        link = _CODE.search(typed)
        code = codes.normalise_code(link[1] if link else typed)
        found = Meeting.objects.filter(code=code).first() if code else None
    if found is None:
        raise Unknown("There is no meeting with this id or code.")
    return found


def explain(meeting: Meeting, person: str, now: datetime) -> Explained:
    """Asks the door about somebody, from what is stored. Raises `Unknown` for what is neither address nor link.

    Who has a seat is asked about with the device that holds it, so that a host's word and a place count.
    """
    occurrence = selectors.occurrence_now(meeting, now)
    user, invitation, name, how = _known(occurrence, person.strip())
    row = selectors.visitor_row(occurrence, user=user, invitation=invitation)
    seat = _seat(occurrence, user, invitation if row is door.Row.GUEST else None)
    here = _host_inside(occurrence)
    facts = selectors.facts_of(
        occurrence, row=row, user=user, invitation=invitation, seat=seat, host_inside=here, now=now
    )
    decision = door.decide(facts)
    why = sentence(decision.because) if decision.because is not None else ""
    return Explained(occurrence, name, how, row, decision, why)


def _known(occurrence: Occurrence, person: str) -> tuple[Any, Invitation | None, str, str]:
    """Account, invitation, name, and by what they are known."""
    if person.lower() == ANYONE:
        return None, None, "Somebody", "the meeting link alone"
    secret = _secret(person)
    if secret:
        return _by_link(occurrence, secret)
    address = person.lower()
    if "@" not in address or len(address) > 254:
        raise Unknown("Name an address, a personal link, or “anyone”.")
    user = selectors.account_for(address)
    if user is not None:
        return user, None, user.name, "the account"
    invitation = occurrence.invitations.filter(email=address).first()
    if invitation is not None:
        return None, invitation, invitation.name or invitation.email, "a personal link"
    return None, None, address, "the meeting link alone: no account has this address, and it is not invited"


def _secret(person: str) -> str:
    link = _LINK.search(person)
    if link:
        return link[1]
    return person if "@" not in person and _SECRET.fullmatch(person) else ""


def _by_link(occurrence: Occurrence, secret: str) -> tuple[Any, Invitation | None, str, str]:
    token = (
        InvitationToken.objects.filter(digest=codes.digest(secret))
        .select_related("invitation__user", "invitation__occurrence")
        .first()
    )
    if token is None:
        return None, None, "Somebody", "a link that opens nothing here"
    invitation = token.invitation
    if invitation.occurrence_id != occurrence.pk:
        return None, None, "Somebody", "a personal link for another meeting or time"
    if token.killed_at is not None and invitation.revoked_at is None:
        return None, None, "Somebody", "a personal link that was replaced or used up"
    name = invitation.user.name if invitation.user is not None else invitation.name or invitation.email
    return None, invitation, name, "this personal link"


def _seat(occurrence: Occurrence, user: Any, invitation: Invitation | None) -> Participant | None:
    seats = occurrence.participants.filter(user=user)
    if user is None:
        if invitation is None:
            return None
        seats = seats.filter(invitation=invitation)
    return seats.order_by(F("knocked_at").desc(nulls_last=True)).first()


def _host_inside(occurrence: Occurrence) -> bool:
    hosts = occurrence.meeting.hosts.filter(is_active=True).values("pk")
    inside = occurrence.participants.filter(state=Participant.State.INSIDE, user__in=hosts)
    return inside.exclude(entered_at=None).exists()
