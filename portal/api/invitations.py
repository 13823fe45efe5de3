"""Invitations of one meeting: make, list, revoke, restore, send again. Hosts only."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.http import HttpRequest
from ninja import Router

from meetings.models import Invitation
from meetings.services import invitations
from portal.api import access
from portal.api.operations import operation
from portal.api.paging import PageQuery, cut, moment, position
from portal.api.problems import Problem
from portal.api.schemas.invitations import InvitationIn, InvitationMade, InvitationOut, Invitations

router = Router()
TAG: Final = "Invitations"
HOSTS_ONLY: Final = ("not_found", "not_a_host")


@operation(
    router, "GET", "/meetings/{meeting_id}/invitations", scope="read", answer=Invitations, problems=HOSTS_ONLY, tag=TAG
)
def list_invitations(
    request: HttpRequest, meeting_id: UUID, page: PageQuery, occurrence_id: UUID | None = None
) -> dict[str, Any]:
    """Who is invited

    To the current occurrence, or the one that is named. In the order of invitation; revoked ones too. Links are not
    shown again.
    """
    seen = access.hosted_by(request.auth.user, meeting_id)  # type: ignore[attr-defined]
    asked = access.occurrence_named(seen, occurrence_id).invitations
    rows = asked.select_related("user").order_by("created_at", "pk")
    after = position(page.cursor, moment, UUID)
    if after is not None:
        rows = rows.filter(Q(created_at__gt=after[0]) | Q(created_at=after[0], pk__gt=after[1]))
    found, following = cut(rows[: page.limit + 1], page.limit, lambda one: (one.created_at.isoformat(), one.pk))
    hosts = host_ids(seen)
    return {"items": [shown(one, hosts) for one in found], "next": following}


@operation(
    router,
    "POST",
    "/meetings/{meeting_id}/invitations",
    scope="write",
    answer=InvitationMade,
    status=201,
    problems=(*HOSTS_ONLY, "already_invited", "wrong_state"),
    tag=TAG,
)
def make_invitation(request: HttpRequest, meeting_id: UUID, data: InvitationIn) -> dict[str, Any]:
    """Invite somebody

    The answer holds `join_url`, the personal link, this once. A link that is mailed is another one; the first Join or
    Knock with any of them ends the others.
    """
    user = request.auth.user  # type: ignore[attr-defined]
    hosted = access.hosted_by(user, meeting_id)
    seen = replace(hosted, occurrence=access.occurrence_named(hosted, data.occurrence_id))
    must_be_open(seen)
    with transaction.atomic():
        if Invitation.objects.filter(occurrence=seen.occurrence, email=data.email).exists():
            raise Problem("already_invited")
        if data.role == "host":
            access.make_host(user, seen, data.email)
        try:
            with transaction.atomic():
                invitation = invitations.invite(
                    user, seen.occurrence, data.email, data.name, send=data.notify, and_later=data.and_later
                )
        except IntegrityError:
            raise Problem("already_invited") from None
        join_url = invitations.mint_link(invitation, by=user, via="api")
    invitation.refresh_from_db()
    return {**shown(invitation, host_ids(seen)), "join_url": join_url}


@operation(
    router,
    "POST",
    "/meetings/{meeting_id}/invitations/{invitation_id}/revoke",
    scope="write",
    answer=InvitationOut,
    problems=HOSTS_ONLY,
    tag=TAG,
)
def revoke_invitation(request: HttpRequest, meeting_id: UUID, invitation_id: UUID) -> dict[str, Any]:
    """Revoke an invitation

    Its links open nothing from then on, and whoever came in with one is out. Revoking twice is no error.
    """
    user = request.auth.user  # type: ignore[attr-defined]
    seen = access.hosted_by(user, meeting_id)
    invitation = access.invitation_of(seen, invitation_id)
    if invitation.revoked_at is None:
        invitation = invitations.revoke(user, invitation)
    return shown(invitation, host_ids(seen))


@operation(
    router,
    "POST",
    "/meetings/{meeting_id}/invitations/{invitation_id}/restore",
    scope="write",
    answer=InvitationOut,
    problems=(*HOSTS_ONLY, "wrong_state"),
    tag=TAG,
)
def restore_invitation(request: HttpRequest, meeting_id: UUID, invitation_id: UUID) -> dict[str, Any]:
    """Restore a revoked invitation

    Restoring one that is not revoked is no error.
    """
    user = request.auth.user  # type: ignore[attr-defined]
    seen = access.hosted_by(user, meeting_id)
    invitation = open_invitation(seen, invitation_id)
    if invitation.revoked_at is not None:
        invitation = invitations.restore(user, invitation)
    return shown(invitation, host_ids(seen))


@operation(
    router,
    "POST",
    "/meetings/{meeting_id}/invitations/{invitation_id}/resend",
    scope="write",
    answer=InvitationMade,
    problems=(*HOSTS_ONLY, "wrong_state"),
    tag=TAG,
)
def resend_invitation(request: HttpRequest, meeting_id: UUID, invitation_id: UUID) -> dict[str, Any]:
    """Send an invitation again

    Mails a new personal link, and shows one more as `join_url`, this once.
    """
    user = request.auth.user  # type: ignore[attr-defined]
    seen = access.hosted_by(user, meeting_id)
    invitation = open_invitation(seen, invitation_id)
    if invitation.revoked_at is not None:
        raise Problem("wrong_state", "The invitation is revoked: restore it first.")
    with transaction.atomic():
        invitations.send_again(user, invitation)
        join_url = invitations.mint_link(invitation, by=user, via="api")
    invitation.refresh_from_db()
    return {**shown(invitation, host_ids(seen)), "join_url": join_url}


def shown(invitation: Invitation, hosts: set[UUID]) -> dict[str, Any]:
    account = invitation.user
    return {
        "id": invitation.pk,
        "email": invitation.email,
        "name": account.name if account else invitation.name,
        "role": "host" if invitation.user_id in hosts else "attendee" if account else "guest",
        "state": state_of(invitation),
        "occurrence_id": invitation.occurrence_id,
        "created_at": invitation.created_at,
        "sent_at": invitation.sent_at,
        "opened_at": invitation.opened_at,
        "claimed_at": invitation.claimed_at,
        "revoked_at": invitation.revoked_at,
        "link_withdrawn_at": invitation.link_withdrawn_at,
    }


def state_of(invitation: Invitation) -> str:
    for state, at in (
        ("revoked", invitation.revoked_at),
        ("used", invitation.claimed_at),
        ("opened", invitation.opened_at),
        ("sent", invitation.sent_at),
    ):
        if at:
            return state
    return "invited"


def host_ids(seen: access.Seen) -> set[UUID]:
    return set(seen.meeting.hosts.values_list("pk", flat=True))


def open_invitation(seen: access.Seen, invitation_id: UUID) -> Invitation:
    """An invitation of this meeting to an occurrence that is still open. Raises Problem."""
    invitation = access.invitation_of(seen, invitation_id)
    must_be_open(replace(seen, occurrence=invitation.occurrence))
    return invitation


def must_be_open(seen: access.Seen) -> None:
    """Raises Problem where there is nothing left to invite to."""
    if seen.meeting.cancelled_at or seen.occurrence.cancelled_at:
        raise Problem("wrong_state", "The meeting is cancelled.")
    if seen.occurrence.ended_at:
        raise Problem("wrong_state", "The meeting has ended.")
