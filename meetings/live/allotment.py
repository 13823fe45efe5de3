"""How many of a process's rooms one account's meetings may have, so that nobody has them all."""

from __future__ import annotations

from collections.abc import Mapping

from django.conf import settings

from meetings.live.room import Room
from meetings.tickets import Bearer


def most_of_one_account() -> int:
    return int(settings.LINTEL.live_meetings_per_account)


def has_room(rooms: Mapping[str, Room], occurrence_id: str, account: str, *, is_host: bool) -> bool:
    """Whether a meeting that this account made is live, or may go live. Any thread may ask.

    Hosts are counted only what hosts hold: strangers who stand at the doors of all somebody's meetings keep that
    somebody out of none.
    """
    if occurrence_id in rooms:
        return True
    # A copy: the loop may make or drop a room meanwhile.
    theirs = [room for room in list(rooms.values()) if room.account == account]
    return sum(room.host_inside or not is_host for room in theirs) < most_of_one_account()


def may_enter(rooms: Mapping[str, Room], room: Room, bearer: Bearer) -> bool:
    """As `has_room`, for a room that was made for the bearer; from now on it counts for the meeting's account."""
    others = {key: other for key, other in rooms.items() if other is not room}
    if not room.seats and not room.account and not has_room(others, room.id, bearer.account, is_host=bearer.is_host):
        return False
    room.account = bearer.account
    return True
