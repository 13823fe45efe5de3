"""Which calendar entries go with a mail about a meeting: the whole of it, or one occurrence of what repeats."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _

from meetings import ics, recurrence
from meetings.models import Encryption, Occurrence
from meetings.readers import Reader
from meetings.seriesmodels import Series

OF_ONE_OCCURRENCE = frozenset({"link", "next", "moved", "called_off"})
"""Mails about one occurrence of a meeting that repeats; calendars keep the others."""
KEPT = timedelta(days=60)
"""How long ago an occurrence may be that still has an entry of its own beside the repeating one."""


def for_mail(what: str, occurrence: Occurrence, reader: Reader, series: Series | None = None) -> tuple[str, bytes]:
    """Method and calendar. `series`: the one that the mail is about, where it isn't that of the occurrence."""
    about = series or occurrence.series
    if about is None or not reader.standing or what in OF_ONE_OCCURRENCE:
        method = ics.CANCEL if what in {"cancellation", "called_off"} else ics.REQUEST
        return method, ics.calendar([_one(occurrence, reader)], method)
    ends_it = what == "cancellation" or (what in {"ends", "replaced"} and not takes_place(about))
    if ends_it:
        return ics.CANCEL, ics.calendar([_whole(about, occurrence, reader)], ics.CANCEL)
    return ics.REQUEST, ics.calendar(
        [_whole(about, occurrence, reader), *_instances(about, occurrence, reader)], ics.REQUEST
    )


def published(occurrence: Occurrence, link: str) -> bytes:
    """The meeting as a calendar file for nobody in particular, with its own link."""
    reader = Reader(email="", name="", link=link)
    series = occurrence.series
    if series is None:
        return ics.calendar([_one(occurrence, reader)], ics.PUBLISH)
    return ics.calendar([_whole(series, occurrence, reader), *_instances(series, occurrence, reader)], ics.PUBLISH)


def takes_place(series: Series) -> bool:
    """Whether a series has an occurrence, over or to come, that wasn't called off."""
    return series.occurrences.filter(original_at__isnull=False, cancelled_at=None).exists()


def _one(occurrence: Occurrence, reader: Reader) -> ics.Entry:
    is_instance = occurrence.series_id is not None and occurrence.original_at is not None
    return _entry(
        occurrence,
        reader,
        uid=occurrence.series_id if is_instance else occurrence.pk,
        starts_at=occurrence.starts_at,
        ends_at=occurrence.ends_at,
        instance_of=occurrence.original_at if is_instance else None,
    )


def _whole(series: Series, occurrence: Occurrence, reader: Reader) -> ics.Entry:
    rule = series.parsed
    starts_at = recurrence.moment(series.first, series.time_zone)
    cancelled = series.occurrences.filter(original_at__isnull=False).exclude(cancelled_at=None)
    # A personal link is for one occurrence: where it is for, it stands beside the repeating entry.
    shared = Reader(reader.email, reader.name, "" if reader.is_guest else reader.link, is_guest=reader.is_guest)
    return _entry(
        occurrence,
        shared,
        uid=series.pk,
        starts_at=starts_at,
        ends_at=starts_at + timedelta(minutes=series.duration_minutes),
        time_zone=series.time_zone,
        rule=recurrence.for_calendars(rule, series.first, series.time_zone),
        excluded=tuple(cancelled.order_by("original_at").values_list("original_at", flat=True)),
        ends=rule.until or (series.first + recurrence.LONGEST).date(),
    )


def _instances(series: Series, occurrence: Occurrence, reader: Reader) -> list[ics.Entry]:
    """Occurrences that differ from the rule, and the one for which this reader holds a link."""
    found = []
    length = timedelta(minutes=series.duration_minutes)
    held = series.occurrences.filter(original_at__isnull=False, cancelled_at=None, ends_at__gt=timezone.now() - KEPT)
    for one in held.select_related("meeting__created_by").order_by("original_at"):
        is_readers = one.pk == occurrence.pk and reader.personal
        if is_readers or (one.starts_at, one.ends_at - one.starts_at) != (one.original_at, length):
            shown = (
                reader if is_readers or not reader.is_guest else Reader(reader.email, reader.name, "", is_guest=True)
            )
            found.append(_one(one, shown))
    return found


def _entry(occurrence: Occurrence, reader: Reader, *, uid: Any, starts_at: datetime, **more: Any) -> ics.Entry:
    meeting = occurrence.meeting
    organiser: Any = meeting.created_by
    come_in = _("Come in: %(link)s") % {"link": reader.link}
    later = _("Your personal link comes by email before each meeting.")
    half = _("This meeting is sealed: the key of the room comes from its hosts by another way.")
    lines = [meeting.notes, come_in if reader.link else later, half if meeting.encryption == Encryption.SEALED else ""]
    return ics.Entry(
        uid=ics.uid_of(uid, settings.LINTEL.public_url),
        sequence=meeting.calendar_sequence,
        title=meeting.title,
        starts_at=starts_at,
        time_zone=more.pop("time_zone", meeting.time_zone),
        description="\n\n".join(line for line in lines if line),
        url=reader.link,
        organiser_name=organiser.name,
        organiser_email=organiser.email,
        attendee_name=reader.name,
        attendee_email=reader.email,
        stamp=timezone.now(),
        **more,
    )
