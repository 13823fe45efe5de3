"""What an offer that comes without any signalling around it has to say: which media, in which direction. Pure.

Who signals by messages names the source of each m-line beside the offer; WHIP and WHEP have the offer alone.
"""

from dataclasses import dataclass

from media_engine import sdp, sdp_write


@dataclass(frozen=True)
class OfferedMedia:
    """One m-line that is not refused. `is_known`: it has a codec that the engine forwards."""

    mid: str
    kind: str
    sends: bool
    receives: bool
    is_known: bool


@dataclass(frozen=True)
class Offered:
    """A whole offer. `ufrag` tells one generation of its ICE credentials from the next."""

    ufrag: str
    media: tuple[OfferedMedia, ...]


def read_offer(text: str, *, max_bytes: int, max_sections: int) -> Offered:
    """Parse an offer, as strictly as when it is answered. Raises OfferRejected("bad_sdp")."""
    offer = sdp.decode(text, max_bytes=max_bytes, max_sections=max_sections)
    media = (
        OfferedMedia(
            section.mid,
            section.kind,
            section.direction in ("sendrecv", "sendonly"),
            section.direction in ("sendrecv", "recvonly"),
            sdp_write.accepted_codec(section) is not None,
        )
        for section in offer.sections
        if not section.is_refused
    )
    return Offered(offer.ufrag, tuple(media))
