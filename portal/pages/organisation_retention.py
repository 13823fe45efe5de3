"""How long personal data are kept: four choices, and what each would take at the next run. The service writes."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods

from meetings.models import Retention
from meetings.retentionmodels import LEAST_DAYS
from meetings.services import retention
from meetings.services.retention import Days
from meetings.views.moments import short_moment
from portal.pages.admins import administrators_only

FOR_GOOD = "for_good"
CHOICES = (7, 30, 90, 180, 365, 730, 1825)
LABELS = {
    "details": gettext_lazy("Who and why, in the audit log"),
    "networks": gettext_lazy("Networks"),
    "attendance": gettext_lazy("Attendance"),
    "addresses": gettext_lazy("Names and addresses of people invited"),
}
ABOUT = {
    "details": gettext_lazy(
        "What stays for good is that something happened, when, and of what kind. The chain still proves it."
    ),
    "networks": gettext_lazy("Where people came from, in the audit log and at doors. They are cut short anyway."),
    "attendance": gettext_lazy("Who was inside a meeting, and when. Counted from its end."),
    "addresses": gettext_lazy(
        "Of meetings that are over, counted from their end. The audit log names them as long as it keeps who and why."
    ),
}


def _said(days: int) -> str:
    if days % 365 == 0:
        return ngettext("%(count)d year", "%(count)d years", days // 365) % {"count": days // 365}
    return ngettext("%(count)d day", "%(count)d days", days) % {"count": days}


class RetentionForm(forms.Form):
    """A choice for each kind. `seen`: for which choices the page has told what would go."""

    seen = forms.CharField(required=False, max_length=40, widget=forms.HiddenInput())

    def __init__(self, data: Any, days: Days) -> None:
        super().__init__(data, initial={name: getattr(days, name) or FOR_GOOD for name in LABELS}, label_suffix="")
        for name, label in LABELS.items():
            # What was settled from a program's side may be none of the usual ones, and must not change by looking.
            offered = sorted({*(one for one in CHOICES if one >= LEAST_DAYS[name]), *_set(getattr(days, name))})
            self.fields[name] = forms.TypedChoiceField(
                label=label,
                coerce=_days,
                choices=[*((one, _said(one)) for one in offered), (FOR_GOOD, gettext_lazy("For good"))],
                widget=forms.Select(attrs={"class": "input", "aria-describedby": f"id_{name}_hint"}),
            )

    @property
    def days(self) -> Days:
        return Days(**{name: self.cleaned_data[name] for name in LABELS})


def _days(value: str) -> int | None:
    return None if value == FOR_GOOD else int(value)


def _set(days: int | None) -> set[int]:
    return {days} if days is not None else set()


def _key(days: Days) -> str:
    return "-".join(str(getattr(days, name)) for name in LABELS)


@administrators_only
@require_http_methods(["GET", "HEAD", "POST"])
def retention_page(request: HttpRequest) -> HttpResponse:
    """Tells what would go before it is settled: choices that take something are shown with it first, then saved."""
    settled = retention.days_now()
    form = RetentionForm(request.POST if request.method == "POST" else None, settled)
    days, unconfirmed = settled, False
    if request.method == "POST" and form.is_valid():
        days = form.days
        due = retention.due(days, timezone.now())
        unconfirmed = "look" in request.POST or (
            days != settled and due.total > 0 and form.cleaned_data["seen"] != _key(days)
        )
        if not unconfirmed:
            retention.change(request.user, days)
            messages.success(request, _("Saved. It is acted on once a day."))
            return redirect("organisation-retention")
    row = Retention.objects.first()
    due = retention.due(days, timezone.now())
    context = {
        "here": "organisation",
        "section": "retention",
        "form": form,
        "seen": _key(days),
        "unconfirmed": unconfirmed,
        "total": due.total,
        "rows": [_row(form, name, due) for name in LABELS],
        "applied": short_moment(row.applied_at, timezone.now(), inline=True) if row and row.applied_at else "",
    }
    return render(request, "portal/organisation_retention.html", context, status=422 if form.errors else 200)


def _row(form: RetentionForm, name: str, due: retention.Due) -> dict[str, Any]:
    return {"bound": form[name], "about": ABOUT[name], "least": LEAST_DAYS[name], "due": getattr(due, name)}
