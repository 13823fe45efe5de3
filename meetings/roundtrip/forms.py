"""The forms with which people set and try an authorization service; the same for administrators and for hosts."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from meetings.roundtrip import trial
from meetings.roundtrip.models import AuthorizationService
from meetings.roundtrip.protocol import LONGEST_TOKEN
from meetings.roundtrip.services import Settings

_INPUT = {"class": "input"}


class ServiceForm(forms.Form):
    """Everything that is chosen about a service. Ranges and addresses are checked where it is stored."""

    is_on = forms.BooleanField(label=_("Ask an authorization service"), required=False)
    url = forms.CharField(
        label=_("Address of the service"),
        required=False,
        max_length=2048,
        widget=forms.URLInput(attrs={**_INPUT, "placeholder": "https://auth.example.org/lintel"}),
        error_messages={"max_length": _("This address is too long.")},
    )
    profile = forms.ChoiceField(
        label=_("How it is asked"), choices=AuthorizationService.Profile.choices, widget=forms.RadioSelect
    )
    names = forms.ChoiceField(
        label=_("How people are named to it"), choices=AuthorizationService.Names.choices, widget=forms.RadioSelect
    )
    lease_seconds = forms.IntegerField(
        label=_("How long a yes lasts, in seconds"),
        widget=forms.NumberInput(attrs={**_INPUT, "min": 15, "max": 3600}),
        error_messages={"required": _("Enter a number of seconds."), "invalid": _("Enter a number of seconds.")},
    )
    hosts_may_replace = forms.BooleanField(
        label=_("Hosts may name another service for their own meeting"), required=False
    )

    def __init__(self, data: Any, row: AuthorizationService) -> None:
        super().__init__(data, initial={name: getattr(row, name) for name in self.base_fields}, label_suffix="")
        if row.meeting is not None:
            del self.fields["hosts_may_replace"]

    def settings(self) -> Settings:
        return Settings(**self.cleaned_data)


class TrialForm(forms.Form):
    """One question about nobody."""

    type = forms.ChoiceField(
        label=_("Ask about"),
        choices=(
            (trial.TYPES[0], _("somebody who comes in (subscriber)")),
            (trial.TYPES[1], _("somebody’s camera (publisher)")),
        ),
        widget=forms.Select(attrs=_INPUT),
    )
    username = forms.CharField(
        label=_("Username"), required=False, max_length=254, widget=forms.TextInput(attrs=_INPUT)
    )
    token = forms.RegexField(
        r"^[\x21-\x7e]*$",
        label=_("Token"),
        required=False,
        max_length=LONGEST_TOKEN,
        widget=forms.TextInput(attrs={**_INPUT, "autocomplete": "off"}),
        error_messages={"invalid": _("Use visible letters, digits and signs without accents or spaces.")},
    )

    def __init__(self, data: Any = None) -> None:
        super().__init__(data, label_suffix="", prefix="trial")
