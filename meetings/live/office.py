"""`Live`: the live meetings of one process. Owns the engine, the rooms, and the threads that talk to the database.

Every room's answers come from `reconcile`: ask the door about everybody, apply what it says, renew the leases. It
runs at every entry, when a service announces a change, when another process rings the `bell`, and every 3 s. If the
database does not answer, nothing is renewed and the leases run out: no answer is no.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import threading
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from datetime import UTC, datetime
from typing import Any, TypeVar

from media_engine import (
    Engine,
    EngineConfig,
    Event,
    Speakers,
    SubscribeOffer,
    TransportState,
    Unplayable,
    Unsealed,
    Unseen,
)
from meetings import changes
from meetings.door import Admit, Refuse
from meetings.live import allotment, facts, storing, views
from meetings.live.authorization import Authorization
from meetings.live.departures import Departures
from meetings.live.devices import Devices
from meetings.live.diagnosis import Diagnosis
from meetings.live.files import MEGABYTE, Files
from meetings.live.relays import NO_RELAYS, Relays
from meetings.live.room import LEASE_SECONDS, Room
from meetings.live.seats import Connection, Seat, has_place_at_door
from meetings.live.sockets import Sockets
from meetings.live.threads import Threads
from meetings.live.tries import Tries
from meetings.live.turned_away import TurnedAway
from meetings.live.upkeep import Upkeep
from meetings.signaling.protocol import Close, ProtocolError
from meetings.threads import waiting
from meetings.tickets import Bearer, Nonces, Tickets

log = logging.getLogger("lintel.live")

T = TypeVar("T")

DATABASE_THREADS = 4
MOST_ROOMS = 1_000
EFFECT_SECONDS = 1.0
"""How long whoever changed something waits until it holds. Where it takes longer, it takes effect all the same."""

_current: Live | None = None


def current_live() -> Live | None:
    """Returns this process's started `Live`, for views; None when there is none, and then the door stays shut."""
    return _current


