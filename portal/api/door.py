"""The live meeting's door: who is there, let in, turn away, remove, send back, lock, end. Hosts only.

These run on the server's loop, because live meetings do; every database question goes to a thread. The role is read
before anything happens and once more inside the service that stores the action.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Router, Status

from meetings.live import hosting
from meetings.models import Encryption
from portal.api.live import ACTIONS, HOSTS_ONLY, TAG, actor_of, hosted, live_now, state_of, target_of, told
from portal.api.operations import operation
from portal.api.paging import PageQuery, cursor_of, position
from portal.api.schemas.live import AdmitIn, AnswerIn, Done, MeetingState, Participants, RemovalIn

router = Router()


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
    seen = await hosted(request, meeting_id)
    now = hosting.participants(live_now(), str(seen.occurrence.pk))
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
    also=202,
    problems=(*ACTIONS, "flagged", "changed"),
    tag=TAG,
)
async def admit_participant(
    request: HttpRequest, meeting_id: UUID, participant_id: UUID, data: AdmitIn | None = None
) -> Status[dict[str, Any]]:
    """Let somebody in who is at the door

    Name the `revision` with which they are listed. Whoever has given another name since is answered `changed` and left
    at the door; without `revision` that is everybody who ever gave another one there.

    A program that lets in everybody who is there sets `bulk`: then whoever has `cautions` (a look-alike name, a link
    that is used twice) is answered `flagged` and left at the door, for a host to look at.

    In an end-to-end encrypted meeting a program can't hand out keys: the answer is 202 and `permitted`, and they see
    and hear others once a host in the room has confirmed them.
    """
    how = (data or AdmitIn()).model_dump()
    target = await target_of(request, meeting_id, participant_id)
    await told(hosting.admit(live_now(), str(target.occurrence_id), actor_of(request), str(target.pk), **how))
    is_open = target.occurrence.meeting.encryption == Encryption.TRANSPORT
    status, state = (200, "inside") if is_open else (202, "permitted")
    return Status(status, {"participant": str(participant_id), "state": state})


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
    target = await target_of(request, meeting_id, participant_id)
    where = str(target.occurrence_id)
    await told(hosting.refuse(live_now(), where, actor_of(request), str(target.pk), note=data.note, block=data.block))
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
    target = await target_of(request, meeting_id, participant_id, others_only=True)
    where = str(target.occurrence_id)
    await told(hosting.remove(live_now(), where, actor_of(request), str(target.pk), note=data.note, block=data.block))
    return {"participant": str(participant_id), "state": "removed"}


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
    live, target = live_now(), await target_of(request, meeting_id, participant_id, others_only=True)
    where = str(target.occurrence_id)
    await told(hosting.move_to_door(live, where, actor_of(request), str(target.pk)))
    # The media are gone already; the door is asked before the answer, so that the lists say "waiting" as it does.
    await live.reconcile(where)
    return {"participant": str(participant_id), "state": "waiting"}


@operation(router, "POST", "/meetings/{meeting_id}/lock", scope="door", answer=MeetingState, problems=ACTIONS, tag=TAG)
async def lock_meeting(request: HttpRequest, meeting_id: UUID) -> dict[str, Any]:
    """Lock the door

    Nobody else gets in, invited or not. Whoever is inside stays, and keeps the seat across a cut.
    """
    seen = await hosted(request, meeting_id)
    await told(hosting.lock(live_now(), str(seen.occurrence.pk), actor_of(request), locked=True))
    return await state_of(seen)


@operation(
    router, "POST", "/meetings/{meeting_id}/unlock", scope="door", answer=MeetingState, problems=ACTIONS, tag=TAG
)
async def unlock_meeting(request: HttpRequest, meeting_id: UUID) -> dict[str, Any]:
    """Unlock the door"""
    seen = await hosted(request, meeting_id)
    await told(hosting.lock(live_now(), str(seen.occurrence.pk), actor_of(request), locked=False))
    return await state_of(seen)


@operation(router, "POST", "/meetings/{meeting_id}/end", scope="door", answer=MeetingState, problems=ACTIONS, tag=TAG)
async def end_meeting(request: HttpRequest, meeting_id: UUID) -> dict[str, Any]:
    """End the meeting for everyone

    Everybody is out before this is answered, and nobody gets in again.
    """
    seen = await hosted(request, meeting_id)
    await told(hosting.end(live_now(), str(seen.occurrence.pk), actor_of(request)))
    return await state_of(seen)


def _row(one: dict[str, Any], state: str) -> dict[str, Any]:
    """One object of `live`, with every field of `ParticipantOut`; who waits sends nothing."""
    return {
        "id": one["participant"],
        "revision": one.get("revision"),
        "name": one["name"],
        "kind": one["kind"],
        "state": state,
        "device": one["device"],
        "provenance": one["provenance"],
        "email": one["email"],
        "knocked_at": one.get("knocked_at"),
        "entered_at": one.get("entered_at"),
        "connected": one["connected"],
        "microphone": one.get("microphone", False),
        "camera": one.get("camera", False),
        "screen": one.get("screen", False),
        "hand": one.get("hand"),
        "recording": one.get("recording"),
        "cautions": one.get("cautions") or [],
        "host": one.get("host", False),
        "organiser": one.get("organiser", False),
        "rights": {name: value for name, value in (one.get("capabilities") or {}).items() if name != "host"} or None,
    }
