"""The blocks on a meeting's page: whom hosts keep out for good, and the button that lets somebody knock again."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from meetings.models import Meeting
from meetings.services import blocks
from meetings.services.blocks import Blocked
from meetings.views.access import for_hosts, open_meeting
from meetings.views.moments import short_moment


def region(meeting: Meeting, now: datetime) -> dict[str, Any]:
    """What the list "Blocked" of the region "The door" shows."""
    found = blocks.in_force(meeting)
    return {"blocks": [{"id": one.id, "name": name_of(one), "about": _about(one, now)} for one in found]}


def name_of(one: Blocked) -> str:
    """What to call them where their name is known no more."""
    return one.name or _("Somebody")


def _about(one: Blocked, now: datetime) -> str:
    facts = {"name": one.by, "when": short_moment(one.since, now, inline=True)}
    if one.removed:
        said = _("Removed by %(name)s, %(when)s") if one.by else _("Removed, %(when)s")
    else:
        said = _("Turned away by %(name)s, %(when)s") if one.by else _("Turned away, %(when)s")
    return said % facts


@for_hosts
@require_POST
def lift(request: HttpRequest, meeting_id: Any) -> HttpResponse:
    """Lifts the block that the form names. One that is lifted already is said to be so, and nothing happens."""
    meeting = open_meeting(request.user, meeting_id)
    number = request.POST.get("block", "")
    if not (number.isascii() and number.isdecimal() and len(number) <= 18):
        raise Http404
    lifted = blocks.lift_block(request.user, meeting, int(number))
    if lifted is None:
        messages.info(request, _("That block was lifted already."))
    else:
        messages.success(request, _("%(name)s may knock again.") % {"name": name_of(lifted)})
    return redirect(reverse("meetings:meeting", args=[meeting.pk]) + "#door")
