"""Local times of a form, checked against the time zone: some don't exist, some exist twice. Pure."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

_REGIONS = (
    "Africa",
    "America",
    "Antarctica",
    "Arctic",
    "Asia",
    "Atlantic",
    "Australia",
    "Europe",
    "Indian",
    "Pacific",
)


class NoSuchTimeError(ValueError):
    """The clocks skip this time: they were put forward over it."""


class TimeHappensTwiceError(ValueError):
    """The clocks show this time twice: they were put back over it."""


def at(day: date, clock: time, zone: str) -> datetime:
    """The moment at which clocks in `zone` show this. Raises for a time that is skipped or that happens twice."""
    place = ZoneInfo(zone)
    first = datetime.combine(day, clock, tzinfo=place)
    second = first.replace(fold=1)
    if first.utcoffset() != second.utcoffset():
        back = first.astimezone(UTC).astimezone(place)
        if back.replace(tzinfo=None) != first.replace(tzinfo=None):
            raise NoSuchTimeError
        raise TimeHappensTwiceError
    return first.astimezone(UTC)


def offset(zone: str, moment: datetime) -> str:
    """How far clocks in `zone` are from UTC at `moment`: "UTC", "UTC+1", "UTC−3:30"."""
    away = moment.astimezone(ZoneInfo(zone)).utcoffset() or timedelta()
    minutes = round(away.total_seconds() / 60)
    if not minutes:
        return "UTC"
    hours, rest = divmod(abs(minutes), 60)
    return f"UTC{'+' if minutes > 0 else '−'}{hours}{f':{rest:02d}' if rest else ''}"


@lru_cache(maxsize=1)
def _names() -> tuple[str, ...]:
    return tuple(sorted(name for name in available_timezones() if name.partition("/")[0] in _REGIONS and "/" in name))


def city(zone: str) -> str:
    """The last part of a zone's name, as people say it: "Oslo", "Buenos Aires"."""
    return zone.rpartition("/")[2].replace("_", " ")


Groups = list[tuple[str, list[tuple[str, str]]]]


@lru_cache(maxsize=4)
def _groups(hour: datetime) -> Groups:
    groups: dict[str, list[tuple[str, str]]] = {}
    for name in _names():
        region, _, rest = name.partition("/")
        place = ", ".join(part.replace("_", " ") for part in reversed(rest.split("/")))
        groups.setdefault(region, []).append((name, f"{place} ({offset(name, hour)})"))
    found = [(region, sorted(zones, key=lambda zone: zone[1])) for region, zones in groups.items()]
    return [*found, ("UTC", [("UTC", "UTC")])]


def choices(moment: datetime, own: str = "") -> Groups:
    """Every zone, grouped by region, cities first so that typing a city finds it. `own` is offered on top.

    Clocks are as they are in the hour of `moment`.
    """
    found = _groups(moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0))
    if own:
        label = "UTC" if own == "UTC" else f"{city(own)} ({offset(own, moment)})"
        found = [("", [(own, label)])] + [
            (region, [zone for zone in zones if zone[0] != own]) for region, zones in found
        ]
    return [(region, zones) for region, zones in found if zones]
