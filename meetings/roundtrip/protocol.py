"""What travels between Lintel and an authorization service: bodies, signatures, answers. Pure.

Two profiles. `red5` is Red5 Pro's round-trip authentication to the letter: five fields in ISO-8859-1, unsigned.
`signed` adds fields and a signature over time and body. Answers are read alike in both. What is not clearly a yes is
none: an answer that two readers could understand differently counts as no answer at all.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import math
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

VALIDATE: Final = "/validateCredentials"
INVALIDATE: Final = "/invalidateCredentials"

SHORTEST_LEASE_SECONDS: Final = 15
LONGEST_LEASE_SECONDS: Final = 3600
DEFAULT_LEASE_SECONDS: Final = 60
DEADLINE_SECONDS: Final = 3.0
MOST_ANSWER_BYTES: Final = 16 * 1024

LONGEST_REASON: Final = 300
LONGEST_TOKEN: Final = 2048
TIMESTAMP: Final = "X-RTA-Timestamp"
SIGNATURE: Final = "X-RTA-Signature"
WINDOW_SECONDS: Final = 300

_TOKEN = re.compile(rf"[\x21-\x7e]{{1,{LONGEST_TOKEN}}}", re.ASCII)


class Profile(StrEnum):
    RED5 = "red5"
    SIGNED = "signed"


class Kind(StrEnum):
    """What a grant is about. `data` is the chat."""

    AUDIO = "audio"
    VIDEO = "video"
    SCREEN = "screen"
    DATA = "data"


ROOM_TRACK: Final = "room"
"""The track that stands for the room itself: who may receive anything, see who is there, and take part."""

KIND_OF_TRACK: Final[Mapping[str, Kind]] = MappingProxyType(
    {"microphone": Kind.AUDIO, "camera": Kind.VIDEO, "screen": Kind.SCREEN}
)


@dataclass(frozen=True, slots=True)
class Ask:
    """One question. `type` is publisher or subscriber; the rest of the line after `token` is told in the signed profile
    only. `client_network` is shortened, `issued_at` in whole seconds since 1970.
    """

    type: str
    username: str
    password: str
    stream_id: str
    token: str
    room: str
    participant: str
    request_id: str
    node_id: str
    client_network: str
    issued_at: int


class Outcome(StrEnum):
    """`unanswered` covers everything that is neither a yes nor a no: it grants nothing, and takes nothing before its
    time.
    """

    ALLOWED = "allowed"
    REFUSED = "refused"
    UNANSWERED = "unanswered"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an answer means. `reason`: the service's words about a no. `problem`: why there is no answer, a sentence.

    grants: None where the answer names none.
    """

    outcome: Outcome
    lease_seconds: int | None = None
    grants: frozenset[Kind] | None = None
    reason: str = ""
    problem: str = ""


def stream_id(room: str, participant: str, track: str) -> str:
    """`<room>/<participant>/<track>`: a bare name would be the same in every room."""
    return f"{room}/{participant}/{track}"


