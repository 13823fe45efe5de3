"""The Invitations region of a meeting's page: who is asked, what the door will do, how far the invitation got."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from meetings import listing
from meetings.door import Row
from meetings.models import Invitation, Occurrence, Participant, SecondDevice
from meetings.views import words
from meetings.views.meeting_door import DoorOf
from meetings.views.moments import clock, short_moment

_State = Participant.State
_STATES = {
    _State.INSIDE: gettext_lazy("In the room"),
    _State.WAITING: gettext_lazy("At the door"),
    _State.REMOVED: gettext_lazy("Removed"),
    _State.REFUSED: gettext_lazy("Not let in"),
}


def region(occurrence: Occurrence, door: DoorOf, now: datetime) -> dict[str, Any]:
    """What the template shows of everybody who was asked to this occurrence."""
    rows = listing.invited(occurrence)
    people = sum(1 for row in rows if row.invitation.user_id)
    shown = [_row(row, door, now) for row in rows]
    return {
        "invited": words.people_and_guests(people, len(rows) - people),
        "invitations": shown,
        "has_guest_links": any(row["guest"] and not row["revoked"] for row in shown),
        "without_link": _without_link(sum(1 for row in shown if row["without_link"])),
        "has_live": any(not row["revoked"] for row in shown),
        "has_revoked": any(row["revoked"] and not row["erased"] for row in shown),
    }


def _without_link(count: int) -> str:
    """What hosts read above the list when guests have nothing left to come by; "" where everybody has."""
    told = ngettext("%(count)d guest has no link that opens.", "%(count)d guests have no link that opens.", count)
    return told % {"count": count} if count else ""


def name_of(invitation: Invitation) -> str:
    """How a host reads who is invited: the account's name, the guest's, else the address."""
    if invitation.user is not None:
        return invitation.user.name or invitation.email
    return _("Erased") if invitation.is_erased else invitation.name or invitation.email


def _row(row: listing.Invited, door: DoorOf, now: datetime) -> dict[str, Any]:
    invitation = row.invitation
    user = invitation.user
    name = name_of(invitation)
    hosting = user is not None and user in door.meeting.hosts.all()
    kind = Row.HOST if hosting else Row.LISTED if user else Row.GUEST
    if user:
        about = _("Co-host · signs in") if hosting else _("Signs in")
    else:
        about = _("Guest · link revoked") if invitation.revoked_at else _("Guest · personal link")
    if name != invitation.email and not invitation.is_erased:
        about = f"{about} · {invitation.email}"
    return {
        "id": invitation.pk,
        "name": name,
        "email": invitation.email,
        "guest": user is None,
        "may_host": user is not None and not hosting,
        "about": about,
        **door.for_invited(kind, invitation),
        "state": _state(row, now),
        "second_use": _second_use(row, now),
        "without_link": invitation.link_withdrawn_at is not None and invitation.revoked_at is None,
        "revoked": invitation.revoked_at is not None,
        "erased": invitation.is_erased,
    }


def _state(row: listing.Invited, now: datetime) -> str:
    if row.invitation.revoked_at:
        return _("Revoked %(when)s") % {"when": short_moment(row.invitation.revoked_at, now, inline=True)}
    return (_seat_words(row.seat) if row.seat else "") or _post_words(row.invitation, now)


def _seat_words(seat: Participant) -> str:
    """Where somebody is or was, as far as the seat tells."""
    if seat.state in _STATES:
        return str(_STATES[_State(seat.state)])
    if seat.entered_at and seat.left_at:
        return _("Was here %(first)s to %(last)s") % {"first": clock(seat.entered_at), "last": clock(seat.left_at)}
    return ""


def _post_words(invitation: Invitation, now: datetime) -> str:
    """How far the invitation itself got."""
    asked = invitation.asked_again_at
    if asked and asked > (invitation.claimed_at or invitation.opened_at or asked.min.replace(tzinfo=asked.tzinfo)):
        return _("Asked for a new link %(when)s") % {"when": short_moment(asked, now, inline=True)}
    if invitation.claimed_at:
        return _("Used %(when)s") % {"when": short_moment(invitation.claimed_at, now, inline=True)}
    if invitation.opened_at:
        return _("Opened %(when)s") % {"when": short_moment(invitation.opened_at, now, inline=True)}
    return _("Sent, not opened") if invitation.sent_at else _("Not sent yet")


def _second_use(row: listing.Invited, now: datetime) -> str:
    """Two devices came with one link: when, and from which networks."""
    invitation, second = row.invitation, row.second_device
    if second is None or invitation.revoked_at is not None or not invitation.claimed_at:
        return ""
    told = _("Used %(first_when)s from %(first)s, and %(when)s on a second device from %(second)s.") % {
        "first_when": short_moment(invitation.claimed_at, now, inline=True),
        "first": invitation.claimed_network or _("an unknown network"),
        "when": short_moment(second.seen_at, now, inline=True),
        "second": second.network or _("an unknown network"),
    }
    if second.answer == SecondDevice.Answer.NO:
        return told + " " + _("Whoever uses the first one says that it isn’t them.")
    return told + " " + _("It asks to take the link over.") if second.is_asking(now) else told
