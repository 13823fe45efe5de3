"""One person's data: what is kept about an address, everything of it as a file, and erasing it. The services act.

Addresses travel in posted forms only: what stands in an address bar ends up in histories and logs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from meetings.audit.export import streamed
from meetings.doorfields import email_field
from meetings.personal import Traces
from portal.accounts import personal
from portal.pages.admins import administrators_only

KINDS: Final[Mapping[str, Any]] = {
    "invitations": gettext_lazy("Invitations, with their links and devices"),
    "seats": gettext_lazy("Times at a door or inside"),
    "exceptions": gettext_lazy("Exceptions and blocks at doors"),
    "entries": gettext_lazy("Entries in the audit log"),
}


class AddressForm(forms.Form):
    """Whom it is about."""

    email = email_field(gettext_lazy("Email"), gettext_lazy("Enter the email address."))


class SureForm(AddressForm):
    """The same address again, and that the question was answered."""

    email = forms.EmailField(max_length=254, widget=forms.HiddenInput())
    sure = forms.BooleanField(required=False, widget=forms.HiddenInput())


@administrators_only
@require_http_methods(["GET", "HEAD", "POST"])
def person(request: HttpRequest) -> HttpResponse:
    """Asks for an address, and tells how much is kept about whoever has it."""
    form = AddressForm(request.POST if request.method == "POST" else None, label_suffix="")
    found = _found(form, request) if form.is_valid() else {}
    context = {"here": "organisation", "section": "person", "form": form, **found}
    return render(request, "portal/organisation_person.html", context, status=422 if form.errors else 200)


def _found(form: AddressForm, request: HttpRequest) -> dict[str, Any]:
    who = personal.person_of(form.cleaned_data["email"])
    account, counts = who.account, Traces(who).counts()
    return {
        "sought": form.cleaned_data["email"].lower(),
        "account": account,
        "you": account is not None and account.pk == request.user.pk,
        "addresses": sorted(who.addresses),
        "rows": [(label, counts[name]) for name, label in KINDS.items()],
        "nothing": account is None and not any(counts.values()),
        "hosts_alone": personal.hosts_alone(account, timezone.now()),
    }


@administrators_only
@require_POST
def export(request: HttpRequest) -> HttpResponseBase:
    """The file."""
    form = AddressForm(request.POST)
    if not form.is_valid():
        return person(request)
    traces = Traces(personal.person_of(form.cleaned_data["email"]))
    file = personal.as_json(traces, request.user, timezone.now())  # type: ignore[arg-type]
    return streamed(file, "application/json; charset=utf-8", "personal-data.json")


@administrators_only
@require_POST
def erase(request: HttpRequest) -> HttpResponse:
    """Asks once, then erases."""
    form = SureForm(request.POST)
    if not form.is_valid():
        return person(request)
    email, back = form.cleaned_data["email"], reverse("organisation-person")
    if not form.cleaned_data["sure"]:
        return render(request, "meetings/ask.html", _question(email, back))
    try:
        personal.erase(personal.person_of(email), request.user)  # type: ignore[arg-type]
    except ValidationError as wrong:
        messages.error(request, " ".join(wrong.messages))
    else:
        messages.success(request, _("Erased. What happened is still in the audit log, without who it was."))
    return redirect(back)


def _question(email: str, back: str) -> dict[str, Any]:
    about = _(
        "Their links stop working, and they are taken out of every room now. Names, addresses, devices and networks "
        "are emptied for good, also in the audit log. If they have an account, it ends. This can’t be undone."
    )
    return {
        "here": "organisation",
        "question": _("Erase %(email)s?") % {"email": email},
        "about": about,
        "verb": _("Erase for good"),
        "keep": _("Keep it"),
        "back": back,
        "back_name": _("Personal data"),
        "extra": SureForm(initial={"email": email, "sure": True}),
    }
