"""What all operations on a live meeting share: who asks, on whom, and how a refusal of `live` becomes a problem."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, Final
from uuid import UUID

from channels.db import database_sync_to_async
from django.http import HttpRequest

from meetings.live import Live, current_live
from meetings.live.storing import Actor
from meetings.models import Occurrence, Participant
from meetings.signaling.protocol import ProtocolError
from portal.api import access
from portal.api.meetings import status_of
from portal.api.problems import Problem

TAG: Final = "The live meeting"
HOSTS_ONLY: Final = ("not_found", "not_a_host")
ACTIONS: Final = (*HOSTS_ONLY, "wrong_state")

PROBLEM_OF: Final = {
    "not_a_host": "not_a_host",
    "no_such_participant": "not_found",
    "wrong_state": "wrong_state",
    "flagged": "flagged",
    "changed": "changed",
    "not_inside": "wrong_state",
    "suspended": "wrong_state",
    "try_again": "try_again",
    "busy": "try_again",
    "too_many": "too_many",
}


async def hosted(request: HttpRequest, meeting_id: UUID) -> access.Seen:
    return await database_sync_to_async(access.hosted_by)(request.auth.user, meeting_id)  # type: ignore[attr-defined]


def actor_of(request: HttpRequest) -> Actor:
    return Actor(user_id=str(request.auth.user.pk))  # type: ignore[attr-defined]


def live_now() -> Live:
    found = current_live()
    if found is None:
        # Started without its live part, or stopping. Nothing is half done: no live part, no action.
        raise Problem("try_again", retry_after_seconds=1)
    return found


async def told(action: Awaitable[None]) -> None:
    """Awaits a host's action; its stable refusals become problems."""
    try:
        await action
    except ProtocolError as refused:
        raise Problem(PROBLEM_OF.get(refused.code, "wrong_state"), refused.message) from None


@database_sync_to_async
def target_of(
    request: HttpRequest, meeting_id: UUID, participant_id: UUID, *, others_only: bool = False
) -> Participant:
    """The participant of this very meeting. Raises Problem; `others_only`: also when it is the token's owner."""
    user = request.auth.user  # type: ignore[attr-defined]
    seen = access.hosted_by(user, meeting_id)
    seats = Participant.objects.select_related("occurrence__meeting")
    found = seats.filter(pk=participant_id, occurrence=seen.occurrence).first()
    if found is None:
        raise Problem("not_found")
    if others_only and found.user_id == user.pk:
        raise Problem("wrong_state", "That is you: leave instead.")
    return found


async def state_of(seen: access.Seen) -> dict[str, Any]:
    occurrence = await Occurrence.objects.select_related("meeting").aget(pk=seen.occurrence.pk)
    return {
        "id": seen.meeting.pk,
        "status": status_of(occurrence.meeting, occurrence),
        "locked": occurrence.locked_at is not None,
        "suspended": occurrence.suspended_at is not None,
    }
