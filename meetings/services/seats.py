"""What every service about a seat does first and last: lock its occurrence, move its state, write it, announce it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import transaction
from django.utils import timezone

from meetings import admission, audit, changes
from meetings.admission import Event
from meetings.models import Occurrence, Participant, Stay
from meetings.services.roles import require_host


@contextmanager
def occurrence_locked(occurrence: Occurrence | Any) -> Iterator[Occurrence]:
    """One transaction, alone with this occurrence: what is read inside stays true until it is committed."""
    with transaction.atomic():
        key = occurrence.pk if isinstance(occurrence, Occurrence) else occurrence
        # Lock the occurrence's row alone: its meeting is shared with other occurrences.
        locked = Occurrence.objects.select_for_update(of=("self",)).select_related("meeting").get(pk=key)
        yield locked
        changes.touch(locked.pk)


@contextmanager
def answering(by: Any, target: Participant) -> Iterator[tuple[Any, Occurrence]]:
    """A host's answer to one person: yields the account that acts and the occurrence; `target` is read again.

    Raises `NotAHost` before anything is written.
    """
    with occurrence_locked(target.occurrence_id) as occurrence:
        account = require_host(by, occurrence)
        target.refresh_from_db()
        yield account, occurrence


def move(seat: Participant, event: Event) -> None:
    """Change the seat's state by the table, and note when they came in and went, whatever it was that moved them.

    Raises `IllegalEvent` and leaves the seat as it was.
    """
    before, seat.state = seat.state, Participant.State(admission.after(seat.state, event))
    if before != Participant.State.INSIDE and seat.state == Participant.State.INSIDE:
        Stay.objects.create(participant=seat, entered_at=timezone.now())
    elif before == Participant.State.INSIDE and seat.state != Participant.State.INSIDE:
        seat.stays.filter(left_at=None).update(left_at=timezone.now())


def write(kind: str, occurrence: Occurrence, seat: Participant, *, by: Any = None, **facts: Any) -> None:
    """The audit entry about a seat. Names and addresses lie in its erasable half only; ids are by what it is found."""
    if seat.invitation is not None:
        facts |= {"invitation": seat.invitation_id, "email": seat.invitation.email}
    if seat.user_id is not None:
        facts["account"] = seat.user_id
    audit.record(
        kind,
        actor=by if by is not None else seat.user,
        actor_label=by.name if by is not None else seat.name,
        occurrence=occurrence,
        target=seat.name,
        network=seat.network,
        participant=seat.pk,
        row=seat.kind,
        **facts,
    )
