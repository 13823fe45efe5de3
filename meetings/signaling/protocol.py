"""The signalling protocol's messages, as docs/protocol.md states them: what a client may send, and how we write to it.

Pure: text in, a checked `Message` out, or a `ProtocolError` with a stable code. Knows the shape of every message
and nothing about who sent it, whether it may, or what it does. Parsing is strict because what is refused here
needs no thought later: unknown and repeated fields, other types, text that cannot be written back, and anything
longer than its limit.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

PROTOCOL_VERSION: Final = 1

MAX_FRAME_BYTES: Final = 64 * 1024
MAX_SDP_BYTES: Final = 60 * 1024
MAX_SDP_MEDIA_LINES: Final = 32
MAX_NAME_LENGTH: Final = 60
MAX_CHAT_LENGTH: Final = 4_000
MAX_NOTE_LENGTH: Final = 300
MAX_ID_LENGTH: Final = 32

REACTIONS: Final = ("👍", "👏", "😂", "😮", "❤️", "🎉")
SOURCES: Final = ("microphone", "camera", "screen", "screen_audio")
MUTABLE_SOURCES: Final = ("microphone", "camera", "screen")


class Close:
    """Close codes of the socket; docs/protocol.md section 2 says what a client does after each."""

    LEFT = 1000
    RESTART = 1012
    SLOW = 1013
    NOT_THIS_PROTOCOL = 4400
    TICKET = 4401
    REFUSED = 4403
    ENDED = 4404
    NO_HELLO = 4408
    NEWER_SOCKET = 4409
    TOO_LARGE = 4413
    TOO_MANY = 4429


class ProtocolError(Exception):
    """What a client did wrong, with a code from docs/protocol.md. `message` is for developers and repeats no input."""

    def __init__(self, code: str, message: str, *, field: str | None = None, message_id: str | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.field = field
        self.message_id = message_id

    @property
    def is_strike(self) -> bool:
        """Says whether it counts towards closing the socket: the client does not speak this protocol."""
        return self.code.startswith("bad_") or self.code == "too_large"


@dataclass(frozen=True)
class Message:
    """A checked client message: every field that its schema names is there and has its type; absent ones have
    defaults.
    """

    type: str
    id: str | None
    fields: Mapping[str, Any]

    def __getitem__(self, name: str) -> Any:
        return self.fields[name]


class _Invalid(Exception):
    def __init__(self, message: str, code: str = "bad_field") -> None:
        super().__init__(message)
        self.code = code


Check = Callable[[Any], Any]


@dataclass(frozen=True)
class _Field:
    check: Check
    default: Any = ...  # `...` means that the field must be there


def _writable(text: str) -> str:
    """Returns the text if it can be encoded again: JSON escapes can smuggle in lone surrogates, which UTF-8 cannot
    write.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        raise _Invalid("is not valid Unicode") from None
    return text


def _text(shortest: int, longest: int) -> Check:
    def check(value: Any) -> str:
        if not isinstance(value, str):
            raise _Invalid("must be text")
        if len(value) > longest:
            raise _Invalid(f"at most {longest} characters")
        text = str(_writable(value))
        if len(text.strip()) < shortest:
            raise _Invalid(f"at least {shortest} characters")
        return text

    return check


def _prose(shortest: int, longest: int) -> Check:
    """Checks text that other people will read: no control characters but line breaks, no direction overrides."""
    plain = _text(0, longest)

    def check(value: Any) -> str:
        text = "".join(c for c in plain(value) if c in "\n\t" or not _is_unprintable(c)).strip()
        if len(text) < shortest:
            raise _Invalid(f"at least {shortest} characters")
        return text

    return check


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise _Invalid("must be true or false")
    return value


