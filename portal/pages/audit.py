"""The organisation's audit log: filtered, read as sentences, entry by entry, exported. Reading it is recorded in it."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from meetings.audit import export, record, sentence, signed
from meetings.audit.facts import facts_of, place_of
from meetings.audit.kinds import Group, group_of, result_of
from meetings.audit.search import Search
from meetings.audit.words import kind_words
from meetings.historyform import HistoryForm
from meetings.models import AuditDetail, AuditEntry
from meetings.views.moments import look_of
from portal.pages.admins import administrators_only

ENTRIES_PER_PAGE = 100
SIGNED = "signed.jsonl"


def _found(search: Search) -> Any:
    return search.among(AuditDetail.objects.all())


def _read(request: HttpRequest, kind: str, **facts: Any) -> None:
    with transaction.atomic():
        record(kind, actor=request.user, network=request.META.get("REMOTE_ADDR", ""), **facts)


@administrators_only
@require_http_methods(["GET", "HEAD"])
def audit(request: HttpRequest) -> HttpResponseBase:
    """One page of the log. Each is recorded: whoever makes up where to go on from would else read unseen."""
    form = HistoryForm(request.GET)
    kept = request.GET.copy()
    kept.pop("before", None)
    context = {"here": "audit", "form": form, "query": kept.urlencode(), "filtered": any(kept.values())}
    if form.is_valid():
        context |= _page(request, form.search)
    return render(request, "portal/audit.html", context)


def _page(request: HttpRequest, search: Search) -> dict[str, Any]:
    found = _found(search)
    before = request.GET.get("before", "")
    earlier = found.filter(entry_id__lt=int(before)) if before.isdecimal() and len(before) < 16 else found
    _read(request, "audit.opened", filters=search.given)
    details = list(earlier[: ENTRIES_PER_PAGE + 1])
    shown = details[:ENTRIES_PER_PAGE]
    return {
        "count": found.count(),
        "rows": [_row(detail) for detail in shown],
        "older": shown[-1].entry_id if len(details) > ENTRIES_PER_PAGE else None,
        "newest": not before,
        "zone": timezone.get_current_timezone_name().replace("_", " "),
        "fingerprint": signed.fingerprint(),
    }


def _row(detail: AuditDetail) -> dict[str, Any]:
    kind = detail.entry.kind
    return {
        "number": detail.entry_id,
        "at": timezone.localtime(detail.entry.at),
        "who": export.who(detail),
        "text": sentence(detail.entry),
        "meeting": detail.meeting,
        "result": result_of(kind),
        "network": detail.network,
        **look_of(kind),
    }


@administrators_only
@require_http_methods(["GET", "HEAD"])
def entry(request: HttpRequest, number: int) -> HttpResponseBase:
    """One entry with every fact it holds, and its place in the chain. The address stays the same for good."""
    found = AuditEntry.objects.select_related("detail__meeting", "detail__actor").filter(number=number).first()
    detail = getattr(found, "detail", None)
    if found is None or detail is None:
        raise Http404
    _read(request, "audit.opened", number=number)
    context = {
        "here": "audit",
        "entry": found,
        "row": _row(detail),
        "facts": facts_of(found),
        "kind_words": kind_words(found.kind),
        "group": group_of(found.kind),
        "group_words": Group(group_of(found.kind)).label,
        "place": place_of(found),
    }
    return render(request, "portal/audit_entry.html", context)


@administrators_only
@require_GET
def export_as(request: HttpRequest, form_of: str) -> HttpResponseBase:
    """Exactly the filtered entries as a file. Filters that can't be read, or match too much, give the page instead."""
    if form_of not in {*export.FORMS, SIGNED}:
        raise Http404
    form = HistoryForm(request.GET)
    if form.is_valid() and form_of == SIGNED:
        return _signed(request, form)
    if form.is_valid():
        found = _found(form.search)
        count = found.count()
        if count <= export.MOST:
            _read(request, "audit.exported", filters=form.search.given, format=form_of, count=count)
            return export.as_file("audit", form_of, found, timezone.get_current_timezone())
        form.add_error(None, export.too_many(count, export.MOST))
    return _refused(request, form)


def _signed(request: HttpRequest, form: HistoryForm) -> HttpResponseBase:
    first, last = signed.span_of(form.search)
    count = last - first + 1
    if not 0 < count <= signed.MOST:
        form.add_error(None, export.too_many(count, signed.MOST) if count else _("There is no entry in these days."))
        return _refused(request, form)
    _read(request, "audit.exported", filters=form.search.given, format=SIGNED, count=count)
    return export.streamed(
        signed.parts(form.search, first, last), "application/jsonl; charset=utf-8", f"audit.{SIGNED}"
    )


def _refused(request: HttpRequest, form: HistoryForm) -> HttpResponseBase:
    context = {"here": "audit", "form": form, "query": request.GET.urlencode(), "filtered": True}
    return render(request, "portal/audit.html", context, status=422)
