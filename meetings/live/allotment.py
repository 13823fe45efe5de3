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
    return occurrence_id in rooms or _may_have_another(rooms, account, is_host=is_host)


def _may_have_another(rooms: Mapping[str, Room], account: str, *, is_host: bool) -> bool:
    # A copy: the loop may make or drop a room meanwhile.
    theirs = [room for room in list(rooms.values()) if room.account == account]
    return sum(room.host_inside or not is_host for room in theirs) < most_of_one_account()


def may_enter(rooms: Mapping[str, Room], room: Room, bearer: Bearer) -> bool:
    """As `has_room`, for a room that was made for the bearer; from now on it counts for the meeting's account."""
    is_new = not room.seats and not room.account
    if is_new and not _may_have_another(rooms, bearer.account, is_host=bearer.is_host):
        return False
    room.account = bearer.account
    return True
