"""Mails about a meeting: invitation, change, cancellation, and a guest's code. Builds and sends; decides nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from meetings import ics
from meetings.audit.words import link_words, tries_words
from meetings.models import Occurrence

METHODS = {"invitation": ics.REQUEST, "change": ics.REQUEST, "link": ics.REQUEST, "cancellation": ics.CANCEL}


@dataclass(frozen=True)
class Reader:
    """To whom a mail goes. `personal`: the link in it is theirs alone; otherwise they sign in."""

    email: str
    name: str
    link: str
    personal: bool = False
    hosting: bool = False


def subject_of(what: str, title: str) -> str:
    return {
        "invitation": _("Invitation: %(title)s"),
        "change": _("Changed: %(title)s"),
        "link": _("New link: %(title)s"),
        "cancellation": _("Cancelled: %(title)s"),
    }[what] % {"title": title}


def send(what: str, occurrence: Occurrence, reader: Reader) -> None:
    """Mail an invitation, change or cancellation: text, HTML and calendar entry. Raises OSError (SMTP's are such)."""
    meeting = occurrence.meeting
    context = {
        "what": what,
        "title": meeting.title,
        "notes": meeting.notes,
        "when": when(occurrence.starts_at, occurrence.ends_at, meeting.time_zone),
        "hosts": [host.name for host in meeting.hosts.order_by("name")],
        "inviter": meeting.created_by.name,
        "organisation": settings.LINTEL.organisation,
        "reader": reader,
    }
    calendar = ics.calendar(entry_of(occurrence, reader), METHODS[what]).decode()
    message = EmailMultiAlternatives(
        subject=subject_of(what, meeting.title),
        body=render_to_string("meetings/mail/meeting.txt", context),
        to=[reader.email],
        reply_to=[meeting.created_by.email],
        headers={"Auto-Submitted": "auto-generated"},
    )
    message.attach_alternative(render_to_string("meetings/mail/meeting.html", context), "text/html")
    # As an alternative for calendars that read the mail, and as a file for people whose program does not.
    message.attach_alternative(calendar, f"text/calendar; method={METHODS[what]}")
    message.attach("invite.ics", calendar.encode(), "application/ics")
    message.send()


def send_code(occurrence: Occurrence, email: str, digits: str) -> None:
    """Mail a guest's six digits. Raises OSError (SMTP too)."""
    context = {
        "digits": digits,
        "title": occurrence.meeting.title,
        "organisation": settings.LINTEL.organisation,
    }
    EmailMultiAlternatives(
        subject=_("Your code for %(title)s") % {"title": occurrence.meeting.title},
        body=render_to_string("meetings/mail/code.txt", context),
        to=[email],
        headers={"Auto-Submitted": "auto-generated"},
    ).send()


def warn_of_link(occurrence: Occurrence, host: Any, line: Any) -> None:
    """Mail a host that a link is being tried from many networks. Raises OSError (SMTP too)."""
    from meetings import triedwords  # here: what it reads queues mails itself

    meeting, title = occurrence.meeting, occurrence.meeting.title
    link = link_words(line.link.kind, line.link.name)
    helps = triedwords.replace_path(meeting, line.link) or triedwords.page_path(meeting)
    _plain(
        host.email,
        _("A link of “%(title)s” is being tried from many networks") % {"title": title},
        "meetings/mail/link_tried.txt",
        title=title,
        link=_("%(link)s for “%(title)s”") % {"link": link[:1].upper() + link[1:], "title": title},
        tries=tries_words(line.count, link),
        networks=line.networks,
        replace=settings.LINTEL.public_url + helps,
        history=settings.LINTEL.public_url + triedwords.history_path(meeting),
    )


def tell_turned_away(occurrence: Occurrence, lines: list[Any]) -> None:
    """Mail whoever scheduled a meeting what was turned away at it. Raises OSError (SMTP too)."""
    from meetings import triedwords

    meeting = occurrence.meeting
    _plain(
        meeting.created_by.email,
        _("Turned away from “%(title)s”") % {"title": meeting.title},
        "meetings/mail/turned_away.txt",
        title=meeting.title,
        lines=[triedwords.said(line) for line in lines],
        history=settings.LINTEL.public_url + triedwords.history_path(meeting),
    )


def _plain(to: str, subject: str, template: str, **context: Any) -> None:
    EmailMultiAlternatives(
        subject=subject,
        body=render_to_string(template, {**context, "organisation": settings.LINTEL.organisation}),
        to=[to],
        headers={"Auto-Submitted": "auto-generated"},
    ).send()


def entry_of(occurrence: Occurrence, reader: Reader) -> ics.Entry:
    """The calendar entry that this reader gets."""
    meeting = occurrence.meeting
    organiser: Any = meeting.created_by
    lines = [meeting.notes, _("Come in: %(link)s") % {"link": reader.link}]
    return ics.Entry(
        uid=ics.uid_of(occurrence.pk, settings.LINTEL.public_url),
        sequence=meeting.calendar_sequence,
        title=meeting.title,
        starts_at=occurrence.starts_at,
        ends_at=occurrence.ends_at,
        time_zone=meeting.time_zone,
        description="\n\n".join(line for line in lines if line),
        url=reader.link,
        organiser_name=organiser.name,
        organiser_email=organiser.email,
        attendee_name=reader.name,
        attendee_email=reader.email,
        stamp=timezone.now(),
    )


def when(starts_at: datetime, ends_at: datetime, time_zone: str) -> str:
    """Day and times in the meeting's own zone, which is named because the reader's may differ."""
    zone = ZoneInfo(time_zone)
    start, end = starts_at.astimezone(zone), ends_at.astimezone(zone)
    return _("%(day)s, %(start)s to %(end)s (%(zone)s)") % {
        "day": date_format(start, "l j F Y"),
        "start": f"{start:%H:%M}",
        "end": f"{end:%H:%M}",
        "zone": time_zone,
    }
