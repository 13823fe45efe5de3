"""Proving the audit log: every number, link, digest, commitment, erasure and signed checkpoint. Reads only."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from meetings import chain
from meetings.audit import checkpoints
from meetings.audit.details import people_of
from meetings.models import AuditDetail, AuditEntry

BATCH = 500


@dataclass(frozen=True, slots=True)
class Report:
    """What `verify` found. `first_broken` is None when the chain is intact; `why` says what does not fit."""

    entries: int
    first_broken: int | None = None
    why: str = ""

    @property
    def intact(self) -> bool:
        return self.first_broken is None


class Broken(Exception):
    """An entry that does not fit, and why."""

    def __init__(self, number: int, why: str) -> None:
        self.number = number
        self.why = why


def verify() -> Report:
    """Prove the chain: numbers, links, digests, commitments, erasures and the signed checkpoints. Reads only."""
    entries = 0
    try:
        signed = checkpoints.read()
        expected = {note.number: note.digest for note in signed}
        erasures = _Erasures()
        previous = chain.GENESIS
        for entry in _in_order():
            check_link(entry, entries + 1, previous)
            if expected.get(entry.number, entry.digest) != entry.digest:
                raise Broken(entry.number, "it is not the entry that a checkpoint was signed for")
            erasures.note(entry, check_detail(entry))
            entries, previous = entry.number, entry.digest
        _check_end(entries, signed)
        erasures.check()
        orphan = AuditDetail.objects.filter(entry_id__gt=entries).order_by("entry_id").first()
        if orphan is not None:
            raise Broken(orphan.pk, "the entry of these details is gone")
    except checkpoints.BadCheckpoint as error:
        return Report(entries, entries + 1, str(error))
    except Broken as broken:
        return Report(entries, broken.number, broken.why)
    return Report(entries)


class _Erasures:
    """What is empty, and what was recorded as emptied: the first has to lie within the second."""

    def __init__(self) -> None:
        self.empty: dict[str, list[int]] = {"details": [], "networks": []}
        self.recorded: dict[str, list[list[int]]] = {"details": [], "networks": []}

    def note(self, entry: AuditEntry, body: dict[str, Any] | None) -> None:
        if body is None:
            self.empty["details"].append(entry.number)
            return
        if body["network"] and not entry.detail.network:
            self.empty["networks"].append(entry.number)
        if entry.kind == chain.ERASED:
            self.recorded[body["facts"].get("what", "details")] += body["facts"].get("numbers", [])

    def check(self) -> None:
        gone = {"details": "its details are gone", "networks": "its network is gone"}
        for what, numbers in self.empty.items():
            unexplained = first_outside(numbers, self.recorded[what])
            if unexplained is not None:
                raise Broken(unexplained, f"{gone[what]}, and no erasure was recorded")


def first_outside(numbers: Iterable[int], spans: list[list[int]]) -> int | None:
    """The first of these ascending numbers that lies in none of the [first, last] spans."""
    ordered = sorted(spans)
    reached, position = 0, 0  # `reached`: everything from the open span's start up to here is covered
    for number in numbers:
        while position < len(ordered) and ordered[position][0] <= number:
            reached = max(reached, ordered[position][1])
            position += 1
        if number > reached:
            return number
    return None


def _in_order() -> Iterator[AuditEntry]:
    """Every entry by number, a batch at a time: a log of years must not fill the memory."""
    after = -1
    while batch := list(
        AuditEntry.objects.filter(number__gt=after).select_related("detail").order_by("number")[:BATCH]
    ):
        yield from batch
        after = batch[-1].number


def check_link(entry: AuditEntry, number: int, previous: str) -> None:
    if entry.number != number:
        raise Broken(number, "it is missing")
    if entry.previous != previous:
        raise Broken(number, "it does not follow the entry before it")
    if entry.digest != chain.digest_of(entry.number, entry.at, entry.kind, entry.commitment, entry.previous):
        raise Broken(number, "it was changed")


def check_detail(entry: AuditEntry) -> dict[str, Any] | None:
    """The body that the entry commits to, or None where there is none any more."""
    detail = getattr(entry, "detail", None)
    if detail is None or (detail.body == "" and detail.salt == ""):
        return None
    if entry.commitment != chain.commitment_of(detail.salt, detail.body):
        raise Broken(entry.number, "its details were changed")
    body: dict[str, Any] = json.loads(detail.body)
    # The columns only index the body. Empty is what deleting a meeting or an account leaves behind.
    if detail.meeting_id is not None and str(detail.meeting_id) != body["meeting"]:
        raise Broken(entry.number, "its details were moved to another meeting")
    if detail.actor_id is not None and str(detail.actor_id) != body["actor"]:
        raise Broken(entry.number, "its details were moved to another person")
    if detail.people != people_of(body):
        raise Broken(entry.number, "its details were filed under other names")
    if detail.network and not _commits_to(body["network"], detail):
        raise Broken(entry.number, "its network was changed")
    return body


def _commits_to(committed: str, detail: AuditDetail) -> bool:
    # The first version of the log held the network itself in the body.
    if "/" in committed:
        return detail.network == committed
    return committed == chain.commitment_of(detail.network_salt, detail.network)


def _check_end(entries: int, signed: list[checkpoints.Checkpoint]) -> None:
    furthest = max((note.number for note in signed), default=0)
    if furthest > entries:
        raise Broken(entries + 1, f"the end is cut off: a checkpoint was signed for entry {furthest}")
    if entries >= checkpoints.EVERY_ENTRIES and not signed:
        raise Broken(checkpoints.EVERY_ENTRIES, "the signed checkpoints are gone")
