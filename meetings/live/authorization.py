"""Asks authorization services about everybody in this process's live meetings, and makes their answers so.

A service that stalls holds up nobody: questions run beside the meetings, so many at once to one service, and after some
failures one at a time. Nobody new is admitted meanwhile, and whoever is inside stays while their lease runs. What goes
wrong is told to hosts and written to the audit log, with the reason.
"""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
import time
from collections import OrderedDict
from collections.abc import Coroutine
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings

from meetings import codes
from meetings.live import storing, views
from meetings.live.consent import Consent, Happening, Member, entry
from meetings.live.facts import Agreed, Verdicts
from meetings.live.room import Room
from meetings.outgoing.breaker import Breaker
from meetings.outgoing.client import SLOTS_PER_ORIGIN, Outgoing
from meetings.roundtrip import asking
from meetings.roundtrip.ledger import Claim, Purpose
from meetings.roundtrip.protocol import Ask, Outcome, Verdict, room_password, stream_id

if TYPE_CHECKING:
    from meetings.live.office import Live

log = logging.getLogger("lintel.authorization")

MOST_QUESTIONS: Final = SLOTS_PER_ORIGIN
MOST_TOKENS: Final = 5_000

ABOUT: Final = {Purpose.ENTER: "", Purpose.PUBLISH: "source_", Purpose.RECEIVE: "receiving_"}
"""How audit entries about each kind of claim are named."""


@dataclass
class Line:
    """How it goes with one service, over all rooms."""

    breaker: Breaker = field(default_factory=Breaker)
    open_questions: int = 0
    problem: str = ""


