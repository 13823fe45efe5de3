"""The dashboard: what comes next, what is live, the days to come; start at once, join by a code."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any
from urllib.parse import urlsplit

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods, require_POST

from meetings import codes, listing
from meetings.doorlimits import Limits
from meetings.models import Meeting, Occurrence, Participant
from meetings.selectors import limits_now, rules_of
from meetings.services import scheduling
from meetings.templatetags.lintel import length
from meetings.views import words
from meetings.views.links import door_path, meeting_link

NEXT_WITHIN = timedelta(minutes=60)
FACES = 3
KEY_CAME_ALONG = gettext_lazy(
    "What stands behind the # is the key of a sealed link, and only browsers should see it. It came to this server with"
    " the form and wasn’t kept. Ask a host to give the link a new key, and paste links like this into the address bar."
)
_TOKEN_PATH = re.compile(r"/i/([A-Za-z0-9_-]{16,200})/?\Z")
_CODE_PATH = re.compile(r"/m/([A-Za-z0-9-]{4,40})/?\Z")


@login_required
@require_http_methods(["GET", "HEAD"])
def dashboard(request: HttpRequest) -> HttpResponse:
    """What is live and what is to come for this person."""
    return _dashboard_page(request)


def _dashboard_page(request: HttpRequest, *, join_error: str = "", join_typed: str = "") -> HttpResponse:
    now = timezone.now()
    coming = listing.coming(request.user, now)
    first = _next(coming, request.user, now)
    limits = limits_now()
    rows = [_row(occurrence, request.user, now, limits) for occurrence in coming if occurrence is not first]
    context = {
        "here": "meetings",
        "next": _next_block(first, request.user, now) if first else None,
        "days": _days(rows, now),
        "exposed": _exposed(listing.exposed(request.user, now, limits), now),
        "empty": not coming,
        "has_earlier": bool(listing.earlier(request.user, now, 0)[0]),
        "join_error": join_error,
        "join_typed": join_typed,
    }
    return render(request, "meetings/dashboard.html", context, status=422 if join_error else 200)


@login_required
@require_http_methods(["GET", "HEAD"])
def earlier(request: HttpRequest) -> HttpResponse:
    """What is over, latest first. Hosts see who was there."""
    now = timezone.now()
    number = request.GET.get("page", "0")
    page = int(number) if number.isdecimal() and len(number) < 5 else 0
    found, more = listing.earlier(request.user, now, page)
    limits = limits_now()
    rows = [_row(occurrence, request.user, now, limits, past=True) for occurrence in found]
    context = {"here": "meetings", "days": _days(rows, now), "page": page, "more": page + 1 if more else None}
    return render(request, "meetings/earlier.html", context)


@login_required
@require_POST
def start(request: HttpRequest) -> HttpResponse:
    """A meeting at once: straight to its door, which lets its host walk in."""
    return redirect(door_path(scheduling.start_now(request.user)))


@login_required
@require_POST
def join(request: HttpRequest) -> HttpResponse:
    """Takes a meeting code or a pasted link to its door. Says nothing about whether it opens anything."""
    # Browsers keep what stands behind a # to themselves; where neither script nor pattern did, it is let go of here.
    typed, _hash, fragment = request.POST.get("code", "").strip()[:300].partition("#")
    typed = typed.strip()
    if "sealed=" in fragment:
        return _dashboard_page(request, join_error=str(KEY_CAME_ALONG), join_typed=typed)
    path = urlsplit(typed).path if "/" in typed else ""
    if token := _TOKEN_PATH.search(path):
        return redirect(f"/i/{token[1]}")
    if link := _CODE_PATH.search(path):
        typed = link[1]
    if code := codes.normalise_code(typed):
        return redirect(f"/m/{code}")
    wrong = _("Enter a meeting code such as 7kqm-wtzp-4xab, or paste the whole link.")
    return _dashboard_page(request, join_error=wrong, join_typed=typed)


# ---- what the page shows


def _next(coming: list[Occurrence], user: Any, now: datetime) -> Occurrence | None:
    """What deserves the block on top: a live meeting of one's own, else what starts within the hour."""
    mine = (found for found in coming if found.started_at and user in found.meeting.hosts.all())
    soon = (
        found
        for found in coming
        if not found.started_at and found.starts_at <= now + NEXT_WITHIN and found.ends_at > now
    )
    return next(mine, None) or next(soon, None)


def _next_block(occurrence: Occurrence, user: Any, now: datetime) -> dict[str, Any]:
    meeting = occurrence.meeting
    hosting = user in meeting.hosts.all()
    people = sum(1 for invitation in occurrence.invitations.all() if invitation.user_id)
    guests = len(occurrence.invitations.all()) - people
    about = [_hosts(meeting, user)]
    if invited := words.people_and_guests(people, guests):
        about.append(invited)
    about.append(_inside(occurrence) if hosting and occurrence.started_at else length(meeting.duration_minutes))
    return {
        "title": meeting.title,
        "clock": date_format(timezone.localtime(occurrence.starts_at), "H:i"),
        "starts_at": occurrence.starts_at,
        "relative": _relative(occurrence.starts_at, now),
        "about": " · ".join(filter(None, about)),
        "knocking": _knocking(occurrence) if hosting else "",
        "url": reverse("meetings:meeting", args=[meeting.pk]),
        "door_url": door_path(meeting),
        "link": meeting_link(meeting),
    }


