"""The live meeting: who is there, let in, turn away, remove, mute, lock, suspend, end. Hosts only.

These run on the server's loop, because live meetings do; every database question goes to a thread. The role is read
before anything happens and once more inside the service that stores the action.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, Final
from uuid import UUID

from channels.db import database_sync_to_async
from django.http import HttpRequest
from ninja import Router

from meetings.live import Live, current_live, hosting
from meetings.live.storing import Actor
from meetings.models import Occurrence, Participant
from meetings.signaling.protocol import ProtocolError
from portal.api import access
from portal.api.meetings import status_of
from portal.api.operations import operation
from portal.api.paging import PageQuery, cursor_of, position
from portal.api.problems import Problem
from portal.api.schemas import AnswerIn, Done, MeetingState, MuteIn, Participants, RemovalIn, ResumeIn

router = Router()
TAG: Final = "The live meeting"
HOSTS_ONLY: Final = ("not_found", "not_a_host")
ACTIONS: Final = (*HOSTS_ONLY, "wrong_state")

PROBLEM_OF: Final = {
    "not_a_host": "not_a_host",
    "no_such_participant": "not_found",
    "wrong_state": "wrong_state",
    "not_inside": "wrong_state",
    "suspended": "wrong_state",
    "try_again": "try_again",
    "busy": "try_again",
    "too_many": "too_many",
}


@operation(
    router,
    "GET",
    "/meetings/{meeting_id}/participants",
    scope="read",
    answer=Participants,
    problems=HOSTS_ONLY,
    tag=TAG,
)
async def list_participants(request: HttpRequest, meeting_id: UUID, page: PageQuery) -> dict[str, Any]:
    """Who is inside and who is at the door now

    Empty when nobody is. Ids are those that pages carry as `data-participant`.
    """
    seen = await _hosted(request, meeting_id)
    now = hosting.participants(_live(), str(seen.occurrence.pk))
    rows = sorted(
        [_row(one, state) for state in ("inside", "waiting") for one in now[state]], key=lambda one: one["id"]
    )
    after = position(page.cursor, str)
    following = [one for one in rows if after is None or one["id"] > after[0]]
    items = following[: page.limit]
    return {
        "live": bool(rows),
        "items": items,
        "next": cursor_of(items[-1]["id"]) if len(following) > len(items) else None,
    }


@operation(
    router,
    "POST",
    "/meetings/{meeting_id}/participants/{participant_id}/admit",
    scope="door",
    answer=Done,
    problems=ACTIONS,
    tag=TAG,
)
async def admit_participant(request: HttpRequest, meeting_id: UUID, participant_id: UUID) -> dict[str, Any]:
    """Let somebody in who is at the door"""
    target = await _target(request, meeting_id, participant_id)
    await _told(hosting.admit(_live(), str(target.occurrence_id), _actor(request), str(target.pk)))
    return {"participant": str(participant_id), "state": "inside"}


@operation(
    router,
    "POST",
    "/meetings/{meeting_id}/participants/{participant_id}/refuse",
    scope="door",
    answer=Done,
    problems=ACTIONS,
    tag=TAG,
)
async def refuse_participant(
    request: HttpRequest, meeting_id: UUID, participant_id: UUID, data: AnswerIn | None = None
) -> dict[str, Any]:
    """Turn somebody away who is at the door

    They may knock again in two minutes, unless `block` is set.
    """
    data = data or AnswerIn()
    target = await _target(request, meeting_id, participant_id)
    where = str(target.occurrence_id)
    await _told(hosting.refuse(_live(), where, _actor(request), str(target.pk), note=data.note, block=data.block))
    return {"participant": str(participant_id), "state": "refused"}


@operation(
    router,
    "POST",
    "/meetings/{meeting_id}/participants/{participant_id}/remove",
    scope="door",
    answer=Done,
    problems=ACTIONS,
    tag=TAG,
)
async def remove_participant(
    request: HttpRequest, meeting_id: UUID, participant_id: UUID, data: RemovalIn | None = None
) -> dict[str, Any]:
    """Take somebody out who is inside

    Their media stop before this is answered. With `block` (the default) they can't come back.
    """
    data = data or RemovalIn()
    target = await _target(request, meeting_id, participant_id, others_only=True)
    where = str(target.occurrence_id)
    await _told(hosting.remove(_live(), where, _actor(request), str(target.pk), note=data.note, block=data.block))
    return {"participant": str(participant_id), "state": "removed"}


@operation(
    router,
    "POST",
    "/meetings/{meeting_id}/participants/{participant_id}/mute",
    scope="door",
    answer=Done,
    problems=ACTIONS,
    tag=TAG,
)
async def mute_participant(
    request: HttpRequest, meeting_id: UUID, participant_id: UUID, data: MuteIn | None = None
) -> dict[str, Any]:
    """Stop somebody's microphone, camera or screen

    Until they switch it on again themselves.
    """
    source = hosting.Source((data or MuteIn()).source)
    target = await _target(request, meeting_id, participant_id)
    await _told(hosting.mute(_live(), str(target.occurrence_id), _actor(request), str(target.pk), source))
    return {"participant": str(participant_id), "state": "inside"}


@operation(
    router,
    "POST",
    "/meetings/{meeting_id}/participants/{participant_id}/move-to-door",
    scope="door",
    answer=Done,
    problems=ACTIONS,
    tag=TAG,
)
async def move_participant_to_door(request: HttpRequest, meeting_id: UUID, participant_id: UUID) -> dict[str, Any]:
    """Send somebody who is inside back to the door

    Their media stop before this is answered. A host decides whether they come in again.
    """
    live, target = _live(), await _target(request, meeting_id, participant_id, others_only=True)
    where = str(target.occurrence_id)
    await _told(hosting.move_to_door(live, where, _actor(request), str(target.pk)))
    # The media are gone already; the door is asked before the answer, so that the lists say "waiting" as it does.
    await live.reconcile(where)
    return {"participant": str(participant_id), "state": "waiting"}


@operation(router, "POST", "/meetings/{meeting_id}/lock", scope="door", answer=MeetingState, problems=ACTIONS, tag=TAG)
async def lock_meeting(request: HttpRequest, meeting_id: UUID) -> dict[str, Any]:
    """Lock the door

    Nobody else gets in, invited or not. Whoever is inside stays, and keeps the seat across a cut.
    """
    seen = await _hosted(request, meeting_id)
    await _told(hosting.lock(_live(), str(seen.occurrence.pk), _actor(request), locked=True))
    return await _state(seen)


@operation(
    router, "POST", "/meetings/{meeting_id}/unlock", scope="door", answer=MeetingState, problems=ACTIONS, tag=TAG
)
async def unlock_meeting(request: HttpRequest, meeting_id: UUID) -> dict[str, Any]:
    """Unlock the door"""
    seen = await _hosted(request, meeting_id)
    await _told(hosting.lock(_live(), str(seen.occurrence.pk), _actor(request), locked=False))
    return await _state(seen)


@operation(router, "POST", "/meetings/{meeting_id}/end", scope="door", answer=MeetingState, problems=ACTIONS, tag=TAG)
async def end_meeting(request: HttpRequest, meeting_id: UUID) -> dict[str, Any]:
    """End the meeting for everyone

    Everybody is out before this is answered, and nobody gets in again.
    """
    seen = await _hosted(request, meeting_id)
    await _told(hosting.end(_live(), str(seen.occurrence.pk), _actor(request)))
    return await _state(seen)


@operation(
    router, "POST", "/meetings/{meeting_id}/suspend", scope="door", answer=MeetingState, problems=ACTIONS, tag=TAG
)
async def suspend_meeting(request: HttpRequest, meeting_id: UUID) -> dict[str, Any]:
    """Stop everything at once

    Before this is answered no picture, sound or message passes between anybody, hosts included, and nobody but hosts
    gets in, until `resume`. It outlives a restart. Suspending twice is no error.
    """
    seen = await _hosted(request, meeting_id)
    await _told(hosting.suspend(_live(), str(seen.occurrence.pk), _actor(request)))
    return await _state(seen)


@operation(
    router, "POST", "/meetings/{meeting_id}/resume", scope="door", answer=MeetingState, problems=ACTIONS, tag=TAG
)
async def resume_meeting(request: HttpRequest, meeting_id: UUID, data: ResumeIn | None = None) -> dict[str, Any]:
    """Let a suspended meeting go on

    What was allowed before is allowed again; whoever switched something off finds it off. With `quiet` everybody's
    microphone and camera are off until they switch them on.
    """
    seen = await _hosted(request, meeting_id)
    quiet = (data or ResumeIn()).quiet
    await _told(hosting.resume(_live(), str(seen.occurrence.pk), _actor(request), quiet=quiet))
    return await _state(seen)


async def _hosted(request: HttpRequest, meeting_id: UUID) -> access.Seen:
    return await database_sync_to_async(access.hosted_by)(request.auth.user, meeting_id)  # type: ignore[attr-defined]


def _actor(request: HttpRequest) -> Actor:
    return Actor(user_id=str(request.auth.user.pk))  # type: ignore[attr-defined]


def _live() -> Live:
    live = current_live()
    if live is None:
        # Started without its live part, or stopping. Nothing is half done: no live part, no action.
        raise Problem("try_again", retry_after_seconds=1)
    return live


async def _told(action: Awaitable[None]) -> None:
    """Awaits a host's action; its stable refusals become problems."""
    try:
        await action
    except ProtocolError as refused:
        raise Problem(PROBLEM_OF.get(refused.code, "wrong_state"), refused.message) from None


