"""Send me a new link: for whoever has lost a link, or holds one that opens nothing any more. Knows no meeting.

What is answered, and how soon, is the same for every address. It works without a script.
"""

from __future__ import annotations

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_safe

from meetings import budgets
from meetings.doorfields import email_field
from meetings.services import asked_links
from meetings.tasks import send_asked_links
from portal.accounts import guessing
from portal.views import too_many


class AddressForm(forms.Form):
    email = email_field(_("Email address that was invited"), _("Enter the email address that was invited."))

    def clean_email(self) -> str:
        return str(self.cleaned_data["email"]).strip().lower()


@require_http_methods(["GET", "HEAD", "POST"])
def ask(request: HttpRequest) -> HttpResponse:
    """The form; a POST leads to the page that says so, whatever the address is."""
    form = AddressForm(request.POST or None, label_suffix="")
    if request.method != "POST" or not form.is_valid():
        status = 422 if request.method == "POST" and form.errors else 200
        return render(request, "portal/new_link.html", {"form": form}, status=status)
    if guessing.take(request, budgets.ASKED_LINKS) is None:
        return too_many(request)
    _send(request, form.cleaned_data["email"])
    return redirect("new-link-sent")


def _send(request: HttpRequest, address: str) -> None:
    # A job looks the address up: an answer that did would take longer for one that is invited.
    if guessing.take(request, budgets.ASKED_LINKS_OF_ONE, key=address) is not None:
        send_asked_links.enqueue(asked_links.sealed(address))


@require_safe
def sent(request: HttpRequest) -> HttpResponse:
    """What happens now, for an invited address and for every other."""
    return render(request, "portal/new_link_sent.html")
