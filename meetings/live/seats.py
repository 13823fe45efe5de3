"""One person's place at the door of, or in, a live meeting. Data and questions about it; `room.py` changes it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from media_engine import Source
from meetings import budgets
from meetings.door import Capabilities, Row, Wait
from meetings.signaling.rates import Bucket

NOTHING = Capabilities()

# What each capability opens. A source that is in no list can't be granted.
SOURCES_OF: tuple[tuple[str, tuple[Source, ...]], ...] = (
    ("speak", (Source.MICROPHONE,)),
    ("show", (Source.CAMERA,)),
    ("share", (Source.SCREEN, Source.SCREEN_AUDIO)),
)


def off_without(capabilities: Capabilities) -> frozenset[Source]:
    """The sources that these capabilities don't open."""
    closed = [sources for name, sources in SOURCES_OF if not getattr(capabilities, name)]
    return frozenset(source for sources in closed for source in sources)


def has_place_at_door(person: Person, waiting: Iterable[Seat]) -> bool:
    """Whether one more may stand at the door. Strangers keep off no one who is known, a network no other one, and
    nobody a host.
    """
    if person.kind == Row.HOST:
        return True
    there = [seat.person for seat in waiting]
    strangers = [one for one in there if one.kind == Row.ANYONE]
    if person.kind != Row.ANYONE:
        return len(there) - len(strangers) < budgets.WAITING_KNOWN.most
    neighbours = sum(one.network == person.network for one in strangers)
    return len(strangers) < budgets.WAITING.most and neighbours < budgets.WAITING_OF_A_NETWORK.most


class Connection(Protocol):
    """A socket as `live` sees it. Neither method waits for the other side, and neither raises."""

    def tell(self, message: Mapping[str, Any]) -> None: ...

    def close(self, code: int) -> None: ...


@dataclass(frozen=True)
class LinkUse:
    """A personal link that two devices came with: where and when it was used first, and where the other one is.

    asks: the second device wants to take the link over, and nobody has answered. denied: whoever uses it on the first
    device said that it isn't them.
    """

    first_network: str
    first_at: datetime | None
    second_network: str
    second_at: datetime
    asks: bool = False
    denied: bool = False


@dataclass(frozen=True)
class Asked:
    """What somebody with a personal link is asked: may another device take it over? `wish` names it in the answer."""

    wish: int
    network: str
    at: datetime
    until: datetime


@dataclass(frozen=True)
class Person:
    """What the database says about the one who holds a seat. `email` and `provenance_for_hosts` are for hosts only.

    is_device: a machine by WHIP or WHEP; watches: it may be sent what others send, as all people may.
    """

    participant_id: str
    name: str
    kind: str
    is_guest: bool
    provenance: str
    provenance_for_hosts: str
    email: str | None
    network: str
    invitation_id: str | None
    user_id: str | None
    may_know: bool
    organiser: bool
    knocked_at: datetime | None
    entered_at: datetime | None
    host_message: str
    note: str = ""
    refused_by: str = ""
    revision: int = 0
    link: LinkUse | None = None
    unproved: bool = False
    asked: Asked | None = None
    word: str = ""
    is_device: bool = False
    watches: bool = True

    @property
    def may_know_hosts(self) -> bool:
        """Whether they may be told a host's name: listed people, holders of a personal link, and who was inside."""
        return self.may_know or self.entered_at is not None


@dataclass
class Switches:
    """Which sources this person has switched on, and which a host stopped."""

    on: set[Source] = field(default_factory=set)
    stopped_by_host: set[Source] = field(default_factory=set)

    def is_open(self, source: Source) -> bool:
        return source in self.on and source not in self.stopped_by_host


