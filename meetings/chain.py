"""The arithmetic of the audit chain: what is hashed, in which bytes. Knows no rows; docs/audit.md describes the same.

commitment = SHA-256(salt + "\\n" + body)
digest     = SHA-256(canonical JSON of [number, at, kind, commitment, previous])
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from enum import Enum
from typing import Final
from uuid import UUID

GENESIS: Final = "0" * 64
"""What stands for the digest before the first entry."""

ERASED: Final = "audit.erased"
"""The kind of entry that records an erasure. Its own details are never erased."""


def canonical(value: object) -> str:
    """The one way to write a value: sorted keys, no spaces, no escapes that JSON does not need."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def plain(value: object) -> object:
    """A value as JSON knows it. Raises TypeError for what has no stable form, so that nothing is stored by its repr."""
    found: object
    match value:
        case Enum():
            found = plain(value.value)
        case None | bool() | int() | float() | str():
            found = value
        case UUID():
            found = str(value)
        case datetime():
            found = moment(value)
        case date():
            found = value.isoformat()
        case Mapping():
            found = {str(key): plain(item) for key, item in value.items()}
        case set() | frozenset():
            found = sorted((plain(item) for item in value), key=canonical)
        case list() | tuple():
            found = [plain(item) for item in value]
        case _:
            raise TypeError(f"{type(value).__name__} cannot be written into the audit chain")
    return found


def moment(at: datetime) -> str:
    """RFC 3339 in UTC with six digits, whatever the precision: the digest must not depend on trailing zeros."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def commitment_of(salt: str, body: str) -> str:
    return hashlib.sha256(f"{salt}\n{body}".encode()).hexdigest()


def digest_of(number: int, at: datetime, kind: str, commitment: str, previous: str) -> str:
    return hashlib.sha256(canonical([number, moment(at), kind, commitment, previous]).encode()).hexdigest()


def ranges(numbers: list[int]) -> list[list[int]]:
    """Sorted numbers as [first, last] pairs: [1, 2, 3, 7] → [[1, 3], [7, 7]]."""
    found: list[list[int]] = []
    for number in sorted(set(numbers)):
        if found and found[-1][1] == number - 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return found
