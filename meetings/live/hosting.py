"""What hosts do at the door of a live meeting and to its end, from a socket or through the API: `Actor` says which.

Taking away comes first: once the database has said that a host asks, the engine forgets a removed person before the
removal is stored, and nothing waits for that person's socket. Giving comes last: somebody is let in only after that
is stored.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from meetings.door import Row, Way
from meetings.live import acting, views
from meetings.live.office import Live
from meetings.live.storing import Actor
from meetings.services import door as door_services
from meetings.services import link_keys, live_door
from meetings.signaling.protocol import ProtocolError


async def admit(
    live: Live,
    occurrence_id: str,
    actor: Actor,
    target_id: str,
    *,
    revision: int = 0,
    word: str | None = None,
    bulk: bool = False,
) -> None:
    """Lets somebody in who waits: stored first, granted after. `word`: for the group of an encrypted meeting.

    `revision`: of what the host saw, as the list of who waits has it; whoever is shown otherwise by now stays outside.
    `bulk`: together with others, without a look at each. Then whoever should be looked at is left at the door.
    """
    room, seat = acting.find(live, occurrence_id, target_id)
    if seat is not None and seat.inside:
        raise ProtocolError("wrong_state", "they are inside")
    if bulk and (room is None or room.cautions().get(target_id) != []):
        raise ProtocolError("flagged", "a host looks at this one before letting them in")
    let_in, seen = door_services.let_in, {"revision": revision, "word": word}
    done = await acting.store(live, room, let_in, occurrence_id, actor, target_id, **seen)
    if room is not None:
        room.forgive(target_id)
        if seat is not None:
            room.tell_changes(answered=views.answered(seat, done.by, "let_in"))
        if word is not None and room.group is not None:
            room.group.take_word(target_id, word)
    live.wake(occurrence_id)


async def vouch(live: Live, occurrence_id: str, actor: Actor, target_id: str, *, word: str) -> None:
    """Gives a host's word for somebody who is inside and whom no member would add without it."""
    room, seat = acting.find(live, occurrence_id, target_id)
    if room is None or seat is None:
        raise ProtocolError("no_such_participant", "there is nobody of that id here")
    if room.group is None:
        raise ProtocolError("wrong_state", "this meeting is not end-to-end encrypted")
    await acting.store(live, room, door_services.vouch, occurrence_id, actor, target_id, word=word)
    room.group.take_word(target_id, word)


async def refuse(live: Live, occurrence_id: str, actor: Actor, target_id: str, *, note: str, block: bool) -> None:
    """Turns somebody away who waits: for the whole meeting if `block`, otherwise for two minutes."""
    room, seat = acting.find(live, occurrence_id, target_id)
    if seat is not None and seat.inside:
        raise ProtocolError("wrong_state", "they are inside: remove them")
    service = door_services.turn_away
    done = await acting.store(live, room, service, occurrence_id, actor, target_id, note=note, block=block)
    live.tickets.forget(target_id)
    if room is not None and seat is not None:
        reason, answer = ("blocked", "blocked") if block else ("not_let_in", "turned_away")
        by = done.by if seat.person.may_know_hosts else None
        refused = views.refused(reason, at=_now(), until=done.refused_until, note=note, by=by)
        room.turn_out(target_id, refused, "refused", by=done.by, answered=views.answered(seat, done.by, answer))


async def keep_waiting(live: Live, occurrence_id: str, actor: Actor, target_id: str, text: str) -> None:
    """Tells somebody who waits something; they keep waiting."""
    room, seat = acting.find(live, occurrence_id, target_id)
    done = await acting.store(live, room, door_services.keep_waiting, occurrence_id, actor, target_id, message=text)
    if room is not None and seat is not None:
        room.tell_changes(answered=views.answered(seat, done.by, "message"))
    live.wake(occurrence_id)


