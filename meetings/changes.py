"""Tells whoever owns a live occurrence that something its door depends on is different now.

In this process by a signal, in others by a `bell`; and a row says it to whoever heard neither.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.dispatch import Signal
from django.utils import timezone

from meetings import bell
from meetings.models import Change, Meeting, Occurrence, Participant

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser

changed = Signal()
"""Sent after commit, in this process, with `occurrence_id` (None: anything) and the `number` of the `Change` row.

A receiver that answers True looks after all live meetings of this data directory: then no other process is rung.
"""

KEPT = timedelta(hours=1)
PRUNED_EVERY = 500


def touch(occurrence_id: UUID | None) -> None:
    """Write the change in the caller's transaction and announce it once that has been committed."""
    change = Change.objects.create(occurrence_id=occurrence_id)
    if change.pk % PRUNED_EVERY == 0:
        Change.objects.filter(at__lt=timezone.now() - KEPT).delete()
    if bell.rings_by_database():
        bell.ring_on_commit()
    transaction.on_commit(lambda: _announce(change), robust=True)


def _announce(change: Change) -> None:
    answers = changed.send_robust(sender=Change, occurrence_id=change.occurrence_id, number=change.pk)
    if not bell.rings_by_database() and not any(answer is True for _, answer in answers):
        bell.ring()


def touch_meeting(meeting: Meeting) -> None:
    """Something about a meeting's door is different: every occurrence of it that may still take place."""
    for occurrence_id in meeting.occurrences.filter(ended_at=None, cancelled_at=None).values_list("pk", flat=True):
        touch(occurrence_id)


def touch_all(user: AbstractBaseUser) -> None:
    """Something about this account is different (deactivated, role, addresses): every open occurrence it is part of."""
    concerned = (
        Occurrence.objects.filter(ended_at=None, cancelled_at=None)
        .filter(Q(meeting__hosts=user) | Q(invitations__user=user) | Q(participants__user=user))
        .distinct()
    )
    for occurrence_id in concerned.values_list("pk", flat=True):
        touch(occurrence_id)


def touch_seats_of_session(session_key: str) -> None:
    """A portal session has ended: every occurrence in which somebody sits or waits by it."""
    open_seats = Participant.objects.filter(
        session_key=session_key, state__in=(Participant.State.INSIDE, Participant.State.WAITING)
    )
    for occurrence_id in open_seats.values_list("occurrence_id", flat=True).distinct():
        touch(occurrence_id)
