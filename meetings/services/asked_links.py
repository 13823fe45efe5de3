"""New links for somebody who says only which address was invited: on a page that knows no meeting, and tells nothing.

A link goes to the invited address alone, and to nobody whom the hosts or the organisation shut out meanwhile.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

from meetings.models import Block, Invitation
from meetings.selectors import limits_now, takes_place_no_more
from meetings.services import invitations

MOST: Final = 10
"""Of so many meetings links are mailed at once, the soonest first."""


def of_address(address: str, now: datetime) -> list[UUID]:
    """The invitations whose links may be mailed to this address (lower case): one for each meeting that goes on or
    comes."""
    asked = Invitation.objects.filter(
        email=address,
        revoked_at=None,
        awaits_link=False,
        occurrence__ended_at=None,
        occurrence__cancelled_at=None,
        occurrence__meeting__cancelled_at=None,
    )
    found: dict[UUID, UUID] = {}
    for one in asked.select_related("occurrence__meeting", "user").order_by("occurrence__starts_at"):
        if one.occurrence.meeting_id not in found and _may_have_one(one, now):
            found[one.occurrence.meeting_id] = one.pk
        if len(found) == MOST:
            break
    return list(found.values())


def _may_have_one(invitation: Invitation, now: datetime) -> bool:
    """A host who hands a guest's links over by hand goes on doing so."""
    if takes_place_no_more(invitation.occurrence, now):
        return False
    if invitation.user_id is None:
        taken = limits_now().guest_addresses.take(invitation.email)
        if not (taken and invitation.by_mail):
            return False
    blocks = Block.objects.filter(occurrence__meeting=invitation.occurrence.meeting_id, lifted_at=None)
    return not blocks.filter(invitation__email=invitation.email).exists()


def send(keys: list[str], now: datetime) -> int:
    """Mail them, each at most every few minutes; hosts read of it. Returns how many."""
    found = Invitation.objects.filter(pk__in=keys, revoked_at=None).select_related("occurrence__meeting")
    return sum(invitations.send_to_invitee(one, now) == 0 for one in found)
