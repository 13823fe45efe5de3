"""Accounts: who has one, with which role; invite somebody, deactivate, reactivate. The services write."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from meetings.retentionmodels import ERASED_DOMAIN
from meetings.text import clean_line
from meetings.views.moments import short_moment
from portal.accounts import services
from portal.models import User
from portal.pages.admins import administrators_only

PEOPLE_PER_PAGE = 100


class PersonForm(forms.Form):
    """Somebody who gets an account."""

    email = forms.EmailField(
        label=gettext_lazy("Email"),
        widget=forms.EmailInput(attrs={"class": "input"}),
        error_messages={
            "required": gettext_lazy("Enter the email address."),
            "invalid": gettext_lazy("Enter an email address, such as name@example.org."),
        },
    )
    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=120,
        widget=forms.TextInput(attrs={"class": "input"}),
        error_messages={"required": gettext_lazy("Enter the name.")},
    )
    role = forms.ChoiceField(
        label=gettext_lazy("Role"),
        choices=[
            (User.Role.STAFF, gettext_lazy("Staff: schedules and joins meetings")),
            (User.Role.ADMIN, gettext_lazy("Administrator: also people and the audit log")),
        ],
        initial=User.Role.STAFF,
        widget=forms.Select(attrs={"class": "input"}),
    )


@administrators_only
@require_http_methods(["GET", "HEAD"])
def people(request: HttpRequest) -> HttpResponse:
    """Everybody with an account, found by a part of the name or address."""
    sought = clean_line(request.GET.get("q", ""), 100)
    found = User.objects.exclude(email__endswith=f"@{ERASED_DOMAIN}").order_by("-is_active", "name", "email")
    if sought:
        found = found.filter(Q(name__icontains=sought) | Q(email__icontains=sought))
    page = Paginator(found, PEOPLE_PER_PAGE).get_page(request.GET.get("page"))
    now = timezone.now()
    rows = [
        {
            "id": person.pk,
            "name": person.name,
            "email": person.email,
            "role": person.get_role_display(),
            "admin": person.role == User.Role.ADMIN,
            "active": person.is_active,
            "set_up": person.has_usable_password(),
            "seen": short_moment(person.last_login, now, inline=True) if person.last_login else "",
            "you": person.pk == request.user.pk,
        }
        for person in page
    ]
    context = {"here": "people", "rows": rows, "page": page, "sought": sought, "count": page.paginator.count}
    return render(request, "portal/people.html", context)


@administrators_only
@require_http_methods(["GET", "HEAD", "POST"])
def invite(request: HttpRequest) -> HttpResponse:
    """Makes an account without a password and shows its one-time link, once."""
    form = PersonForm(request.POST or None, label_suffix="")
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            link = services.invite_person(data["email"], data["name"], data["role"], by=request.user)
        except ValidationError as wrong:
            for name, sentences in _by_field(wrong).items():
                form.add_error(name if name in form.fields else None, sentences)
        else:
            return _link_page(request, data["name"], link)
    context = {"here": "people", "form": form}
    return render(request, "portal/person_invite.html", context, status=422 if form.errors else 200)


def _by_field(wrong: ValidationError) -> dict[str, list[str]]:
    return wrong.message_dict if hasattr(wrong, "error_dict") else {"": wrong.messages}


def _link_page(request: HttpRequest, name: str, link: str) -> HttpResponse:
    return render(request, "portal/person_link.html", {"here": "people", "name": name, "link": link})


def _person(person_id: Any) -> User:
    person = User.objects.filter(pk=person_id).exclude(email__endswith=f"@{ERASED_DOMAIN}").first()
    if person is None:
        raise Http404
    return person


@administrators_only
@require_POST
def new_link(request: HttpRequest, person_id: Any) -> HttpResponse:
    """A new one-time link for somebody who lost the first one or forgot the password; earlier ones die."""
    person = _person(person_id)
    if not person.is_active:
        raise Http404
    return _link_page(request, person.name, services.invite_again(person, request.user))


@administrators_only
@require_http_methods(["GET", "HEAD", "POST"])
def deactivate(request: HttpRequest, person_id: Any) -> HttpResponse:
    """Asks once, then ends the account's sessions and takes the person out of every room."""
    person = _person(person_id)
    back = reverse("people")
    if request.method == "POST":
        try:
            services.deactivate(person, request.user)
        except ValidationError as wrong:
            messages.error(request, " ".join(wrong.messages))
        else:
            messages.success(request, _("%(name)s can’t sign in any more.") % {"name": person.name})
        return redirect(back)
    context = {
        "here": "people",
        "question": _("Deactivate %(name)s?") % {"name": person.name},
        "about": _("It signs them out everywhere and takes them out of every room now. Their history is kept."),
        "verb": _("Deactivate"),
        "keep": _("Keep the account"),
        "back": back,
        "back_name": _("People"),
    }
    return render(request, "meetings/ask.html", context)


@administrators_only
@require_http_methods(["GET", "HEAD", "POST"])
def change_role(request: HttpRequest, person_id: Any, role: str) -> HttpResponse:
    """Asks once, then makes somebody an administrator, or takes that away."""
    person = _person(person_id)
    if not person.is_active or role not in User.Role.values:
        raise Http404
    is_admin = role == User.Role.ADMIN
    back, name = reverse("people"), {"name": person.name}
    if request.method == "POST":
        try:
            services.change_role(person, role, request.user)
        except ValidationError as wrong:
            messages.error(request, " ".join(wrong.messages))
        else:
            said = _("%(name)s is an administrator now.") if is_admin else _("%(name)s is no administrator any more.")
            messages.success(request, said % name)
        return redirect(back)
    if is_admin:
        question, verb = _("Make %(name)s an administrator?"), _("Make administrator")
        about = _(
            "Administrators invite and deactivate people, settle what doors may be, and read the audit log. It doesn’t "
            "bring them into meetings."
        )
    else:
        question, verb = _("Take the administrator’s role from %(name)s?"), _("Take the role away")
        about = _("It takes effect at once. Their account and their meetings stay.")
    context = {
        "here": "people",
        "question": question % name,
        "about": about,
        "verb": verb,
        "calm": is_admin,
        "keep": _("Leave it as it is"),
        "back": back,
        "back_name": _("People"),
    }
    return render(request, "meetings/ask.html", context)


@administrators_only
@require_POST
def reactivate(request: HttpRequest, person_id: Any) -> HttpResponse:
    """The account can be used again."""
    person = _person(person_id)
    services.reactivate(person, request.user)
    messages.success(request, _("%(name)s can sign in again.") % {"name": person.name})
    return redirect("people")
