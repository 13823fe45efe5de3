"""What every body and answer is made of: a base that refuses what it doesn't know, times, texts, addresses."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from ninja import Schema
from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, WithJsonSchema

_RFC3339: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d(:\d\d(\.\d{1,6})?)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")
_ADDRESS: Final = re.compile(r"[^@\s,;<>\"()\[\]\\:]{1,64}@[^@\s,;<>\"()\[\]\\:]{1,253}")


def _moment(value: object) -> object:
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str) or not _RFC3339.fullmatch(value):
        raise ValueError("write a time with its offset, such as 2026-11-24T13:30:00Z")
    try:
        found = datetime.fromisoformat(value.upper())
        if found.utcoffset() is not None:
            found.astimezone(UTC)  # the first and the last hours of the calendar are not there everywhere
    except (ValueError, OverflowError):
        raise ValueError("there is no such time") from None
    if found.utcoffset() is None:
        raise ValueError("the offset is missing")
    return found


def _one_line(value: str) -> str:
    """Text without line breaks and control characters, with single spaces; never empty."""
    if _CONTROL.search(value) or "\n" in value or "\t" in value:
        raise ValueError("write it on one line, without control characters")
    value = " ".join(value.split())
    if not value:
        raise ValueError("must not be empty")
    return value


def _line_or_nothing(value: str) -> str:
    return _one_line(value) if value.strip() or _CONTROL.search(value) else ""


def _paragraphs(value: str) -> str:
    if _CONTROL.search(value.replace("\r\n", "\n")):
        raise ValueError("contains control characters")
    return value.replace("\r\n", "\n")


def _address(value: str) -> str:
    if not _ADDRESS.fullmatch(value.strip()):
        raise ValueError("this is not an email address")
    return value.strip().lower()


Moment = Annotated[
    datetime, BeforeValidator(_moment), WithJsonSchema({"type": "string", "format": "date-time"}, mode="validation")
]
ONE_LINE: Final = AfterValidator(_one_line)
LINE_OR_NOTHING: Final = AfterValidator(_line_or_nothing)
PARAGRAPHS: Final = AfterValidator(_paragraphs)
"""What a text may hold. They follow its length in `Annotated`: the length is that of what was sent, as the document
says, not of what is left when spaces are taken out."""
Address = Annotated[
    str,
    Field(min_length=3, max_length=254),
    AfterValidator(_address),
    WithJsonSchema({"type": "string", "format": "email", "minLength": 3, "maxLength": 254}, mode="validation"),
]


class Input(Schema):
    """Base of every body: a field that we don't know is an error, not something to ignore."""

    model_config = ConfigDict(extra="forbid")


class Output(Schema):
    """Base of every answer."""

    model_config = ConfigDict(json_schema_extra={"additionalProperties": False})


def without_any_default(schema: dict[str, Any]) -> None:
    """What an absent field means is said elsewhere."""
    for field in schema.get("properties", {}).values():
        field.pop("default", None)


def one_or_more(schema: dict[str, Any]) -> None:
    """The same, of a body that has to name something."""
    without_any_default(schema)
    schema["minProperties"] = 1


def without_defaults(schema: dict[str, Any]) -> None:
    """An absent field of a change means "as it is"; a default in the document would say otherwise."""
    for name, field in schema.get("properties", {}).items():
        if name != "notify":
            field.pop("default", None)
    schema["minProperties"] = 1
