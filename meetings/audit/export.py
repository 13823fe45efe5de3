"""The log as files: tables for people, JSON Lines for programs. Written while they are sent, so that a large one costs
no memory, and never more than `MOST` entries: whoever wants more narrows the filters.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from datetime import datetime, tzinfo
from typing import Any, Final

from asgiref.sync import sync_to_async
from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from django.utils.translation import gettext as _

from meetings import chain
from meetings.audit.details import raw_body
from meetings.audit.kinds import group_of, result_of
from meetings.audit.words import explanation, sentence, why
from meetings.models import AuditDetail
from meetings.tables import as_csv

MOST: Final = 100_000
BATCH: Final = 500

Part = Callable[[list[AuditDetail]], str]
Render = Callable[[list[AuditDetail], tzinfo], str]


def shown(detail: AuditDetail) -> dict[str, Any]:
    """An entry as programs read it. `who` is the account's present name, or what stood in for one."""
    entry, body = detail.entry, raw_body(detail)
    return {
        "number": entry.number,
        "at": entry.at,
        "kind": entry.kind,
        "group": group_of(entry.kind).value,
        "result": result_of(entry.kind).value,
        "who": who(detail),
        "text": sentence(entry),
        "reason": why(entry),
        "why": explanation(entry),
        "meeting": {"id": str(detail.meeting_id), "title": detail.meeting.title} if detail.meeting else None,
        "network": detail.network,
        "digest": entry.digest,
        "previous": entry.previous,
        "erased": body is None,
    }


def who(detail: AuditDetail) -> str:
    if detail.actor is not None:
        return str(detail.actor.name)
    return str((raw_body(detail) or {}).get("actor_label", ""))


def too_many(count: int, most: int) -> str:
    """Why no file was made, and what helps."""
    told = {"count": count, "most": most}
    return _("%(count)d entries match, and a file holds %(most)d. Choose fewer days, or filter for more.") % told


def as_file(name: str, form_of: str, details: QuerySet[AuditDetail], zone: tzinfo) -> StreamingHttpResponse:
    """`details`, which come from `Search.among`, in one of the `FORMS`. `zone` is the reader's."""
    content_type, head, render = FORMS[form_of]

    def part(batch: list[AuditDetail]) -> str:
        return render(batch, zone)

    return streamed(_parts(details, part, head(zone)), content_type, f"{name}.{form_of}")


def _columns(zone: tzinfo) -> str:
    columns = (
        _("Entry"), _("Time (UTC)"), _("Time (%(zone)s)") % {"zone": zone}, _("Who"), _("Kind"), _("What happened"),
        _("Meeting"), _("Result"), _("Network"), _("Digest"),
    )  # fmt: skip
    return as_csv([columns])


def _rows(batch: list[AuditDetail], zone: tzinfo) -> str:
    return as_csv(
        (
            detail.entry_id,
            f"{detail.entry.at:%Y-%m-%dT%H:%M:%SZ}",
            local(detail.entry.at, zone),
            who(detail),
            detail.entry.kind,
            sentence(detail.entry),
            detail.meeting.title if detail.meeting else None,
            result_of(detail.entry.kind).label,
            detail.network,
            detail.entry.digest,
        )
        for detail in batch
    )


def local(at: datetime, zone: tzinfo) -> str:
    """A time as spreadsheets read it, on the reader's clock."""
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M:%S}"


def _lines(batch: list[AuditDetail], zone: tzinfo) -> str:
    """One JSON object a line, each with every fact that the entry holds. Times are UTC."""
    return "".join(f"{json.dumps(_object(detail), ensure_ascii=False)}\n" for detail in batch)


def _object(detail: AuditDetail) -> dict[str, Any]:
    body = raw_body(detail) or {}
    found = {**shown(detail), "at": chain.moment(detail.entry.at)}
    return {**found, "target": body.get("target", ""), "facts": body.get("facts", {})}


def _nothing(zone: tzinfo) -> str:
    return ""


FORMS: Final[Mapping[str, tuple[str, Callable[[tzinfo], str], Render]]] = {
    "csv": ("text/csv; charset=utf-8", _columns, _rows),
    "jsonl": ("application/jsonl; charset=utf-8", _nothing, _lines),
}
"""Ending of the name → content type, what comes first, and how entries are written."""


def _parts(details: QuerySet[AuditDetail], part: Part, head: str) -> Iterator[str]:
    if head:
        yield head
    before, left = None, MOST
    while left > 0:
        most = min(BATCH, left)
        rows = list((details if before is None else details.filter(entry_id__lt=before))[:most])
        if rows:
            yield part(rows)
        if len(rows) < most:
            return
        before, left = rows[-1].entry_id, left - most


def streamed(parts: Iterator[str], content_type: str, name: str) -> StreamingHttpResponse:
    """An answer that is written while it is sent. Each part is made in a database thread when the last one is gone."""

    async def step() -> AsyncIterator[str]:
        while (part := await sync_to_async(next)(parts, None)) is not None:
            yield part

    response = StreamingHttpResponse(step(), content_type=content_type)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
