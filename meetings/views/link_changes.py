"""Taking links back, on the pages: one or all, the meeting's own link, and an address that was wrong. Hosts only.

Each GET asks, and says who breaks; the POST does it.
"""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST

from meetings import listing
from meetings.inviteforms import AddressForm
from meetings.models import Invitation, Meeting
from meetings.services import links, scheduling
from meetings.services.errors import Wrong
from meetings.views import breaks
from meetings.views.access import for_hosts, open_meeting
from meetings.views.invitations import back_to, invitation_of
from meetings.views.invitees import name_of

ASKS = ["GET", "HEAD", "POST"]


def _ask(
    request: HttpRequest, meeting: Meeting, question: str, about: str, verb: str, *, keep: str = "", **more: Any
) -> HttpResponse:
    context = {
        "here": "meetings",
        "question": question,
        "about": about,
        "verb": verb,
        "keep": keep or _("Keep it"),
        "back": back_to(meeting),
        "back_name": meeting.title,
    }
    return render(request, "meetings/ask.html", context | more)


@for_hosts
@require_http_methods(ASKS)
def replace_meeting_link(request: HttpRequest, meeting_id: Any) -> HttpResponse:
    """A new link for the meeting; the old one opens nothing any more."""
    meeting = open_meeting(request.user, meeting_id)
    if request.method == "POST":
        links.replace_meeting_link(request.user, meeting)
        messages.success(request, _("The meeting has a new link. The old one opens nothing any more."))
        return redirect(back_to(meeting).replace("#invitations", "#meeting-link"))
    who = links.breaks_of_meeting_link(request.user, meeting, listing.current(meeting))
    return _ask(request, meeting, _("Replace the meeting link?"), breaks.of_meeting_link(who), _("Replace link"))


@for_hosts
@require_http_methods(ASKS)
def replace_link(request: HttpRequest, meeting_id: Any, invitation_id: Any) -> HttpResponse:
    """A new personal link for one person, mailed to them; every earlier one is dead."""
    meeting, invitation = _live_invitation(request.user, meeting_id, invitation_id)
    name = name_of(invitation)
    if request.method == "POST":
        links.replace_link(request.user, invitation)
        messages.success(request, _("%(name)s gets a new link by email. The old one is dead.") % {"name": name})
        return redirect(back_to(meeting))
    question = _("Replace the link of %(name)s?") % {"name": name}
    about = breaks.of_one_link(links.breaks_of_link(invitation), name)
    return _ask(request, meeting, question, about, _("Replace link"))


@for_hosts
@require_http_methods(ASKS)
def replace_all(request: HttpRequest, meeting_id: Any) -> HttpResponse:
    """A new personal link for every guest who isn't inside."""
    meeting = open_meeting(request.user, meeting_id)
    occurrence = listing.current(meeting)
    if request.method == "POST":
        count = links.replace_all_links(request.user, occurrence)
        said = ngettext("%(count)d link is replaced.", "%(count)d links are replaced.", count)
        messages.success(request, said % {"count": count})
        return redirect(back_to(meeting))
    about = breaks.of_all_links(links.breaks_of_all_links(occurrence))
    return _ask(request, meeting, _("Replace the links of all guests?"), about, _("Replace links"), keep=_("Keep them"))


@for_hosts
@require_http_methods(ASKS)
def revoke_all(request: HttpRequest, meeting_id: Any) -> HttpResponse:
    """Every invitation at once."""
    meeting = open_meeting(request.user, meeting_id)
    occurrence = listing.current(meeting)
    if request.method == "POST":
        count = links.revoke_all(request.user, occurrence)
        said = ngettext("%(count)d invitation is revoked.", "%(count)d invitations are revoked.", count)
        messages.success(request, said % {"count": count})
        return redirect(back_to(meeting))
    about = breaks.of_revoking_all(links.breaks_of_revoking_all(occurrence))
    return _ask(request, meeting, _("Revoke every invitation?"), about, _("Revoke all"), keep=_("Keep them"))


@for_hosts
@require_POST
def restore_all(request: HttpRequest, meeting_id: Any) -> HttpResponse:
    """Takes every revocation back and mails new links. Old links stay dead."""
    meeting = open_meeting(request.user, meeting_id)
    count = links.restore_all(request.user, listing.current(meeting))
    said = ngettext(
        "%(count)d person is invited again. A new link is on its way.",
        "%(count)d people are invited again. New links are on their way.",
        count,
    )
    messages.success(request, said % {"count": count})
    return redirect(back_to(meeting))


@for_hosts
@require_http_methods(ASKS)
def change_person(request: HttpRequest, meeting_id: Any, invitation_id: Any) -> HttpResponse:
    """Another name or address for somebody who is invited."""
    meeting, invitation = _live_invitation(request.user, meeting_id, invitation_id)
    form = AddressForm(request.POST or None, invitation=invitation)
    if request.method == "POST" and form.is_valid():
        try:
            links.change_person(request.user, invitation, **form.cleaned_data)
        except Wrong as wrong:
            form.add_error(wrong.field if wrong.field in form.fields else None, wrong.message)
        else:
            messages.success(request, _("Saved. %(email)s is invited.") % {"email": form.cleaned_data["email"]})
            return redirect(back_to(meeting))
    name = name_of(invitation)
    context = {
        "here": "meetings",
        "meeting": meeting,
        "form": form,
        "question": _("Change the address of %(name)s") % {"name": name},
        "about": breaks.of_changing_address(links.breaks_of_link(invitation), name),
        "back": back_to(meeting),
        "asks_name": invitation.user_id is None,
    }
    return render(request, "meetings/address.html", context, status=422 if form.errors else 200)


@for_hosts
@require_http_methods(ASKS)
def make_host(request: HttpRequest, meeting_id: Any, invitation_id: Any) -> HttpResponse:
    """Makes somebody with an account a host of this meeting."""
    meeting, invitation = _live_invitation(request.user, meeting_id, invitation_id)
    account = invitation.user
    if account is None or not account.is_active or account in meeting.hosts.all():
        raise Http404
    if request.method == "POST":
        scheduling.change_meeting(request.user, meeting, tell=True, hosts=lambda now: [*now, account])
        messages.success(request, _("%(name)s hosts this meeting too.") % {"name": account.name})
        return redirect(back_to(meeting))
    question = _("Make %(name)s a host?") % {"name": account.name}
    about = _("Hosts always walk in, answer the door, change the meeting and invite people. They are told by email.")
    return _ask(request, meeting, question, about, _("Make host"), keep=_("Not now"), calm=True)


def _live_invitation(user: Any, meeting_id: Any, invitation_id: Any) -> tuple[Meeting, Invitation]:
    meeting, invitation = invitation_of(user, meeting_id, invitation_id)
    if invitation.revoked_at is not None:
        raise Http404
    return meeting, invitation