def _row(occurrence: Any, user: Any, now: datetime, limits: Limits, *, past: bool = False) -> dict[str, Any]:
    meeting = occurrence.meeting
    hosting = user in meeting.hosts.all()
    live = occurrence.started_at is not None and not past
    about = [_hosts(meeting, user)]
    if hosting and live:
        about.append(_inside(occurrence))
    if hosting and past:
        about.append(words.names(list(dict.fromkeys(seat.name for seat in occurrence.came))) or _("Nobody came"))
    faces = [{"name": host.name, "guest": False} for host in meeting.hosts.all()]
    faces += [
        {
            "name": (invited.user.name if invited.user else invited.name) or invited.email,
            "guest": invited.user_id is None,
        }
        for invited in occurrence.invitations.all()
    ]
    more = max(0, len(faces) - FACES)
    return {
        "id": occurrence.pk,
        "local": timezone.localtime(occurrence.starts_at),
        "clock": date_format(timezone.localtime(occurrence.starts_at), "H:i"),
        "length": length(meeting.duration_minutes),
        "live": _("Live, %(time)s") % {"time": length(max(1, int((now - occurrence.started_at).total_seconds() // 60)))}
        if live and occurrence.started_at
        else "",
        "past": past,
        "title": meeting.title,
        "about": " · ".join(filter(None, about)),
        "knocking": _knocking(occurrence) if hosting and not past else "",
        "door": words.summary(rules_of(meeting, limits)),
        "faces": faces[:FACES],
        "more_faces": more,
        "hosting": hosting,
        "url": reverse("meetings:meeting", args=[meeting.pk]),
        "edit_url": reverse("meetings:edit", args=[meeting.pk]),
        "cancel_url": reverse("meetings:cancel", args=[meeting.pk]),
        "door_url": door_path(meeting),
        "link": meeting_link(meeting),
    }


def _days(rows: list[dict[str, Any]], now: datetime) -> list[dict[str, Any]]:
    today = timezone.localtime(now).date()
    near = {today: _("Today"), today + timedelta(days=1): _("Tomorrow"), today - timedelta(days=1): _("Yesterday")}
    days = []
    for day, found in groupby(rows, key=lambda row: row["local"].date()):
        far = "l j F" if day.year == today.year else "l j F Y"
        if day in near:
            name, date = near[day], date_format(day, far)
        else:
            name, date = date_format(day, "l"), date_format(day, far.removeprefix("l "))
        days.append({"name": name, "date": date, "rows": list(found)})
    return days


def _hosts(meeting: Meeting, user: Any) -> str:
    hosts = list(meeting.hosts.all())
    if user in hosts:
        others = [host.name for host in hosts if host != user]
        said = words.names([_("You"), *others])
        return _("%(names)s host") % {"names": said}
    said = words.names([host.name for host in hosts])
    if len(hosts) == 1:
        return _("%(name)s hosts") % {"name": said}
    return _("%(names)s host") % {"names": said}


def _inside(occurrence: Any) -> str:
    count = sum(1 for seat in occurrence.present if seat.state == Participant.State.INSIDE)
    return ngettext("%(count)d inside now", "%(count)d inside now", count) % {"count": count}


def _knocking(occurrence: Any) -> str:
    waiting = [seat.name for seat in occurrence.present if seat.state == Participant.State.WAITING]
    if not waiting:
        return ""
    return ngettext("%(names)s is at the door already", "%(names)s are at the door already", len(waiting)) % {
        "names": words.names(waiting)
    }


def _relative(moment: datetime, now: datetime) -> str:
    minutes = round((moment - now).total_seconds() / 60)
    if minutes == 0:
        return _("now")
    if minutes > 0:
        return ngettext("in %(count)d minute", "in %(count)d minutes", minutes) % {"count": minutes}
    if minutes > -60:
        return ngettext("%(count)d minute ago", "%(count)d minutes ago", -minutes) % {"count": -minutes}
    hours = round(-minutes / 60)
    return ngettext("%(count)d hour ago", "%(count)d hours ago", hours) % {"count": hours}


def _exposed(meeting: Meeting | None, now: datetime) -> dict[str, str] | None:
    if meeting is None:
        return None
    days = (now - meeting.created_at).days
    since = ""
    if days:
        since = ngettext(
            "The link is %(count)d day old and still works.", "The link is %(count)d days old and still works.", days
        ) % {"count": days}
    return {"title": meeting.title, "since": since, "edit_url": reverse("meetings:edit", args=[meeting.pk])}
