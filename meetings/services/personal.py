"""Erasing one person: what meetings keep about them goes, and whatever let them in stops doing so, at once.

That something happened stays: entries keep their number, time and kind, seats their times, invitations their state.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django.db import transaction
from django.db.models import CharField, Q, Value
from django.db.models.functions import Cast, Concat
from django.utils import timezone
from django.utils.translation import gettext as _

from meetings import audit, changes
from meetings.door import Refuse
from meetings.models import AuditEntry, Block, Invitation, Meeting, Occurrence, Participant, Revocation
from meetings.personal import Person, Traces
from meetings.services import door, invitations
from meetings.services.organisation import require_administrator
from meetings.services.retention import erase_addresses

BATCH: Final = 500
AT_THE_DOOR_OR_INSIDE: Final = (Participant.State.WAITING, Participant.State.INSIDE)


def erase(by: Any, person: Person) -> Mapping[str, int]:
    """Erase this person for good; says how many rows of each kind it was. Raises `NotAnAdministrator`.

    The account itself, if there is one, is the caller's, in the same transaction.
    """
    with transaction.atomic():
        account = require_administrator(by)
        _shut_out(account, Traces(person))
        # Read after that: being shut out has written entries of its own.
        traces = Traces(person)
        found, entries = traces.counts(), traces.entries
        asked = list(traces.invitations.order_by().values_list("pk", flat=True))
        seats = list(traces.seats.order_by().values_list("pk", flat=True))
        meetings = _meetings(traces)
        traces.passes.delete()
        traces.exceptions.delete()
        traces.given.delete()
        _empty_blocks(traces)
        for address in person.addresses:
            Revocation.objects.filter(username__iexact=address).delete()
        _forget_as_host(person.account)
        for start in range(0, len(seats), BATCH):
            _empty_seats(seats[start : start + BATCH])
        for start in range(0, len(asked), BATCH):
            erase_addresses(asked[start : start + BATCH])
            Invitation.objects.filter(pk__in=asked[start : start + BATCH]).update(
                user=None, claimed_device="", claimed_network=""
            )
        for start in range(0, len(entries), BATCH):
            some = AuditEntry.objects.filter(pk__in=entries[start : start + BATCH])
            audit.erase(some, by=account, reason="request")
        audit.record("person.erased", actor=account, **found)
        for meeting in meetings:
            changes.touch_meeting(meeting)
    return found


def _shut_out(by: Any, traces: Traces) -> None:
    """Their links stop working, and their seats end: afterwards nobody could tell any more that they were theirs."""
    for invitation in traces.invitations.filter(revoked_at=None):
        invitations.withdraw(by, invitation)
    for seat in traces.seats.filter(state__in=AT_THE_DOOR_OR_INSIDE, occurrence__ended_at=None):
        door.put_out(seat, Refuse("revoked", unknown=True))


def _meetings(traces: Traces) -> list[Meeting]:
    """Meetings that are not over and at whose door something changes."""
    about = Q(occurrences__invitations__in=traces.invitations.order_by().values("pk"))
    about |= Q(occurrences__participants__in=traces.seats.order_by().values("pk"))
    about |= Q(exceptions__in=traces.exceptions.order_by().values("pk"))
    return list(Meeting.objects.filter(about, occurrences__ended_at=None).distinct())


def _empty_blocks(traces: Traces) -> None:
    """A block goes on keeping the device out while the meeting lasts, on later dates too; it is no use after."""
    over = Occurrence.objects.filter(Q(ended_at__lte=timezone.now()) | ~Q(cancelled_at=None))
    to_come = Occurrence.objects.filter(ended_at=None, cancelled_at=None)
    useless = traces.blocks.filter(occurrence__in=over).exclude(occurrence__meeting__in=to_come.values("meeting"))
    Block.objects.filter(pk__in=list(useless.values_list("pk", flat=True))).delete()


def _forget_as_host(account: Any) -> None:
    """Whom they refused or removed was told by whom."""
    if account is not None:
        theirs = Participant.objects.filter(occurrence__meeting__hosts=account, refused_by=account.name)
        theirs.update(refused_by="")


def _empty_seats(keys: list[Any]) -> None:
    """Seats keep their times: how many were there still adds up. `device` is part of what makes one unique."""
    nobody = Concat(Value("erased-"), Cast("pk", CharField()))
    Participant.objects.filter(pk__in=keys).update(
        user=None,
        invitation=None,
        device=nobody,
        name=_("Erased person"),
        network="",
        session_key="",
        note="",
        host_message="",
        word="",
    )
