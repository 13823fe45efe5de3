"""What a field of a message may hold: one check per kind, all strict. Pure; knows no message.

Strict because what is refused here needs no thought later: other types, text that cannot be written back, and
anything longer than its limit.
"""

from __future__ import annotations

import base64
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

MAX_SDP_BYTES: Final = 60 * 1024
MAX_SDP_MEDIA_LINES: Final = 32
SOURCES: Final = ("microphone", "camera", "screen", "screen_audio")
BLANK_LETTERS: Final = "\u115f\u1160\u3164\uffa0"
"""Fillers of Hangul: letters to Unicode, and drawn as nothing."""


class Invalid(Exception):
    """A value that its field can't have. The text is for developers and repeats no input."""

    def __init__(self, message: str, code: str = "bad_field") -> None:
        super().__init__(message)
        self.code = code


Check = Callable[[Any], Any]


@dataclass(frozen=True)
class Field:
    """`check` returns the value as it is to be used, or raises `Invalid`."""

    check: Check
    default: Any = ...  # `...` means that the field must be there


def _writable(text: str) -> str:
    """Returns the text if it can be encoded again: JSON escapes can smuggle in lone surrogates, which UTF-8 cannot
    write.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Invalid("is not valid Unicode") from None
    return text


def text(shortest: int, longest: int) -> Check:
    def check(value: Any) -> str:
        if not isinstance(value, str):
            raise Invalid("must be text")
        if len(value) > longest:
            raise Invalid(f"at most {longest} characters")
        written = str(_writable(value))
        if len(written.strip()) < shortest:
            raise Invalid(f"at least {shortest} characters")
        return written

    return check


def prose(shortest: int, longest: int) -> Check:
    """Checks text that other people will read: no control characters but line breaks, no direction overrides."""
    plain = text(0, longest)

    def check(value: Any) -> str:
        text = "".join(c for c in plain(value) if c in "\n\t" or not is_unprintable(c)).strip()
        if len(text) < shortest:
            raise Invalid(f"at least {shortest} characters")
        return text

    return check


def boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise Invalid("must be true or false")
    return value


def maybe(check: Check) -> Check:
    """The same check, or null."""
    return lambda value: None if value is None else check(value)


def whole(smallest: int, largest: int) -> Check:
    def check(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise Invalid("must be a whole number")
        if not smallest <= value <= largest:
            raise Invalid(f"must be from {smallest} to {largest}")
        return value

    return check


def number_in_text(value: Any) -> str:
    """An id that the server gave, which is a number there."""
    if not isinstance(value, str) or not value.isascii() or not value.isdecimal() or len(value) > 18:
        raise Invalid("must be an id that the server gave")
    return value


def one_of(choices: tuple[str, ...]) -> Check:
    def check(value: Any) -> str:
        if not isinstance(value, str) or value not in choices:
            raise Invalid("must be one of " + ", ".join(choices))
        return value

    return check


def encoded(fewest: int, most: int) -> Check:
    """Checks `fewest` to `most` bytes, written as base64url without padding and in no other way."""

    def check(value: Any) -> str:
        if not isinstance(value, str):
            raise Invalid("must be text")
        if len(value) > -(-most * 4 // 3):
            raise Invalid(f"at most {most} bytes", "too_large")
        try:
            data = base64.urlsafe_b64decode(value + "=" * (-len(value) % 4))
        except ValueError:
            raise Invalid("must be base64url") from None
        # Decoders overlook what does not belong there; what is written anew is what they understood.
        if base64.urlsafe_b64encode(data).rstrip(b"=").decode() != value:
            raise Invalid("must be base64url without padding")
        if not fewest <= len(data) <= most:
            raise Invalid(f"must be {fewest} to {most} bytes")
        return value

    return check


def decoded(value: str) -> bytes:
    """The bytes of a text that `encoded` has checked."""
    return base64.urlsafe_b64decode(value + "=" * (-len(value) % 4))


def list_of(most: int, check: Check) -> Check:
    def checked(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise Invalid("must be a list")
        if len(value) > most:
            raise Invalid(f"at most {most} entries")
        return tuple(check(entry) for entry in value)

    return checked


def object_of(**fields: Check) -> Check:
    """Checks an object with exactly these fields."""

    def check(value: Any) -> Mapping[str, Any]:
        if not isinstance(value, dict) or value.keys() != fields.keys():
            raise Invalid("must be an object with " + ", ".join(fields))
        return MappingProxyType({name: one(value[name]) for name, one in fields.items()})

    return check


def sdp(value: Any) -> str:
    if not isinstance(value, str):
        raise Invalid("must be text")
    if len(_writable(value).encode()) > MAX_SDP_BYTES:
        raise Invalid(f"at most {MAX_SDP_BYTES} bytes", "too_large")
    return value


def sources(value: Any) -> Mapping[str, str]:
    if not isinstance(value, dict):
        raise Invalid("must be an object")
    if len(value) > MAX_SDP_MEDIA_LINES:
        raise Invalid(f"at most {MAX_SDP_MEDIA_LINES} entries")
    source = one_of(SOURCES)
    return MappingProxyType({text(1, 16)(mid): source(name) for mid, name in value.items()})


def is_unprintable(character: str) -> bool:
    # Cc control, Cs surrogates, Co private use, Cn unassigned; of the format characters (Cf) only the joiners that
    # scripts and emoji need are kept: overrides, isolates, and zero-width spaces can disguise a name.
    category = unicodedata.category(character)
    is_kept = category not in {"Cc", "Cs", "Co", "Cn"} and (category != "Cf" or character in "\u200c\u200d")
    return not is_kept or character in BLANK_LETTERS
