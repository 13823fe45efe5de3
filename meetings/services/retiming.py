"""Another time, length, zone or rhythm for a meeting: of its one occurrence, or of a series from some occurrence on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from django.utils import timezone
from django.utils.translation import gettext as _

from meetings import lifecycle, recurrence
from meetings.models import Meeting, Occurrence
from meetings.recurrence import Rule, RuleError
from meetings.seriesmodels import Series
from meetings.services import hosting, series, values
from meetings.services.errors import Wrong


@dataclass
class Retimed:
    """What is different now, by name, and the series that ended with it."""

    changed: dict[str, Any] = field(default_factory=dict)
    ended: list[Series] = field(default_factory=list)


def change_times(by: Any, meeting: Meeting, occurrence: Occurrence, wanted: dict[str, Any]) -> Retimed:
    """Times as wanted, from this occurrence on. The caller holds the meeting's lock and stores its row.

    wanted: starts_at, duration_minutes, time_zone, and recurrence (None: it repeats no more after this occurrence).
    Raises `Wrong`, or `IllegalEvent` for the time of an occurrence that has begun.
    """
    if occurrence.series is None:
        retimed = Retimed(_change_one(meeting, occurrence, wanted))
        if wanted.get("recurrence"):
            first = occurrence.starts_at.astimezone(ZoneInfo(meeting.time_zone))
            series.begin(meeting, occurrence, series.rule_from(wanted["recurrence"], first))
            retimed.changed["recurrence"] = True
        return retimed
    if "recurrence" in wanted and wanted["recurrence"] is None:
        ended = series.stop_at(occurrence, by, inclusive=False)
        return Retimed(_change_one(meeting, occurrence, wanted) | {"recurrence": True}, ended)
    return _change_series(meeting, occurrence, occurrence.series, wanted)


def _change_one(meeting: Meeting, occurrence: Occurrence, wanted: dict[str, Any]) -> dict[str, Any]:
    minutes = wanted.get("duration_minutes", meeting.duration_minutes)
    starts_at, ends_at = values.times(wanted.get("starts_at", occurrence.starts_at), minutes)
    changed: dict[str, Any] = {}
    if starts_at != occurrence.starts_at:
        lifecycle.after(hosting.stage(occurrence), lifecycle.Event.MOVE)
        if ends_at <= timezone.now():
            raise Wrong("starts_at", "past", _("This time is over."))
        changed["starts_at"] = starts_at
    if minutes != meeting.duration_minutes:
        changed["duration_minutes"] = minutes
    if changed:
        meeting.duration_minutes = minutes
        occurrence.starts_at, occurrence.ends_at = starts_at, ends_at
        occurrence.save(update_fields=["starts_at", "ends_at"])
    return changed


def _change_series(meeting: Meeting, occurrence: Occurrence, present: Series, wanted: dict[str, Any]) -> Retimed:
    original_at = occurrence.original_at
    assert original_at is not None  # noqa: S101 - for the type checker
    minutes = wanted.get("duration_minutes", present.duration_minutes)
    starts_at, ends_at = values.times(wanted.get("starts_at", original_at), minutes)
    zone = values.zone(wanted.get("time_zone", present.time_zone))
    first = starts_at.astimezone(ZoneInfo(zone))
    before = series.remaining(occurrence)
    rule = _rule(wanted.get("recurrence"), before, first, moved=starts_at != original_at)
    changed: dict[str, Any] = {}
    if starts_at != original_at:
        changed["starts_at"] = starts_at
    if minutes != present.duration_minutes:
        changed["duration_minutes"] = minutes
    if zone != present.time_zone:
        changed["time_zone"] = True
    if rule != before:
        changed["recurrence"] = True
    if not changed:
        return Retimed()
    lifecycle.after(hosting.stage(occurrence), lifecycle.Event.MOVE)
    if ends_at <= timezone.now():
        raise Wrong("starts_at", "past", _("This time is over."))
    meeting.duration_minutes = minutes
    local = first.replace(tzinfo=None)
    return Retimed(changed, series.change_from(occurrence, rule, local, zone, minutes))


def _rule(given: str | None, before: Rule, first: Any, *, moved: bool) -> Rule:
    if given:
        return series.rule_from(given, first)
    rule = before.following(first.date()) if moved else before
    try:
        recurrence.check(rule, first.date())
    except RuleError as error:
        raise Wrong("starts_at" if moved else "recurrence", "rule", str(error)) from None
    return rule


def first_to_move(meeting: Meeting, current: Occurrence) -> Occurrence:
    """From which occurrence on a change of times acts where none is named: one that goes on now can't be moved."""
    if current.series is None or hosting.stage(current) is lifecycle.Stage.SCHEDULED:
        return current
    to_come = meeting.occurrences.filter(original_at__isnull=False, started_at=None, ended_at=None, cancelled_at=None)
    following = to_come.filter(starts_at__gt=current.starts_at).select_related("series").order_by("starts_at").first()
    return following or current
