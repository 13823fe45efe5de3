"""Calendar entries (RFC 5545, RFC 5546) for one person. Other people's addresses never appear."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event, vCalAddress, vRecur, vText

REQUEST, CANCEL, PUBLISH = "REQUEST", "CANCEL", "PUBLISH"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What a calendar entry says. `uid` names what it is about for ever, `sequence` rises with every change of it.

    rule: RRULE text, of an entry that repeats; excluded: its times that don't take place; ends: the last day for which
    the zone has to be described. instance_of: of an entry that stands for one time of a repeating one with the same
    `uid`, what that time is by the rule.
    """

    uid: str
    sequence: int
    title: str
    starts_at: datetime
    ends_at: datetime
    time_zone: str
    description: str
    url: str
    organiser_name: str
    organiser_email: str
    attendee_name: str = ""
    attendee_email: str = ""
    stamp: datetime
    rule: str = ""
    excluded: tuple[datetime, ...] = ()
    ends: date | None = None
    instance_of: datetime | None = None


def uid_of(key: object, public_url: str) -> str:
    """Stable over changes of title, time and people; the host part only makes it unique in the world."""
    return f"{key}@{urlsplit(public_url).hostname or 'lintel.invalid'}"


def calendar(entries: Sequence[Entry], method: str) -> bytes:
    """Entries of one `uid` as a calendar with this method: REQUEST asks and changes, CANCEL takes back, PUBLISH only
    informs.
    """
    found = Calendar()
    found.add("prodid", "-//Lintel//Meetings//EN")
    found.add("version", "2.0")
    found.add("calscale", "GREGORIAN")
    found.add("method", method)
    for entry in entries:
        found.add_component(_event(entry, method))
    # Times are given in the organiser's zone, so that the calendar shows them as they were meant.
    # The zone is described from the year before to the year after; its whole history would be most of the mail.
    first = min(entry.starts_at.year for entry in entries)
    last = max(max(entry.ends_at.year, entry.ends.year if entry.ends else 0) for entry in entries)
    found.add_missing_timezones(first_date=date(first - 1, 1, 1), last_date=date(last + 2, 1, 1))
    text: bytes = found.to_ical()
    return text


def _event(entry: Entry, method: str) -> Event:
    zone = ZoneInfo(entry.time_zone)
    event = Event()
    event.add("uid", entry.uid)
    event.add("sequence", entry.sequence)
    event.add("dtstamp", entry.stamp.astimezone(UTC))
    event.add("dtstart", entry.starts_at.astimezone(zone))
    event.add("dtend", entry.ends_at.astimezone(zone))
    if entry.rule:
        event.add("rrule", vRecur.from_ical(entry.rule))
    if entry.excluded:
        event.add("exdate", [at.astimezone(zone) for at in entry.excluded])
    if entry.instance_of is not None:
        event.add("recurrence-id", entry.instance_of.astimezone(zone))
    event.add("summary", entry.title)
    event.add("description", entry.description)
    if entry.url:
        event.add("location", entry.url)
        event.add("url", entry.url)
    event.add("status", "CANCELLED" if method == CANCEL else "CONFIRMED")
    event.add("transp", "TRANSPARENT" if method == CANCEL else "OPAQUE")
    event.add("organizer", _address(entry.organiser_name, entry.organiser_email))
    if entry.attendee_email:
        attendee = _address(entry.attendee_name, entry.attendee_email)
        attendee.params["ROLE"] = vText("REQ-PARTICIPANT")
        attendee.params["PARTSTAT"] = vText("NEEDS-ACTION")
        attendee.params["RSVP"] = vText("TRUE" if method == REQUEST else "FALSE")
        event.add("attendee", attendee, encode=0)
    return event


def _address(name: str, email: str) -> vCalAddress:
    address = vCalAddress(f"mailto:{email}")
    if name:
        # Parameter values know no escape for a quotation mark (RFC 5545 3.2); RFC 6868 readers are rare.
        address.params["CN"] = vText(name.replace('"', "’"))
    return address
