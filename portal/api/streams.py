"""Passes for a Red5 Pro server that asks Lintel's door: who somebody is, for some minutes, in one meeting."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from django.http import HttpRequest
from ninja import Router

from meetings.models import Participant
from meetings.roundtrip import answering
from portal.api import access
from portal.api.operations import operation
from portal.api.problems import Problem, invalid
from portal.api.schemas.live import StreamPassIn, StreamPassMade

router = Router()
TAG: Final = "Streams"


@operation(
    router,
    "POST",
    "/meetings/{meeting_id}/stream-passes",
    scope="write",
    answer=StreamPassMade,
    status=201,
    problems=("not_found", "not_a_host"),
    tag=TAG,
)
def make_stream_pass(request: HttpRequest, meeting_id: UUID, data: StreamPassIn) -> dict[str, Any]:
    """Make credentials for a Red5 Pro server

    For a seat or an invitation (hosts), or for the token's owner. They say who somebody is; whether that person may
    publish or subscribe is asked of the door each time the Red5 Pro server asks.
    """
    user = request.auth.user  # type: ignore[attr-defined]
    if data.participant is not None and data.invitation is not None:
        raise invalid("invitation", "give a participant or an invitation, not both")
    others = data.participant is not None or data.invitation is not None
    seen = access.hosted_by(user, meeting_id) if others else access.seen_by(user, meeting_id)
    made = answering.mint(
        user,
        seen.occurrence,
        participant=_seat(seen, data.participant) if data.participant is not None else None,
        invitation=access.invitation_of(seen, data.invitation) if data.invitation is not None else None,
        may_publish=data.publish,
        seconds=data.ttl_seconds,
    )
    return {
        "room": made.room,
        "username": made.row.username,
        "password": made.password,
        "token": made.token,
        "publish": made.row.may_publish,
        "expires_at": made.row.expires_at,
    }


def _seat(seen: access.Seen, participant_id: UUID) -> Participant:
    seats = Participant.objects.select_related("user", "invitation")
    found = seats.filter(pk=participant_id, occurrence=seen.occurrence).first()
    if found is None:
        raise Problem("not_found")
    return found
