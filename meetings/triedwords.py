"""Tries that were turned away, in words, and where a host reads more or puts an end to them. Reads no rows."""

from __future__ import annotations

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from meetings.audit.words import link_words, tries_words
from meetings.models import Meeting
from meetings.services.turned_away import Line, Link


def said(line: Line) -> str:
    """ "3 tries with the meeting’s link were turned away, from 2 networks." """
    if line.link.kind:
        tries = tries_words(line.count, link_words(line.link.kind, line.link.name))
        text = _("%(tries)s turned away") % {"tries": tries}
    else:
        text = ngettext("%(count)d try was turned away", "%(count)d tries were turned away", line.count)
        text %= {"count": line.count}
    if line.networks > 1:
        where = ngettext("from %(count)d network", "from %(count)d networks", line.networks) % {"count": line.networks}
        text = _("%(text)s, %(where)s") % {"text": text, "where": where}
    return f"{text}."


def replace_path(meeting: Meeting, link: Link) -> str:
    """The page on which a host replaces this link. "" where there is nothing left to replace."""
    if link.kind == "personal":
        return reverse("meetings:replace-link", args=[meeting.pk, link.invitation])
    return reverse("meetings:replace-meeting-link", args=[meeting.pk]) if link.kind == "meeting" else ""


def page_path(meeting: Meeting) -> str:
    return reverse("meetings:meeting", args=[meeting.pk])


def history_path(meeting: Meeting) -> str:
    """The history, filtered by what was refused."""
    return reverse("meetings:history", args=[meeting.pk]) + "?result=refused"
