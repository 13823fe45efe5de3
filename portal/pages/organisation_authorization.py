"""The organisation's authorization service: its settings, its secret, a trial, and where requests may go."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from meetings.outgoing import allowed
from meetings.outgoing.models import AllowedDestination
from meetings.roundtrip import services
from meetings.roundtrip.forms import ServiceForm, TrialForm
from meetings.roundtrip.models import AuthorizationService
from meetings.services.errors import Wrong
from meetings.views import roundtrip
from portal.pages.admins import administrators_only


class AllowanceForm(forms.Form):
    """One more place that requests may go to."""

    text = forms.CharField(
        label=gettext_lazy("Network, host, or address without TLS"),
        max_length=260,
        widget=forms.TextInput(attrs={"class": "input", "placeholder": "10.20.0.0/16"}),
        error_messages={"required": gettext_lazy("Enter a network, a host or an address.")},
    )
    for_everybody = forms.BooleanField(label=gettext_lazy("Also for addresses that others enter"), required=False)

    def __init__(self, data: Any = None) -> None:
        super().__init__(data, label_suffix="", prefix="allow")


def _page(request: HttpRequest, **more: Any) -> HttpResponse:
    row = services.service_of(None)
    form = more.pop("form", None) or ServiceForm(None, row)
    trial_form = more.pop("trial_form", None) or TrialForm()
    allow_form = more.pop("allow_form", None) or AllowanceForm()
    context = {
        "here": "organisation",
        "section": "authorization",
        "form": form,
        "trial_form": trial_form,
        "allow_form": allow_form,
        "fixed": settings.LINTEL.outgoing_allow,
        "allowed": AllowedDestination.objects.select_related("added_by"),
        "own": AuthorizationService.objects.filter(meeting__isnull=False, is_on=True).select_related("meeting"),
        "urls": {
            "secret": reverse("organisation-authorization-secret"),
            "trial": reverse("organisation-authorization-test"),
        },
        **roundtrip.about(row),
        **more,
    }
    wrong = form.errors or trial_form.errors or allow_form.errors
    return render(request, "portal/organisation_authorization.html", context, status=422 if wrong else 200)


@administrators_only
@require_http_methods(["GET", "HEAD", "POST"])
def authorization(request: HttpRequest) -> HttpResponse:
    """The settings. Saving acts at once, on people who are inside too."""
    if request.method != "POST":
        return _page(request)
    form = ServiceForm(request.POST, services.service_of(None))
    if not roundtrip.stored(form, request.user, None):
        return _page(request, form=form)
    messages.success(request, _("Saved. It acts at once, also on people who are inside."))
    return redirect("organisation-authorization")


@administrators_only
@require_POST
def secret(request: HttpRequest) -> HttpResponse:
    """A new secret, shown this once."""
    return _page(request, secret=services.rotate_secret(request.user, None))


@administrators_only
@require_POST
def test(request: HttpRequest) -> HttpResponse:
    """One question about nobody, and the whole exchange."""
    form = TrialForm(request.POST)
    return _page(request, trial_form=form, exchange=roundtrip.tried(services.service_of(None), form))


@administrators_only
@require_POST
def allow(request: HttpRequest) -> HttpResponse:
    """One more place that requests may go to."""
    form = AllowanceForm(request.POST)
    if form.is_valid():
        try:
            data = form.cleaned_data
            row = allowed.allow(request.user, data["text"], for_everybody=data["for_everybody"])
        except Wrong as wrong:
            form.add_error("text", wrong.message)
        else:
            messages.success(request, _("Requests may go to %(place)s.") % {"place": row.text})
            return redirect(reverse("organisation-authorization") + "#outgoing")
    return _page(request, allow_form=form)


@administrators_only
@require_POST
def disallow(request: HttpRequest, destination_id: int) -> HttpResponse:
    """A place less."""
    row = AllowedDestination.objects.filter(pk=destination_id).first()
    if row is None:
        raise Http404
    allowed.disallow(request.user, row)
    messages.success(request, _("Requests no longer go to %(place)s.") % {"place": row.text})
    return redirect(reverse("organisation-authorization") + "#outgoing")
