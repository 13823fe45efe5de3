"""Meetings that repeat: how a series begins, changes from some occurrence on, or ends; its occurrences, made ahead.

Every occurrence has invitations and secrets of its own. They are carried over from the one before when it is made, so
that whoever was revoked stays revoked, and a link of last week opens nothing today. Functions here are for callers that
have checked who acts, and hold the meeting's lock; what hosts do to one occurrence is in `occurrences.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from meetings import audit, changes, lifecycle, recurrence
from meetings.models import Meeting, Occurrence
from meetings.recurrence import Rule, RuleError
from meetings.seriesmodels import Series
from meetings.services import following, hosting
from meetings.services.errors import Wrong

HORIZON = timedelta(days=60)
"""How far ahead occurrences are made."""
AT_LEAST = 2
"""So many occurrences to come are made, however far away they are."""


def rule_from(text: str, first: datetime) -> Rule:
    """The rule in this text, for a first time (local, without zone). Raises `Wrong` in the words of the rule."""
    try:
        return recurrence.parse(text, first)
    except RuleError as error:
        raise Wrong("recurrence", "rule", str(error)) from None


def begin(meeting: Meeting, occurrence: Occurrence, rule: Rule) -> Series:
    """Make this occurrence the first of a series, and the next ones with the people who are invited to it."""
    first = recurrence.local_time(occurrence.starts_at, meeting.time_zone)
    series = Series.objects.create(
        pk=occurrence.pk,  # calendars know the meeting by the key of its only occurrence, and go on with that
        meeting=meeting,
        rule=rule.text(),
        starts_on=first.date(),
        starts=first.time(),
        time_zone=meeting.time_zone,
        duration_minutes=meeting.duration_minutes,
    )
    occurrence.series, occurrence.original_at = series, occurrence.starts_at
    occurrence.save(update_fields=["series", "original_at"])
    top_up(series, timezone.now())
    return series


def top_up(series: Series, now: datetime) -> None:
    """Make what the rule has within the horizon and isn't made yet. Times that are over are left out."""
    with transaction.atomic():
        Series.objects.select_for_update().get(pk=series.pk)
        made = {one.original_at: one for one in series.occurrences.exclude(original_at=None)}
        coming = sum(1 for one in made.values() if one.cancelled_at is None and one.ends_at > now)
        length = timedelta(minutes=series.duration_minutes)
        previous = None
        for at in _moments(series):
            if at > now + HORIZON and coming >= AT_LEAST:
                return
            if at in made:
                previous = made[at]
            elif at + length > now:
                new = Occurrence.objects.create(
                    meeting_id=series.meeting_id, series=series, original_at=at, starts_at=at, ends_at=at + length
                )
                if previous is not None:
                    following.carry(previous, new)
                previous, coming = new, coming + 1
        series.is_complete = True
        series.save(update_fields=["is_complete"])


def _moments(series: Series) -> Iterator[datetime]:
    return (recurrence.moment(one, series.time_zone) for one in recurrence.times(series.parsed, series.first))


def remaining(occurrence: Occurrence) -> Rule:
    """The rule as it holds from this occurrence on, with the end that the last change of the meeting gave it."""
    series, at = occurrence.series, occurrence.original_at
    assert series is not None and at is not None  # noqa: S101 - for the type checker
    later = Series.objects.filter(
        meeting=occurrence.meeting_id,
        starts_on__gt=series.starts_on,
        occurrences__original_at__isnull=False,
        occurrences__cancelled_at=None,
    )
    all_of_them = [series, *later.order_by("starts_on").distinct()]
    end = all_of_them[-1].parsed
    count = sum(1 for one in all_of_them for moment in _moments(one) if moment >= at) if end.count is not None else None
    return series.parsed.ending(count=count, until=end.until)


