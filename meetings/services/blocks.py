"""Blocks that hosts put on people: who is kept out for good, and letting somebody knock again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from meetings import audit, changes
from meetings.models import Block, Meeting, Participant
from meetings.register import blocks_in
from meetings.services.roles import require_host_of


@dataclass(frozen=True)
class Blocked:
    """One block as hosts see it. `name` is what the person was called when they were turned away, "" once that is
    erased; `by` the host, "" where nobody knows any more.
    """

    id: int
    name: str
    by: str
    since: datetime
    removed: bool
    is_account: bool


def in_force(meeting: Meeting, *, before: int | None = None, most: int | None = None) -> list[Blocked]:
    """The blocks that keep somebody out of this meeting, on each of its dates; the newest first, at most `most`, and
    older than the one whose number is `before`.
    """
    rows = blocks_in(meeting.pk).select_related("user", "invitation").order_by("-pk")
    if before is not None:
        rows = rows.filter(pk__lt=before)
    found = list(rows[:most])
    seats: dict[tuple[Any, str], Participant] = {}
    devices = {one.device for one in found} - {""}
    for seat in Participant.objects.filter(occurrence__meeting=meeting, device__in=devices):
        seats[seat.occurrence_id, seat.device] = seat
    return [_shown(one, seats.get((one.occurrence_id, one.device))) for one in found]


def _shown(block: Block, seat: Participant | None) -> Blocked:
    name = seat.name if seat is not None else ""
    if block.user is not None:
        name = block.user.name
    elif not name and block.invitation is not None:
        name = block.invitation.name or block.invitation.email
    by = seat.refused_by if seat is not None else ""
    return Blocked(block.pk, name, by, block.created_at, block.removed, block.user is not None)


def _seat_of(block: Block) -> Participant | None:
    return Participant.objects.filter(occurrence=block.occurrence_id, device=block.device or None).first()


def lift_block(by: Any, meeting: Meeting, number: int) -> Blocked | None:
    """Who was kept out may knock again at once; no more than that, whatever their row says. None where there is no such
    block in force. Raises `NotAHost`.
    """
    with transaction.atomic():
        account = require_host_of(by, meeting)
        Meeting.objects.select_for_update().get(pk=meeting.pk)
        block = blocks_in(meeting.pk).select_related("user").filter(pk=number).first()
        if block is None:
            return None
        lifted = _shown(block, _seat_of(block))
        block.lifted_at = timezone.now()
        block.save(update_fields=["lifted_at"])
        who = Q(device=block.device) if block.device else Q(user=block.user, invitation=block.invitation)
        Participant.objects.filter(who, occurrence=block.occurrence_id).update(refused_until=None, must_knock=True)
        audit.record("door.block_lifted", occurrence=block.occurrence, actor=account, target=lifted.name)
        changes.touch_meeting(meeting)
    return lifted
