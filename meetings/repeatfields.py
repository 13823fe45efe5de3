"""The fields in which a form carries how a new meeting repeats: the commonest rules of `recurrence`. Stores nothing.

A part of the schedule form. What else a rule may hold comes through the API, and pages say it in words.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Final

from django import forms
from django.utils.formats import date_format
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from meetings import recurrence
from meetings.doorfields import select
from meetings.recurrence import LONGEST, MOST_TIMES, Freq, Rule
from meetings.recurrencewords import rhythm

FEWEST_TIMES: Final = 2
REPEATS: Final = [
    ("", gettext_lazy("Doesn’t repeat")),
    ("daily", gettext_lazy("Every day")),
    ("weekly", gettext_lazy("Every week on that weekday")),
    ("fortnightly", gettext_lazy("Every 2 weeks on that weekday")),
    ("monthly", gettext_lazy("Every month on that date")),
]
ENDS: Final = [
    ("", gettext_lazy("Never")),
    ("until", gettext_lazy("On a date")),
    ("times", gettext_lazy("After a number of times")),
]
"""A value names the field that says when."""

_CHOOSE = gettext_lazy("Choose one of the list.")
_TIMES_WRONG = format_lazy(
    gettext_lazy("Enter a number from {fewest} to {most}."), fewest=FEWEST_TIMES, most=MOST_TIMES
)
_DAY_WRONG = gettext_lazy("Enter a date such as 2026-11-24.")


class DateInput(forms.DateInput):
    input_type = "date"

    def __init__(self) -> None:
        super().__init__(attrs={"class": "input num"}, format="%Y-%m-%d")


class RepeatForm(forms.Form):
    """Whether a meeting repeats, and until when. Without a script nothing hides the end of what doesn't repeat, so an
    end that was typed and would not count is an error, and never left out silently."""

    repeat = forms.ChoiceField(
        label=gettext_lazy("Repeat"),
        choices=REPEATS,
        required=False,
        widget=select(),
        error_messages={"invalid_choice": _CHOOSE},
    )
    ends = forms.ChoiceField(
        label=gettext_lazy("Ends"),
        choices=ENDS,
        required=False,
        widget=select(),
        error_messages={"invalid_choice": _CHOOSE},
    )
    until = forms.DateField(
        label=gettext_lazy("Last day"), required=False, widget=DateInput(), error_messages={"invalid": _DAY_WRONG}
    )
    times = forms.IntegerField(
        label=gettext_lazy("How many times"),
        required=False,
        min_value=FEWEST_TIMES,
        max_value=MOST_TIMES,
        widget=forms.NumberInput(attrs={"class": "input num"}),
        error_messages={"invalid": _TIMES_WRONG, "min_value": _TIMES_WRONG, "max_value": _TIMES_WRONG},
    )

    def settle_repeat(self, first: datetime | None) -> Rule | None:
        """The rule that was meant, None for a meeting that doesn't repeat; else errors beside the fields.

        first: the first time as clocks in the meeting's place show it, None where that is wrong itself.
        """
        data = self.cleaned_data
        if set(self.errors) & {"repeat", "ends", "until", "times"}:
            return None
        if not data["repeat"]:
            if data["ends"] or data["until"] or data["times"]:
                self.add_error("repeat", _("Choose how often it repeats, or clear when that ends."))
            return None
        self._check_end(data)
        if first is None or set(self.errors) & {"until", "times"}:
            return None
        rule = _rhythm(data["repeat"], first.date()).ending(count=data["times"], until=data["until"])
        self._check_until(rule, first)
        return rule

    def _check_end(self, data: dict[str, Any]) -> None:
        missing = {
            "until": _("Enter the last day on which it may take place."),
            "times": _("Enter how many times it takes place, from %(fewest)d to %(most)d.")
            % {"fewest": FEWEST_TIMES, "most": MOST_TIMES},
        }
        names = dict(ENDS)
        for name, sentence in missing.items():
            if data["ends"] == name and data[name] is None:
                self.add_error(name, sentence)
            elif data["ends"] != name and data[name] is not None:
                told = {"choice": names[name]}
                self.add_error(name, _("Choose “%(choice)s” under “Ends” to use this, or clear it.") % told)

    def _check_until(self, rule: Rule, first: datetime) -> None:
        if rule.until is None:
            return
        latest = first.date() + LONGEST
        if rule.until > latest:
            told = {"day": date_format(latest, "j F Y")}
            self.add_error("until", _("At the latest %(day)s: five years after it begins.") % told)
        elif rule.until < first.date():
            told = {"day": date_format(first, "j F Y")}
            self.add_error("until", _("Its first day is %(day)s. Choose a later one.") % told)
        elif len(recurrence.first_times(rule, first, FEWEST_TIMES)) < FEWEST_TIMES:
            self.add_error("until", _("Until then it takes place only once. Choose a later day, or “Doesn’t repeat”."))


def _rhythm(repeat: str, first: date) -> Rule:
    if repeat == "daily":
        return Rule(Freq.DAILY)
    if repeat == "monthly":
        return Rule(Freq.MONTHLY, month_day=first.day)
    return Rule(Freq.WEEKLY, every=2 if repeat == "fortnightly" else 1, days=(first.weekday(),))


def rhythms() -> dict[str, list[str]]:
    """What each choice means for a first day, in words: by weekday (Monday first), or by day of the month."""
    january = [date(2024, 1, day) for day in range(1, 32)]  # its 1st is a Monday
    days = {"weekly": january[:7], "fortnightly": january[:7], "monthly": january}
    return {repeat: [rhythm(_rhythm(repeat, day)) for day in firsts] for repeat, firsts in days.items()}
