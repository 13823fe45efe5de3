"""Named groups of accounts: listed, made, changed, deleted. The services write."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods

from meetings import directory
from meetings.models import PeopleGroup
from meetings.services import groups
from meetings.services.errors import Wrong
from portal.pages.admins import administrators_only

NAMES_SHOWN = 5


class GroupForm(forms.Form):
    """A name, and the people in it."""

    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=groups.NAME_LENGTH,
        widget=forms.TextInput(attrs={"class": "input"}),
        error_messages={"required": gettext_lazy("Enter a name.")},
    )
    members = forms.CharField(
        label=gettext_lazy("People"),
        max_length=100_000,
        required=False,
        widget=forms.Textarea(attrs={"class": "input", "rows": 4}),
    )

    def clean_members(self) -> list[Any]:
        typed = directory.find(self.cleaned_data["members"])
        without = [*typed.emails, *typed.wrong, *(str(group) for group in typed.groups), *typed.domains]
        if without:
            raise forms.ValidationError(
                _("Groups hold people with an account, and nobody here is called %(names)s.")
                % {"names": ", ".join(without)}
            )
        if typed.several:
            raise forms.ValidationError(
                _("Several people are called %(names)s. Enter the email address.") % {"names": ", ".join(typed.several)}
            )
        return typed.users


@administrators_only
@require_http_methods(["GET", "HEAD"])
def all_groups(request: HttpRequest) -> HttpResponse:
    """Every group, with who is in it and in how many meetings it is on the list."""
    found = PeopleGroup.objects.prefetch_related("members", "listings")
    rows = [
        {
            "id": group.pk,
            "name": group.name,
            "people": _people(group),
            "names": ", ".join(sorted(one.name for one in group.members.all())[:NAMES_SHOWN]),
            "meetings": group.listings.count(),
        }
        for group in found
    ]
    context = {"here": "organisation", "section": "groups", "rows": rows}
    return render(request, "portal/groups.html", context)


def _people(group: PeopleGroup) -> str:
    count = len(group.members.all())
    return ngettext("%(count)d person", "%(count)d people", count) % {"count": count}


@administrators_only
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """The empty form; a POST makes the group."""
    form = GroupForm(request.POST or None, label_suffix="")
    if request.method == "POST" and form.is_valid():
        try:
            made = groups.make_group(request.user, form.cleaned_data["name"], form.cleaned_data["members"])
        except Wrong as wrong:
            form.add_error(wrong.field, wrong.message)
        else:
            messages.success(request, _("%(name)s can be put on the list of any meeting now.") % {"name": made.name})
            return redirect("organisation-groups")
    return _page(request, form)


@administrators_only
@require_http_methods(["GET", "HEAD", "POST"])
def change(request: HttpRequest, group_id: Any) -> HttpResponse:
    """Another name, other people. Who is taken out is off every list at once."""
    group = _group(group_id)
    initial = {"name": group.name, "members": ", ".join(one.email for one in group.members.order_by("name"))}
    form = GroupForm(request.POST or None, initial=initial, label_suffix="")
    if request.method == "POST" and form.is_valid():
        try:
            groups.change_group(
                request.user, group, name=form.cleaned_data["name"], members=form.cleaned_data["members"]
            )
        except Wrong as wrong:
            form.add_error(wrong.field, wrong.message)
        else:
            messages.success(request, _("Saved. It holds for all meetings from now on, also for those that are on."))
            return redirect("organisation-groups")
    return _page(request, form, group)


@administrators_only
@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: HttpRequest, group_id: Any) -> HttpResponse:
    """Asks once."""
    group = _group(group_id)
    back = reverse("organisation-groups")
    if request.method == "POST":
        groups.delete_group(request.user, group)
        messages.success(request, _("%(name)s is deleted.") % {"name": group.name})
        return redirect(back)
    count = group.listings.count()
    listed = ngettext(
        "It is on the list of %(count)d meeting, and taken off it.",
        "It is on the lists of %(count)d meetings, and taken off them.",
        count,
    ) % {"count": count}
    context = {
        "here": "organisation",
        "question": _("Delete the group %(name)s?") % {"name": group.name},
        "about": _("%(listed)s The accounts stay.") % {"listed": listed},
        "verb": _("Delete the group"),
        "keep": _("Keep it"),
        "back": back,
        "back_name": _("Groups"),
    }
    return render(request, "meetings/ask.html", context)


def _group(group_id: Any) -> PeopleGroup:
    found = PeopleGroup.objects.filter(pk=group_id).first()
    if found is None:
        raise Http404
    return found


def _page(request: HttpRequest, form: GroupForm, group: PeopleGroup | None = None) -> HttpResponse:
    people = directory.suggestions()
    context = {
        "here": "organisation",
        "section": "groups",
        "form": form,
        "group": group,
        "page_data": {
            "people": people,
            "complete": directory.count() <= len(people),
            "words": {
                "remove": _("Remove {name}"),
                "added": _("Added {name}."),
                "removed": _("Removed {name}."),
                "hostWrong": _("{name} has no account here."),
                "suggested": _("{count} people match. Press the down arrow to choose."),
                "addPeople": _("Name or email"),
            },
        },
    }
    return render(request, "portal/group.html", context, status=422 if form.errors else 200)
