"""Red5 Pro servers that ask Lintel's door: whether they are answered, at which address, and from where."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from meetings.roundtrip import answering
from meetings.roundtrip.models import StreamAnswers, StreamPass
from meetings.services.errors import Wrong
from portal.pages.admins import administrators_only


class AnswersForm(forms.Form):
    """Whether questions are answered, and from which networks without the secret address."""

    is_on = forms.BooleanField(label=gettext_lazy("Answer Red5 Pro servers"), required=False)
    networks = forms.CharField(
        label=gettext_lazy("Networks that may ask without the secret"),
        required=False,
        max_length=2000,
        widget=forms.Textarea(attrs={"class": "input", "rows": 3}),
    )

    def __init__(self, data: Any, row: StreamAnswers) -> None:
        initial = {"is_on": row.is_on, "networks": "\n".join(row.networks)}
        super().__init__(data, initial=initial, label_suffix="")


def _page(request: HttpRequest, *, form: AnswersForm | None = None, secret: str = "") -> HttpResponse:
    row = answering.answers_now()
    form = form or AnswersForm(None, row)
    base = settings.LINTEL.public_url
    context = {
        "here": "organisation",
        "section": "streams",
        "form": form,
        "row": row,
        "base": base,
        "secret": f"{base}/rta/{secret}" if secret else "",
        "valid": StreamPass.objects.filter(expires_at__gt=timezone.now(), ended_at=None).count(),
    }
    return render(request, "portal/organisation_streams.html", context, status=422 if form.errors else 200)


@administrators_only
@require_http_methods(["GET", "HEAD", "POST"])
def streams(request: HttpRequest) -> HttpResponse:
    """The switch and the networks."""
    if request.method != "POST":
        return _page(request)
    form = AnswersForm(request.POST, answering.answers_now())
    if form.is_valid():
        try:
            networks = form.cleaned_data["networks"].replace(",", "\n").splitlines()
            answering.change_answers(request.user, is_on=form.cleaned_data["is_on"], networks=networks)
        except Wrong as wrong:
            form.add_error(wrong.field, wrong.message)
        else:
            messages.success(request, _("Saved."))
            return redirect("organisation-streams")
    return _page(request, form=form)


@administrators_only
@require_POST
def secret(request: HttpRequest) -> HttpResponse:
    """A new secret address, shown this once."""
    return _page(request, secret=answering.new_secret(request.user))
