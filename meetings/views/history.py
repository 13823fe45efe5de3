"""What happened in and around a meeting, for its hosts: the region of the meeting's page, and the same as a table."""

from __future__ import annotations

import csv
from datetime import datetime
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from meetings import audit, listing
from meetings.models import AuditDetail, Meeting
from meetings.views.access import hosted_meeting
from meetings.views.moments import look_of, short_moment

PER_PAGE = 50
CSV_ROWS = 10_000


def region(meeting: Meeting, before: str, now: datetime) -> dict[str, Any]:
    """What templates/meetings/_history.html draws. `before`: the number of an entry to go on from, as typed."""
    details = listing.history(
        meeting, limit=PER_PAGE + 1, before=int(before) if before.isdecimal() and len(before) < 16 else None
    )
    shown = details[:PER_PAGE]
    return {
        "csv_url": reverse("meetings:history-csv", args=[meeting.pk]),
        "history": [_row(detail, now) for detail in shown if not _is_routine(detail)],
        "older": shown[-1].entry_id if len(details) > PER_PAGE else None,
    }


def _row(detail: AuditDetail, now: datetime) -> dict[str, Any]:
    return {
        "at": timezone.localtime(detail.entry.at),
        "when": short_moment(detail.entry.at, now),
        "text": _told(detail),
        **look_of(detail.entry.kind),
    }


def _is_routine(detail: AuditDetail) -> bool:
    """Links made for mails: the next line says that the mail went out. The CSV and the audit log have them."""
    facts = audit.body_of(detail.entry).get("facts", {})
    return detail.entry.kind == "invitation.link_made" and facts.get("reason") == "mail"


def _told(detail: AuditDetail) -> str:
    """The entry as a sentence; who came from outside is shown with the network, cut short."""
    network = audit.body_of(detail.entry).get("network", "")
    told = audit.sentence(detail.entry)
    if network and detail.entry.kind.startswith(("door.", "invitation.")):
        told = _("%(told)s Network %(network)s.") % {"told": told, "network": network}
    return told


@login_required
@require_http_methods(["GET", "HEAD"])
def history_csv(request: HttpRequest, meeting_id: Any) -> HttpResponse:
    """The whole history as a table, oldest first, for hosts."""
    found = hosted_meeting(request.user, meeting_id)
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="history.csv"'
    table = csv.writer(response)
    table.writerow([_("Entry"), _("Time (UTC)"), _("Kind"), _("What happened")])
    for detail in reversed(listing.history(found, limit=CSV_ROWS)):
        entry = detail.entry
        table.writerow([entry.number, f"{entry.at:%Y-%m-%dT%H:%M:%SZ}", entry.kind, plain_cell(audit.sentence(entry))])
    return response


def plain_cell(text: str) -> str:
    """A cell that no spreadsheet takes for a formula: names are typed by strangers."""
    return f"'{text}" if text[:1] in "=+-@\t\r" else text
