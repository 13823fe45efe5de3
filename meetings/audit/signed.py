"""The log as a signed file that proves itself elsewhere: entries, their chain, checkpoints, and a signature over all.

`meetings/verify_export.py` is the other half, and docs/audit.md describes the format. The chain is whole within its
bounds in time; a filter only keeps back details, which the chain then still commits to.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from django.conf import settings
from django.db.models import Max, Min
from django.utils import timezone

from meetings import chain
from meetings.audit import checkpoints
from meetings.audit.search import Search
from meetings.models import AuditDetail, AuditEntry
from meetings.verify_export import FORMAT, fingerprint_of

MOST: Final = 500_000
MOST_CHECKPOINTS: Final = 200
"""Without a library each signature costs a verifier some hundredths of a second."""

BATCH: Final = 500


def fingerprint() -> str:
    """Of the key that signs; whoever gets an export compares it with the one that they were told."""
    return fingerprint_of(checkpoints.public_key())


def span_of(search: Search) -> tuple[int, int]:
    """First and last entry of the part of the chain that a file covers: what lies within the search's bounds in time.
    (1, 0) where nothing does.
    """
    bounds = {"at__gte": search.at_from, "at__lt": search.at_before}
    rows = AuditEntry.objects.filter(**{name: at for name, at in bounds.items() if at is not None})
    found = rows.aggregate(first=Min("number"), last=Max("number"))
    return (found["first"], found["last"]) if found["first"] is not None else (1, 0)


def parts(search: Search, first: int, last: int) -> Iterator[str]:
    """The lines of the file, in parts. Raises `BadCheckpoint` before the first where the checkpoints don't prove."""
    seen = hashlib.sha256()
    notes = {note.number: note for note in checkpoints.within(first, last, most=MOST_CHECKPOINTS)}
    head = _line(_head(search, first, last))
    seen.update(head.encode())
    yield head
    for batch in _batches(first, last):
        wanted = _matching(search, batch)
        text = "".join(_entry(entry, wanted, notes) for entry in batch)
        seen.update(text.encode())
        yield text
    digest = seen.hexdigest()
    yield _line({"type": "end", "sha256": digest, "signature": checkpoints.sign(f"{FORMAT}\n{digest}")})


def _head(search: Search, first: int, last: int) -> dict[str, Any]:
    before = AuditEntry.objects.filter(number=first - 1).values_list("digest", flat=True).first()
    public = checkpoints.public_key()
    return {
        "type": "head",
        "format": FORMAT,
        "organisation": settings.LINTEL.organisation,
        "made_at": chain.moment(timezone.now()),
        "first": first,
        "last": last,
        "before": before or chain.GENESIS,
        "filters": chain.plain(search.given),
        "key": {
            "algorithm": "Ed25519",
            "public": base64.b64encode(public).decode(),
            "fingerprint": fingerprint_of(public),
        },
    }


def _batches(first: int, last: int) -> Iterator[list[AuditEntry]]:
    after = first - 1
    rows = AuditEntry.objects.filter(number__lte=last).select_related("detail").order_by("number")
    while batch := list(rows.filter(number__gt=after)[:BATCH]):
        yield batch
        after = batch[-1].number


def _matching(search: Search, batch: list[AuditEntry]) -> set[int]:
    """The entries whose details go into the file."""
    details = AuditDetail.objects.filter(entry_id__gte=batch[0].number, entry_id__lte=batch[-1].number)
    unbounded = replace(search, at_from=None, at_before=None)
    return set(unbounded.among(details).values_list("entry_id", flat=True))


def _entry(entry: AuditEntry, wanted: set[int], notes: dict[int, checkpoints.Checkpoint]) -> str:
    row: dict[str, Any] = {
        "type": "entry",
        "number": entry.number,
        "at": chain.moment(entry.at),
        "kind": entry.kind,
        "commitment": entry.commitment,
        "previous": entry.previous,
        "digest": entry.digest,
        "detail": None,
    }
    detail = getattr(entry, "detail", None)
    if detail is None or not detail.body:
        row["absent"] = "erased"
    elif entry.number not in wanted:
        row["absent"] = "filtered"
    else:
        row["detail"] = {name: getattr(detail, name) for name in ("salt", "body", "network", "network_salt")}
    return _line(row) + (_checkpoint(notes[entry.number]) if entry.number in notes else "")


def _checkpoint(note: checkpoints.Checkpoint) -> str:
    return _line(
        {
            "type": "checkpoint",
            "number": note.number,
            "digest": note.digest,
            "at": note.at,
            "signature": note.signature,
        }
    )


def _line(row: dict[str, Any]) -> str:
    return json.dumps(row, ensure_ascii=False) + "\n"
