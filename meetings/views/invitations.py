"""Personal invitations of a meeting: invite, copy a link, send again, revoke, restore. Hosts only."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST

from meetings import listing
from meetings.inviteforms import InviteForm
from meetings.models import Encryption, Invitation, Meeting, Participant
from meetings.services import invitations, links, lists
from meetings.services.errors import Wrong
from meetings.views import breaks, words
from meetings.views.access import for_hosts, open_meeting
from meetings.views.invitees import name_of
from meetings.views.meeting import meeting_page


def invitation_of(user: Any, meeting_id: Any, invitation_id: Any) -> tuple[Meeting, Invitation]:
    """An invitation of an open meeting that this person hosts. Raises Http404 for every other."""
    meeting = open_meeting(user, meeting_id)
    invitation = listing.invitation_of(meeting, invitation_id)
    if invitation is None:
        raise Http404
    return meeting, invitation


def back_to(meeting: Meeting) -> str:
    """The region of the meeting's page where invitations are."""
    return reverse("meetings:meeting", args=[meeting.pk]) + "#invitations"


def _name(invitation: Invitation) -> str:
    return (invitation.user.name if invitation.user else invitation.name) or invitation.email


@for_hosts
@require_POST
def invite(request: HttpRequest, meeting_id: Any) -> HttpResponse:
    """Invites everybody named in the field; each gets a personal link by email."""
    meeting = open_meeting(request.user, meeting_id)
    form = InviteForm(request.POST)
    if not form.is_valid():
        return meeting_page(request, meeting, invite_form=form)
    typed = form.cleaned_data["people"]
    occurrence = listing.current(meeting)
    asked = [(person.email, person.name) for person in typed.users] + [(email, "") for email in typed.emails]
    try:
        with transaction.atomic():
            for email, name in asked:
                invitations.invite(request.user, occurrence, email, name)
            if typed.together:
                lists.add_lists(request.user, meeting, typed.together)
    except Wrong as wrong:
        form.add_error("people", wrong.message)
        return meeting_page(request, meeting, invite_form=form)
    count = len(typed)
    said = ngettext("%(count)d invitation is on its way.", "%(count)d invitations are on their way.", count)
    if count:
        messages.success(request, said % {"count": count})
    for one in typed.together:
        name = words.together(one)
        messages.success(request, _("On the list now: %(name)s.") % {"name": name})
    return redirect(back_to(meeting))


@for_hosts
@require_POST
def link(request: HttpRequest, meeting_id: Any, invitation_id: Any) -> HttpResponse:
    """Mints a personal link. The page's script gets it as JSON; without one it is shown, once."""
    meeting, invitation = invitation_of(request.user, meeting_id, invitation_id)
    if invitation.revoked_at is not None:
        raise Http404
    url = invitations.mint_link(invitation, by=request.user)
    if request.accepts("text/html"):
        context = {
            "here": "meetings",
            "meeting": meeting,
            "name": name_of(invitation),
            "link": url,
            "sealed": meeting.encryption == Encryption.SEALED,
            "back": back_to(meeting),
        }
        return render(request, "meetings/link.html", context)
    return JsonResponse({"url": url})


@for_hosts
@require_POST
def resend(request: HttpRequest, meeting_id: Any, invitation_id: Any) -> HttpResponse:
    """Mails the invitation again, with a new link."""
    meeting, invitation = invitation_of(request.user, meeting_id, invitation_id)
    if invitation.revoked_at is not None:
        raise Http404
    invitations.send_again(request.user, invitation)
    messages.success(request, _("The invitation to %(name)s is on its way again.") % {"name": name_of(invitation)})
    return redirect(back_to(meeting))


@for_hosts
@require_http_methods(["GET", "HEAD", "POST"])
def revoke(request: HttpRequest, meeting_id: Any, invitation_id: Any) -> HttpResponse:
    """Asks once, then revokes; whoever is inside with it is taken out at once."""
    meeting, invitation = invitation_of(request.user, meeting_id, invitation_id)
    name = name_of(invitation)
    if request.method == "POST":
        invitations.revoke(request.user, invitation)
        messages.success(request, _("The invitation of %(name)s is revoked.") % {"name": name})
        return redirect(back_to(meeting))
    inside = invitation.participant_set.filter(state=Participant.State.INSIDE).exists()
    asked = _("%(name)s is in the room. Revoke and remove?") if inside else _("Revoke the invitation of %(name)s?")
    context = {
        "here": "meetings",
        "question": asked % {"name": name},
        "about": breaks.of_revoking(links.breaks_of_link(invitation)),
        "verb": _("Revoke and remove") if inside else _("Revoke"),
        "keep": _("Keep it"),
        "back": back_to(meeting),
        "back_name": meeting.title,
    }
    return render(request, "meetings/ask.html", context)


@for_hosts
@require_POST
def restore(request: HttpRequest, meeting_id: Any, invitation_id: Any) -> HttpResponse:
    """Takes a revocation back and mails a new link. Old links stay dead."""
    meeting, invitation = invitation_of(request.user, meeting_id, invitation_id)
    try:
        invitations.restore(request.user, invitation)
    except Wrong as wrong:
        messages.error(request, str(wrong))
    else:
        told = _("%(name)s is invited again. A new link is on its way.")
        messages.success(request, told % {"name": name_of(invitation)})
    return redirect(back_to(meeting))


@for_hosts
@require_POST
def unlist(request: HttpRequest, meeting_id: Any) -> HttpResponse:
    """Takes a group or domain off the list: its people are decided by another row at once."""
    meeting = open_meeting(request.user, meeting_id)
    listed = list(meeting.listed_together.select_related("group"))
    gone = next((one for one in listed if str(one.pk) == request.POST.get("listed")), None)
    if gone is None:
        raise Http404
    lists.change_lists(request.user, meeting, [one.group or one.domain for one in listed if one != gone], tell=True)
    messages.success(request, _("%(name)s is off the list.") % {"name": str(gone)})
    return redirect(back_to(meeting))