def _whole(smallest: int, largest: int) -> Check:
    def check(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise _Invalid("must be a whole number")
        if not smallest <= value <= largest:
            raise _Invalid(f"must be from {smallest} to {largest}")
        return value

    return check


def _one_of(choices: tuple[str, ...]) -> Check:
    def check(value: Any) -> str:
        if not isinstance(value, str) or value not in choices:
            raise _Invalid("must be one of " + ", ".join(choices))
        return value

    return check


def _sdp(value: Any) -> str:
    if not isinstance(value, str):
        raise _Invalid("must be text")
    if len(_writable(value).encode()) > MAX_SDP_BYTES:
        raise _Invalid(f"at most {MAX_SDP_BYTES} bytes", "too_large")
    return value


def _sources(value: Any) -> Mapping[str, str]:
    if not isinstance(value, dict):
        raise _Invalid("must be an object")
    if len(value) > MAX_SDP_MEDIA_LINES:
        raise _Invalid(f"at most {MAX_SDP_MEDIA_LINES} entries")
    source = _one_of(SOURCES)
    return MappingProxyType({_text(1, 16)(mid): source(name) for mid, name in value.items()})


_PARTICIPANT = _Field(_text(1, 64))
_NOTE = _Field(_prose(0, MAX_NOTE_LENGTH), default="")

# Every message that a client may send. A type that is not here does not exist.
CLIENT_MESSAGES: Final[Mapping[str, Mapping[str, _Field]]] = MappingProxyType(
    {
        "hello": {"protocol": _Field(_whole(1, 1_000)), "ticket": _Field(_text(1, 128))},
        "ping": {},
        "leave": {},
        "hand": {"raised": _Field(_boolean)},
        "reaction": {"emoji": _Field(_one_of(REACTIONS))},
        "chat": {"text": _Field(_prose(1, MAX_CHAT_LENGTH))},
        "door.admit": {"participant": _PARTICIPANT},
        "door.refuse": {"participant": _PARTICIPANT, "block": _Field(_boolean, default=False), "note": _NOTE},
        "door.message": {"participant": _PARTICIPANT, "text": _Field(_prose(0, MAX_NOTE_LENGTH))},
        "door.lock": {"locked": _Field(_boolean)},
        "host.mute": {"participant": _PARTICIPANT, "source": _Field(_one_of(MUTABLE_SOURCES))},
        "host.mute_all": {},
        "host.remove": {"participant": _PARTICIPANT, "block": _Field(_boolean, default=True), "note": _NOTE},
        "host.to_door": {"participant": _PARTICIPANT},
        "host.lower_hand": {"participant": _PARTICIPANT},
        "host.end": {},
        "media.start": {"fresh": _Field(_boolean)},
        "media.publish": {"sdp": _Field(_sdp), "sources": _Field(_sources)},
        "media.answer": {"offer": _Field(_whole(0, 2**31)), "sdp": _Field(_sdp)},
        "media.state": {
            "microphone": _Field(_boolean),
            "camera": _Field(_boolean),
            "screen": _Field(_boolean, default=False),
        },
    }
)

# Every message that the server sends, with the fields that are always there. Clients ignore fields they don't know.
SERVER_MESSAGES: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "ok": frozenset({"id"}),
        "error": frozenset({"id", "code", "message"}),
        "door": frozenset(
            {"participant", "reason", "until", "knocked_at", "title", "starts_at", "hosts", "host_here", "message"}
        ),
        "refused": frozenset({"reason", "until", "note", "by", "at"}),
        "room": frozenset({"you", "meeting", "capabilities", "people", "waiting", "now"}),
        "person": frozenset({"person"}),
        "gone": frozenset({"participant", "why", "by"}),
        "waiting": frozenset({"waiting", "answered"}),
        "meeting": frozenset({"meeting", "by"}),
        "capabilities": frozenset({"capabilities"}),
        "muted": frozenset({"source", "by"}),
        "reaction": frozenset({"participant", "emoji"}),
        "chat": frozenset({"participant", "name", "text", "at"}),
        "media.offer": frozenset({"offer", "sdp", "tracks"}),
        "media.transport": frozenset({"transport", "state"}),
    }
)
MEETING_FIELDS: Final = frozenset(
    {"title", "organisation", "code", "starts_at", "ends_at", "started_at", "encryption", "locked", "mics_start_off"}
    | {"door"}
)
PERSON_FIELDS: Final = frozenset(
    {"participant", "name", "kind", "host", "guest", "provenance", "email", "entered_at", "connected", "microphone"}
    | {"camera", "screen", "hand", "cautions"}
)
WAITING_FIELDS: Final = frozenset(
    {"participant", "name", "kind", "provenance", "email", "knocked_at", "reason", "cautions", "connected"}
)
ERROR_CODES: Final = frozenset(
    {"bad_json", "bad_type", "bad_field", "too_large", "too_many", "not_inside", "not_a_host", "not_allowed"}
    | {"no_such_participant", "wrong_state", "bad_sdp", "no_grant", "busy", "try_again"}
)


