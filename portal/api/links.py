"""Links of one meeting, taken back: replaced one by one or all at once, with a preview of who breaks. Hosts only."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.http import HttpRequest
from ninja import Router

from meetings.services import invitations, links
from meetings.views import breaks
from portal.api import access
from portal.api.invitations import HOSTS_ONLY, host_ids, must_be_open, open_invitation, shown
from portal.api.meetings import shown_to
from portal.api.operations import operation
from portal.api.problems import Problem, invalid
from portal.api.schemas.invitations import (
    LINK_CHANGE,
    Count,
    InvitationChange,
    InvitationMade,
    InvitationOut,
    LinkPreview,
    NotifyIn,
)
from portal.api.schemas.meetings import MeetingOut

router = Router()
TAG: Final = "Links"


@operation(
    router,
    "GET",
    "/meetings/{meeting_id}/link-preview",
    scope="read",
    answer=LinkPreview,
    problems=HOSTS_ONLY,
    tag=TAG,
)
def preview_link_change(
    request: HttpRequest, meeting_id: UUID, change: LINK_CHANGE = "meeting_link", invitation_id: UUID | None = None
) -> dict[str, Any]:
    """Who breaks when links are taken back

    Changes nothing. `invitation_id` names the invitation for `replace` and `revoke`.
    """
    user = request.auth.user  # type: ignore[attr-defined]
    seen = access.hosted_by(user, meeting_id)
    if (invitation_id is not None) != (change in {"replace", "revoke"}):
        raise invalid("invitation_id", "Name the invitation for “replace” and “revoke”, and for nothing else.")
    if invitation_id is not None:
        invitation = access.invitation_of(seen, invitation_id)
        name = invitation.user.name if invitation.user is not None else invitation.name or invitation.email
        who = links.breaks_of_link(invitation)
        text = breaks.of_one_link(who, name) if change == "replace" else breaks.of_revoking(who)
    elif change == "replace_all":
        who = links.breaks_of_all_links(seen.occurrence)
        text = breaks.of_all_links(who)
    elif change == "revoke_all":
        who = links.breaks_of_revoking_all(seen.occurrence)
        text = breaks.of_revoking_all(who)
    else:
        who = links.breaks_of_meeting_link(user, seen.meeting, seen.occurrence)
        text = breaks.of_meeting_link(who)
    return {
        "change": change,
        "taken_out": list(who.out),
        "listed_mailed": who.listed,
        "guests_mailed": who.guests,
        "links_kept": who.keep,
        "text": text,
    }


@operation(
    router,
    "POST",
    "/meetings/{meeting_id}/rotate-link",
    scope="write",
    answer=MeetingOut,
    problems=(*HOSTS_ONLY, "wrong_state"),
    tag=TAG,
)
def rotate_meeting_link(request: HttpRequest, meeting_id: UUID) -> dict[str, Any]:
    """Replace the meeting's own link

    The old one opens nothing any more; listed people get the new one by email. Personal links keep working, and whoever
    is inside stays.
    """
    user = request.auth.user  # type: ignore[attr-defined]
    seen = access.hosted_by(user, meeting_id)
    must_be_open(seen)
    links.replace_meeting_link(user, seen.meeting)
    return shown_to(user, access.seen_by(user, meeting_id))


@operation(
    router,
    "POST",
    "/meetings/{meeting_id}/invitations/rotate",
    scope="write",
    answer=Count,
    problems=(*HOSTS_ONLY, "wrong_state"),
    tag=TAG,
)
def rotate_all_links(request: HttpRequest, meeting_id: UUID) -> dict[str, Any]:
    """Replace the links of all guests

    Each gets a new one by email. The link of somebody who is inside is bound to their device and keeps working.
    """
    seen = access.hosted_by(request.auth.user, meeting_id)  # type: ignore[attr-defined]
    must_be_open(seen)
    return {"changed": links.replace_all_links(request.auth.user, seen.occurrence)}  # type: ignore[attr-defined]


@operation(
    router,
    "POST",
    "/meetings/{meeting_id}/invitations/revoke",
    scope="write",
    answer=Count,
    problems=HOSTS_ONLY,
    tag=TAG,
)
def revoke_all_invitations(request: HttpRequest, meeting_id: UUID) -> dict[str, Any]:
    """Revoke every invitation

    Hosts stay hosts; everybody else who is inside by an invitation is taken out at once.
    """
    seen = access.hosted_by(request.auth.user, meeting_id)  # type: ignore[attr-defined]
    return {"changed": links.revoke_all(request.auth.user, seen.occurrence)}  # type: ignore[attr-defined]


@operation(
    router,
    "POST",
    "/meetings/{meeting_id}/invitations/restore",
    scope="write",
    answer=Count,
    problems=(*HOSTS_ONLY, "wrong_state"),
    tag=TAG,
)
def restore_all_invitations(request: HttpRequest, meeting_id: UUID) -> dict[str, Any]:
    """Restore every revoked invitation

    Each gets a new link by email; old links stay dead.
    """
    seen = access.hosted_by(request.auth.user, meeting_id)  # type: ignore[attr-defined]
    must_be_open(seen)
    return {"changed": links.restore_all(request.auth.user, seen.occurrence)}  # type: ignore[attr-defined]


@operation(
    router,
    "POST",
    "/meetings/{meeting_id}/invitations/{invitation_id}/rotate",
    scope="write",
    answer=InvitationMade,
    problems=(*HOSTS_ONLY, "wrong_state"),
    tag=TAG,
)
def rotate_link(
    request: HttpRequest, meeting_id: UUID, invitation_id: UUID, data: NotifyIn | None = None
) -> dict[str, Any]:
    """Replace one personal link

    Every earlier link of this person is dead before this is answered, and whoever is inside with one is out. The answer
    holds `join_url`, the new link, this once; `notify` mails another one to them.
    """
    user = request.auth.user  # type: ignore[attr-defined]
    seen = access.hosted_by(user, meeting_id)
    invitation = open_invitation(seen, invitation_id)
    if invitation.revoked_at is not None:
        raise Problem("wrong_state", "The invitation is revoked: restore it first.")
    with transaction.atomic():
        invitation = links.replace_link(user, invitation, send=(data or NotifyIn()).notify)
        join_url = invitations.mint_link(invitation, by=user, via="api")
    return {**shown(invitation, host_ids(seen)), "join_url": join_url}


@operation(
    router,
    "PATCH",
    "/meetings/{meeting_id}/invitations/{invitation_id}",
    scope="write",
    answer=InvitationOut,
    problems=(*HOSTS_ONLY, "wrong_state", "already_invited"),
    tag=TAG,
)
def change_invitation(
    request: HttpRequest, meeting_id: UUID, invitation_id: UUID, data: InvitationChange
) -> dict[str, Any]:
    """Change an invitation

    Fields that are absent stay as they are. With another address the old one loses access at once, and the new one gets
    an invitation of its own. `role` `host` makes an account a host of the meeting.
    """
    user = request.auth.user  # type: ignore[attr-defined]
    seen = access.hosted_by(user, meeting_id)
    given = data.model_fields_set - {"notify"}
    if not given:
        raise invalid("", "Name at least one field to change.")
    invitation = open_invitation(seen, invitation_id)
    if invitation.revoked_at is not None:
        raise Problem("wrong_state", "The invitation is revoked: restore it first.")
    others = invitation.occurrence.invitations.exclude(pk=invitation.pk)
    if "email" in given and others.filter(email=data.email).exists():
        raise Problem("already_invited")
    with transaction.atomic():
        who = {name: getattr(data, name) for name in ("email", "name") if name in given}
        invitation = links.change_person(user, invitation, send=data.notify, **who)
        if "role" in given:
            access.make_host(user, seen, invitation.email)
    return shown(access.invitation_of(seen, invitation_id), host_ids(access.hosted_by(user, meeting_id)))
