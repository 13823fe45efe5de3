"""How a host acts: the role asked of the database, the action stored in its turn, a source stopped and its owner told.

Shared by everything that hosts do; knows no action by name.
"""

from __future__ import annotations

from typing import Any

from media_engine import Source
from meetings.live import storing
from meetings.live.office import Live
from meetings.live.room import Room
from meetings.live.seats import Seat
from meetings.live.storing import Actor, Done
from meetings.signaling.protocol import ProtocolError


async def require_host(live: Live, occurrence_id: str, actor: Actor) -> None:
    """Raises `not_a_host` unless the database says now that a host asks, before anything is taken away.

    Where the database doesn't answer, the door's last word about the one who asks counts: taking away must not wait.
    """
    try:
        await live.database(storing.require_host, occurrence_id, actor)
    except ProtocolError as error:
        _, seat = find(live, occurrence_id, actor.participant_id or "")
        if error.code != "try_again" or seat is None or not seat.is_host:
            raise


def find(live: Live, occurrence_id: str, target_id: str) -> tuple[Room | None, Seat | None]:
    room = live.rooms.get(occurrence_id)
    return room, (room.seats.get(target_id) if room is not None else None)


async def store(live: Live, room: Room | None, service: storing.Service, *args: Any, **details: Any) -> Done:
    """Stores an action in its turn: what was asked first about this meeting is stored and applied first."""
    if room is None:
        return await live.database(storing.act, service, *args, **details)
    async with room.lock:
        return await live.database(storing.act, service, *args, **details)


def find_inside(live: Live, occurrence_id: str, target_id: str) -> tuple[Room, Seat]:
    """Somebody inside now. Raises `no_such_participant` or `wrong_state`."""
    room, seat = find(live, occurrence_id, target_id)
    if room is None or seat is None:
        raise ProtocolError("no_such_participant", "there is nobody of that id here")
    if not seat.inside:
        raise ProtocolError("wrong_state", "they are at the door")
    return room, seat


def stop(room: Room, seat: Seat, source: Source, by: str) -> None:
    """Stops a source and tells its owner by whom; nothing is told of what was off."""
    if room.stop_source(seat, source):
        seat.tell({"type": "muted", "source": source.value, "by": by})
