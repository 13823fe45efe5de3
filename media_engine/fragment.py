"""SDP fragments of WHIP and WHEP (RFC 8840 section 9, RFC 9725 section 4.3): ICE credentials that come by PATCH. Pure.

A client's candidates are never looked at: the engine learns addresses from authenticated checks alone.
"""

import re
from dataclasses import dataclass

from media_engine.errors import OfferRejected
from media_engine.sdp_write import LocalTransport, candidates

MAX_FRAGMENT_BYTES = 8 * 1024
_MAX_LINES = 200
_LINE = re.compile(r"[am]=[ -~]{1,512}", re.ASCII)
_UFRAG = re.compile(r"[A-Za-z0-9+/]{4,256}", re.ASCII)
_PASSWORD = re.compile(r"[A-Za-z0-9+/]{22,256}", re.ASCII)


@dataclass(frozen=True)
class Fragment:
    """What a client's fragment says. Both are empty where it only brings candidates."""

    ufrag: str = ""
    password: str = ""


def decode(text: str) -> Fragment:
    """Parse a fragment. Raises OfferRejected("bad_sdp") with a reason; never anything else."""
    if len(text) > MAX_FRAGMENT_BYTES:
        raise OfferRejected("bad_sdp", f"larger than {MAX_FRAGMENT_BYTES} bytes")
    lines = text.replace("\r\n", "\n").rstrip("\n").split("\n")
    if len(lines) > _MAX_LINES:
        raise OfferRejected("bad_sdp", "too many lines")
    found: dict[str, set[str]] = {"ice-ufrag": set(), "ice-pwd": set()}
    for line in lines:
        if not _LINE.fullmatch(line):
            raise OfferRejected("bad_sdp", "malformed line")
        name, _, value = line[2:].partition(":")
        if line[0] == "a" and name in found:
            if not (_UFRAG if name == "ice-ufrag" else _PASSWORD).fullmatch(value):
                raise OfferRejected("bad_sdp", f"malformed a={name}")
            found[name].add(value)
    ufrags, passwords = found["ice-ufrag"], found["ice-pwd"]
    if len(ufrags) > 1 or len(passwords) > 1 or len(ufrags) != len(passwords):
        raise OfferRejected("bad_sdp", "give one a=ice-ufrag and one a=ice-pwd, or none")
    return Fragment(*ufrags, *passwords)


def encode(local: LocalTransport) -> str:
    """Our end after an ICE restart. Everything is bundled, so that one section stands for all."""
    lines = ["a=ice-lite", f"a=ice-ufrag:{local.ufrag}", f"a=ice-pwd:{local.password}", *candidates(local)]
    return "\r\n".join(lines) + "\r\n"
