"""Calendar entries (RFC 5545, RFC 5546) for one occurrence and one person. Other people's addresses never appear."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event, vCalAddress, vText

REQUEST, CANCEL, PUBLISH = "REQUEST", "CANCEL", "PUBLISH"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What a calendar entry says. `uid` names the occurrence for ever, `sequence` rises with every change of it."""

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


def uid_of(occurrence_id: object, public_url: str) -> str:
    """Stable over changes of title, time and people; the host part only makes it unique in the world."""
    return f"{occurrence_id}@{urlsplit(public_url).hostname or 'lintel.invalid'}"


def calendar(entry: Entry, method: str) -> bytes:
    """The entry as a calendar with this method: REQUEST asks and changes, CANCEL takes back, PUBLISH only informs."""
    found = Calendar()
    found.add("prodid", "-//Lintel//Meetings//EN")
    found.add("version", "2.0")
    found.add("calscale", "GREGORIAN")
    found.add("method", method)
    found.add_component(_event(entry, method))
    # Times are given in the organiser's zone, so that the calendar shows them as they were meant.
    # The zone is described from the year before to the year after; its whole history would be most of the mail.
    found.add_missing_timezones(
        first_date=date(entry.starts_at.year - 1, 1, 1), last_date=date(entry.ends_at.year + 2, 1, 1)
    )
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
    event.add("summary", entry.title)
    event.add("description", entry.description)
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
