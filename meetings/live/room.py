"""One live meeting: seats, sockets, grants. Every change is one synchronous method, so nothing is half done at an
await.

`apply` is the only way in: it takes what the door has just said about everybody and makes it so. Taking away is
possible at any time and never waits: the engine forgets the peer before anybody is told. Knows no database.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from django.conf import settings

from media_engine import Engine, Grants, OfferRejected, Source
from meetings.door import Admit, Capabilities, Refuse, Wait
from meetings.doortable import MOST_INSIDE
from meetings.live import views
from meetings.live.cautions import Named, name_cautions
from meetings.live.facts import MeetingFacts, Verdicts
from meetings.live.files import Files, files_of
from meetings.live.group import Group
from meetings.live.news import News
from meetings.live.seats import NOTHING, Connection, Person, Seat, off_without
from meetings.signaling.protocol import Close

log = logging.getLogger("lintel.live")

LEASE_SECONDS = 10.0
SEAT_SECONDS = 120.0

GONE_BECAUSE = {"removed": "removed", "link_moved": "moved"}
"""What the others are told about somebody whom the rules put out; "refused" where it isn't here."""


class Room:
    """`id` is the occurrence's; it also names the engine's session, as participants' ids name its peers."""

    def __init__(
        self,
        occurrence_id: str,
        engine: Engine,
        on_change: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.id = occurrence_id
        self.engine = engine
        # Whose meeting it is; "" before somebody came by a ticket.
        self.account = ""
        # An authorization service must agree to everything here: new seats begin with nothing.
        self.needs_agreement = False
        # Called when somebody's seat, or what they want to publish, may be different now.
        self.on_change = on_change
        self.clock = clock
        self.group: Group | None = None  # of an encrypted meeting
        self.files: Files | None = None  # of one in which files are passed on
        self.seats: dict[str, Seat] = {}
        self.meeting: MeetingFacts | None = None
        self.expected: tuple[Named, ...] = ()
        self.without_link: tuple[str, ...] = ()
        self.is_over = False
        # Whoever stores something about this meeting, or asks the door about everybody in it, holds this lock: what was
        # asked first is applied first.
        self.lock = asyncio.Lock()
        # Removed or turned away here. The door's answers about them are ignored until the database has said so too.
        self.expelled: set[str] = set()
        # How many suspensions are being stored: until then the door's answers may not know of them.
        self.suspending = 0
        # Stored, or perhaps not: it stands until the door's next answer says what the database has.
        self.suspension_unread = False
        self.news = News(self)
        # The last message about tries that were turned away; None until somebody asked for it.
        self.turned_away: dict[str, Any] | None = None

    def __repr__(self) -> str:
        over = " over" if self.is_over else ""
        return f"<Room {self.id} inside={len(self.inside())} waiting={len(self.waiting())}{over}>"

    def inside(self) -> list[Seat]:
        return [seat for seat in self.seats.values() if seat.inside]

    def waiting(self) -> list[Seat]:
        return [seat for seat in self.seats.values() if not seat.inside and seat.wait is not None]

    def hosts(self) -> list[Seat]:
        return [seat for seat in self.seats.values() if seat.is_host]

    @property
    def host_inside(self) -> bool:
        return any(seat.counts_as_host for seat in self.seats.values())

    @property
    def is_suspended(self) -> bool:
        """Whether a host has stopped everything: nothing is forwarded, nothing said, nobody let in."""
        is_stored = self.meeting is not None and self.meeting.suspended_at is not None
        return self.suspending > 0 or self.suspension_unread or is_stored

    @property
    def is_empty(self) -> bool:
        return not self.seats and not self.expelled

    # Arriving and going

    def take_seat(self, person: Person, connection: Connection, now: float) -> Seat:
        """Gives the person's seat, which may be waiting for them, to this socket. The door's answer follows in
        `apply`.
        """
        seat = self.seats.get(person.participant_id)
        if seat is None:
            seat = self._new_seat(person, now)
        if person.network:
            seat.networks.add(person.network)
        older = seat.attach(connection)
        if older is not None and older is not connection:
            older.close(Close.NEWER_SOCKET)
        return seat

    def keep_seat(self, person: Person, now: float) -> None:
        """Keeps a place for somebody who was inside when the server stopped. Gives no grant: they have to come back."""
        if person.participant_id not in self.seats:
            self._new_seat(person, now)

    def _new_seat(self, person: Person, now: float) -> Seat:
        seat = self.seats[person.participant_id] = Seat(person, now, needs_agreement=self.needs_agreement)
        return seat

    def lose_socket(self, participant_id: str, connection: Connection, now: float) -> None:
        """The socket closed. The seat and its media stay; `seats_run_out` ends them."""
        seat = self.seats.get(participant_id)
        if seat is not None and seat.connection is connection:
            seat.detach(now)
            # Nobody says any more whether they speak: so that they go on being heard, nothing counts as said.
            self.engine.set_speaking(self.id, participant_id, None)
            self.tell_changes()

    def seats_run_out(self, now: float) -> list[str]:
        """Returns whose two minutes are over. The caller stores that they left, and then calls `vacate`."""
        return [
            seat.id
            for seat in self.seats.values()
            if seat.connection is None and seat.lost_at is not None and now - seat.lost_at >= SEAT_SECONDS
        ]

    def vacate(
        self, participant_id: str, why: str, *, by: str | None = None, answered: dict[str, Any] | None = None
    ) -> None:
        """Takes media and seat away and tells the others. Tells nothing to the person: see `turn_out`."""
        if self._empty(participant_id, why, by) is not None:
            self.tell_changes(answered=answered)

    def _empty(self, participant_id: str, why: str, by: str | None) -> Seat | None:
        """Takes media and seat away and says that they are gone. What else is different now has to be told after it."""
        self.engine.revoke(self.id, participant_id)
        seat = self.seats.pop(participant_id, None)
        self.on_change()
        if seat is not None:
            if seat.inside:
                seat.inside = False
                self.news.tell_inside(views.gone(participant_id, why, by))
            self.news.forget(participant_id)
        return seat

    def expel(self, participant_id: str) -> None:
        """Stops media to and from a person in this very moment, whatever else succeeds later.

        The seat stays so that `turn_out` can tell them why; nothing else is told to them, nothing is taken from
        them, and no answer of the door reopens it until `forgive`.
        """
        self.engine.revoke(self.id, participant_id)
        self.expelled.add(participant_id)
        seat = self.seats.get(participant_id)
        if seat is not None:
            seat.capabilities = NOTHING
            seat.lease_until = float("-inf")
        if self.group is not None:
            self.group.forget_word(participant_id)
            self.group.follow()

    def forgive(self, participant_id: str) -> None:
        """The database speaks for this person again."""
        self.expelled.discard(participant_id)
        seat = self.seats.get(participant_id)
        if seat is not None:
            seat.told_room = False  # they were told nothing meanwhile

    def turn_out(
        self, participant_id: str, refused: Mapping[str, Any], why: str, *, by: str | None = None,
        answered: dict[str, Any] | None = None, code: int = Close.REFUSED,
    ) -> None:  # fmt: skip
        """Takes media and seat away, then says why and closes the socket without waiting for it."""
        seat = self.seats.get(participant_id)
        self.vacate(participant_id, why, by=by, answered=answered)
        if seat is not None:
            _say_goodbye(seat, refused, code)

    def finish(self, refused: Mapping[str, Any]) -> None:
        """Ends the meeting for everybody: media of all first, words after."""
        self.engine.close_session(self.id)
        self.is_over = True
        if self.group is not None:
            self.group.close()
        if self.files is not None:
            self.files.close()
        seats = list(self.seats.values())
        self.seats.clear()
        self.on_change()
        self.news.forget_everybody()
        for seat in seats:
            seat.inside = False
            _say_goodbye(seat, refused, Close.ENDED)

    # Making the door's answers so

    def apply(self, verdicts: Verdicts, *, lease_until: float, at: datetime) -> dict[str, Refuse]:
        """Makes true what the door has just said about everybody. Returns who had a seat and is now turned out, and
        why.

        `lease_until` counts on the engine's clock: nobody's media flow beyond it unless the door is asked again.
        """
        if self.is_over:
            return {}
        self.meeting = verdicts.meeting
        self.suspension_unread = False
        self.expected = verdicts.invited
        self.without_link = verdicts.without_link
        if self.group is None and self.meeting.encryption != "transport":
            self.group = Group(self, self.clock)  # the mode never changes
            self.files = files_of(settings.LINTEL)
        if verdicts.over is not None:
            self.finish(views.refused(verdicts.over, at=at, by=verdicts.meeting.ended_by))
            return {}
        self._cut(verdicts)
        # Before anybody is granted anything: who comes back after a restart must not be heard for a moment.
        self._hold_or_release()
        out: dict[str, Refuse] = {}
        # Who goes goes first: a seat that moves to another device is never held twice.
        judged = sorted(verdicts.judgements.items(), key=lambda one: not isinstance(one[1].decision, Refuse))
        for participant_id, judgement in judged:
            seat = self.seats.get(participant_id)
            if seat is None or participant_id in self.expelled:
                continue
            seat.person = judgement.person
            decision = judgement.decision
            if isinstance(decision, Admit) and not judgement.away and self._has_room_for(seat, decision):
                self._let_inside(seat, decision.capabilities, lease_until)
            elif isinstance(decision, Refuse):
                out[participant_id] = decision
                self._turn_out_by_rule(seat, decision, at, judgement.note)
            else:
                self._keep_outside(seat, decision if isinstance(decision, Wait) else seat.wait or Wait("knock"))
        self.tell_changes()
        self.news.changed_by = None  # nothing was different after all: the next change is somebody else's
        return out

    def _cut(self, verdicts: Verdicts) -> None:
        """Stops media of everybody who may have none now, before anybody is told anything: telling takes time."""
        for participant_id, judgement in verdicts.judgements.items():
            if not isinstance(judgement.decision, Admit):
                self.engine.revoke(self.id, participant_id)

    def _has_room_for(self, seat: Seat, admit: Admit) -> bool:
        """Whom there is a place for the door has counted; this holds whatever it said."""
        return seat.inside or admit.capabilities.host or len(self.inside()) < MOST_INSIDE

    def _let_inside(self, seat: Seat, capabilities: Capabilities, lease_until: float) -> None:
        became_host = seat.inside and capabilities.host != seat.capabilities.host
        seat.inside = True
        seat.wait = seat.told_door = None
        seat.capabilities = capabilities
        # A right that comes back switches nothing on: its owner does.
        seat.switches.on -= off_without(capabilities)
        if not capabilities.record:
            seat.recording_at = None
        seat.lease_until = lease_until
        if became_host:
            seat.told_room = False  # hosts see the queue and addresses: tell them everything anew
        self.grant(seat)

    def grant(self, seat: Seat) -> None:
        """Tells the engine what may flow, never beyond the lease that the door's last answer gave."""
        if seat.inside and seat.id not in self.expelled:
            until = seat.permitted_until
            watches = seat.person.watches
            grants = Grants(seat.open_sources(), subscribe=watches, expires_at=until, receive=seat.may_receive)
            try:
                if self.is_suspended:
                    self.engine.hold(self.id)
                if self.group is not None:
                    self.engine.seal(self.id)
                self.engine.set_grants(self.id, seat.id, grants)
            except OfferRejected as error:
                # The engine is full: this person is inside without media, and the others notice nothing.
                log.warning("meeting %s: no media for %s: %s", self.id, seat.id, error.code)
        self.on_change()

    def suspend(self) -> None:
        """Stops every forward in this very moment, and shares for good. The caller stores it and then says so by
        `suspension_stored`.
        """
        self.suspending += 1
        self._hold_or_release()

    def suspension_stored(self) -> None:
        """The database has it, or it could not be stored: what holds is said by the next `apply`."""
        self.suspending -= 1
        self.suspension_unread = True

    def _hold_or_release(self) -> None:
        if not self.is_suspended:
            self.engine.release(self.id)
            return
        # Where the engine has no place for this meeting nothing is forwarded in it anyway, and `grant` asks again.
        with contextlib.suppress(OfferRejected):
            self.engine.hold(self.id)

    def _keep_outside(self, seat: Seat, wait: Wait) -> None:
        if seat.inside:
            self.engine.revoke(self.id, seat.id)
            seat.inside = False
            seat.capabilities = NOTHING
            seat.hand_at = seat.recording_at = seat.spotlit_by = None
            seat.told_room = False
            self.news.forget(seat.id)
            self.news.tell_inside(views.gone(seat.id, "refused", None))
        seat.wait = wait

    def _turn_out_by_rule(self, seat: Seat, decision: Refuse, at: datetime, note: str) -> None:
        reason = "closed" if decision.unknown else decision.reason
        refused = views.refused(reason, at=at, until=decision.until, note=note)
        if reason in {"removed", "not_let_in", "blocked"}:
            by = seat.person.refused_by if seat.person.may_know_hosts else ""
            refused |= {"note": seat.person.note or None, "by": by or None}
        # Once everybody has been decided, all is told that is different then: here it would be told for each who goes.
        self._empty(seat.id, GONE_BECAUSE.get(decision.reason, "refused"), None)
        _say_goodbye(seat, refused, Close.REFUSED)

    # What people switch

    def switch(self, seat: Seat, wanted: Mapping[Source, bool]) -> None:
        """Switches sources on or off at the person's own wish, which also lifts a host's stop. What they may not stays
        off.
        """
        closed = off_without(seat.capabilities)
        for source, on in wanted.items():
            if on and source not in closed:
                seat.switches.on.add(source)
                seat.switches.stopped_by_host.discard(source)
            else:
                seat.switches.on.discard(source)
        self.grant(seat)
        self.tell_changes()

    def stop_source(self, seat: Seat, source: Source) -> bool:
        """Stops a source at a host's wish: nothing of it is forwarded until its owner switches it on again."""
        sources = {source, Source.SCREEN_AUDIO} if source is Source.SCREEN else {source}
        was_on = bool(seat.open_sources() & sources)
        seat.switches.stopped_by_host |= sources & seat.switches.on
        seat.switches.on -= sources
        self.grant(seat)
        return was_on

    def spotlight(self, seat: Seat, by: str | None) -> None:
        """Whom everybody sees large from now on, by the name of the host who says so; None: nobody, if it was they."""
        if by is not None:
            for other in self.seats.values():
                other.spotlit_by = None
        seat.spotlit_by = by
        self.tell_changes()

    # Telling

    def tell_changes(self, *, answered: dict[str, Any] | None = None) -> None:
        """Sends everybody what has changed for them since they were told last, and newcomers everything."""
        self.news.tell_changes(answered=answered)
        if self.group is not None and not self.is_over:
            self.group.follow()

    def cautions(self) -> dict[str, list[str]]:
        """What hosts should know about everybody who waits or is inside, by their id. Who has any at the door is let in
        alone, never in bulk."""
        inside = {seat.id: seat.person for seat in self.inside()}
        waiting = {seat.id: seat.person for seat in self.waiting()}
        hosts = self.meeting.hosts if self.meeting is not None else ()
        names = name_cautions(waiting, inside, hosts, self.expected)
        renamed = {key: ["renamed"] if person.revision else [] for key, person in waiting.items()}
        return {key: [*found, *renamed.get(key, []), *views.cautions(self.seats[key])] for key, found in names.items()}

    def tell_everybody_inside(self, message: Mapping[str, Any]) -> None:
        """Sends one message to everybody who is inside now, the sender included."""
        self.news.tell_inside(message)


def _say_goodbye(seat: Seat, refused: Mapping[str, Any], code: int) -> None:
    """The last words to a seat's socket, which is closed without waiting for it."""
    if seat.connection is not None:
        connection, seat.connection = seat.connection, None
        connection.tell(refused)
        connection.close(code)
