"""Attendance for hosts: the region of the meeting's page, during the meeting and after it, and the same as a table."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from meetings import attendance, listing
from meetings.attendance import Attendee, Span
from meetings.audit.export import local
from meetings.models import Occurrence, Participant
from meetings.tables import as_csv
from meetings.templatetags.lintel import length
from meetings.views.access import hosted_meeting
from meetings.views.moments import clock


def region(occurrence: Occurrence, now: datetime) -> dict[str, Any]:
    """What templates/meetings/_attendance.html draws; no rows before anybody came in."""
    people = attendance.attended(occurrence)
    away = attendance.absent(occurrence, people) if people else []
    return {
        "attended": [_row(one, now) for one in people],
        "attended_count": len(people),
        "absent": [(one.user.name if one.user else one.name) or one.email for one in away],
    }


def _row(one: Attendee, now: datetime) -> dict[str, Any]:
    minutes = round(one.total(now) / timedelta(minutes=1))
    return {
        "name": one.name,
        "guest": one.kind in {Participant.Kind.GUEST, Participant.Kind.ANYONE},
        "about": one.email or _came_as(one),
        "entered_at": timezone.localtime(one.entered_at),
        "entered": clock(one.entered_at),
        "left_at": timezone.localtime(one.left_at) if one.left_at else None,
        "left": clock(one.left_at) if one.left_at else "",
        "total": length(minutes) if minutes else _("under a minute"),
        "spans": [_span(span) for span in one.spans] if len(one.spans) > 1 else [],
    }


def _came_as(one: Attendee) -> str:
    return _("Device") if one.is_device else str(one.kind.label)


def _span(span: Span) -> str:
    if span.left_at is None:
        return _("%(first)s until now") % {"first": clock(span.entered_at)}
    return _("%(first)s to %(last)s") % {"first": clock(span.entered_at), "last": clock(span.left_at)}


@login_required
@require_GET
def attendance_csv(request: HttpRequest, meeting_id: Any) -> HttpResponse:
    """A row for each person who was inside. Whoever is inside now has no last time yet."""
    meeting = hosted_meeting(request.user, meeting_id)
    now, zone = timezone.now(), timezone.get_current_timezone()
    there = {"zone": zone}
    head = (
        _("Name"), _("Address"), _("Came as"), _("First in (UTC)"), _("Last out (UTC)"),
        _("First in (%(zone)s)") % there, _("Last out (%(zone)s)") % there, _("Minutes"), _("Times inside"),
    )  # fmt: skip
    rows = [
        (
            one.name,
            one.email,
            _came_as(one),
            f"{one.entered_at:%Y-%m-%dT%H:%M:%SZ}",
            f"{one.left_at:%Y-%m-%dT%H:%M:%SZ}" if one.left_at else None,
            local(one.entered_at, zone),
            local(one.left_at, zone) if one.left_at else None,
            round(one.total(now) / timedelta(minutes=1)),
            "; ".join(_span(span) for span in one.spans),
        )
        for one in attendance.attended(listing.current(meeting))
    ]
    response = HttpResponse(as_csv([head, *rows]), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="attendance.csv"'
    return response
