"""What hosts do to those inside, from a socket or through the API: stop sources, ask, give and take rights and the
host's role, suspend everything.

Taking away comes first, once the database has said that a host asks; giving comes last, after it is stored.
"""

from __future__ import annotations

from media_engine import Source
from meetings.door import Capabilities
from meetings.live import acting, storing
from meetings.live.office import Live
from meetings.live.storing import Actor
from meetings.rights import Audience, Right
from meetings.services import cohosts, hosting, rights
from meetings.signaling.protocol import ProtocolError

RIGHT_OF = {Source.MICROPHONE: Right.SPEAK, Source.CAMERA: Right.SHOW, Source.SCREEN: Right.SHARE}


async def mute(live: Live, occurrence_id: str, actor: Actor, target_id: str, source: Source) -> None:
    """Stops one source of somebody until they switch it on again themselves."""
    room, seat = acting.find_inside(live, occurrence_id, target_id)
    done = await acting.store(live, room, hosting.mute_recorded, occurrence_id, actor, target_id, source=source.value)
    acting.stop(room, seat, source, done.by)
    room.tell_changes()


async def mute_all(live: Live, occurrence_id: str, actor: Actor, *, unmute: bool) -> None:
    """Stops the microphones of everybody but the host who asks. Without `unmute` only hosts may speak from then on."""
    await acting.require_host(live, occurrence_id, actor)
    room = live.rooms.get(occurrence_id)
    speaking = [
        seat
        for seat in (room.inside() if room is not None else [])
        if seat.id != actor.participant_id and Source.MICROPHONE in seat.open_sources()
    ]
    for seat in speaking:
        if seat.inside:
            await mute(live, occurrence_id, actor, seat.id, Source.MICROPHONE)
    if not unmute:
        await change_rights(live, occurrence_id, actor, {Right.SPEAK: Audience.HOSTS})


async def ask(live: Live, occurrence_id: str, actor: Actor, target_id: str, source: Source) -> None:
    """Asks somebody to switch a source on; a host can ask, never switch. Whoever is asked may do it from then on."""
    room, seat = acting.find_inside(live, occurrence_id, target_id)
    right = RIGHT_OF[source]
    if not may(seat.capabilities, right):
        await give_person(live, occurrence_id, actor, target_id, {right: True})
    done = await acting.store(live, room, hosting.ask_recorded, occurrence_id, actor, target_id, source=source.value)
    seat.tell({"type": "host.asked", "source": source.value, "by": done.by})


def may(capabilities: Capabilities, right: Right) -> bool:
    match right:
        case Right.SPEAK:
            return capabilities.speak
        case Right.SHOW:
            return capabilities.show
        case Right.SHARE:
            return capabilities.share
        case Right.CHAT:
            return capabilities.chat
        case Right.RECORD:
            return capabilities.record


async def lower_hand(live: Live, occurrence_id: str, actor: Actor, target_id: str) -> None:
    await live.database(storing.require_host, occurrence_id, actor)
    room, seat = acting.find(live, occurrence_id, target_id)
    if room is None or seat is None:
        raise ProtocolError("no_such_participant", "there is nobody of that id here")
    seat.hand_at = None
    room.tell_changes()


async def spotlight(live: Live, occurrence_id: str, actor: Actor, target_id: str, *, on: bool) -> None:
    """Makes somebody large for everybody who pinned nobody, in place of whoever was; or no longer."""
    room, _ = acting.find_inside(live, occurrence_id, target_id)
    done = await acting.store(live, room, hosting.spotlight_recorded, occurrence_id, actor, target_id, on=on)
    _, seat = acting.find_inside(live, occurrence_id, target_id)  # they may have gone meanwhile
    room.spotlight(seat, done.by if on else None)


async def change_rights(live: Live, occurrence_id: str, actor: Actor, audiences: dict[Right, Audience]) -> None:
    """Whom the meeting gives rights from now on. Who loses one is stopped before this returns."""
    room = live.rooms.get(occurrence_id)
    done = await acting.store(live, room, rights.change_rights, occurrence_id, actor, rights=audiences)
    await _take_effect(live, occurrence_id, done.by)


async def give_person(
    live: Live, occurrence_id: str, actor: Actor, target_id: str, words: dict[Right, bool | None]
) -> None:
    """A host's yes or no about one person; None lets the meeting's rule hold again."""
    room = live.rooms.get(occurrence_id)
    done = await acting.store(live, room, rights.set_person_rights, occurrence_id, actor, target_id, words=words)
    await _take_effect(live, occurrence_id, done.by)


async def set_host(live: Live, occurrence_id: str, actor: Actor, target_id: str, *, host: bool) -> None:
    """Makes somebody a host, or takes the role from them: here, on pages and in the API, at once."""
    room = live.rooms.get(occurrence_id)
    service = cohosts.make_host if host else cohosts.unmake_host
    done = await acting.store(live, room, service, occurrence_id, actor, target_id)
    await _take_effect(live, occurrence_id, done.by)


async def _take_effect(live: Live, occurrence_id: str, by: str) -> None:
    """Asks the door before the host is answered, so that whoever lost something has lost it then."""
    room = live.rooms.get(occurrence_id)
    if room is not None:
        room.news.changed_by = by
        await live.reconcile(occurrence_id)


async def suspend(live: Live, occurrence_id: str, actor: Actor) -> None:
    """Stops all media, chat, reactions and coming in at once. If that can't be stored it is tried again by the host:
    until the database says otherwise everything stays stopped.
    """
    await acting.require_host(live, occurrence_id, actor)
    room = live.rooms.get(occurrence_id)
    if room is None:
        await acting.store(live, None, hosting.suspend, occurrence_id, actor)
        return
    room.suspend()
    try:
        async with room.lock:
            done = await live.database(storing.act, hosting.suspend, occurrence_id, actor)
            for seat in room.inside():
                acting.stop(room, seat, Source.SCREEN, done.by)
            room.news.changed_by = done.by
    finally:
        room.suspension_stored()
        live.wake(occurrence_id)


async def resume(live: Live, occurrence_id: str, actor: Actor, *, quiet: bool) -> None:
    """Lets everything go on as it was allowed before. `quiet`: everybody switches microphone and camera on again
    themselves.
    """
    room = live.rooms.get(occurrence_id)
    done = await acting.store(live, room, hosting.resume, occurrence_id, actor, quiet=quiet)
    if room is not None:
        for seat in room.inside() if quiet else []:
            for source in (Source.MICROPHONE, Source.CAMERA):
                acting.stop(room, seat, source, done.by)
        room.news.changed_by = done.by
    live.wake(occurrence_id)
