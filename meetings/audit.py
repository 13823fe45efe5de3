"""The audit log: append-only, hash-chained, with personal data beside the chain so that it can be erased.

`record` is the only writer. It appends in the caller's transaction, so an action and its entry are stored together
or not at all. No secrets and no SDP ever go in here.
"""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from meetings import chain, checkpoints
from meetings.audit_words import sentence, why
from meetings.models import AuditDetail, AuditEntry
from meetings.network import truncate_network
from meetings.refusals import Tally

__all__ = [
    "Report",
    "body_of",
    "checkpoint",
    "erase",
    "flush_refusals",
    "record",
    "record_refusal",
    "sentence",
    "truncate_network",
    "verify",
    "why",
]

ADVISORY_LOCK = 0x4C494E54454C
"""Any number that nothing else in the database locks; these are the letters of LINTEL."""

_tally = Tally()
_tally_lock = threading.Lock()

BATCH = 500
ERASED = "audit.erased"


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

    `facts` must be values that JSON can hold, or ids, times and enums. Raises TypeError for anything else.
    """
    if meeting is None and occurrence is not None:
        meeting = occurrence.meeting
    body = chain.canonical(
        {
            "actor": str(actor.pk) if actor is not None else None,
            "actor_label": actor_label or (actor.name if actor is not None else ""),
            "meeting": str(meeting.pk) if meeting is not None else None,
            "occurrence": str(occurrence.pk) if occurrence is not None else None,
            "target": str(target),
            "network": truncate_network(network) if "/" not in network else network,
            "facts": chain.plain(facts),
        }
    )
    salt = secrets.token_urlsafe(32)
    with transaction.atomic():
        _serialise()
        last = AuditEntry.objects.order_by("-number").values_list("number", "digest").first()
        number, previous = (last[0] + 1, last[1]) if last else (1, chain.GENESIS)
        at = at or timezone.now()
        commitment = chain.commitment_of(salt, body)
        entry = AuditEntry.objects.create(
            number=number,
            at=at,
            kind=kind,
            commitment=commitment,
            previous=previous,
            digest=chain.digest_of(number, at, kind, commitment, previous),
        )
        entry.detail = AuditDetail.objects.create(entry=entry, salt=salt, body=body, meeting=meeting, actor=actor)
        if checkpoints.is_due(number):
            transaction.on_commit(lambda: checkpoints.write_quietly(number, entry.digest), robust=True)
    return entry


def _serialise() -> None:
    """One writer at a time, until the transaction ends. SQLite's IMMEDIATE transactions are that already."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [ADVISORY_LOCK])


def record_refusal(kind: str, *, network: str, now: datetime, **entry: Any) -> None:
    """As `record`, within the budget of the network for this minute; what exceeds it is only counted.

    A flood of refused tries so costs neither the log nor the disk, and the log still tells how many there were.
    """
    with _tally_lock:
        within = _tally.note(network or "unknown", now)
    flush_refusals(now)
    if within:
        record(kind, network=network, at=now, **entry)


def flush_refusals(now: datetime | None = None, *, everything: bool = False) -> None:
    """Write what was only counted, one entry per network and minute: for minutes that are over, or `everything`."""
    with _tally_lock:
        counted = _tally.everything() if everything else _tally.due(now or timezone.now())
    for one in counted:
        record("door.refusals_counted", network=one.source, minute=one.minute, count=one.count)


def checkpoint() -> None:
    """Write what was only counted, and sign the chain's present end. Call it when the server stops."""
    flush_refusals(everything=True)
    last = AuditEntry.objects.order_by("-number").first()
    if last is not None:
        checkpoints.write_quietly(last.number, last.digest)


def body_of(entry: AuditEntry) -> dict[str, Any]:
    """The personal half of an entry, or an empty dictionary once it was erased."""
    detail = getattr(entry, "detail", None)
    return json.loads(detail.body) if detail is not None and detail.body else {}


