"""How a meeting repeats: rules that a form can show, as RRULE text (RFC 5545 3.3.10), and the times they give. Pure.

Times are local ones of the meeting's own place: a meeting at 9:00 in Berlin stays at 9:00 when the clocks change there.
Only what the form can show is taken: daily; weekly on days; monthly on a date or on a weekday such as the last Friday;
each every so many, and without an end, until a day, or so many times.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from itertools import islice
from typing import Any, Final
from zoneinfo import ZoneInfo

from dateutil import rrule

DAYS: Final = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
MOST_EVERY: Final = 99
MOST_TIMES: Final = 730
LONGEST: Final = timedelta(days=5 * 366)
"""How far after its first time a rule may have its end, and how far one without end is ever followed."""

_NTH = re.compile(r"(-1|[1-4])(MO|TU|WE|TH|FR|SA|SU)", re.ASCII)
_NUMBER = re.compile(r"[0-9]{1,4}", re.ASCII)
_UNTIL = re.compile(r"([0-9]{8})(T[0-9]{6}Z)?", re.ASCII)


class RuleError(ValueError):
    """Text that is no rule, or one that can't be had here. The message is for people and names the part."""


class Freq(StrEnum):
    DAILY = "DAILY"
    WEEKLY = "WEEKLY"
    MONTHLY = "MONTHLY"


@dataclass(frozen=True, slots=True)
class Rule:
    """days: weekdays of a weekly rule, Monday is 0. A monthly rule has either month_day or nth with weekday (nth: 1 to
    4, or -1 for the last). At most one of count and until (a local day, inclusive) is set."""

    freq: Freq
    every: int = 1
    days: tuple[int, ...] = ()
    month_day: int | None = None
    nth: int | None = None
    weekday: int | None = None
    count: int | None = None
    until: date | None = None

    def text(self) -> str:
        """RRULE text in one canonical way. `UNTIL` is a local day; calendars get it as a moment (`until_moment`)."""
        parts = [f"FREQ={self.freq}"]
        if self.every != 1:
            parts.append(f"INTERVAL={self.every}")
        if self.days:
            parts.append("BYDAY=" + ",".join(DAYS[day] for day in self.days))
        if self.month_day is not None:
            parts.append(f"BYMONTHDAY={self.month_day}")
        if self.nth is not None and self.weekday is not None:
            parts.append(f"BYDAY={self.nth}{DAYS[self.weekday]}")
        if self.count is not None:
            parts.append(f"COUNT={self.count}")
        if self.until is not None:
            parts.append(f"UNTIL={self.until:%Y%m%d}")
        return ";".join(parts)

    def ending(self, *, count: int | None = None, until: date | None = None) -> Rule:
        """The same rhythm with another end, or without one."""
        return replace(self, count=count, until=until)

    def following(self, day: date) -> Rule:
        """The same rhythm for a first time that was moved to this day: what names one day goes along with it. Several
        days of a week stay as they are."""
        if self.freq is Freq.WEEKLY and len(self.days) == 1:
            return replace(self, days=(day.weekday(),))
        if self.month_day is not None:
            return replace(self, month_day=day.day)
        if self.nth is not None:
            keeps_last = self.nth == -1 and is_last(day)
            return replace(self, nth=-1 if keeps_last or nth_of(day) > 4 else nth_of(day), weekday=day.weekday())
        return self

    def has(self, day: date) -> bool:
        """Whether a first time on this day fits the rule: else calendars disagree about what the first time is."""
        if self.freq is Freq.WEEKLY:
            return day.weekday() in self.days
        if self.freq is Freq.MONTHLY and self.month_day is not None:
            return day.day == self.month_day
        if self.freq is Freq.MONTHLY:
            return day.weekday() == self.weekday and self.nth in {nth_of(day), -1 if is_last(day) else nth_of(day)}
        return True


def nth_of(day: date) -> int:
    """Which one of its weekday a day is in its month: 1 to 5."""
    return (day.day - 1) // 7 + 1


def is_last(day: date) -> bool:
    """Whether no other of its weekday follows in its month."""
    return (day + timedelta(days=7)).month != day.month


def parse(text: str, first: datetime) -> Rule:
    """The rule in RRULE text, for a meeting whose first time is `first` (local, without zone). Raises `RuleError`.

    A weekly rule without days and a monthly one without a day take them from the first time, as RFC 5545 says.
    """
    fields = _fields(text)
    try:
        freq = Freq(fields.pop("FREQ", ""))
    except ValueError:
        raise RuleError("FREQ must be DAILY, WEEKLY or MONTHLY.") from None
    every = _number(fields.pop("INTERVAL", "1"), "INTERVAL", MOST_EVERY)
    rule = Rule(freq, every)
    if freq is Freq.WEEKLY:
        rule = replace(rule, days=_days(fields.pop("BYDAY", DAYS[first.weekday()])))
        if fields.pop("WKST", "MO") != "MO":
            raise RuleError("Weeks start on Monday here: leave WKST out.")
    elif freq is Freq.MONTHLY:
        rule = _monthly(rule, fields, first)
    rule = _ended(rule, fields, first)
    if fields:
        raise RuleError(f"{', '.join(sorted(fields))}: can’t be had here.")
    check(rule, first.date())
    return rule


