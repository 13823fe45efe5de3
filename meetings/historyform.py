"""The filters of the audit log and of a meeting's history, as people type them into a form. Reads no rows."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from meetings.audit.kinds import Group, Result
from meetings.audit.search import Search, is_kind, network_sought
from meetings.audit.words import kind_words

YEARS = range(1970, 9001)
"""Midnights at the ends of the calendar can't be moved between time zones."""


def _text(label: Any, longest: int) -> forms.CharField:
    widget = forms.TextInput(attrs={"class": "input"})
    return forms.CharField(label=label, max_length=longest, required=False, widget=widget)


def _day(label: Any) -> forms.DateField:
    widget = forms.DateInput(attrs={"class": "input num", "type": "date"}, format="%Y-%m-%d")
    wrong = gettext_lazy("Enter a date such as 2026-11-24.")
    return forms.DateField(
        label=label, required=False, widget=widget, input_formats=["%Y-%m-%d"], error_messages={"invalid": wrong}
    )


def _choice(label: Any, choices: list[tuple[str, Any]]) -> forms.ChoiceField:
    widget = forms.Select(attrs={"class": "input"})
    return forms.ChoiceField(label=label, choices=choices, required=False, widget=widget)


class HistoryForm(forms.Form):
    """Person, meeting, kind, result, network and days. Sent by GET; a field that is absent narrows nothing."""

    person = _text(gettext_lazy("Person"), 100)
    meeting = _text(gettext_lazy("Meeting"), 120)
    kind = _choice(gettext_lazy("About"), [("", gettext_lazy("Everything")), *Group.choices])
    result = _choice(gettext_lazy("Result"), [("", gettext_lazy("Any")), *Result.choices])
    network = _text(gettext_lazy("Network"), 60)

    def __init__(self, data: Any, *, one_meeting: bool = False) -> None:
        super().__init__(data)
        self.fields["from"] = _day(gettext_lazy("From"))
        self.fields["to"] = _day(gettext_lazy("To"))
        if one_meeting:
            del self.fields["meeting"]
        kind = str(data.get("kind", ""))[:40]
        if kind and kind not in Group.values and is_kind(kind):
            # By a link from an entry: all of its kind.
            self.fields["kind"].choices = [*self.fields["kind"].choices, (kind, kind_words(kind))]  # type: ignore[attr-defined]

    def clean_network(self) -> str:
        text = self.cleaned_data["network"]
        try:
            return network_sought(text) if text else ""
        except ValueError:
            raise ValidationError(
                _("Enter an address such as 203.0.113.7, or a network: /24 (IPv4) or /48 (IPv6).")
            ) from None

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = self.cleaned_data
        first, last = given.get("from"), given.get("to")
        for name, day in (("from", first), ("to", last)):
            if day and day.year not in YEARS:
                self.add_error(name, _("Enter a date such as 2026-11-24."))
        if first and last and last < first:
            self.add_error("to", _("The last day lies before the first."))
        return given

    @property
    def search(self) -> Search:
        """What was asked for, once it `is_valid`. Days begin at midnight where the reader is."""
        given = self.cleaned_data
        last = given["to"]
        return Search(
            person=given["person"],
            meeting=given.get("meeting", ""),
            kind=given["kind"],
            result=given["result"],
            network=given["network"],
            at_from=_midnight(given["from"]) if given["from"] else None,
            at_before=_midnight(last + timedelta(days=1)) if last else None,
        )


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time()))
