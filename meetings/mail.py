"""Mails about a meeting: what it is now, one occurrence of it, its end, and a guest's code. Builds and sends; decides
nothing.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from meetings import calendars, recurrence, recurrencewords
from meetings.audit.words import link_words, tries_words
from meetings.models import Encryption, Meeting, Occurrence
from meetings.readers import Reader
from meetings.seriesmodels import Series

OVER = frozenset({"cancellation", "called_off"})
"""Mails about what doesn't take place: without a link."""


def subject_of(what: str, title: str) -> str:
    return {
        "invitation": _("Invitation: %(title)s"),
        "change": _("Changed: %(title)s"),
        "link": _("New link: %(title)s"),
        "next": _("Your link: %(title)s"),
        "moved": _("Other time: %(title)s"),
        "called_off": _("Called off once: %(title)s"),
        "ends": _("Ends: %(title)s"),
        "replaced": _("Changes later: %(title)s"),
        "cancellation": _("Cancelled: %(title)s"),
    }[what] % {"title": title}


def send(what: str, occurrence: Occurrence, reader: Reader, series: Series | None = None) -> None:
    """Mail one of the kinds of `subject_of`: text, HTML and calendar. `series`: the one that ends, of "ends" and
    "replaced". Raises OSError (SMTP's are such).
    """
    meeting = occurrence.meeting
    about = series or occurrence.series
    whole = about is not None and reader.standing and what not in calendars.OF_ONE_OCCURRENCE
    context = {
        "what": what,
        "is_over": what in OVER,
        "title": meeting.title,
        "notes": meeting.notes,
        "when": when(occurrence.starts_at, occurrence.ends_at, meeting.time_zone),
        "rhythm": rhythm(about) if about is not None and whole else "",
        "repeats": about is not None and reader.standing,
        "last_day": last_day(about) if about is not None and what in {"ends", "replaced"} else "",
        "hosts": [host.name for host in meeting.hosts.order_by("name")],
        "inviter": meeting.created_by.name,
        "organisation": settings.LINTEL.organisation,
        "sealed": meeting.encryption == Encryption.SEALED,
        "reader": reader,
    }
    method, calendar = calendars.for_mail(what, occurrence, reader, series)
    message = EmailMultiAlternatives(
        subject=subject_of(what, meeting.title),
        body=render_to_string("meetings/mail/meeting.txt", context),
        to=[reader.email],
        reply_to=[meeting.created_by.email],
        headers={"Auto-Submitted": "auto-generated"},
    )
    message.attach_alternative(render_to_string("meetings/mail/meeting.html", context), "text/html")
    # As an alternative for calendars that read the mail, and as a file for people whose program does not.
    message.attach_alternative(calendar.decode(), f"text/calendar; method={method}")
    message.attach("invite.ics", calendar, "application/ics")
    message.send()


def send_code(occurrence: Occurrence, email: str, digits: str, *, knows: bool) -> None:
    """Mail six digits. knows: they are invited; nobody else learns the title. Raises OSError (SMTP too)."""
    somewhere = _("a meeting at %(org)s") % {"org": settings.LINTEL.organisation}
    title = occurrence.meeting.title if knows else somewhere
    context = {"digits": digits, "title": title, "organisation": settings.LINTEL.organisation}
    EmailMultiAlternatives(
        subject=_("Your code for %(title)s") % {"title": title},
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


def tell_of_withdrawn_links(meeting: Meeting, host: Any, former: Any, guests: list[str]) -> None:
    """Mail a host whose links ended because the one who had copied them hosts no more. Raises OSError (SMTP too)."""
    _plain(
        host.email,
        _("Guests of “%(title)s” need new links") % {"title": meeting.title},
        "meetings/mail/links_withdrawn.txt",
        title=meeting.title,
        former=former.name,
        guests=guests,
        page=f"{settings.LINTEL.public_url}{reverse('meetings:meeting', args=[meeting.pk])}#invitations",
    )


def _plain(to: str, subject: str, template: str, **context: Any) -> None:
    EmailMultiAlternatives(
        subject=subject,
        body=render_to_string(template, {**context, "organisation": settings.LINTEL.organisation}),
        to=[to],
        headers={"Auto-Submitted": "auto-generated"},
    ).send()


def when(starts_at: datetime, ends_at: datetime, time_zone: str) -> str:
    """Day and times in the meeting's own zone, which is named, with how far it is from UTC: the reader's may differ."""
    zone = ZoneInfo(time_zone)
    start, end = starts_at.astimezone(zone), ends_at.astimezone(zone)
    return _("%(day)s, %(start)s to %(end)s (%(zone)s)") % {
        "day": date_format(start, "l j F Y"),
        "start": f"{start:%H:%M}",
        "end": f"{end:%H:%M}",
        "zone": time_zone if time_zone == "UTC" else f"{time_zone}, {_offset(start)}",
    }


def _offset(moment: datetime) -> str:
    """ "UTC+1", "UTC+5:30", "UTC"."""
    minutes = round((moment.utcoffset() or timedelta()).total_seconds() / 60)
    hours, rest = divmod(abs(minutes), 60)
    return f"UTC{'+' if minutes > 0 else '−'}{hours}{f':{rest:02}' if rest else ''}" if minutes else "UTC"


def rhythm(series: Series) -> str:
    """How a meeting repeats: "Every Tuesday at 09:00, 10 times"."""
    return _("%(rhythm)s, at %(clock)s (%(zone)s)") % {
        "rhythm": recurrencewords.said(series.parsed),
        "clock": f"{series.starts:%H:%M}",
        "zone": series.time_zone,
    }


def last_day(series: Series) -> str:
    """The last day on which a series that ended takes place; empty if it does not at all."""
    if not calendars.takes_place(series):
        return ""
    last = series.occurrences.filter(original_at__isnull=False, cancelled_at=None).order_by("-original_at").first()
    assert last is not None and last.original_at is not None  # noqa: S101 - for the type checker
    return date_format(recurrence.local_time(last.original_at, series.time_zone), "l j F Y")
