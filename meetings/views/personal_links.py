"""Personal links as addresses: a secret exchanged for a cookie, and a newer link for whoever proved the mailbox."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from meetings import codes, visitors
from meetings.attempts import Attempt
from meetings.live import Live, current_live
from meetings.services import invitations
from meetings.views import words
from meetings.views.asking import (
    Problem,
    asks_the_door,
    in_database,
    known_fields,
    look_at,
    looked,
    proved_device,
    too_many,
)
from meetings.visitors import Visitor

LINK_COOKIE_SECONDS = 180 * 24 * 3600


@require_http_methods(["GET", "HEAD"])
async def personal_link(request: HttpRequest, secret: str) -> HttpResponse:
    """Exchanges a link's secret for a cookie, so that it leaves the address bar. Claims nothing: scanners fetch links.

    A secret that opens nothing is answered in the same way, towards a code that names nothing.
    """
    live = current_live()
    visitor = await visitors.visitor_of_request(request)
    stranger = replace(visitor, user=None, link=None)  # one link's secret is not proved by another's
    seconds = live.tries.seconds_to_wait(stranger) if live is not None else 0
    if seconds:
        return await _too_many(request, too_many(seconds))
    token, code, tried = await in_database(live, _open, secret)
    if token is None and live is not None:
        live.tries.refuse(stranger)
        if tried is not None:
            live.turned_away.note_link(tried, visitor)
    target = reverse("door", args=[code])
    response = HttpResponseRedirect(target)
    response.set_cookie(
        "lintel-link",
        visitors.link_cookie(token),
        max_age=LINK_COOKIE_SECONDS,
        path=target,
        httponly=True,
        secure=request.is_secure(),
        samesite="Lax",
    )
    return response


async def _too_many(request: HttpRequest, problem: Problem) -> HttpResponse:
    """For people, who open links: what happened, and when to open theirs again. It was not looked up."""
    context = {"seconds": problem.wait_seconds}
    response = await sync_to_async(render)(request, "meetings/too_many.html", context, status=problem.status)
    response["Retry-After"] = str(problem.wait_seconds)
    return response


def _open(secret: str) -> tuple[Any, str, Attempt | None]:
    """The link, the code that it leads to, and for hosts what was tried where it opens nothing any more."""
    token = invitations.open_link(secret) if len(secret) <= 128 else None
    if token is not None:
        return token, token.invitation.occurrence.meeting.code, None
    dead = invitations.dead_link(secret)
    tried = None
    if dead is not None:
        reason = "revoked" if dead.invitation.revoked_at or dead.killed_at else "ended"
        tried = Attempt(str(dead.invitation.occurrence_id), "personal", str(dead.invitation_id), reason)
    return None, codes.new_meeting_code(), tried


@asks_the_door
async def new_link(request: HttpRequest, code: str, live: Live, visitor: Visitor, body: dict[str, Any]) -> HttpResponse:
    """Mails the newest link to the invited address, where theirs was replaced and they have proved that address.

    Everybody else is answered as by `look`.
    """
    known_fields(body, "device", "proof")
    device = proved_device(live, code, visitor, body)
    seen = await look_at(live, code, visitor, device.thumbprint)
    if seen.decision.reason != "link_replaced" or seen.occurrence is None:
        return JsonResponse(looked(seen))
    if not live.nonces.use(device.thumbprint, device.nonce, known=visitor.brings_proof):
        raise Problem(403, "proof", "This proof was used before.")
    invitation = await live.at_door(invitations.own_invitation, seen.occurrence, visitor.user, seen.invitation)
    if invitation is None:
        return JsonResponse(looked(seen))
    wait = await live.at_door(invitations.send_to_invitee, invitation, timezone.now())
    if wait > 0:
        raise Problem(429, "too_many", "A link was sent a moment ago.", retry_after=wait)
    return JsonResponse({"sent_to": words.masked(invitation.email)})
