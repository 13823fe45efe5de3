"""A selective forwarding unit as a library: SRTP in, SRTP out, nothing decoded.

It owns ICE, DTLS-SRTP, RTP and RTCP for sessions of peers named by opaque ids, and forwards a packet only while its
publisher and its receiver both hold a live grant. It knows nothing about meetings, people, HTTP or Django.
"""

from media_engine import compiled

COMPILED: compiled.State
__path__, COMPILED = compiled.search(__path__)

from media_engine.codecs import PICTURES
from media_engine.config import EngineConfig
from media_engine.engine import Engine
from media_engine.errors import OfferRejected
from media_engine.events import (
    Event,
    OfferedTrack,
    SourceLive,
    Speakers,
    SubscribeOffer,
    TransportName,
    TransportState,
    Unplayable,
    UnplayableTrack,
    Unsealed,
    Unseen,
    UnseenSource,
)
from media_engine.figures import EngineFigures, Waits
from media_engine.fragment import MAX_FRAGMENT_BYTES, Fragment
from media_engine.fragment import decode as read_fragment
from media_engine.grants import Grants, Source
from media_engine.offered import Offered, OfferedMedia

__all__ = [
    "MAX_FRAGMENT_BYTES",
    "PICTURES",
    "Engine",
    "EngineConfig",
    "EngineFigures",
    "Event",
    "Fragment",
    "Grants",
    "OfferRejected",
    "Offered",
    "OfferedMedia",
    "OfferedTrack",
    "Source",
    "SourceLive",
    "Speakers",
    "SubscribeOffer",
    "TransportName",
    "TransportState",
    "Unplayable",
    "UnplayableTrack",
    "Unsealed",
    "Unseen",
    "UnseenSource",
    "Waits",
    "read_fragment",
]
