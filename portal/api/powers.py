"""Hosts' powers over a live meeting: mute, ask, rights, co-hosts, suspend. Hosts only; on the server's loop."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Router

from meetings.live import powers
from meetings.rights import Right
from portal.api.live import ACTIONS, TAG, actor_of, hosted, live_now, state_of, target_of, told
from portal.api.operations import operation
from portal.api.problems import invalid
from portal.api.schemas.live import AskIn, Done, MeetingState, MuteAllIn, MuteIn, PersonRightsIn, ResumeIn

router = Router()


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
    source = powers.Source((data or MuteIn()).source)
    target = await target_of(request, meeting_id, participant_id)
    await told(powers.mute(live_now(), str(target.occurrence_id), actor_of(request), str(target.pk), source))
    return {"participant": str(participant_id), "state": "inside"}


@operation(
    router,
    "POST",
    "/meetings/{meeting_id}/mute-all",
    scope="door",
    answer=MeetingState,
    problems=ACTIONS,
    tag=TAG,
)
async def mute_everybody(request: HttpRequest, meeting_id: UUID, data: MuteAllIn | None = None) -> dict[str, Any]:
    """Stop everybody's microphone

    With `unmute` (the default) people may switch theirs on again; without it, only hosts may speak from then on.
    """
    seen = await hosted(request, meeting_id)
    unmute = (data or MuteAllIn()).unmute
    await told(powers.mute_all(live_now(), str(seen.occurrence.pk), actor_of(request), unmute=unmute))
    return await state_of(seen)


@operation(
    router,
    "POST",
    "/meetings/{meeting_id}/participants/{participant_id}/ask",
    scope="door",
    answer=Done,
    problems=ACTIONS,
    tag=TAG,
)
async def ask_participant(
    request: HttpRequest, meeting_id: UUID, participant_id: UUID, data: AskIn | None = None
) -> dict[str, Any]:
    """Ask somebody to turn something on

    Nobody but its owner turns it on. Whoever had no right to it has it from then on.
    """
    source = powers.Source((data or AskIn()).source)
    target = await target_of(request, meeting_id, participant_id)
    await told(powers.ask(live_now(), str(target.occurrence_id), actor_of(request), str(target.pk), source))
    return {"participant": str(participant_id), "state": "inside"}


@operation(
    router,
    "POST",
    "/meetings/{meeting_id}/participants/{participant_id}/rights",
    scope="door",
    answer=Done,
    problems=ACTIONS,
    tag=TAG,
)
async def change_participant_rights(
    request: HttpRequest, meeting_id: UUID, participant_id: UUID, data: PersonRightsIn
) -> dict[str, Any]:
    """Give somebody a right, or take it

    For this occurrence, on whatever device they come. `null`: the meeting's rule holds again. What they lose has
    stopped before this is answered.
    """
    words = {right: getattr(data, right.value) for right in Right if right.value in data.model_fields_set}
    if not words:
        raise invalid("", "Name at least one right.")
    target = await target_of(request, meeting_id, participant_id)
    where = str(target.occurrence_id)
    await told(powers.give_person(live_now(), where, actor_of(request), str(target.pk), words))
    return {"participant": str(participant_id), "state": target.state}


@operation(
    router,
    "POST",
    "/meetings/{meeting_id}/participants/{participant_id}/make-host",
    scope="write",
    answer=Done,
    problems=ACTIONS,
    tag=TAG,
)
async def make_participant_host(request: HttpRequest, meeting_id: UUID, participant_id: UUID) -> dict[str, Any]:
    """Make somebody a host

    Only people with an account can be. It changes the meeting, as naming them in it does: they host it here, on its
    pages and through the API, until the role is taken back.
    """
    return await _set_host(request, meeting_id, participant_id, host=True)


@operation(
    router,
    "POST",
    "/meetings/{meeting_id}/participants/{participant_id}/take-host",
    scope="write",
    answer=Done,
    problems=ACTIONS,
    tag=TAG,
)
async def take_participant_host(request: HttpRequest, meeting_id: UUID, participant_id: UUID) -> dict[str, Any]:
    """Take the host's role back

    They have lost it before this is answered, and stay inside. Never from whoever made the meeting.
    """
    return await _set_host(request, meeting_id, participant_id, host=False)


async def _set_host(request: HttpRequest, meeting_id: UUID, participant_id: UUID, *, host: bool) -> dict[str, Any]:
    target = await target_of(request, meeting_id, participant_id)
    where = str(target.occurrence_id)
    await told(powers.set_host(live_now(), where, actor_of(request), str(target.pk), host=host))
    return {"participant": str(participant_id), "state": target.state}


@operation(
    router, "POST", "/meetings/{meeting_id}/suspend", scope="door", answer=MeetingState, problems=ACTIONS, tag=TAG
)
async def suspend_meeting(request: HttpRequest, meeting_id: UUID) -> dict[str, Any]:
    """Stop everything at once

    Before this is answered no picture, sound or message passes between anybody, hosts included, and nobody but hosts
    gets in, until `resume`. It outlives a restart. Suspending twice is no error.
    """
    seen = await hosted(request, meeting_id)
    await told(powers.suspend(live_now(), str(seen.occurrence.pk), actor_of(request)))
    return await state_of(seen)


@operation(
    router, "POST", "/meetings/{meeting_id}/resume", scope="door", answer=MeetingState, problems=ACTIONS, tag=TAG
)
async def resume_meeting(request: HttpRequest, meeting_id: UUID, data: ResumeIn | None = None) -> dict[str, Any]:
    """Let a suspended meeting go on

    What was allowed before is allowed again; whoever switched something off finds it off. With `quiet` everybody's
    microphone and camera are off until they switch them on.
    """
    seen = await hosted(request, meeting_id)
    quiet = (data or ResumeIn()).quiet
    await told(powers.resume(live_now(), str(seen.occurrence.pk), actor_of(request), quiet=quiet))
    return await state_of(seen)
