"""What a meeting may be made of: title, times, zone, hosts and people, each checked. Every function raises `Wrong`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.utils.translation import gettext as _

from meetings.services.errors import Wrong
from meetings.text import clean_line

TITLE_LENGTH = 120
SHORTEST_MINUTES, LONGEST_MINUTES = 5, 24 * 60
MAX_INVITED = 200


@dataclass(frozen=True)
class Person:
    """Somebody to invite: an address with the name that goes with it, and the account where there is one."""

    email: str
    name: str = ""
    user: Any = None


def title(text: str) -> str:
    cleaned = clean_line(text, TITLE_LENGTH + 1)
    if not cleaned:
        raise Wrong("title", "required", _("Give the meeting a title."))
    if len(cleaned) > TITLE_LENGTH:
        raise Wrong("title", "too_long", _("At most %(count)d characters.") % {"count": TITLE_LENGTH})
    return cleaned


def times(starts_at: datetime, minutes: int) -> tuple[datetime, datetime]:
    """Start and end."""
    if starts_at.tzinfo is None:
        raise Wrong("starts_at", "time_zone", _("Say in which time zone this time is."))
    if not SHORTEST_MINUTES <= minutes <= LONGEST_MINUTES:
        raise Wrong("duration_minutes", "range", _("A meeting lasts 5 minutes to 24 hours."))
    try:
        return starts_at, starts_at + timedelta(minutes=minutes)
    except OverflowError:
        raise Wrong("starts_at", "range", _("This date is too far away.")) from None


def zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Wrong("time_zone", "unknown", _("There is no such time zone.")) from None
    return name


def people(given: Sequence[Any]) -> list[Person]:
    """Addresses, (address, name) pairs or accounts, each once."""
    found: dict[str, Person] = {}
    for one in given:
        match one:
            case str():
                person = Person(one.strip())
            case (str(email), str(name)):
                person = Person(email.strip(), name)
            case _:
                person = Person(one.email, one.name, one)
        found.setdefault(person.email.lower(), person)
    if len(found) > MAX_INVITED:
        raise Wrong("people", "too_many", _("At most %(count)d people can be invited.") % {"count": MAX_INVITED})
    return list(found.values())


def accounts(hosts: Iterable[Any]) -> list[Any]:
    """Active accounts, each once."""
    found = {host.pk: host for host in hosts}
    if not all(host.is_active for host in found.values()):
        raise Wrong("hosts", "inactive", _("A deactivated account cannot host."))
    return list(found.values())
