"""What time alone does to live meetings: leases are renewed, lost seats run out, doors lock by themselves, meetings
that everybody has left end. Also reads what other processes changed.

Each round asks the database anew; a round that fails is logged and left to the next one, while leases run out.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from meetings import bell
from meetings.live import storing
from meetings.live.room import LEASE_SECONDS, Room
from meetings.live.wakeups import ChangeReader

if TYPE_CHECKING:
    from meetings.live.office import Live

log = logging.getLogger("lintel.live")

LEASE_TICK_SECONDS = 3.0
SHORTEST_PAUSE_SECONDS = 0.5
CHANGE_TICK_SECONDS = 0.1
CLEARING_SECONDS = 60.0


def pause_before_round(begun: float, now: float) -> float:
    """Rounds are counted from where they begin: an answer that takes long must not also be asked for late. So leases
    last while an answer takes less than half of one.
    """
    return max(SHORTEST_PAUSE_SECONDS, begun + LEASE_TICK_SECONDS - now)


class Upkeep:
    """The clockwork of one `Live`."""

    def __init__(self, live: Live) -> None:
        self.live = live
        self.changes = ChangeReader()
        self._rung = asyncio.Event()
        self._bell: bell.Bell | None = None
        self._unseated: set[str] = set()

    async def begin_to_listen(self) -> None:
        """From now on no change is missed: neither one that is rung nor one that is only written."""
        self._bell = bell.listen(self._rung.set)
        self.changes.start_after(await self.live.database(self.changes.newest))

    def stop_listening(self) -> None:
        if self._bell is not None:
            self._bell.close()

    async def tick_changes(self) -> None:
        """Reads what other processes changed: when they ring, and by itself in case a ring was lost. A failing database
        is asked again at the next tick.
        """
        is_read = True
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CHANGE_TICK_SECONDS):
                    await self._rung.wait()
            self._rung.clear()
            try:
                rows = await self.live.database(self.changes.read)
            except Exception as error:  # noqa: BLE001 - nothing is renewed meanwhile: leases run out if this lasts
                if is_read:
                    log.error("changes could not be read: %s", type(error).__name__)
                is_read = False
                await asyncio.sleep(1)
                continue
            is_read = True
            for occurrence_id in self.changes.news(rows):
                self.live.wake(occurrence_id)

    async def tick_leases(self) -> None:
        live = self.live
        begun = live.clock()
        while True:
            await asyncio.sleep(pause_before_round(begun, live.clock()))
            begun = live.clock()
            # Side by side: one meeting's slow answer must not let another's leases run out.
            await asyncio.gather(
                *(
                    live.attempt(asyncio.wait_for(self.look_after(room), LEASE_SECONDS), room.id)
                    for room in list(live.rooms.values())
                )
            )

    async def tick_clearing(self) -> None:
        """What no lease may wait for."""
        live = self.live
        next_clearing = live.clock()
        while True:
            await asyncio.sleep(LEASE_TICK_SECONDS)
            await live.attempt(live.turned_away.tick(), "-")
            if live.clock() >= next_clearing:
                next_clearing = live.clock() + CLEARING_SECONDS
                await live.attempt(self.clear_up(), "-")

    async def look_after(self, room: Room) -> None:
        """Ends seats that have run out, asks the door about everybody, and locks the door when its time has come."""
        live = self.live
        # Asked anew for each: somebody may come back while another's leaving is stored.
        while lost := room.seats_run_out(live.clock()):
            await live.leave(room, lost[0], "lost")
        await live.reconcile(room.id)
        meeting = room.meeting
        if meeting is None or room.is_over:
            return
        if meeting.locks_at and datetime.now(UTC) >= meeting.locks_at:
            async with room.lock:
                await live.database(storing.lock_by_rule, room.id)
            await live.reconcile(room.id)

    async def clear_up(self) -> None:
        """Ends seats that stay empty for two rounds and meetings that everybody has left, and locks doors."""
        live = self.live
        seated = {participant_id for room in live.rooms.values() for participant_id in room.seats}
        empty = await live.database(storing.unseated, seated)
        abandoned = {key: occurrence_id for key, occurrence_id in empty.items() if key in self._unseated}
        self._unseated = set(empty)
        for participant_id, occurrence_id in abandoned.items():
            async with live.alone_with(occurrence_id) as room:
                if participant_id not in room.seats:
                    await live.database(storing.left, participant_id, "lost")
            live.forget(room)
        # A room without seats is kept only for whom it has to keep out; that must not keep the meeting going.
        live_ids = {room.id for room in live.rooms.values() if room.seats}
        await live.database(storing.end_forgotten, live_ids, datetime.now(UTC))
        await live.database(storing.lock_due, datetime.now(UTC))