def check(rule: Rule, first: date) -> None:
    """Raises `RuleError` where the first day doesn't fit the rule, or its end is before it or out of reach."""
    if not rule.has(first):
        raise RuleError("The first day is not one of the days on which it repeats.")
    if rule.until is not None and not first <= rule.until <= first + LONGEST:
        raise RuleError("It ends at the latest five years after its first time, and not before it.")


def _fields(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in text.strip().removeprefix("RRULE:").upper().rstrip(";").split(";"):
        name, equals, value = part.partition("=")
        if not equals or not name or not value or name in found:
            raise RuleError("Write a rule such as FREQ=WEEKLY;BYDAY=TU;COUNT=10.")
        found[name] = value
    return found


def _number(text: str, name: str, most: int) -> int:
    if not _NUMBER.fullmatch(text) or not 1 <= int(text) <= most:
        raise RuleError(f"{name} must be from 1 to {most}.")
    return int(text)


def _days(text: str) -> tuple[int, ...]:
    names = text.split(",")
    if any(name not in DAYS for name in names):
        raise RuleError("BYDAY of a weekly rule must be weekdays, such as TU,TH.")
    return tuple(sorted({DAYS.index(name) for name in names}))


def _monthly(rule: Rule, fields: dict[str, str], first: datetime) -> Rule:
    by_day, by_date = fields.pop("BYDAY", ""), fields.pop("BYMONTHDAY", "")
    if by_day and by_date:
        raise RuleError("Give BYDAY or BYMONTHDAY, not both.")
    if by_day:
        match = _NTH.fullmatch(by_day)
        if match is None:
            raise RuleError("BYDAY of a monthly rule must be one weekday such as 2TU, or -1FR for the last.")
        return replace(rule, nth=int(match[1]), weekday=DAYS.index(match[2]))
    return replace(rule, month_day=_number(by_date, "BYMONTHDAY", 31) if by_date else first.day)


def _ended(rule: Rule, fields: dict[str, str], first: datetime) -> Rule:
    count, until = fields.pop("COUNT", ""), fields.pop("UNTIL", "")
    if count and until:
        raise RuleError("Give COUNT or UNTIL, not both.")
    if count:
        return replace(rule, count=_number(count, "COUNT", MOST_TIMES))
    if not until:
        return rule
    match = _UNTIL.fullmatch(until)
    try:
        day = datetime.strptime(match[1], "%Y%m%d").date() if match is not None else None
        clock = datetime.strptime(match[2], "T%H%M%SZ").time() if match is not None and match[2] else None
    except ValueError:
        day = None
    if day is None:
        raise RuleError("UNTIL must be a day such as 20270630, or a moment such as 20270630T120000Z.")
    if clock is not None and first.tzinfo is not None:
        moment = datetime.combine(day, clock, tzinfo=UTC).astimezone(first.tzinfo)
        day = moment.date() if moment.time() >= first.time() else moment.date() - timedelta(days=1)
    return replace(rule, until=day)


def times(rule: Rule, first: datetime) -> Iterator[datetime]:
    """The local times of a rule, its first one included, in their order; without an end they go on for five years."""
    naive = first.replace(tzinfo=None)
    found = rrule.rrule(**_arguments(rule, naive))
    return iter(found) if rule.count is not None else (one for one in found if one <= naive + LONGEST)


def _arguments(rule: Rule, first: datetime) -> dict[str, Any]:
    weekdays: Any = [rrule.weekday(day) for day in rule.days] or None
    if rule.nth is not None and rule.weekday is not None:
        weekdays = rrule.weekday(rule.weekday, rule.nth)
    last = datetime.combine(rule.until, time.max) if rule.until is not None else first + LONGEST
    return {
        "freq": getattr(rrule, rule.freq),
        "dtstart": first,
        "interval": rule.every,
        "byweekday": weekdays,
        "bymonthday": rule.month_day,
        "count": rule.count,
        "until": None if rule.count is not None else last,
        "wkst": rrule.MO,
    }


def first_times(rule: Rule, first: datetime, most: int) -> list[datetime]:
    """The first so many times of a rule."""
    return list(islice(times(rule, first), most))


def moment(local: datetime, zone: str) -> datetime:
    """When clocks in `zone` show this. A time that the clocks skip is read by the clock before it, and of a time that
    they show twice the first one counts (RFC 5545 3.3.5)."""
    return local.replace(tzinfo=ZoneInfo(zone), fold=0).astimezone(UTC)


def local_time(at: datetime, zone: str) -> datetime:
    """What clocks in `zone` show at a moment, without the zone."""
    return at.astimezone(ZoneInfo(zone)).replace(tzinfo=None)


def for_calendars(rule: Rule, first: datetime, zone: str) -> str:
    """RRULE text as RFC 5545 has it beside a time with a zone: its end is a moment, of a start on the last day."""
    if rule.until is None:
        return rule.text()
    end = moment(datetime.combine(rule.until, first.time()), zone)
    return f"{rule.ending().text()};UNTIL={end:%Y%m%dT%H%M%SZ}"