class Live:
    """Start it on the loop that will carry its sockets. `database_threads=0` uses the caller's thread (for tests)."""

    def __init__(
        self,
        engine_config: EngineConfig,
        *,
        clock: Callable[[], float] = time.monotonic,
        database_threads: int = DATABASE_THREADS,
        relays: Relays = NO_RELAYS,
    ) -> None:
        self.engine = Engine(engine_config, on_event=self._on_event, clock=clock)
        self.relays = relays
        self.clock = clock
        self.rooms: dict[str, Room] = {}
        self.authorization = Authorization(self)
        self.tickets = Tickets(clock)
        self.nonces = Nonces(clock)
        self.tries = Tries(clock)
        self.sockets = Sockets()
        self.turned_away = TurnedAway(self)
        self.upkeep = Upkeep(self)
        self.departures = Departures(self)
        self.devices = Devices(self)
        self.diagnosis = Diagnosis(self.engine, lambda: self.rooms)
        self.threads = Threads(database_threads)
        self._tasks: set[asyncio.Task[None]] = set()
        self._due: dict[str, asyncio.Task[None]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._loop_thread = 0
        self._is_closing = False

    def __repr__(self) -> str:
        return f"<Live rooms={len(self.rooms)} sockets={len(self.sockets)}>"

    async def start(self) -> None:
        """Binds the engine's port (`OSError` if it can't), finds interrupted meetings, starts the ticks."""
        global _current  # noqa: PLW0603 - one per process by design; views have no other way to it
        self._loop, self._loop_thread = asyncio.get_running_loop(), threading.get_ident()
        await self.engine.start()
        await self.upkeep.begin_to_listen()
        await self.diagnosis.begin()
        await self._keep_interrupted_seats()
        changes.changed.connect(self._on_changed)
        self._own(self.upkeep.tick_changes())
        self._own(self.upkeep.tick_leases())
        self._own(self.upkeep.tick_clearing())
        _current = self

    async def aclose(self) -> None:
        """Tells every socket to come back later, and stops. Seats stay in the database for the next start."""
        global _current  # noqa: PLW0603
        if _current is self:
            _current = None
        self._is_closing = True
        changes.changed.disconnect(self._on_changed)
        self.upkeep.stop_listening()
        self.diagnosis.close()
        self.devices.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.departures.close()
        await self.attempt(self.turned_away.store(everything=True), "-")
        for room in self.rooms.values():
            if room.files is not None and room.files.passed:
                await self.attempt(self._count_files(room.id, room.files), room.id)
        await self.authorization.aclose()
        self.sockets.close_all(Close.RESTART)
        await self.engine.aclose()
        self.threads.close()

    async def database(self, function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Runs a synchronous function that talks to the database in a thread of its own, and closes stale
        connections.
        """
        return await self.threads.run(function, *args, **kwargs)

    async def at_door(self, function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """As `database`, for whoever asks from outside: a crowd there holds up nothing that is decided about those
        inside.
        """
        return await self.threads.run_at_door(function, *args, **kwargs)

    def _own(self, coroutine: Any) -> asyncio.Task[None]:
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    # Sockets

    def count_in(self, connection: Connection, address: str) -> bool:
        """Registers a socket; False, and nothing registered, when its address has too many or the process stops."""
        return not self._is_closing and self.sockets.count_in(connection, address)

    def relay_servers(self, participant_id: str) -> list[dict[str, Any]]:
        """TURN servers with a pass for somebody who is inside."""
        return self.relays.servers_for(participant_id, time.time())

    # Entering and leaving

    def host_inside(self, occurrence_id: str) -> bool:
        """Says whether a host is inside now. Any thread may ask."""
        room = self.rooms.get(occurrence_id)
        return room is not None and room.host_inside

    async def enter(self, bearer: Bearer, connection: Connection) -> Seat:
        """Asks the door once more and seats the bearer of a ticket, inside or at the door; the socket is told which.

        Raises `ProtocolError("busy")` when there is no place, `try_again` when the database fails. The seat that is
        returned may already be gone again (the door said no): then the socket has been told and closed.
        """
        async with self._at_rest(bearer.occurrence_id) as room:
            if not allotment.may_enter(self.rooms, room, bearer):
                self.forget(room)
                raise ProtocolError("busy", "this meeting can’t begin now")
            present = self._present(room) | {bearer.participant_id}
            asked_at = self.clock()
            verdicts = await self._ask(room, set(room.seats) | present, present)
            if room.is_over:
                raise ProtocolError("wrong_state", "the meeting has ended")
            judgement = verdicts.judgements.get(bearer.participant_id)
            if judgement is None or bearer.participant_id in room.expelled:
                raise ProtocolError("not_allowed", "this seat is closed")
            is_new = bearer.participant_id not in room.seats and not isinstance(judgement.decision, Admit)
            if is_new and not has_place_at_door(judgement.person, room.waiting()):
                raise ProtocolError("busy", "too many people are at the door")
            seat = room.take_seat(judgement.person, connection, self.clock())
            if bearer.network:
                seat.networks.add(bearer.network)
            out = self._apply(room, verdicts, asked_at)
        await self.departures.store(room.id, out)
        return seat

    def lose_socket(self, occurrence_id: str, participant_id: str, connection: Connection) -> None:
        room = self.rooms.get(occurrence_id)
        if room is not None:
            room.lose_socket(participant_id, connection, self.clock())

    async def leave(self, room: Room, participant_id: str, why: str) -> None:
        """Ends a seat for good: media at once, then the row, then the others are told."""
        seat = room.seats.get(participant_id)
        waited = seat is not None and not seat.inside
        room.vacate(participant_id, why, answered=views.answered(seat, "", "gone") if seat and waited else None)
        async with self.alone_with(room.id) as current:
            if participant_id in current.seats:
                return  # came back before it was our turn: the entry is newer and stands
            await self.database(storing.left, participant_id, "stopped" if waited and why == "left" else why)
        await self.reconcile(room.id)

    def _room(self, occurrence_id: str) -> Room:
        room = self.rooms.get(occurrence_id)
        if room is None or room.is_over:
            if len(self.rooms) >= MOST_ROOMS:
                raise ProtocolError("busy", "too many meetings")
            changed = functools.partial(self.authorization.look_at, occurrence_id)
            room = self.rooms[occurrence_id] = Room(occurrence_id, self.engine, changed, self.clock)
        return room

    @contextlib.asynccontextmanager
    async def alone_with(self, occurrence_id: str) -> AsyncIterator[Room]:
        """The meeting's room, made if need be, and its lock. A room that was dropped before our turn came is not it."""
        while True:
            room = self._room(occurrence_id)
            async with room.lock:
                if self.rooms.get(occurrence_id) is room:
                    yield room
                    return

    @contextlib.asynccontextmanager
    async def _at_rest(self, occurrence_id: str) -> AsyncIterator[Room]:
        """As `alone_with`, once it is stored who was turned out."""
        while True:
            await self.departures.are_stored(occurrence_id)
            async with self.alone_with(occurrence_id) as room:
                if not self.departures.is_storing(occurrence_id):
                    yield room
                    return

    # Asking the door

    async def reconcile(self, occurrence_id: str) -> None:
        """Asks the door about everybody in a live meeting and makes its answers true. Raises if the database fails."""
        while (room := self.rooms.get(occurrence_id)) is not None and not room.is_over:
            async with room.lock:
                if self.rooms.get(occurrence_id) is not room:
                    continue
                # Whoever wakes us from here on asks once more; this question answers all who did before.
                self._due.pop(occurrence_id, None)
                asked_at = self.clock()
                verdicts = await self._ask(room, set(room.seats), self._present(room))
                out = self._apply(room, verdicts, asked_at)
            await self.departures.store(occurrence_id, out)
            return
        self._due.pop(occurrence_id, None)

    def _present(self, room: Room) -> set[str]:
        """Whose entry may be stored if the door admits them: their socket is open."""
        return {seat.id for seat in room.seats.values() if seat.connection is not None and seat.id not in room.expelled}

    async def _ask(self, room: Room, asked: set[str], present: set[str]) -> facts.Verdicts:
        kept = {seat.id for seat in room.seats.values() if seat.counts_as_host}
        agreed = self.authorization.agreed(room.id)
        verdicts = await self.database(facts.judge, room.id, asked, present, kept, _now(), agreed=agreed)
        return self.authorization.settle(room, verdicts)

    def _apply(self, room: Room, verdicts: facts.Verdicts, asked_at: float) -> dict[str, Refuse]:
        """Makes the answers true. Returns who was turned out, which `departures` has to store."""
        # The lease counts from the question: an answer that was long under way is true for when it was asked.
        out = room.apply(verdicts, lease_until=asked_at + LEASE_SECONDS, at=_now())
        if room.is_over or room.is_empty:
            self.forget(room)
        return out

    def forget(self, room: Room) -> None:
        """Drops a room that is over or empty."""
        if self.rooms.get(room.id) is room and (room.is_over or room.is_empty):
            self.engine.close_session(room.id)
            if room.group is not None:
                room.group.close()
            if room.files is not None:
                room.files.close()
                if room.files.passed and not self._is_closing:
                    self._own(self.attempt(self._count_files(room.id, room.files), room.id))
            del self.rooms[room.id]

    async def _count_files(self, occurrence_id: str, files: Files) -> None:
        kept = {"count": files.passed, "megabytes": -(-files.passed_bytes // MEGABYTE)}
        await self.database(storing.write, "meeting.files_passed", occurrence_id, "", kept)

    # Waking up

    def _on_changed(self, *, occurrence_id: Any, number: int, **_: Any) -> bool:
        # Sent on commit, in whichever thread committed.
        loop = self._loop
        if loop is None or loop.is_closed():
            return False
        holds: Future[None] = Future()
        key = None if occurrence_id is None else str(occurrence_id)
        try:
            loop.call_soon_threadsafe(self._wake_for, key, number, holds)
        except RuntimeError:  # the loop stopped between the check and the call
            return False
        if self._may_wait() and (key is None or key in self.rooms):
            with contextlib.suppress(TimeoutError), waiting():
                holds.result(EFFECT_SECONDS)
        return True

    def _may_wait(self) -> bool:
        """Whether this thread can wait for the loop: the loop does not wait for it, and asks the door in another one.

        Then a request that takes a right away is answered when it is gone, and its answer is not worked on meanwhile.
        """
        return threading.get_ident() != self._loop_thread and not self.threads.are_needed_here()

    def _wake_for(self, occurrence_id: str | None, number: int, holds: Future[None]) -> None:
        self.upkeep.changes.note(number)
        asking = self.wake(occurrence_id)
        left = len(asking)

        def one_less(_: Any) -> None:
            nonlocal left
            left -= 1
            if left <= 0 and not holds.done():
                holds.set_result(None)

        for task in asking:
            task.add_done_callback(one_less)
        if not asking:
            one_less(None)

    def wake(self, occurrence_id: str | None) -> list[asyncio.Task[None]]:
        """Makes one meeting, or all (None), ask the door again soon. Many calls make one question. Returns those."""
        if self._is_closing:
            return []
        rooms = [key for key in (list(self.rooms) if occurrence_id is None else [occurrence_id]) if key in self.rooms]
        for room_id in rooms:
            if room_id not in self._due:
                self._due[room_id] = self._own(self._reconcile_soon(room_id))
        return [self._due[room_id] for room_id in rooms]

    async def _reconcile_soon(self, occurrence_id: str) -> None:
        await self.attempt(self.reconcile(occurrence_id), occurrence_id)

    async def attempt(self, what: Any, occurrence_id: str) -> bool:
        """Awaits it; a failure is logged and answers False."""
        try:
            await what
        except Exception as error:  # noqa: BLE001 - one meeting's failure must not stop the others
            # Nothing was renewed: if this lasts, the meeting's leases run out.
            log.error("meeting %s: could not ask the door: %s", occurrence_id, type(error).__name__)
            return False
        return True

    async def _keep_interrupted_seats(self) -> None:
        now = self.clock()
        for occurrence_id, people in (await self.database(facts.seats_of_interrupted_meetings)).items():
            room = self._room(occurrence_id)
            for person in people:
                room.keep_seat(person, now)

    # What the engine says

    def _on_event(self, event: Event) -> None:
        room = self.rooms.get(event.session_id)
        seat = room.seats.get(event.peer_id) if room is not None else None
        if seat is None or not seat.inside:
            return
        if isinstance(event, SubscribeOffer):
            tracks = [
                {"mid": track.mid, "participant": track.publisher_id, "source": track.source.value}
                for track in event.tracks
            ]
            seat.tell({"type": "media.offer", "offer": event.offer_id, "sdp": event.sdp, "tracks": tracks})
        elif isinstance(event, TransportState):
            seat.tell({"type": "media.transport", "transport": event.transport, "state": event.state})
        elif isinstance(event, Speakers):
            seat.tell({"type": "media.speakers", "speakers": event.speakers})
        elif isinstance(event, Unplayable):
            seat.tell(views.unplayable(event))
        elif isinstance(event, Unseen):
            told = views.unseen(event)
            if seat.person.is_device:  # nobody reads there: hosts do
                seat.unseen = told["sources"]
                room.tell_changes()
            seat.tell(told)
        elif isinstance(event, Unsealed):
            log.warning("meeting %s: %s of %s is not sealed", event.session_id, event.source.value, event.peer_id)
            seat.tell({"type": "e2ee.unsealed", "source": event.source.value})


def _now() -> datetime:
    return datetime.now(UTC)