def erase(entries: QuerySet[AuditEntry], *, by: Any = None, reason: str = "") -> int:
    """Empty the personal half of these entries for good and record that it was done; the chain stays provable."""
    with transaction.atomic():
        _serialise()
        numbers = list(entries.exclude(kind=ERASED).exclude(detail__body="").values_list("number", flat=True))
        if numbers:
            for start in range(0, len(numbers), BATCH):
                details = AuditDetail.objects.filter(entry_id__in=numbers[start : start + BATCH])
                details.update(salt="", body="", meeting=None, actor=None)
            record(ERASED, actor=by, numbers=chain.ranges(numbers), reason=reason)
    return len(numbers)


@dataclass(frozen=True, slots=True)
class Report:
    """What `verify` found. `first_broken` is None when the chain is intact; `why` says what does not fit."""

    entries: int
    first_broken: int | None = None
    why: str = ""

    @property
    def intact(self) -> bool:
        return self.first_broken is None


class _Broken(Exception):
    def __init__(self, number: int, why: str) -> None:
        self.number = number
        self.why = why


def verify() -> Report:
    """Prove the chain: numbers, links, digests, commitments, erasures and the signed checkpoints. Reads only."""
    entries = 0
    try:
        signed = checkpoints.read()
        expected = {note.number: note.digest for note in signed}
        erased: set[int] = set()
        declared: set[int] = set()
        previous = chain.GENESIS
        for entry in _in_order():
            _check_entry(entry, entries + 1, previous)
            if expected.get(entry.number, entry.digest) != entry.digest:
                raise _Broken(entry.number, "it is not the entry that a checkpoint was signed for")
            body = _check_detail(entry)
            if body is None:
                erased.add(entry.number)
            elif entry.kind == ERASED:
                declared.update(_numbers(body["facts"].get("numbers", [])))
            entries, previous = entry.number, entry.digest
        _check_end(entries, signed)
        if erased - declared:
            raise _Broken(min(erased - declared), "its details are gone, and no erasure was recorded")
        orphan = AuditDetail.objects.filter(entry_id__gt=entries).order_by("entry_id").first()
        if orphan is not None:
            raise _Broken(orphan.pk, "the entry of these details is gone")
    except checkpoints.BadCheckpoint as error:
        return Report(entries, entries + 1, str(error))
    except _Broken as broken:
        return Report(entries, broken.number, broken.why)
    return Report(entries)


def _in_order() -> Iterator[AuditEntry]:
    """Every entry by number, a batch at a time: a log of years must not fill the memory."""
    after = -1
    while batch := list(
        AuditEntry.objects.filter(number__gt=after).select_related("detail").order_by("number")[:BATCH]
    ):
        yield from batch
        after = batch[-1].number


def _check_entry(entry: AuditEntry, number: int, previous: str) -> None:
    if entry.number != number:
        raise _Broken(number, "it is missing")
    if entry.previous != previous:
        raise _Broken(number, "it does not follow the entry before it")
    if entry.digest != chain.digest_of(entry.number, entry.at, entry.kind, entry.commitment, entry.previous):
        raise _Broken(number, "it was changed")


def _check_detail(entry: AuditEntry) -> dict[str, Any] | None:
    """The body that the entry commits to, or None where there is none any more."""
    detail = getattr(entry, "detail", None)
    if detail is None or (detail.body == "" and detail.salt == ""):
        return None
    if entry.commitment != chain.commitment_of(detail.salt, detail.body):
        raise _Broken(entry.number, "its details were changed")
    body: dict[str, Any] = json.loads(detail.body)
    # The columns only index the body. Empty is what deleting a meeting or an account leaves behind.
    if detail.meeting_id is not None and str(detail.meeting_id) != body["meeting"]:
        raise _Broken(entry.number, "its details were moved to another meeting")
    if detail.actor_id is not None and str(detail.actor_id) != body["actor"]:
        raise _Broken(entry.number, "its details were moved to another person")
    return body


def _numbers(pairs: Iterable[list[int]]) -> set[int]:
    return {number for first, last in pairs for number in range(first, last + 1)}


def _check_end(entries: int, signed: list[checkpoints.Checkpoint]) -> None:
    furthest = max((note.number for note in signed), default=0)
    if furthest > entries:
        raise _Broken(entries + 1, f"the end is cut off: a checkpoint was signed for entry {furthest}")
    if entries >= checkpoints.EVERY_ENTRIES and not signed:
        raise _Broken(checkpoints.EVERY_ENTRIES, "the signed checkpoints are gone")