@database_sync_to_async
def _target(request: HttpRequest, meeting_id: UUID, participant_id: UUID, *, others_only: bool = False) -> Participant:
    """The participant of this very meeting. Raises Problem; `others_only`: also when it is the token's owner."""
    user = request.auth.user  # type: ignore[attr-defined]
    seen = access.hosted_by(user, meeting_id)
    target = Participant.objects.filter(pk=participant_id, occurrence=seen.occurrence).first()
    if target is None:
        raise Problem("not_found")
    if others_only and target.user_id == user.pk:
        raise Problem("wrong_state", "That is you: leave instead.")
    return target


async def _state(seen: access.Seen) -> dict[str, Any]:
    occurrence = await Occurrence.objects.select_related("meeting").aget(pk=seen.occurrence.pk)
    return {
        "id": seen.meeting.pk,
        "status": status_of(occurrence.meeting, occurrence),
        "locked": occurrence.locked_at is not None,
        "suspended": occurrence.suspended_at is not None,
    }


def _row(one: dict[str, Any], state: str) -> dict[str, Any]:
    """One object of `live`, with every field of `ParticipantOut`; who waits sends nothing."""
    return {
        "id": one["participant"],
        "name": one["name"],
        "kind": one["kind"],
        "state": state,
        "provenance": one["provenance"],
        "email": one["email"],
        "knocked_at": one.get("knocked_at"),
        "entered_at": one.get("entered_at"),
        "connected": one["connected"],
        "microphone": one.get("microphone", False),
        "camera": one.get("camera", False),
        "screen": one.get("screen", False),
        "hand": one.get("hand"),
        "cautions": one.get("cautions") or [],
    }