class Authorization:
    """The services' side of `Live`. Used on the loop's thread only; `clock` of `Live` counts the leases."""

    def __init__(self, live: Live, outgoing: Outgoing | None = None) -> None:
        self.live = live
        self.outgoing = outgoing or Outgoing()
        self.consents: dict[str, Consent] = {}
        self.lines: dict[Any, Line] = {}
        # What people's own programs gave them for the service. In memory only: it is theirs, and short-lived.
        self._tokens: OrderedDict[str, str] = OrderedDict()
        self._to_review: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None

    async def aclose(self) -> None:
        """Ends every question. Leases end with the process."""
        self.consents.clear()
        if self._timer is not None:
            self._timer.cancel()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.outgoing.aclose()

    def _own(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # What the door asks

    def bring(self, occurrence_id: str, participant_id: str, token: str) -> None:
        """Somebody arrives, with a token for the service or with "". What was refused before is asked anew."""
        before = self._tokens.pop(participant_id, "")
        if token:
            self._tokens[participant_id] = token
            self._forget_tokens()
        consent = self.consents.get(occurrence_id)
        if consent is not None:
            consent.ledger.again(participant_id, self.live.clock(), early=token != before)
            self.tick()

    def _forget_tokens(self) -> None:
        """The oldest of too many, and those first whom nobody is asked about: whoever comes again and again must not
        make the service say no to people inside.
        """
        spare = len(self._tokens) - MOST_TOKENS
        if spare > 0:
            asked_about = {participant for consent in self.consents.values() for participant in consent.members}
            for participant in sorted(self._tokens, key=asked_about.__contains__)[:spare]:
                del self._tokens[participant]

    def agreed(self, occurrence_id: str) -> Agreed:
        """Whom a service lets in now; nobody where none was asked yet."""
        consent = self.consents.get(occurrence_id)
        return consent.agreed(self.live.clock()) if consent is not None else Agreed()

    def lets_in(self, occurrence_id: str, participant_id: str) -> bool:
        """Whether a service has agreed to this seat and still does. Any thread may ask."""
        consent = self.consents.get(occurrence_id)
        return consent is not None and consent.ledger.permits(entry(participant_id), self.live.clock())

    def settle(self, room: Room, verdicts: Verdicts) -> Verdicts:
        """The door's answers with the service's word put to them. Without a service they are what they were."""
        trip, consent = verdicts.round_trip, self.consents.get(room.id)
        if verdicts.over is not None:
            return verdicts  # the room ends everybody's seat, and publishers are said goodbye to then
        if trip is None:
            self._let_go(room)
            return verdicts
        if consent is None or consent.room is not room or consent.trip.service.identity != trip.service.identity:
            consent = self.consents[room.id] = Consent(room, trip, random.random)
        now = self.live.clock()
        consent.trip = trip
        consent.ledger.lease_seconds = trip.service.lease_seconds
        self._tell(consent, consent.take_back(trip.taken_back, self._token_digest, now))
        judgements, once_more = consent.settle(verdicts, now)
        if once_more:
            self.live.wake(room.id)
        self.look_at(room.id)
        return replace(verdicts, judgements=judgements)

    def _let_go(self, room: Room) -> None:
        """Nobody has to agree any more: the door alone decides."""
        room.needs_agreement = False
        if self.consents.pop(room.id, None) is None:
            return
        for seat in room.seats.values():
            seat.may_publish = seat.may_receive = None
            seat.agreed_until = float("inf")
            room.grant(seat)

    def _token_digest(self, participant_id: str) -> str:
        token = self._tokens.get(participant_id, "")
        return codes.digest(token) if token else ""

    def look_at(self, occurrence_id: str) -> None:
        """Something is different in a room. Looked at once, after everything that happens in this moment."""
        if occurrence_id in self.consents and occurrence_id not in self._to_review:
            self._to_review.add(occurrence_id)
            asyncio.get_running_loop().call_soon(self._review, occurrence_id)

    def _review(self, occurrence_id: str) -> None:
        self._to_review.discard(occurrence_id)
        consent = self.consents.get(occurrence_id)
        if consent is None:
            return
        for member in consent.review(self.live.clock()):
            self._own(self._say_gone(consent, member))
        if not consent.members and not consent.room.seats:
            del self.consents[occurrence_id]
            asked = {other.trip.service.identity for other in self.consents.values()}
            self.lines = {key: line for key, line in self.lines.items() if key in asked or line.open_questions}
        self.tick()

    # Asking

    def tick(self) -> None:
        """Asks what is due and ends what is over. Runs by itself whenever something becomes due."""
        now = self.live.clock()
        times = []
        # In another order each time, so that no meeting is always the last when there is more to ask than may be.
        for consent in random.sample(list(self.consents.values()), len(self.consents)):
            turn = consent.ledger.turn(now)
            self._tell(consent, consent.lapsed(turn.ended, now))
            line = self.lines.setdefault(consent.trip.service.identity, Line())
            for claim in turn.due:
                if line.open_questions >= MOST_QUESTIONS:
                    break
                if not line.breaker.may_ask(now):
                    self._note_trouble(consent, line.problem)
                    if not line.breaker.probing:
                        times.append(line.breaker.asks_again_at(now))
                    break
                line.open_questions += 1
                ask = self._question(consent, consent.members[claim.participant], claim)
                self._own(self._ask(consent, claim, consent.ledger.asked(claim), ask, line))
            if (following := consent.ledger.next_at()) is not None:
                times.append(following)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if times:
            self._timer = asyncio.get_running_loop().call_later(max(0.0, min(times) - now) + 0.001, self.tick)

    async def _ask(self, consent: Consent, claim: Claim, number: int, ask: Ask, line: Line) -> None:
        try:
            verdict = (await asking.validate(self.outgoing, consent.trip.service, ask)).verdict
        except Exception:
            log.exception("a question to an authorization service failed")
            verdict = Verdict(Outcome.UNANSWERED, problem="The question could not be asked.")
        finally:
            line.open_questions -= 1
        now = self.live.clock()
        if verdict.outcome is Outcome.UNANSWERED:
            line.breaker.failed(now)
            line.problem = verdict.problem
        else:
            line.breaker.succeeded()
        if self.consents.get(consent.room.id) is consent:
            self._note_trouble(consent, verdict.problem)
            self._tell(consent, consent.answered(claim, number, verdict, now))
            self.look_at(consent.room.id)
        self.tick()

    def _question(self, consent: Consent, member: Member, claim: Claim) -> Ask:
        trip = consent.trip
        return Ask(
            type=claim.type,
            username=member.username,
            password=room_password(trip.service.secrets[0] if trip.service.secrets else "", trip.room, member.username),
            stream_id=stream_id(trip.room, claim.owner, claim.track),
            token=self._tokens.get(member.participant, ""),
            room=trip.room,
            participant=member.participant,
            request_id=secrets.token_urlsafe(12),
            node_id=settings.LINTEL.node_id,
            client_network=member.network,
            issued_at=int(time.time()),
        )

    async def _say_gone(self, consent: Consent, member: Member) -> None:
        """Tells the service about each track of a publisher who has gone. Once; its answer changes nothing."""
        for track in sorted(member.published):
            claim = Claim(member.participant, Purpose.PUBLISH, member.participant, track)
            exchange = await asking.invalidate(
                self.outgoing, consent.trip.service, self._question(consent, member, claim)
            )
            if exchange.verdict.outcome is Outcome.UNANSWERED:
                log.warning("meeting %s: a service was not told that a publisher left", consent.room.id)
        if member.participant not in consent.room.seats:
            self._tokens.pop(member.participant, None)

    # Telling

    def _note_trouble(self, consent: Consent, problem: str) -> None:
        """Says once that the service does not answer, and once that it does again."""
        if bool(problem) == bool(consent.trouble):
            return
        consent.trouble = problem
        outcome = "unanswered" if problem else "answered"
        log.warning("meeting %s: authorization service: %s", consent.room.id, problem or "answers again")
        self._tell_hosts(consent, views.authorization(outcome, reason=problem))
        self._own(self._write(consent, f"authorization.{outcome}", note=problem))

    def _tell(self, consent: Consent, happenings: list[Happening]) -> None:
        for happening in happenings:
            claim, member = happening.claim, happening.member
            enters = claim.purpose is Purpose.ENTER
            if enters:
                self.live.wake(consent.room.id)
            if happening.kind != "agreed":
                message = views.authorization(
                    happening.kind,
                    participant=member.participant,
                    name=member.name,
                    track=claim.track,
                    owner=claim.owner,
                    reason=happening.reason,
                )
                seat = consent.room.seats.get(member.participant)
                if seat is not None and not enters:
                    seat.tell(message)
                self._tell_hosts(consent, message, but=member.participant)
            if happening.kind != "agreed" or claim.purpose is not Purpose.RECEIVE:
                # A yes to each of a hundred streams says nothing that the entry and the publisher's have not said.
                self._own(self._write_about(consent, happening))

    @staticmethod
    def _tell_hosts(consent: Consent, message: dict[str, Any], *, but: str = "") -> None:
        for host in consent.room.hosts():
            if host.id != but:
                host.tell(message)

    async def _write_about(self, consent: Consent, happening: Happening) -> None:
        claim, member = happening.claim, happening.member
        facts = {"participant": member.participant, "note": happening.reason}
        if claim.purpose is not Purpose.ENTER:
            facts["source"] = claim.track
        if claim.purpose is Purpose.RECEIVE:
            facts["of"] = claim.owner
        kind = f"authorization.{ABOUT[claim.purpose]}{happening.kind}"
        await self._write(consent, kind, member.name, **facts)

    async def _write(self, consent: Consent, kind: str, target: str = "", **facts: str) -> None:
        given = {name: value for name, value in facts.items() if value}
        try:
            await self.live.database(storing.write, kind, consent.room.id, target, given)
        except Exception as error:  # noqa: BLE001 - what the service said holds, whether or not it can be written down
            log.error("meeting %s: %s was not written down: %s", consent.room.id, kind, type(error).__name__)