def room_password(secret: str, room: str, username: str) -> str:
    """What stands in `password`: never anybody's own, and worth nothing in another room or for another person.

    A service that knows the secret can compute it, and so tell Lintel from a stranger even where nothing is signed.
    """
    made = hmac.digest(secret.encode(), f"password.{room}.{username}".encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(made).rstrip(b"=").decode()


# Requests


def validate_body(profile: Profile, ask: Ask) -> bytes:
    """The body of a validate request."""
    fields: dict[str, Any] = {
        "type": ask.type,
        "username": ask.username,
        "password": ask.password,
        "streamID": ask.stream_id,
        "token": ask.token,
    }
    return _encoded(profile, fields, ask)


def invalidate_body(profile: Profile, ask: Ask) -> bytes:
    """The body that says that a publisher has gone. It has no `type`, and no `token` where there was none."""
    fields: dict[str, Any] = {"username": ask.username, "password": ask.password, "streamID": ask.stream_id}
    if ask.token:
        fields["token"] = ask.token
    return _encoded(profile, fields, ask)


def _encoded(profile: Profile, fields: dict[str, Any], ask: Ask) -> bytes:
    if profile is Profile.RED5:
        # What ISO-8859-1 has no letter for becomes a question mark, as Red5 Pro writes it.
        return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode("iso-8859-1", "replace")
    fields |= {
        "room": ask.room,
        "participant": ask.participant,
        "requestId": ask.request_id,
        "nodeId": ask.node_id,
        "clientNetwork": ask.client_network,
        "iat": ask.issued_at,
    }
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()


def request_headers(profile: Profile, secrets: Iterable[str], body: bytes, now: int) -> dict[str, str]:
    """Headers of a request. `secrets`: while one takes over from another, both sign."""
    if profile is Profile.RED5:
        return {"Accept": "application/json", "Content-type": "application/json"}
    return {
        "Accept": "application/json",
        "Content-Type": "application/json; charset=utf-8",
        TIMESTAMP: str(now),
        SIGNATURE: ", ".join(signature(secret, str(now), body) for secret in secrets),
    }


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """`v1=` and HMAC-SHA256 over the timestamp, a dot and the body, in lower-case hexadecimal."""
    return "v1=" + hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def is_about_now(timestamp: str, now: float) -> bool:
    """Whether a timestamp can be read and is at most five minutes off."""
    return bool(re.fullmatch(r"[0-9]{1,12}", timestamp, re.ASCII)) and abs(int(timestamp) - now) <= WINDOW_SECONDS


def is_signed(secrets: Iterable[str], timestamp: str, given: str, body: bytes, now: float) -> bool:
    """Whether one of the signatures in `given` was made with one of the secrets over this time and body, about now.

    Every pair is compared, in constant time, so that an answer tells nothing about where they differ.
    """
    if not is_about_now(timestamp, now):
        return False
    signatures = [one.strip() for one in given.split(",")][:4]
    right = [signature(secret, timestamp, body) for secret in secrets]
    return any([hmac.compare_digest(one.encode(), made.encode()) for one in signatures for made in right])


# Answers


def read_answer(status: int, body: bytes) -> Verdict:
    """What a service said. Red5 Pro takes 200 with `result` true for a yes and everything else for a no. So do we, but
    only 401, 403 and a plain `result` false are a decision: the rest may be a mishap and ends no running lease.
    """
    if status in {401, 403}:
        return Verdict(Outcome.REFUSED)
    if status != 200:
        return _nothing(f"The service answered with status {status} instead of 200.")
    fields = read_object(body)
    if fields is None:
        return _nothing("The answer is not one JSON object.")
    result = {"true": True, "false": False}.get(fields["result"]) if isinstance(fields.get("result"), str) else None
    if isinstance(fields.get("result"), bool):
        result = fields["result"]
    if result is None:
        return _nothing("The answer has no “result” that is true or false.")
    if not result:
        return Verdict(Outcome.REFUSED, reason=clean_reason(fields.get("reason")))
    return _allowed(fields)


def _allowed(fields: Mapping[str, Any]) -> Verdict:
    if not isinstance(fields.get("url", ""), str):
        return _nothing("The answer’s “url” is not text.")
    lease = fields.get("ttl")
    if "ttl" in fields and not (isinstance(lease, int | float) and not isinstance(lease, bool)):
        return _nothing("The answer’s “ttl” is not a number.")
    grants = fields.get("grants")
    if "grants" in fields and not (isinstance(grants, list) and all(isinstance(one, str) for one in grants)):
        return _nothing("The answer’s “grants” is not a list of names.")
    return Verdict(
        Outcome.ALLOWED,
        lease_seconds=None if lease is None else clamp_lease(lease),
        # A name that we don't know grants nothing.
        grants=None if grants is None else frozenset(Kind(one) for one in grants if one in list(Kind)),
    )


def _nothing(problem: str) -> Verdict:
    return Verdict(Outcome.UNANSWERED, problem=problem)


def clamp_lease(seconds: float) -> int:
    """A lease within the limits, in whole seconds."""
    if not math.isfinite(seconds):
        return SHORTEST_LEASE_SECONDS
    return int(min(max(seconds, SHORTEST_LEASE_SECONDS), LONGEST_LEASE_SECONDS))


def clean_reason(value: Any) -> str:
    """A service's words as they may be shown: one line, nothing invisible, at most 300 characters; else ""."""
    if not isinstance(value, str):
        return ""
    seen = "".join(" " if c.isspace() else c for c in value if c.isspace() or unicodedata.category(c)[0] != "C")
    return " ".join(seen.split())[:LONGEST_REASON].strip()


def read_object(body: bytes) -> dict[str, Any] | None:
    """The one JSON object in a request or answer; None for anything else, repeated names and NaN among it."""
    try:
        found = json.loads(body.decode(), object_pairs_hook=_once, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name appears twice")
    return found


def _refuse(name: str) -> Any:
    raise ValueError(name)


def is_token(text: str) -> bool:
    """Whether a client may bring this as its token: visible ASCII, at most 2,048 characters."""
    return bool(_TOKEN.fullmatch(text))
