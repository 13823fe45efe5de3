"""Lists come in pages. A cursor is a position in the order of the list, so that nothing is skipped or told twice when
rows come and go between two requests. It carries no secret and gives no right: it's parsed as strictly as any input."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final, TypeVar

from ninja import Query, Schema
from pydantic import Field

from portal.api.problems import invalid

DEFAULT_LIMIT: Final = 50
MAX_LIMIT: Final = 200
T = TypeVar("T")


class Page(Schema):
    """Parameters of every list."""

    limit: Annotated[int, Field(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT
    cursor: Annotated[str, Field(min_length=1, max_length=300, pattern=r"^[A-Za-z0-9_-]+$")] | None = Field(
        None, description="`next` of the page before."
    )


PageQuery = Query[Page]


def position(cursor: str | None, *parts: Callable[[Any], T]) -> tuple[Any, ...] | None:
    """The position that `cursor` names, each part read by its reader; None for the start. Raises Problem("invalid")."""
    if cursor is None:
        return None
    try:
        found = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if not isinstance(found, list) or len(found) != len(parts):
            raise ValueError("another list's cursor")
        return tuple(read(part) for read, part in zip(parts, found, strict=True))
    except (binascii.Error, ValueError, TypeError, AttributeError, OverflowError, RecursionError):
        raise invalid("cursor", "This is not a cursor of this list.") from None


def number(part: Any) -> int:
    """Reads the number of a row. Raises ValueError for one that no row can have."""
    found = int(part)
    if not 0 <= found < 2**63:
        raise ValueError("no row has this number")
    return found


def moment(part: Any) -> datetime:
    """Reads a time. Raises ValueError or OverflowError for one at the ends of the calendar that UTC does not have."""
    return datetime.fromisoformat(part).astimezone(UTC)


def cursor_of(*parts: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(parts, default=str).encode()).decode().rstrip("=")


def cut(rows: Sequence[T], limit: int, where: Callable[[T], tuple[object, ...]]) -> tuple[list[T], str | None]:
    """One page of `rows`, which holds up to one row more than the page, and the cursor of the next page."""
    page = list(rows[:limit])
    return page, cursor_of(*where(page[-1])) if len(rows) > limit and page else None