def decode(text: str) -> Message:
    """Returns the message in one text frame, or raises `ProtocolError` with `bad_json`, `bad_type`, `bad_field` or
    `too_large`.

    The error carries the message's id whenever that much could be read, so that the client learns which one it was.
    """
    frame = parse_object(text)
    message_id = frame.pop("id", None)
    if message_id is not None and not _is_id(message_id):
        raise ProtocolError("bad_field", f"id: text of 1 to {MAX_ID_LENGTH} characters", field="id")
    kind = frame.pop("type", None)
    if not isinstance(kind, str) or kind not in CLIENT_MESSAGES:
        raise ProtocolError("bad_type", "no such message", message_id=message_id)
    return Message(kind, message_id, _checked(frame, CLIENT_MESSAGES[kind], message_id))


def _is_id(value: Any) -> bool:
    return isinstance(value, str) and 1 <= len(value) <= MAX_ID_LENGTH and value.isprintable()


def _checked(frame: dict[str, Any], schema: Mapping[str, _Field], message_id: str | None) -> Mapping[str, Any]:
    for name in frame:
        if name not in schema:
            raise ProtocolError("bad_field", "there is a field that this message does not have", message_id=message_id)
    fields: dict[str, Any] = {}
    for name, field in schema.items():
        if name not in frame:
            if field.default is ...:
                raise ProtocolError("bad_field", f"{name}: is missing", field=name, message_id=message_id)
            fields[name] = field.default
            continue
        try:
            fields[name] = field.check(frame[name])
        except _Invalid as error:
            raise ProtocolError(error.code, f"{name}: {error}", field=name, message_id=message_id) from None
    return MappingProxyType(fields)


def parse_object(text: str) -> dict[str, Any]:
    """Returns the JSON object in `text`. Refuses NaN, repeated names, other types, and nesting without end."""
    try:
        value = json.loads(text, object_pairs_hook=_without_repeats, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise ProtocolError("bad_json", "not one JSON object") from None
    if not isinstance(value, dict):
        raise ProtocolError("bad_json", "not one JSON object")
    return value


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # Two fields of one name are read differently by different parsers: a check made on one could be used with the
    # other.
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("repeated name")
    return found


def _refuse_constant(name: str) -> Any:
    raise ValueError(name)


def encode(message: Mapping[str, Any]) -> str:
    """Returns the text frame of a server message."""
    return json.dumps(message, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def ok(message_id: str, **fields: Any) -> dict[str, Any]:
    """Returns the answer to a message that did what it asked for."""
    return {"type": "ok", "id": message_id, **fields}


def error(problem: ProtocolError) -> dict[str, Any]:
    """Returns the answer to a message that was refused."""
    answer: dict[str, Any] = {
        "type": "error",
        "id": problem.message_id,
        "code": problem.code,
        "message": problem.message,
    }
    if problem.field is not None:
        answer["field"] = problem.field
    return answer


def clean_name(typed: str) -> str:
    """Returns a name that can be shown beside others: one line, no invisible or direction-changing characters, ≤ 60
    long.

    Empty when nothing visible is left. Does not make it unique or true: see `cautions` and provenance for that.
    """
    visible = "".join(" " if c.isspace() else c for c in unicodedata.normalize("NFC", typed) if not _is_hidden(c))
    return " ".join(visible.split())[:MAX_NAME_LENGTH].strip()


def _is_hidden(character: str) -> bool:
    return not character.isspace() and _is_unprintable(character)


def _is_unprintable(character: str) -> bool:
    # Cc control, Cs surrogates, Co private use, Cn unassigned; of the format characters (Cf) only the joiners that
    # scripts and emoji need are kept: overrides, isolates, and zero-width spaces can disguise a name.
    category = unicodedata.category(character)
    return category in {"Cc", "Cs", "Co", "Cn"} or (category == "Cf" and character not in "\u200c\u200d")
