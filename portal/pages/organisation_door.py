"""What holds for the doors of all meetings: how a new one starts, and what hosts may choose. The service writes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from meetings import directory, domains, doorform
from meetings.door import COLUMN, EASE, ORDER, Row, Way, is_ordered
from meetings.doorfields import CapacityField, DoorForm, select
from meetings.doorlimits import ALL_OPEN, RIGHTS, GuestAddresses, Limits
from meetings.doormodels import Addresses
from meetings.selectors import limits_now
from meetings.services import organisation
from meetings.services.errors import Wrong
from meetings.views import words
from portal.pages.admins import administrators_only

_WAYS = [(way.value, way.value) for way in Way]
_FIELDS = (*COLUMN.values(), *doorform.OPTION_FIELDS)


class PolicyForm(DoorForm):
    """`most_…`: the most open answer that hosts may choose. `free_…`: whether hosts may change a rule at all."""

    most_guests_verified = forms.BooleanField(required=False)
    guest_addresses = forms.ChoiceField(
        label=gettext_lazy("Guests’ addresses"), choices=Addresses.choices, widget=select(), required=False
    )
    guest_domains = forms.CharField(
        label=gettext_lazy("Domains"),
        max_length=50_000,
        required=False,
        widget=forms.Textarea(attrs={"class": "input", "rows": 2}),
    )
    most_capacity = CapacityField(label=gettext_lazy("At most this many people, whatever hosts say"))

    def __init__(self, *args: Any, limits: Limits, **kwargs: Any) -> None:
        initial = doorform.initial(limits.defaults)
        initial |= {f"most_{COLUMN[row]}": limits.most.way(row).value for row in doorform.ROWS}
        initial |= {"most_guests_verified": limits.most.guests_verified, "most_capacity": limits.most.capacity}
        initial |= {
            "guest_addresses": limits.guest_addresses.rule,
            "guest_domains": ", ".join(limits.guest_addresses.domains),
        }
        initial |= {f"free_{name}": _rule(name) not in limits.fixed for name in _FIELDS}
        super().__init__(*args, initial=initial, label_suffix="", **kwargs)
        for column in COLUMN.values():
            self.fields[f"most_{column}"] = forms.ChoiceField(choices=_WAYS)
        for name in _FIELDS:
            self.fields[f"free_{name}"] = forms.BooleanField(required=False)

    def clean_guest_domains(self) -> tuple[str, ...]:
        found: dict[str, None] = {}
        for entry in directory.entries(self.cleaned_data["guest_domains"]):
            try:
                found[domains.normal(entry)] = None
            except ValueError:
                told = _("“%(text)s” is no domain. Enter domains such as example.org, separated by commas.")
                raise forms.ValidationError(told % {"text": entry[:80]}) from None
        return tuple(found)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if self.errors:
            return data
        defaults, self.also_changed = self.settled(data)
        ways: dict[str, Any] = {COLUMN[row]: Way(data[f"most_{COLUMN[row]}"]) for row in doorform.ROWS}
        most = replace(ALL_OPEN, guests_verified=data["most_guests_verified"], capacity=data["most_capacity"], **ways)
        if not is_ordered(most):
            self._say_unordered(ways)
        for row in doorform.ROWS:
            if EASE[defaults.way(row)] > EASE[most.way(row)]:
                told = _("%(row)s: new meetings can’t start more open than hosts may choose.")
                self.add_error(f"most_{COLUMN[row]}", told % {"row": words.row_name_anywhere(row)})
        if defaults.capacity and most.capacity and defaults.capacity > most.capacity:
            self.add_error("capacity", _("That is more than hosts may choose."))
        fixed = frozenset(_rule(name) for name in _FIELDS if not data[f"free_{name}"])
        addresses = GuestAddresses(data["guest_addresses"] or Addresses.ANY.value, data["guest_domains"])
        if addresses.rule != Addresses.ANY and not addresses.domains:
            self.add_error("guest_domains", _("Enter at least one domain, such as example.org."))
        data["limits"] = Limits(defaults, most, fixed, addresses)
        return data

    def _say_unordered(self, ways: dict[str, Way]) -> None:
        for better, lesser in ORDER:
            if EASE[ways[COLUMN[lesser]]] > EASE[ways[COLUMN[better]]]:
                told = _("%(lesser)s can’t be allowed more than %(better)s.")
                names = {"lesser": words.row_name_anywhere(lesser), "better": words.row_name_anywhere(better)}
                self.add_error(f"most_{COLUMN[lesser]}", told % names)


def _rule(field: str) -> str:
    """The field of `Rules` that a field of the form stands for."""
    return doorform.RULE_OF.get(field, field)


@administrators_only
@require_http_methods(["GET", "HEAD", "POST"])
def door(request: HttpRequest) -> HttpResponse:
    """The five-row table of defaults and limits, and the options beside it."""
    form = PolicyForm(request.POST or None, limits=limits_now())
    if request.method == "POST" and form.is_valid():
        try:
            organisation.change_door_policy(request.user, form.cleaned_data["limits"])
        except Wrong as wrong:
            form.add_error(wrong.field if wrong.field in form.fields else None, wrong.message)
        else:
            messages.success(request, _("Saved. It holds for all meetings from now on, also for those that are on."))
            if form.also_changed:
                rows = ", ".join(words.row_name_anywhere(row) for row in form.also_changed)
                messages.info(
                    request,
                    _("Also changed, so that nobody less known gets in more easily: %(rows)s.") % {"rows": rows},
                )
            return redirect("organisation-door")
    context = {
        "here": "organisation",
        "section": "door",
        "form": form,
        "presets": words.presets(),
        "ways": words.ways(),
        "rows": [_row(form, row) for row in doorform.ROWS],
        "options": [_option(form, name) for name in ("opens", "without_host", "lock_after", "capacity", *RIGHTS)],
        "switches": [_option(form, "mics_start_off")],
        "page_data": {
            "presets": words.preset_tables(),
            "order": [[COLUMN[better], COLUMN[lesser]] for better, lesser in ORDER],
            "ease": {way.value: ease for way, ease in EASE.items()},
            "rows": {COLUMN[row]: words.row_name_anywhere(row) for row in doorform.ROWS},
            "also": _("Also changed: {rows}."),
        },
    }
    return render(request, "portal/organisation_door.html", context, status=422 if form.errors else 200)


def _row(form: PolicyForm, row: Row) -> dict[str, Any]:
    column = COLUMN[row]
    return {
        "field": column,
        "name": words.row_name_anywhere(row),
        "value": form[column].value(),
        "most": form[f"most_{column}"].value(),
        "errors": form.errors.get(f"most_{column}", []),
        "free": form[f"free_{column}"].value(),
    }


def _option(form: PolicyForm, name: str) -> dict[str, Any]:
    return {"field": name, "bound": form[name], "free": form[f"free_{name}"].value()}
