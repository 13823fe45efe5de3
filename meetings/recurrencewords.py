"""How a meeting repeats, in words: "Every Tuesday", "Every 2 weeks on Monday and Thursday, 10 times"."""

from __future__ import annotations

from datetime import date

from django.utils.dates import WEEKDAYS
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from meetings.recurrence import Freq, Rule


def said(rule: Rule) -> str:
    """The whole rule: its rhythm, and its end where it has one."""
    if rule.count is not None:
        times = ngettext("%(count)d time", "%(count)d times", rule.count) % {"count": rule.count}
        return f"{rhythm(rule)}, {times}"
    if rule.until is not None:
        return _("%(rhythm)s, until %(day)s") % {"rhythm": rhythm(rule), "day": date_format(rule.until, "j F Y")}
    return rhythm(rule)


def rhythm(rule: Rule) -> str:
    """Without the end."""
    if rule.freq is Freq.DAILY:
        return ngettext("Every day", "Every %(count)d days", rule.every) % {"count": rule.every}
    if rule.freq is Freq.WEEKLY:
        all_working = rule.every == 1 and rule.days == (0, 1, 2, 3, 4)
        days = {"days": pgettext("every", "weekday") if all_working else weekdays(rule.days), "count": rule.every}
        return ngettext("Every %(days)s", "Every %(count)d weeks on %(days)s", rule.every) % days
    on = {"day": _month_day(rule), "count": rule.every}
    return ngettext("Every month on %(day)s", "Every %(count)d months on %(day)s", rule.every) % on


def weekdays(days: tuple[int, ...]) -> str:
    """Names of weekdays, as one says them; Monday is 0."""
    names = [str(WEEKDAYS[day]) for day in days]
    if len(names) == 1:
        return names[0]
    return _("%(first)s and %(last)s") % {"first": ", ".join(names[:-1]), "last": names[-1]}


def nth_weekday(nth: int, weekday: int) -> str:
    """As in “the second Tuesday", “the last Friday”."""
    return {
        1: _("the first %(day)s"),
        2: _("the second %(day)s"),
        3: _("the third %(day)s"),
        4: _("the fourth %(day)s"),
        -1: _("the last %(day)s"),
    }[nth] % {"day": WEEKDAYS[weekday]}


def month_day(day: int) -> str:
    """As in “the 24th”."""
    return _("the %(day)s") % {"day": date_format(date(2024, 1, day), "jS")}


def _month_day(rule: Rule) -> str:
    if rule.month_day is not None:
        return month_day(rule.month_day)
    assert rule.nth is not None and rule.weekday is not None  # noqa: S101 - for the type checker
    return nth_weekday(rule.nth, rule.weekday)
