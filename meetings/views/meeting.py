"""One meeting: who is invited, its link, its door. And cancelling it. What happened is in `history.py`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import prefetch_related_objects
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from meetings import listing, localtime, recurrencewords
from meetings.door import Rules, Way
from meetings.inviteforms import InviteForm
from meetings.models import Encryption, Meeting, Occurrence
from meetings.selectors import is_host
from meetings.services import link_keys, scheduling
from meetings.views import (
    attendance,
    blocks,
    devices,
    encryption_words,
    history,
    invitees,
    roundtrip,
    turned_away,
    words,
)
from meetings.views.access import for_hosts, hosted_meeting, visible_meeting
from meetings.views.links import door_path, meeting_link
from meetings.views.meeting_door import DoorOf, ExceptionForm


@login_required
@require_http_methods(["GET", "HEAD"])
def meeting(request: HttpRequest, meeting_id: Any) -> HttpResponse:
    """Everything for hosts; for other invitees when it is, who hosts and what the door will do."""
    return meeting_page(request, visible_meeting(request.user, meeting_id))


def meeting_page(
    request: HttpRequest,
    found: Meeting,
    *,
    invite_form: InviteForm | None = None,
    exception_form: ExceptionForm | None = None,
) -> HttpResponse:
    """The page, also when an invitation on it has to be corrected."""
    now = timezone.now()
    prefetch_related_objects([found], "hosts")  # asked for every row
    occurrence = listing.current(found)
    hosting = is_host(request.user, found)
    cancelled = found.cancelled_at is not None
    context = {
        "here": "meetings",
        "meeting": found,
        "hosting": hosting,
        "cancelled": cancelled,
        "ended": _ended(occurrence),
        "open": not cancelled and occurrence.ended_at is None,
        "when": _when(found, occurrence),
        "rhythm": recurrencewords.said(occurrence.series.parsed) if occurrence.series is not None else "",
        "hosts_line": _hosts_line(found, request.user),
        "encryption": encryption_words.mode_of(found),
        "door_url": door_path(found),
    }
    if hosting:
        context |= _for_hosts(request, found, occurrence, now)
        context["invite_form"] = invite_form or InviteForm()
        context["exception_form"] = exception_form or ExceptionForm(label_suffix="")
    else:
        door = DoorOf(found, occurrence, now)
        context |= {"your_way": _your_way(door.rules), "opens": door.opens()}
    status = 422 if any(form is not None and form.errors for form in (invite_form, exception_form)) else 200
    return render(request, "meetings/meeting.html", context, status=status)


def _for_hosts(request: HttpRequest, found: Meeting, occurrence: Occurrence, now: datetime) -> dict[str, Any]:
    door = DoorOf(found, occurrence, now)
    return {
        "calendar_url": f"{door_path(found)}/calendar.ics",
        **invitees.region(occurrence, door, now),
        "link": meeting_link(found),
        "sealed": found.encryption == Encryption.SEALED,
        "link_key": link_keys.public(found),
        "link_key_due": bool(link_keys.due(found)),
        "organisation": words.organisation(),
        "link_shown": meeting_link(found).partition("://")[2],
        "link_about": _link_about(door.rules),
        **turned_away.region(found, occurrence, now),
        **attendance.region(occurrence, now),
        **history.region(found, now),
        **door.region(),
        **blocks.region(found, now),
        "authorization": roundtrip.told(found),
        **devices.told(found, occurrence),
    }


def _link_about(rules: Rules) -> str:
    org = {"org": words.organisation()}
    if rules.anyone is Way.WALKS_IN:
        return _("Anybody who has it walks in.")
    if rules.anyone is Way.KNOCKS:
        return _("For people who sign in at %(org)s. Anybody else who has it can knock; a host decides.") % org
    signed_in = _("For people who sign in at %(org)s.") % org
    return signed_in + " " + _("Guests use their personal links, so this one alone won’t let a stranger in.")


def _hosts_line(found: Meeting, user: Any) -> str:
    hosts = list(found.hosts.all())
    said = [_("you")] if user in hosts else []
    said += [host.name for host in hosts if host != user]
    return ngettext("Host: %(names)s", "Hosts: %(names)s", len(hosts)) % {"names": ", ".join(said)}


def _when(found: Meeting, occurrence: Occurrence) -> str:
    """In the meeting's own time zone, and in the reader's where clocks there show something else."""
    place = localtime.ZoneInfo(found.time_zone)
    start, end = timezone.localtime(occurrence.starts_at, place), timezone.localtime(occurrence.ends_at, place)
    year = "" if start.year == timezone.localtime(timezone.now(), place).year else " Y"
    said = _("%(day)s, %(first)s to %(last)s, %(place)s") % {
        "day": date_format(start, f"D j M{year}"),
        "first": date_format(start, "H:i"),
        "last": date_format(end, "H:i"),
        "place": localtime.city(found.time_zone),
    }
    own = timezone.localtime(occurrence.starts_at)
    if own.utcoffset() != start.utcoffset():
        there = _("%(clock)s where you are") % {"clock": date_format(own, "H:i")}
        said = f"{said} ({there})"
    return said


def _your_way(rules: Rules) -> str:
    return {
        Way.WALKS_IN: _("You are on the list: you walk in."),
        Way.KNOCKS: _("You are on the list: you knock, and a host lets you in."),
        Way.TURNED_AWAY: _("The hosts have closed the door. Ask them if you think you should be there."),
    }[rules.listed]


def _ended(occurrence: Occurrence) -> str:
    if occurrence.ended_at is None:
        return ""
    when = date_format(timezone.localtime(occurrence.ended_at), "j F, H:i")
    if occurrence.ended_by:
        return _("%(name)s ended this meeting for everyone on %(when)s.") % {
            "name": occurrence.ended_by.name,
            "when": when,
        }
    return _("This meeting ended on %(when)s.") % {"when": when}


@for_hosts
@require_http_methods(["GET", "HEAD", "POST"])
def cancel(request: HttpRequest, meeting_id: Any) -> HttpResponse:
    """Asks once, then cancels and tells the people invited."""
    found = hosted_meeting(request.user, meeting_id)
    back = reverse("meetings:meeting", args=[found.pk])
    if found.cancelled_at is not None or listing.current(found).ended_at is not None:
        return redirect(back)
    if request.method == "POST":
        scheduling.cancel_meeting(request.user, found)
        messages.success(request, _("The meeting is cancelled. The people invited are told by email."))
        return redirect(back)
    context = {
        "here": "meetings",
        "question": _("Cancel “%(title)s”?") % {"title": found.title},
        "about": _("Everybody invited is told by email. Its links stop working, and nobody can join any more."),
        "verb": _("Cancel meeting"),
        "keep": _("Keep it"),
        "back": back,
        "back_name": found.title,
    }
    return render(request, "meetings/ask.html", context)
