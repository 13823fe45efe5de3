"""The organisation's audit log: filtered, read as sentences, exported. Reading it is recorded in it."""

from __future__ import annotations

import csv
import json
from datetime import date, datetime, time, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from meetings import audit as chain
from meetings.models import AuditDetail
from meetings.views.history import plain_cell
from meetings.views.moments import look_of
from portal.pages.admins import administrators_only

ENTRIES_PER_PAGE = 100
CSV_ROWS = 50_000


def _day(text: str) -> date | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    # Midnights at the ends of the calendar can't be moved between time zones.
    return day if 1970 <= day.year <= 9000 else None


class Filters:
    """What the form asked for. A value that can't be read filters nothing and is shown as wrong."""

    def __init__(self, request: HttpRequest) -> None:
        self.person = request.GET.get("person", "").strip()[:100]
        self.meeting = request.GET.get("meeting", "").strip()[:120]
        self.kind = request.GET.get("kind", "").strip()[:40]
        self.first_text = request.GET.get("from", "").strip()[:10]
        self.last_text = request.GET.get("to", "").strip()[:10]
        self.first, self.last = _day(self.first_text), _day(self.last_text)

    @property
    def given(self) -> dict[str, str]:
        """The filters that are set, by the names that the form uses."""
        named = {
            "person": self.person,
            "meeting": self.meeting,
            "kind": self.kind,
            "from": self.first_text,
            "to": self.last_text,
        }
        return {name: value for name, value in named.items() if value}

    @property
    def wrong(self) -> str:
        """A sentence about dates that can't be read, or nothing."""
        if (self.first_text and not self.first) or (self.last_text and not self.last):
            return _("Enter dates such as 2026-11-24.")
        if self.first and self.last and self.last < self.first:
            return _("The last day lies before the first.")
        return ""

    def apply(self) -> QuerySet[AuditDetail]:
        """The entries that match, newest first."""
        found = AuditDetail.objects.select_related("entry", "meeting", "actor").order_by("-entry_id")
        if self.person:
            as_written = json.dumps(self.person, ensure_ascii=False)[1:-1]
            by_name = Q(actor__name__icontains=self.person) | Q(actor__email__icontains=self.person)
            found = found.filter(by_name | Q(body__icontains=as_written))
        if self.meeting:
            found = found.filter(meeting__title__icontains=self.meeting)
        if self.kind:
            found = found.filter(entry__kind=self.kind)
        if self.first:
            found = found.filter(entry__at__gte=_midnight(self.first))
        if self.last:
            found = found.filter(entry__at__lt=_midnight(self.last + timedelta(days=1)))
        return found


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time()))


def _who(detail: AuditDetail) -> str:
    return detail.actor.name if detail.actor else str(chain.body_of(detail.entry).get("actor_label", ""))


def _network(detail: AuditDetail) -> str:
    return str(chain.body_of(detail.entry).get("network", ""))


def _kinds() -> list[str]:
    return sorted(AuditDetail.objects.order_by().values_list("entry__kind", flat=True).distinct())


def _read(request: HttpRequest, kind: str, filters: Filters) -> None:
    with transaction.atomic():
        chain.record(kind, actor=request.user, filters=filters.given)


@administrators_only
@require_http_methods(["GET", "HEAD"])
def audit(request: HttpRequest) -> HttpResponse:
    """One page of the log. Each is recorded: whoever makes up where to go on from would else read unseen."""
    filters = Filters(request)
    found = filters.apply()
    count = found.count()
    before = request.GET.get("before", "")
    if before.isdecimal() and len(before) < 16:
        found = found.filter(entry_id__lt=int(before))
    _read(request, "audit.opened", filters)
    details = list(found[: ENTRIES_PER_PAGE + 1])
    shown = details[:ENTRIES_PER_PAGE]
    kept = request.GET.copy()
    kept.pop("before", None)
    context = {
        "here": "audit",
        "filters": filters,
        "kinds": _kinds(),
        "count": count,
        "rows": [_row(detail) for detail in shown],
        "older": shown[-1].entry_id if len(details) > ENTRIES_PER_PAGE else None,
        "query": kept.urlencode(),
    }
    return render(request, "portal/audit.html", context)


def _row(detail: AuditDetail) -> dict[str, Any]:
    return {
        "number": detail.entry_id,
        "at": timezone.localtime(detail.entry.at),
        "who": _who(detail),
        "text": chain.sentence(detail.entry),
        "meeting": detail.meeting,
        "network": _network(detail),
        **look_of(detail.entry.kind),
    }


@administrators_only
@require_http_methods(["GET", "HEAD"])
def audit_csv(request: HttpRequest) -> HttpResponse:
    """The filtered log as a table, newest first."""
    filters = Filters(request)
    _read(request, "audit.exported", filters)
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="audit.csv"'
    table = csv.writer(response)
    table.writerow([_("Entry"), _("Time (UTC)"), _("Who"), _("Kind"), _("What happened"), _("Network"), _("Digest")])
    for detail in filters.apply()[:CSV_ROWS]:
        entry = detail.entry
        table.writerow(
            [
                entry.number,
                f"{entry.at:%Y-%m-%dT%H:%M:%SZ}",
                plain_cell(_who(detail)),
                entry.kind,
                plain_cell(chain.sentence(entry)),
                _network(detail),
                entry.digest,
            ]
        )
    return response
