"""What happened in and around a meeting, for its hosts: the region of its page, all of it with filters, and files."""

from __future__ import annotations

from datetime import datetime
from itertools import groupby
from typing import Any

from django.contrib.auth.decorators import login_required
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from meetings import audit, listing
from meetings.audit import export
from meetings.audit.facts import facts_of
from meetings.audit.kinds import result_of
from meetings.audit.search import Search
from meetings.audit.words import kind_words
from meetings.historyform import HistoryForm
from meetings.models import AuditDetail, Meeting
from meetings.views.access import hosted_meeting
from meetings.views.moments import look_of, short_moment

IN_THE_REGION = 50
PER_PAGE = 100


def region(meeting: Meeting, now: datetime) -> dict[str, Any]:
    """What templates/meetings/_history.html draws: the newest entries; a run that reads the same is told once."""
    details = listing.history(meeting, limit=IN_THE_REGION)
    rows = [_row(detail, now) for detail in details if not _is_routine(detail)]
    alike = [list(run) for _key, run in groupby(rows, lambda row: row["text"])]
    return {"history": [{**run[0], "times": len(run)} for run in alike]}


def _row(detail: AuditDetail, now: datetime) -> dict[str, Any]:
    return {
        "number": detail.entry_id,
        "at": timezone.localtime(detail.entry.at),
        "when": short_moment(detail.entry.at, now),
        "text": _told(detail),
        "said": audit.sentence(detail.entry),
        "why": audit.explanation(detail.entry),
        "who": export.who(detail),
        "result": result_of(detail.entry.kind),
        "network": detail.network,
        **look_of(detail.entry.kind),
    }


def _is_routine(detail: AuditDetail) -> bool:
    """Links made for mails: the next line says that the mail went out. The whole history has them."""
    facts = audit.body_of(detail.entry).get("facts", {})
    return detail.entry.kind == "invitation.link_made" and facts.get("reason") == "mail"


def _told(detail: AuditDetail) -> str:
    """The entry as a sentence; who came from outside is shown with the network, cut short."""
    told = audit.sentence(detail.entry)
    if detail.network and detail.entry.kind.startswith(("door.", "invitation.")):
        told = _("%(told)s Network %(network)s.") % {"told": told, "network": detail.network}
    return told


def _found(meeting: Meeting, search: Search) -> QuerySet[AuditDetail]:
    return search.among(AuditDetail.objects.filter(meeting=meeting))


@login_required
@require_http_methods(["GET", "HEAD"])
def history(request: HttpRequest, meeting_id: Any) -> HttpResponseBase:
    """All of it, newest first, with filters."""
    meeting = hosted_meeting(request.user, meeting_id)
    form = HistoryForm(request.GET, one_meeting=True)
    kept = request.GET.copy()
    kept.pop("before", None)
    context = _context(meeting, form, kept.urlencode(), filtered=any(kept.values()))
    if form.is_valid():
        found = _found(meeting, form.search)
        before = request.GET.get("before", "")
        earlier = found.filter(entry_id__lt=int(before)) if before.isdecimal() and len(before) < 16 else found
        details = list(earlier[: PER_PAGE + 1])
        shown = details[:PER_PAGE]
        context |= {
            "count": found.count(),
            "rows": [_row(detail, timezone.now()) for detail in shown],
            "older": shown[-1].entry_id if len(details) > PER_PAGE else None,
            "newest": not before,
            "zone": timezone.get_current_timezone_name().replace("_", " "),
        }
    return render(request, "meetings/history.html", context)


def _context(meeting: Meeting, form: HistoryForm, query: str, *, filtered: bool) -> dict[str, Any]:
    return {"here": "meetings", "meeting": meeting, "form": form, "query": query, "filtered": filtered}


@login_required
@require_http_methods(["GET", "HEAD"])
def entry(request: HttpRequest, meeting_id: Any, number: int) -> HttpResponseBase:
    """One entry of this meeting with every fact that it holds."""
    meeting = hosted_meeting(request.user, meeting_id)
    detail = _found(meeting, Search()).filter(entry__number=number).first()
    if detail is None:
        raise Http404
    context = {
        "here": "meetings",
        "meeting": meeting,
        "entry": detail.entry,
        "row": _row(detail, timezone.now()),
        "facts": facts_of(detail.entry),
        "kind_words": kind_words(detail.entry.kind),
    }
    return render(request, "meetings/history_entry.html", context)


@login_required
@require_GET
def export_as(request: HttpRequest, meeting_id: Any, form_of: str) -> HttpResponseBase:
    """Exactly the filtered entries as a file. Filters that can't be read, or match too much, give the page instead."""
    meeting = hosted_meeting(request.user, meeting_id)
    if form_of not in export.FORMS:
        raise Http404
    form = HistoryForm(request.GET, one_meeting=True)
    if form.is_valid():
        found = _found(meeting, form.search)
        count = found.count()
        if count <= export.MOST:
            return export.as_file("history", form_of, found, timezone.get_current_timezone())
        form.add_error(None, export.too_many(count, export.MOST))
    context = _context(meeting, form, request.GET.urlencode(), filtered=True)
    return render(request, "meetings/history.html", context, status=422)
