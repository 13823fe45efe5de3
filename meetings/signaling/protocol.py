"""The signalling protocol, as docs/protocol.md states it: how frames are read and written.

Pure: text in, a checked `Message` out, or a `ProtocolError` with a stable code. The messages themselves are in
`messages.py`, what their fields may hold in `fields.py`; their names can be used from here too. Knows nothing about
who sent something, whether they may, or what it does.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from meetings.signaling.fields import MAX_SDP_BYTES, Field, Invalid, is_unprintable
from meetings.signaling.group_messages import LARGE_MESSAGES
from meetings.signaling.messages import (
    CLIENT_MESSAGES,
    ERROR_CODES,
    MEETING_FIELDS,
    PERSON_FIELDS,
    SERVER_MESSAGES,
    WAITING_FIELDS,
)

__all__ = [
    "CLIENT_MESSAGES",
    "ERROR_CODES",
    "MAX_FRAME_BYTES",
    "MAX_SDP_BYTES",
    "MEETING_FIELDS",
    "PERSON_FIELDS",
    "SERVER_MESSAGES",
    "WAITING_FIELDS",
    "Close",
    "FrameTooLarge",
    "Message",
    "ProtocolError",
    "clean_name",
    "decode",
    "encode",
    "error",
    "ok",
    "parse_object",
]

PROTOCOL_VERSION: Final = 1

MAX_FRAME_BYTES: Final = 64 * 1024
MAX_LARGE_FRAME_BYTES: Final = 512 * 1024
MAX_NAME_LENGTH: Final = 60
MAX_ID_LENGTH: Final = 32

_BLANK_BRAILLE: Final = "\u2800"


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


class FrameTooLarge(Exception):
    """A frame longer than its message may be: the socket is closed for it."""


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


def decode(text: str) -> Message:
    """Returns the message in one text frame, or raises `ProtocolError` with `bad_json`, `bad_type`, `bad_field` or
    `too_large`, or `FrameTooLarge`.

    The error carries the message's id whenever that much could be read, so that the client learns which one it was.
    """
    if len(text.encode()) <= MAX_FRAME_BYTES:
        return _decode(text)
    try:
        message = _decode(text)
    except ProtocolError:
        raise FrameTooLarge from None
    if message.type not in LARGE_MESSAGES:
        raise FrameTooLarge
    return message


def _decode(text: str) -> Message:
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


def _checked(frame: dict[str, Any], schema: Mapping[str, Field], message_id: str | None) -> Mapping[str, Any]:
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
        except Invalid as error:
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


def clean_name(typed: str, longest: int = MAX_NAME_LENGTH) -> str:
    """Returns a name that can be shown beside others: one line, no invisible or direction-changing characters, cut to
    `longest`.

    Empty when nothing visible is left. Does not make it unique or true: see `cautions` and provenance for that.
    """
    spaced = "".join(" " if c.isspace() or c == _BLANK_BRAILLE else c for c in typed)
    shown = unicodedata.normalize("NFC", "".join(c for c in spaced if not is_unprintable(c)))
    name = " ".join(shown.split())[:longest].strip()
    # Marks and joiners alone stand on nothing.
    return name if any(unicodedata.category(c)[0] in "LNPS" for c in name) else ""
