"""New links for somebody who says only which address was invited: on a page that knows no meeting, and tells nothing.

A link goes to the invited address alone, and to nobody whom the hosts or the organisation shut out meanwhile.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

from django.utils.crypto import constant_time_compare, salted_hmac

from meetings.models import Block, Invitation
from meetings.selectors import limits_now, takes_place_no_more
from meetings.services import invitations

MOST: Final = 10
"""Of so many meetings links are mailed at once, the soonest first."""


def sealed(address: str) -> str:
    """An address as it may lie in the queue: to be compared with invited ones, and not to be read."""
    return salted_hmac("meetings.asked_links", address.strip().lower(), algorithm="sha256").hexdigest()


def of_address(seal: str, now: datetime) -> list[UUID]:
    """The invitations whose links may be mailed to the address with this seal: one for each meeting that goes on or
    comes."""
    open_still = Invitation.objects.filter(
        revoked_at=None,
        awaits_link=False,
        occurrence__ended_at=None,
        occurrence__cancelled_at=None,
        occurrence__meeting__cancelled_at=None,
    )
    addresses = open_still.order_by().values_list("email", flat=True).distinct()
    address = next((one for one in addresses.iterator() if constant_time_compare(sealed(one), seal)), None)
    if address is None:
        return []
    asked = open_still.filter(email=address)
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
    if invitation.user is not None and not invitation.user.is_active:
        return False
    if invitation.user_id is None:
        taken = limits_now().guest_addresses.take(invitation.email)
        if not (taken and invitation.by_mail):
            return False
    blocks = Block.objects.filter(occurrence__meeting=invitation.occurrence.meeting_id, lifted_at=None)
    return not blocks.filter(invitation__email=invitation.email).exists()


def send(seal: str, now: datetime) -> int:
    """Mail them, each at most every few minutes; hosts read of it. Returns how many."""
    keys = of_address(seal, now)
    found = Invitation.objects.filter(pk__in=keys).select_related("occurrence__meeting")
    return sum(invitations.send_to_invitee(one, now) == 0 for one in found)
