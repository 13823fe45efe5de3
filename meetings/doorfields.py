"""The fields in which a form carries a door: of a meeting, a template, the organisation's defaults. Stores nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from meetings import doorform
from meetings.door import PRESETS, Row, Rules, Way
from meetings.doormodels import AskedAddress
from meetings.doortable import MOST_INSIDE
from meetings.models import Audience

OPENS = {
    "0": gettext_lazy("With the start"),
    "10": gettext_lazy("10 minutes before the start"),
    "any": gettext_lazy("Any time"),
}
WITHOUT_HOST = [
    ("wait", gettext_lazy("Everyone waits outside")),
    ("listed_start", gettext_lazy("Listed people may start")),
]
LOCK_AFTER_MINUTES = (5, 10, 15, 30, 60)
_CAPACITY_WRONG = format_lazy(
    gettext_lazy("Enter a number from 1 to {most}, or nothing for as many as the room carries."), most=MOST_INSIDE
)
_WAYS = [(way.value, way.value) for way in Way]


def _opens_choices(kept: set[str]) -> list[tuple[str, Any]]:
    """When the door may open; `kept`, values in use, are among them."""
    minutes = sorted({int(one) for one in {*kept, *OPENS} if one != "any"})
    told = {
        str(count): ngettext("%(count)d minute before the start", "%(count)d minutes before the start", count)
        % {"count": count}
        for count in minutes
    }
    return [*(told | {one: OPENS[one] for one in OPENS if one in told}).items(), ("any", OPENS["any"])]


def _lock_choices(kept: set[str]) -> list[tuple[str, Any]]:
    """When the door may lock by itself; `kept`, values in use, are among them."""
    minutes = sorted({*LOCK_AFTER_MINUTES, *(int(one) for one in kept if one)})
    told = [
        (
            str(count),
            ngettext("%(count)d minute after the start", "%(count)d minutes after the start", count) % {"count": count},
        )
        for count in minutes
    ]
    return [("", _("Never")), *told]


def text_input() -> forms.TextInput:
    return forms.TextInput(attrs={"class": "input"})


def email_field(label: Any, missing: Any) -> forms.EmailField:
    """A field for one address. `missing` is said where there is none."""
    return forms.EmailField(
        label=label,
        max_length=254,
        widget=forms.EmailInput(attrs={"class": "input"}),
        error_messages={
            "required": missing,
            "invalid": gettext_lazy("Enter an email address, such as name@example.org."),
        },
    )


def select() -> forms.Select:
    return forms.Select(attrs={"class": "input"})


class CapacityField(forms.IntegerField):
    """How many people may be inside at once; empty for as many as a room carries."""

    def __init__(self, *, label: Any = None) -> None:
        widget = forms.NumberInput(attrs={"class": "input num", "placeholder": MOST_INSIDE})
        super().__init__(
            required=False,
            label=label,
            min_value=1,
            max_value=MOST_INSIDE,
            widget=widget,
            error_messages={
                "invalid": _CAPACITY_WRONG,
                "min_value": _CAPACITY_WRONG,
                "max_value": _CAPACITY_WRONG,
            },
        )


class RightField(forms.ChoiceField):
    """Whom a meeting gives a right inside."""

    def __init__(self, *, label: Any = None) -> None:
        super().__init__(label=label, choices=Audience.choices, widget=select())


class DoorForm(forms.Form):
    """Presets and rows travel together. Without a script nothing keeps them in step, so the form also carries what it
    showed first (`was_preset`, `was_rows`): a preset that was picked sets the table, rows that were edited win over it.

    `templates`: rules that may be picked like a preset, by the value of their radio button. They set the options, too.
    """

    preset = forms.ChoiceField(required=False)
    listed = forms.ChoiceField(choices=_WAYS)
    colleagues = forms.ChoiceField(choices=_WAYS)
    guests = forms.ChoiceField(choices=_WAYS)
    anyone = forms.ChoiceField(choices=_WAYS)
    guests_verified = forms.BooleanField(required=False)
    anyone_verified = forms.ChoiceField(
        label=gettext_lazy("Others with the link"), choices=AskedAddress.choices, required=False, widget=select()
    )
    was_preset = forms.CharField(required=False, max_length=60, widget=forms.HiddenInput())
    was_rows = forms.CharField(required=False, max_length=80, widget=forms.HiddenInput())
    opens = forms.ChoiceField(label=gettext_lazy("Door opens"), widget=select())
    without_host = forms.ChoiceField(
        label=gettext_lazy("If no host has arrived"), choices=WITHOUT_HOST, widget=select()
    )
    lock_after = forms.ChoiceField(label=gettext_lazy("Lock the door by itself"), required=False, widget=select())
    capacity = CapacityField(label=gettext_lazy("At most this many people"))
    speak = RightField(label=gettext_lazy("Who can turn on their microphone"))
    show = RightField(label=gettext_lazy("Who can turn on their camera"))
    share = RightField(label=gettext_lazy("Who can share their screen"))
    chat = RightField(label=gettext_lazy("Who can chat"))
    record = RightField(label=gettext_lazy("Who can record on their own device"))
    mics_start_off = forms.BooleanField(label=gettext_lazy("Microphones start off"), required=False)

    def __init__(self, *args: Any, templates: Mapping[str, Rules] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.door_templates = templates or {}
        shown = [self.initial, *(doorform.initial(rules) for rules in self.door_templates.values())]
        self.fields["preset"].choices = [(name, name) for name in (*PRESETS, *self.door_templates)]
        self.fields["opens"].choices = _opens_choices({one["opens"] for one in shown})
        self.fields["lock_after"].choices = _lock_choices({one["lock_after"] for one in shown})

    def settled(self, data: Mapping[str, Any]) -> tuple[Rules, tuple[Row, ...]]:
        """The rules that were meant, and the rows that had to follow."""
        return doorform.settle(data, shown=self.initial, templates=self.door_templates)