class Seat:
    """A seat outlives its socket: `connection` is None while the person is away, `lost_at` says since when."""

    def __init__(self, person: Person, now: float, *, needs_agreement: bool = False) -> None:
        self.person = person
        self.connection: Connection | None = None
        self.lost_at: float | None = now
        self.inside = False
        self.wait: Wait | None = None
        self.capabilities = NOTHING
        self.lease_until = float("-inf")
        # What an authorization service has agreed to (`consent.py`); None and infinity where nobody has to.
        self.may_publish: frozenset[Source] | None = frozenset() if needs_agreement else None
        self.may_receive: frozenset[tuple[str, Source]] | None = frozenset() if needs_agreement else None
        self.agreed_until = float("-inf" if needs_agreement else "inf")
        self.switches = Switches()
        self.hand_at: datetime | None = None
        # Since when this person says that they record on their own device.
        self.recording_at: datetime | None = None
        # The host who made them large for everybody.
        self.spotlit_by: str | None = None
        # Of a device: what others can't decode of what it sends, as its `media.unseen` says.
        self.unseen: list[dict[str, Any]] = []
        self.networks: set[str] = {person.network} if person.network else set()
        self.chat_bucket = Bucket(budgets.CHAT.rate, now)
        self.small_bucket = Bucket(budgets.SIGNALS.rate, now)
        self.speech_bucket = Bucket(budgets.SPEECH.rate, now)
        self.negotiation_bucket = Bucket(budgets.NEGOTIATIONS.rate, now)
        self.coming_bucket = Bucket(budgets.COMINGS.rate, now)
        self.commit_bucket = Bucket(budgets.COMMITS.rate, now)
        self.shown_bucket = Bucket(budgets.SHOWN.rate, now)
        # Of encrypted meetings: the identity key of the device, and whether this socket has shown it.
        self.identity: str | None = None
        self.has_shown_identity = False
        # What this socket was told last, so that only differences are sent.
        self.told_room = False
        self.told_door: dict[str, Any] | None = None
        self.told_capabilities: Capabilities | None = None
        self.told_asked: Asked | None = None
        self.told_held: frozenset[str] = frozenset()
        self.told_without_link: tuple[str, ...] = ()

    def __repr__(self) -> str:
        place = "inside" if self.inside else "waiting"
        return f"<Seat {self.id} {place} {'connected' if self.connection else 'away'}>"

    @property
    def id(self) -> str:
        return self.person.participant_id

    def turn(self) -> tuple[str, str]:
        """Orders those who wait: who came to the door first is first."""
        knocked_at = self.person.knocked_at
        return (knocked_at.isoformat() if knocked_at else "", self.id)

    @property
    def waits_for_hosts(self) -> bool:
        """Whether hosts see them at the door. For an authorization service, which answers in a moment or is not there,
        no host can answer.
        """
        return self.wait is not None and self.wait.reason != "authorization"

    @property
    def is_host(self) -> bool:
        return self.inside and self.capabilities.host

    @property
    def word(self) -> str:
        """A host's word for this person in an encrypted meeting; empty where none was given."""
        return self.person.word

    @property
    def is_kept(self) -> bool:
        """Whether it is held for somebody who was inside when the server stopped, and the door wasn't asked yet."""
        return not self.inside and self.wait is None and self.connection is None

    @property
    def counts_as_host(self) -> bool:
        """Whether a host is inside here, or their seat is held for them. Whether they still host the door says."""
        return self.is_host or (self.is_kept and self.person.kind == Row.HOST)

    @property
    def permitted_until(self) -> float:
        """When what they may do ends by itself: neither the door nor an authorization service has said it anew."""
        return min(self.lease_until, self.agreed_until)

    def tell(self, message: Mapping[str, Any]) -> None:
        if self.connection is not None:
            self.connection.tell(message)

    def attach(self, connection: Connection) -> Connection | None:
        """Takes the newer socket and returns the older one, which the caller closes."""
        older, self.connection = self.connection, connection
        self.lost_at = None
        self.told_room = False
        self.told_door = None
        self.told_capabilities = None
        self.told_asked = None
        self.told_held = frozenset()
        self.told_without_link = ()
        self.has_shown_identity = False
        return older

    def detach(self, now: float) -> None:
        self.connection = None
        self.lost_at = now

    def open_sources(self) -> frozenset[Source]:
        """What may be forwarded from this person now: allowed, switched on, not stopped by a host, and agreed to by
        the authorization service where there is one.
        """
        wanted = self.wanted_sources()
        return wanted if self.may_publish is None else wanted & self.may_publish

    def wanted_sources(self) -> frozenset[Source]:
        """As `open_sources`, before an authorization service is asked."""
        if not self.inside:
            return frozenset()
        return frozenset(
            source
            for capability, sources in SOURCES_OF
            if getattr(self.capabilities, capability)
            for source in sources
            if self.switches.is_open(source)
        )
