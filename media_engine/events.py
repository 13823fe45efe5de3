"""What the engine tells its owner, as frozen values. Pure.

Events are delivered synchronously on the loop's thread. Ids are the opaque strings that the owner gave to the engine.
"""

from dataclasses import dataclass
from typing import Literal

from media_engine.grants import Source

TransportName = Literal["publish", "subscribe"]
TransportStateName = Literal["connecting", "connected", "disconnected", "closed"]


@dataclass(frozen=True)
class OfferedTrack:
    """One active m-line of a subscribe offer: which publisher's source it carries."""

    mid: str
    publisher_id: str
    source: Source


@dataclass(frozen=True)
class SubscribeOffer:
    """The peer must answer this SDP through `Engine.accept_answer` with the same `offer_id`.

    `tracks` is the complete map of the active m-lines and replaces every earlier one.
    """

    session_id: str
    peer_id: str
    offer_id: int
    sdp: str
    tracks: tuple[OfferedTrack, ...]


@dataclass(frozen=True)
class TransportState:
    """A transport changed its state. After `closed` it needs a new negotiation."""

    session_id: str
    peer_id: str
    transport: TransportName
    state: TransportStateName


@dataclass(frozen=True)
class SourceLive:
    """The first packet of a granted source was seen, or it stopped: silence, end of publishing, or a lost grant."""

    session_id: str
    peer_id: str
    source: Source
    live: bool


@dataclass(frozen=True)
class Speakers:
    """Who speaks now, of those whom this peer may hear: complete, first whoever has the lead, then who began first.

    Told when it changes, at most once in 0.3 s. Whose sound the peer is sent says something else (`max_voices`).
    """

    session_id: str
    peer_id: str
    speakers: tuple[str, ...]


@dataclass(frozen=True)
class Unsealed:
    """A source of a sealed session carries something else than SFrame. It is forwarded no more."""

    session_id: str
    peer_id: str
    source: Source


@dataclass(frozen=True)
class UnplayableTrack:
    """A publisher's source, and the codec (`codecs.py`) that it is in."""

    publisher_id: str
    source: Source
    codec: str


@dataclass(frozen=True)
class Unplayable:
    """What this peer may receive and its client can't decode, and is therefore not offered.

    `tracks` is complete and replaces every earlier one.
    """

    session_id: str
    peer_id: str
    tracks: tuple[UnplayableTrack, ...]


@dataclass(frozen=True)
class UnseenSource:
    """A source that so many `receivers` can't decode, who may have it."""

    source: Source
    codec: str
    receivers: int


@dataclass(frozen=True)
class Unseen:
    """Who publishes something that others can't decode. `sources` is complete and replaces every earlier one."""

    session_id: str
    peer_id: str
    sources: tuple[UnseenSource, ...]


Event = SubscribeOffer | TransportState | SourceLive | Speakers | Unsealed | Unplayable | Unseen
