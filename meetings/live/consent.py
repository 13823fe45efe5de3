"""What an authorization service has agreed to in one room, and what that leaves of everybody's seat.

Synchronous throughout: an answer, a lease that ends or something taken back has taken effect on the media before the
method returns. It says what has to be asked and what has happened; `authorization.py` asks, tells and writes down.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from django.utils.crypto import salted_hmac

from media_engine import Source
from meetings.door import Admit, Refuse, Wait
from meetings.live.facts import Agreed, Judgement, Verdicts
from meetings.live.room import Room
from meetings.live.seats import Person, Seat
from meetings.roundtrip.ledger import Claim, Ledger, Purpose
from meetings.roundtrip.models import AuthorizationService
from meetings.roundtrip.protocol import ROOM_TRACK, Kind, Outcome, Verdict
from meetings.roundtrip.services import RoundTrip, TakenBack

NOT_AUTHORIZED: Final = "not_authorized"
AWAITS_AUTHORIZATION: Final = "authorization"

SOURCES_OF_TRACK: Final[Mapping[str, frozenset[Source]]] = {
    "microphone": frozenset({Source.MICROPHONE}),
    "camera": frozenset({Source.CAMERA}),
    "screen": frozenset({Source.SCREEN, Source.SCREEN_AUDIO}),
}
SOURCES_OF_KIND: Final[Mapping[Kind, frozenset[Source]]] = {
    Kind.AUDIO: SOURCES_OF_TRACK["microphone"],
    Kind.VIDEO: SOURCES_OF_TRACK["camera"],
    Kind.SCREEN: SOURCES_OF_TRACK["screen"],
    Kind.DATA: frozenset(),
}
TRACK_OF: Final = {source: track for track, sources in SOURCES_OF_TRACK.items() for source in sources}
NOTHING: Final[frozenset[Source]] = frozenset()


@dataclass
class Member:
    """Somebody whom the door admits, as the service knows them. `wanting`: tracks that they have switched on."""

    participant: str
    name: str
    username: str
    network: str
    wanting: set[str] = field(default_factory=set)
    published: set[str] = field(default_factory=set)
    receives_each: bool = False


@dataclass(frozen=True)
class Happening:
    """Something to be told and written down. kind: agreed, refused, lapsed."""

    kind: str
    member: Member
    claim: Claim
    reason: str = ""


def entry(participant: str) -> Claim:
    """The claim to be in the room at all."""
    return Claim(participant, Purpose.ENTER, participant, ROOM_TRACK)


class Consent:
    """The leases of one room under one service."""

    def __init__(self, room: Room, trip: RoundTrip, spread: Callable[[], float]) -> None:
        self.room = room
        self.trip = trip
        self.ledger = Ledger(trip.service.lease_seconds, spread)
        self.members: dict[str, Member] = {}
        # Why the service does not answer, as a sentence; "" while it does.
        self.trouble = ""
        self._admitted: set[str] = set()
        # Those whose entry the door could store when it was asked last.
        self._agreed: frozenset[str] = frozenset()
        self._streams: set[tuple[str, str]] = set()
        self._listeners: frozenset[str] = frozenset()
        # Whatever was taken back before: everybody is asked about after it.
        self._newest_taken_back = max((one.number for one in trip.taken_back), default=0)
        room.needs_agreement = True
        for participant in tuple(room.seats):
            self.refresh(participant, -math.inf)

    def __repr__(self) -> str:
        return f"<Consent {self.room.id} members={len(self.members)} claims={len(self.ledger)}>"

    def agreed(self, now: float) -> Agreed:
        """Whose entry is agreed to now. Nobody else is let in by the answer of the door that is about to be asked."""
        self._agreed = frozenset(one for one in self.members if self.ledger.permits(entry(one), now))
        return Agreed(self.trip.service.identity, self._agreed)

    # What the door says, and what the service makes of it

    def settle(self, verdicts: Verdicts, now: float) -> tuple[dict[str, Judgement], bool]:
        """The door's answers, where a yes of the door needs the service's yes too. The second: whether to ask the door
        again at once, because somebody came back within a lease that the door did not know of.
        """
        settled = {
            participant: self._settled(participant, judgement, now)
            for participant, judgement in verdicts.judgements.items()
        }
        waiting = {one for one, judgement in settled.items() if judgement.decision == Wait(AWAITS_AUTHORIZATION)}
        return settled, any(self.ledger.permits(entry(one), now) for one in waiting)

    def _settled(self, participant: str, judgement: Judgement, now: float) -> Judgement:
        decision, claim = judgement.decision, entry(participant)
        if not isinstance(decision, Admit):
            # Not asked about: whom the door does not admit is nobody's business.
            self._admitted.discard(participant)
            return judgement
        self._admitted.add(participant)
        if participant not in self.members:
            self.members[participant] = self._member(judgement.person)
            self.ledger.want(claim, now)
        elif self.ledger.refusal(claim) is None:
            self.ledger.want(claim, now)
        refusal = self.ledger.refusal(claim)
        if refusal is not None:
            return replace(judgement, decision=Refuse(NOT_AUTHORIZED), note=refusal)
        if participant not in self._agreed or not self.ledger.permits(claim, now):
            return replace(judgement, decision=Wait(AWAITS_AUTHORIZATION))
        grants = self.ledger.grants(claim)
        if grants is not None and Kind.DATA not in grants:
            decision = replace(decision, capabilities=replace(decision.capabilities, chat=False))
        return replace(judgement, decision=decision)

    def _member(self, person: Person) -> Member:
        return Member(person.participant_id, person.name, self._username(person), person.network)

    def _username(self, person: Person) -> str:
        """How the service knows somebody. A made-up name is the same every time, and leads back to nobody elsewhere."""
        if self.trip.service.names == AuthorizationService.Names.EMAIL and person.email:
            return person.email
        kind, basis = next(
            (kind, basis)
            for kind, basis in (
                ("account", person.user_id),
                ("guest", person.invitation_id),
                ("visitor", person.participant_id),
            )
            if basis
        )
        made = salted_hmac("meetings.roundtrip.name", f"{kind}:{basis}", algorithm="sha256").hexdigest()
        return f"{kind}-{made[:24]}"

    # What people want

    def review(self, now: float) -> list[Member]:
        """Brings claims in line with who is there and what they have switched on. Returns publishers who have gone."""
        self._admitted &= self.room.seats.keys()
        gone = [member for participant, member in self.members.items() if participant not in self._admitted]
        for member in gone:
            del self.members[member.participant]
            for claim in [claim for claim in self.ledger.claims() if claim.participant == member.participant]:
                self.ledger.drop(claim, now)
        for member in self.members.values():
            self._want_tracks(member, self.room.seats[member.participant], now)
        streams = {
            (member.participant, track)
            for member in self.members.values()
            for track in member.wanting
            if self.ledger.permits(self._publishing(member.participant, track), now)
        }
        new, old, self._streams = streams - self._streams, self._streams - streams, streams
        for member in self.members.values():
            self._want_streams(member, new, old, now)
        listeners = frozenset(self.members)
        if new or old or listeners != self._listeners:
            self._listeners = listeners
            for participant in self.members:
                self.refresh(participant, now)
        return [member for member in gone if member.published]

    @staticmethod
    def _publishing(participant: str, track: str) -> Claim:
        return Claim(participant, Purpose.PUBLISH, participant, track)

    def _want_tracks(self, member: Member, seat: Seat, now: float) -> None:
        """A microphone or camera that was on once stays a stream while its owner is there, as a muted one does; a
        screen is one only while it is shown.
        """
        on = {TRACK_OF[source] for source in seat.wanted_sources()}
        for track in on - member.wanting:
            member.wanting.add(track)
            self.ledger.want(self._publishing(member.participant, track), now)
        stopped = member.wanting if not seat.inside else member.wanting & {"screen"} - on
        for track in tuple(stopped):
            member.wanting.discard(track)
            self.ledger.drop(self._publishing(member.participant, track), now)

    def _want_streams(self, member: Member, new: set[tuple[str, str]], old: set[tuple[str, str]], now: float) -> None:
        """Each stream of the others is asked about, unless the answer about the room has said what may be received."""
        seat, claim = self.room.seats[member.participant], entry(member.participant)
        each = seat.inside and self.ledger.permits(claim, now) and self.ledger.grants(claim) is None
        if each != member.receives_each:
            member.receives_each = each
            new, old = (self._streams, set()) if each else (set(), self._streams | old)
        elif not each:
            return
        for owner, track in new:
            if owner != member.participant:
                self.ledger.want(Claim(member.participant, Purpose.RECEIVE, owner, track), now)
        for owner, track in old:
            self.ledger.drop(Claim(member.participant, Purpose.RECEIVE, owner, track), now)

    # What the service says

    def answered(self, claim: Claim, number: int, verdict: Verdict, now: float) -> list[Happening]:
        """Takes an answer and makes it so. Nothing happens where it came too late to count."""
        before = self.ledger.permits(claim, now)
        if not self.ledger.answered(claim, number, verdict, now):
            return []
        member = self.members.get(claim.participant)
        if member is None:
            return []
        happenings = []
        if verdict.outcome is Outcome.REFUSED:
            happenings.append(self._no(member, claim, verdict.reason))
        elif verdict.outcome is Outcome.ALLOWED and not before:
            if claim.purpose is Purpose.PUBLISH:
                member.published.add(claim.track)
            happenings.append(Happening("agreed", member, claim))
        self.refresh(claim.participant, now)
        return happenings

    def _no(self, member: Member, claim: Claim, reason: str) -> Happening:
        if claim.purpose is Purpose.PUBLISH:
            seat = self.room.seats.get(member.participant)
            member.wanting.discard(claim.track)
            if seat is not None:
                # As when a host stops it: off until they switch it on again, which asks again.
                seat.switches.on -= SOURCES_OF_TRACK[claim.track]
        return Happening("refused", member, claim, reason)

    def lapsed(self, ended: Iterable[Claim], now: float) -> list[Happening]:
        """Leases that ended without an answer: what they carried stops."""
        happenings = []
        for claim in ended:
            member = self.members.get(claim.participant)
            if member is not None:
                self.refresh(claim.participant, now)
                happenings.append(Happening("lapsed", member, claim, self.trouble))
        return happenings

    def take_back(
        self, taken_back: Iterable[TakenBack], token_digest_of: Callable[[str], str], now: float
    ) -> list[Happening]:
        """Applies what the service has taken back since the last time."""
        happenings = []
        for one in taken_back:
            if one.number <= self._newest_taken_back:
                continue
            self._newest_taken_back = one.number
            for claim in self._matching(one, token_digest_of):
                self.ledger.revoke([claim], one.reason, now)
                happenings.append(self._no(self.members[claim.participant], claim, one.reason))
                self.refresh(claim.participant, now)
        return happenings

    def _matching(self, one: TakenBack, token_digest_of: Callable[[str], str]) -> list[Claim]:
        """What it is about: whole people, or one stream of or for them. Everything that it names must fit."""
        room, _, rest = one.stream.partition("/")
        owner, _, track = rest.partition("/")
        if room not in {"", self.trip.room}:
            return []
        known = [
            member.participant
            for member in self.members.values()
            if one.username in {"", member.username}
            and (not one.token_digest or one.token_digest == token_digest_of(member.participant))
        ]
        if track in SOURCES_OF_TRACK:
            named = bool(one.username or one.token_digest)
            return [
                claim
                for claim in self.ledger.claims()
                if (claim.owner, claim.track) == (owner, track)
                and claim.participant in known
                and (claim.purpose is Purpose.PUBLISH or named)
            ]
        return [entry(participant) for participant in known if owner in {"", participant}]

    # What is left of a seat

    def refresh(self, participant: str, now: float) -> None:
        """Makes a seat what the leases say now, and the media with it."""
        seat = self.room.seats.get(participant)
        if seat is None:
            return
        publish, receive, until = self._permitted(participant, now)
        if (seat.may_publish, seat.may_receive, seat.agreed_until) != (publish, receive, until):
            before = seat.open_sources()
            seat.may_publish, seat.may_receive, seat.agreed_until = publish, receive, until
            self.room.grant(seat)
            if seat.open_sources() != before:
                self.room.tell_changes()

    def _permitted(
        self, participant: str, now: float
    ) -> tuple[frozenset[Source], frozenset[tuple[str, Source]], float]:
        claim = entry(participant)
        if not self.ledger.permits(claim, now):
            return NOTHING, frozenset(), -math.inf
        publish = frozenset().union(
            *(
                sources
                for track, sources in SOURCES_OF_TRACK.items()
                if self.ledger.permits(self._publishing(participant, track), now)
            )
        )
        grants = self.ledger.grants(claim)
        if grants is not None:
            kinds = frozenset().union(*(SOURCES_OF_KIND[kind] for kind in grants))
            receive = frozenset((other, source) for other in self.members if other != participant for source in kinds)
        else:
            receive = frozenset(
                (owner, source)
                for owner, track in self._streams
                if self.ledger.permits(Claim(participant, Purpose.RECEIVE, owner, track), now)
                for source in SOURCES_OF_TRACK[track]
            )
        return publish, receive, self.ledger.until(claim)