def change_from(occurrence: Occurrence, rule: Rule, first: datetime, zone: str, minutes: int) -> list[Series]:
    """From this occurrence on its meeting repeats like this, beginning with `first` (local).

    Occurrences that are made keep their people and links and move to the new times, day by day where one is kept; what
    is left over is cancelled. Returns the series that ended with it.
    """
    old, at, now = occurrence.series, occurrence.original_at, timezone.now()
    assert old is not None and at is not None  # noqa: S101 - for the type checker
    made = Occurrence.objects.filter(meeting=occurrence.meeting_id, original_at__gte=at)
    coming = list(made.select_for_update(of=("self",)).select_related("series").order_by("original_at"))
    ended = {one.series for one in coming if one.series is not None and one.series != old}
    series = old
    if old.occurrences.filter(original_at__lt=at).exists():
        last_day = recurrence.local_time(at, old.time_zone).date() - timedelta(days=1)
        old.rule = old.parsed.ending(until=last_day).text()
        old.save(update_fields=["rule"])
        ended.add(old)
        series = Series(meeting_id=old.meeting_id)
    Series.objects.filter(pk__in=[one.pk for one in ended]).update(is_complete=True)
    series.rule, series.starts_on, series.starts = rule.text(), first.date(), first.time()
    series.time_zone, series.duration_minutes, series.is_complete = zone, minutes, False
    series.save()
    # Taken off their times first: no two occurrences of a series may have the same.
    made.update(series=series, original_at=None)
    for one in coming:
        one.series, one.original_at = series, None
    _move_along(series, coming, occurrence, now)
    top_up(series, now)
    return sorted(ended, key=lambda one: one.first)


def _move_along(series: Series, coming: list[Occurrence], anchor: Occurrence, now: datetime) -> None:
    """Give each occurrence to come its new time; cancel those for which there is none."""
    length = timedelta(minutes=series.duration_minutes)
    wanted = _within_horizon(series, now)
    to_move = {one.pk for one in coming if hosting.stage(one) is lifecycle.Stage.SCHEDULED}
    found = {anchor.pk: wanted.pop(0)} if wanted else {}
    by_day = {recurrence.local_time(at, series.time_zone).date(): at for at in wanted}
    for one in coming:
        # One that was cancelled by itself stays so: that day it doesn't take place, if the meeting still has the day.
        at = by_day.get(recurrence.local_time(one.starts_at, series.time_zone).date())
        if one.pk not in found and at in wanted:
            found[one.pk] = at
            wanted.remove(at)
    for one in coming:
        if one.pk in to_move and one.pk not in found and wanted:
            found[one.pk] = wanted.pop(0)
    for one in coming:
        one.original_at = found.get(one.pk)
        if one.pk in to_move:
            if one.original_at is None:
                one.cancelled_at = now
            else:
                one.starts_at, one.ends_at = one.original_at, one.original_at + length
        one.save(update_fields=["series", "original_at", "starts_at", "ends_at", "cancelled_at"])
        changes.touch(one.pk)


def _within_horizon(series: Series, now: datetime) -> list[datetime]:
    found: list[datetime] = []
    for at in _moments(series):
        if at > now + HORIZON and len(found) >= AT_LEAST:
            break
        if at + timedelta(minutes=series.duration_minutes) > now:
            found.append(at)
    return found


def stop_at(occurrence: Occurrence, by: Any, *, inclusive: bool) -> list[Series]:
    """Nothing of the meeting repeats from this occurrence on (`inclusive`), or after it. What was made is called off.

    Returns the series that ended with it.
    """
    assert occurrence.original_at is not None  # noqa: S101 - for the type checker
    now = timezone.now()
    ended = []
    for series in occurrence.meeting.series.all():
        day = recurrence.local_time(occurrence.original_at, series.time_zone).date() + timedelta(days=not inclusive)
        begins = recurrence.moment(datetime.combine(day, time.min), series.time_zone)
        if not any(at >= begins for at in _moments(series)):
            continue
        ended.append(series)
        if series.starts_on < day:
            series.rule = series.parsed.ending(until=day - timedelta(days=1)).text()
        series.is_complete = True
        series.save(update_fields=["rule", "is_complete"])
        for one in series.occurrences.filter(original_at__gte=begins, cancelled_at=None, ended_at=None):
            call_off(one, by, now)
    return ended


def call_off(occurrence: Occurrence, by: Any, now: datetime) -> None:
    """This occurrence does not take place, or ends now. Raises `IllegalEvent` where it is over."""
    if hosting.stage(occurrence) is lifecycle.Stage.LIVE:
        hosting.close(occurrence, by, now)
        audit.record("meeting.ended", actor=by, occurrence=occurrence)
    else:
        lifecycle.after(hosting.stage(occurrence), lifecycle.Event.CANCEL)
        occurrence.cancelled_at = now
        occurrence.save(update_fields=["cancelled_at"])
    changes.touch(occurrence.pk)
