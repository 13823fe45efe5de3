"""A selective forwarding unit as a library: SRTP in, SRTP out, nothing decoded.

It owns ICE, DTLS-SRTP, RTP and RTCP for sessions of peers named by opaque ids, and forwards a packet only while its
publisher and its receiver both hold a live grant. It knows nothing about meetings, people, HTTP or Django.
"""

from media_engine.config import EngineConfig
from media_engine.engine import Engine
from media_engine.errors import OfferRejected
from media_engine.events import Event, OfferedTrack, SourceLive, SubscribeOffer, TransportState, Unsealed
from media_engine.figures import EngineFigures, Waits
from media_engine.grants import Grants, Source

__all__ = [
    "Engine",
    "EngineConfig",
    "EngineFigures",
    "Event",
    "Grants",
    "OfferRejected",
    "OfferedTrack",
    "Source",
    "SourceLive",
    "SubscribeOffer",
    "TransportState",
    "Unsealed",
    "Waits",
]
