"""Writing the audit log: `record` appends, `erase` empties what is personal, and refusals over a budget are counted.

Knows no pages and no programs. Nothing here updates or deletes a link of the chain.
"""

from __future__ import annotations

import threading
from datetime import datetime
from typing import Any, Final

from django.db import transaction
from django.db.models import QuerySet
from django.dispatch import Signal
from django.utils import timezone

from meetings import chain
from meetings.audit import checkpoints
from meetings.audit.details import compose
from meetings.models import AuditDetail, AuditEntry, Occurrence
from meetings.network import truncate_network
from meetings.refusals import Tally

recorded = Signal()
"""Sent with `kind`, `meeting`, `occurrence`, `facts`, `at`, in the transaction that appends the entry: what a receiver
stores is stored with it, and what it raises undoes it."""

_tally = Tally()
_tally_lock = threading.Lock()

BATCH: Final = 500
DETAILS: Final = "details"
NETWORKS: Final = "networks"
_EMPTIED: Final[dict[str, dict[str, Any]]] = {
    NETWORKS: {"network": "", "network_salt": ""},
    DETAILS: {
        "salt": "",
        "body": "",
        "people": "",
        "network": "",
        "network_salt": "",
        "meeting": None,
        "actor": None,
    },
}


def record(
    kind: str,
    *,
    actor: Any = None,
    actor_label: str = "",
    meeting: Any = None,
    occurrence: Any = None,
    target: str = "",
    network: str = "",
    at: datetime | None = None,
    **facts: Any,
) -> AuditEntry:
    """Append one entry: `actor` (an account) or `actor_label` did `kind` to `target`. Addresses are truncated here.

    `facts` must be values that JSON can hold, or ids, times and enums. Raises TypeError for anything else. `email`
    among them is an address by which the entry can be found.
    """
    if meeting is None and occurrence is not None:
        meeting = occurrence.meeting
    composed = compose(
        {
            "actor": str(actor.pk) if actor is not None else None,
            "actor_label": actor_label or (actor.name if actor is not None else ""),
            "meeting": str(meeting.pk) if meeting is not None else None,
            "occurrence": str(occurrence.pk) if occurrence is not None else None,
            "target": str(target),
            "facts": facts,
        },
        truncate_network(network) if "/" not in network else network,
    )
    with transaction.atomic():
        # Transactions take turns (portal/database), so no other takes this number.
        last = AuditEntry.objects.order_by("-number").values_list("number", "digest").first()
        number, previous = (last[0] + 1, last[1]) if last else (1, chain.GENESIS)
        at = at or timezone.now()
        entry = AuditEntry.objects.create(
            number=number,
            at=at,
            kind=kind,
            commitment=composed.commitment,
            previous=previous,
            digest=chain.digest_of(number, at, kind, composed.commitment, previous),
        )
        entry.detail = AuditDetail.objects.create(
            entry=entry,
            salt=composed.salt,
            body=composed.body,
            network=composed.network,
            network_salt=composed.network_salt,
            people=composed.people,
            meeting=meeting,
            actor=actor,
        )
        recorded.send(sender=AuditEntry, kind=kind, meeting=meeting, occurrence=occurrence, facts=facts, at=at)
        if checkpoints.is_due(number):
            transaction.on_commit(lambda: checkpoints.write_quietly(number, entry.digest), robust=True)
    return entry


def record_refusal(kind: str, *, network: str, now: datetime, **entry: Any) -> None:
    """As `record`, within the budget of the network for this minute; what exceeds it is only counted.

    A flood of refused tries so costs neither the log nor the disk, and the log still tells how many there were.
    """
    occurrence = entry.get("occurrence")
    with _tally_lock:
        within = _tally.note(network or "unknown", now, occurrence.pk if occurrence is not None else None)
    flush_refusals(now)
    if within:
        record(kind, network=network, at=now, **entry)


def flush_refusals(now: datetime | None = None, *, everything: bool = False) -> None:
    """Write what was only counted, an entry for each network, meeting and minute that is over, or for `everything`."""
    with _tally_lock:
        counted = _tally.everything() if everything else _tally.due(now or timezone.now())
    for one in counted:
        # By its key: a whole row would be kept in memory until the minute is over.
        occurrence = Occurrence.objects.select_related("meeting").filter(pk=one.about).first() if one.about else None
        record("door.refusals_counted", occurrence=occurrence, network=one.source, minute=one.minute, count=one.count)


def checkpoint() -> None:
    """Write what was only counted, and sign the chain's present end. Call it when the server stops."""
    flush_refusals(everything=True)
    last = AuditEntry.objects.order_by("-number").first()
    if last is not None:
        checkpoints.write_quietly(last.number, last.digest)


def erase_until(number: int, *, what: str, reason: str) -> None:
    """Empty `what` (`DETAILS` or `NETWORKS`) of every entry up to `number` for good, a batch at a time.

    Recorded before it is done: should this stop in the middle, what is gone is explained, and the next call goes on.
    """
    left = {
        DETAILS: AuditDetail.objects.exclude(body="").exclude(entry__kind=chain.ERASED),
        NETWORKS: AuditDetail.objects.exclude(network_salt=""),
    }[what].filter(entry_id__lte=number)
    count = left.count()
    if not count:
        return
    with transaction.atomic():
        record(chain.ERASED, what=what, numbers=[[1, number]], reason=reason, entries=count)
    while keys := list(left.values_list("pk", flat=True)[:BATCH]):
        AuditDetail.objects.filter(pk__in=keys).update(**_EMPTIED[what])


def erase(entries: QuerySet[AuditEntry], *, by: Any = None, reason: str = "") -> int:
    """Empty the personal half of these entries for good and record that it was done; the chain stays provable."""
    with transaction.atomic():
        numbers = list(entries.exclude(kind=chain.ERASED).exclude(detail__body="").values_list("number", flat=True))
        if numbers:
            for start in range(0, len(numbers), BATCH):
                AuditDetail.objects.filter(entry_id__in=numbers[start : start + BATCH]).update(**_EMPTIED[DETAILS])
            record(chain.ERASED, actor=by, what=DETAILS, numbers=chain.ranges(numbers), reason=reason)
    return len(numbers)