async def remove(live: Live, occurrence_id: str, actor: Actor, target_id: str, *, note: str, block: bool) -> None:
    """Takes somebody out who is inside. If that can't be stored they are out all the same, and the host should repeat
    it.
    """
    await acting.require_host(live, occurrence_id, actor)
    room, seat = acting.find(live, occurrence_id, target_id)
    if seat is not None and not seat.inside:
        raise ProtocolError("wrong_state", "they are at the door: turn them away")
    if seat is not None and seat.person.organiser:
        raise ProtocolError("organiser", "they made this meeting: only they can leave it")
    if room is not None and seat is not None:
        room.expel(target_id)
    live.tickets.forget(target_id)
    try:
        done = await acting.store(
            live, room, door_services.remove, occurrence_id, actor, target_id, note=note, block=block
        )
    except ProtocolError as error:
        if room is not None and error.code == "try_again":
            room.turn_out(target_id, views.refused("removed", at=_now(), note=note), "removed")
        elif room is not None:
            room.forgive(target_id)
            live.wake(occurrence_id)
        raise
    if room is not None:
        room.forgive(target_id)
        refused = views.refused("removed", at=_now(), note=note, by=done.by)
        room.turn_out(target_id, refused, "removed", by=done.by)


async def move_to_door(live: Live, occurrence_id: str, actor: Actor, target_id: str) -> None:
    """Sends somebody who is inside back to the door, where a host may let them in again."""
    await acting.require_host(live, occurrence_id, actor)
    room, seat = acting.find(live, occurrence_id, target_id)
    if seat is not None and not seat.inside:
        raise ProtocolError("wrong_state", "they are at the door")
    if seat is not None and seat.is_host:
        raise ProtocolError("wrong_state", "hosts always walk in")
    if room is not None and seat is not None:
        room.expel(target_id)
    try:
        await acting.store(live, room, door_services.move_to_door, occurrence_id, actor, target_id)
    finally:
        # Stored: the door now says wait. Not stored: it says what it said before, and nothing has been taken for good.
        if room is not None:
            room.forgive(target_id)
        live.wake(occurrence_id)


async def lock(live: Live, occurrence_id: str, actor: Actor, *, locked: bool) -> None:
    """Locks the door, or unlocks it. Who stands at the door keeps standing there."""
    room = live.rooms.get(occurrence_id)
    service = door_services.lock if locked else door_services.unlock
    done = await acting.store(live, room, service, occurrence_id, actor)
    if room is not None:
        room.news.changed_by = done.by
    live.wake(occurrence_id)


async def change_way(live: Live, occurrence_id: str, actor: Actor, row: Row, way: Way) -> None:
    """What the door does with one kind of people from now on. Whoever it puts out is out before this returns."""
    room = live.rooms.get(occurrence_id)
    done = await acting.store(live, room, live_door.change_way, occurrence_id, actor, row=row, way=way)
    if room is not None:
        room.news.changed_by = done.by
        await live.reconcile(occurrence_id)


async def replace_link_key(live: Live, occurrence_id: str, actor: Actor, *, generation: int, check: str) -> None:
    """Counts the key that a host's device has made for the link of a sealed meeting. Who comes next is told."""
    room = live.rooms.get(occurrence_id)
    service = link_keys.replace_inside
    done = await acting.store(live, room, service, occurrence_id, actor, generation=generation, check=check)
    if room is not None:
        room.news.changed_by = done.by
        await live.reconcile(occurrence_id)


async def end(live: Live, occurrence_id: str, actor: Actor) -> None:
    """Ends the meeting for everyone."""
    room = live.rooms.get(occurrence_id)
    done = await acting.store(live, room, door_services.end_for_everyone, occurrence_id, actor)
    if room is not None:
        room.finish(views.refused("ended", at=_now(), by=done.by))
        live.forget(room)


def participants(live: Live, occurrence_id: str) -> dict[str, list[dict[str, Any]]]:
    """Who is inside and who waits now, as hosts see them. The caller makes sure that a host asks."""
    room = live.rooms.get(occurrence_id)
    if room is None:
        return {"inside": [], "waiting": []}
    cautions = room.cautions()
    return {
        "inside": [views.person(seat, cautions[seat.id]) for seat in room.inside()],
        "waiting": [views.waiting(seat, cautions[seat.id]) for seat in room.waiting()],
    }


def _now() -> datetime:
    return datetime.now(UTC)
