"""Tells whoever owns a live occurrence that something its door depends on is different now."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.dispatch import Signal
from django.utils import timezone

from meetings.models import Change, Occurrence

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser

changed = Signal()
"""Rung after commit, in this process, with `occurrence_id` (None: anything). Other processes read `Change`."""

KEPT = timedelta(hours=1)
PRUNED_EVERY = 500


def touch(occurrence_id: UUID | None) -> None:
    """Write the change in the caller's transaction and ring `changed` once that has been committed."""
    change = Change.objects.create(occurrence_id=occurrence_id)
    if change.pk % PRUNED_EVERY == 0:
        Change.objects.filter(at__lt=timezone.now() - KEPT).delete()
    transaction.on_commit(lambda: changed.send_robust(sender=Change, occurrence_id=occurrence_id), robust=True)


def touch_all(user: AbstractBaseUser) -> None:
    """Something about this account is different (deactivated, role, addresses): every open occurrence it is part of."""
    concerned = (
        Occurrence.objects.filter(ended_at=None, cancelled_at=None)
        .filter(Q(meeting__hosts=user) | Q(invitations__user=user) | Q(participants__user=user))
        .distinct()
    )
    for occurrence_id in concerned.values_list("pk", flat=True):
        touch(occurrence_id)
