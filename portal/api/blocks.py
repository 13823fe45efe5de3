"""Blocks that hosts put on people of one meeting. Hosts only."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Path, Router

from meetings.services import blocks
from portal.api import access
from portal.api.operations import operation
from portal.api.paging import PageQuery, cut, number, position
from portal.api.problems import Problem
from portal.api.schemas.doors import Blocks

router = Router()
TAG: Final = "The door"
HOSTS_ONLY: Final = ("not_found", "not_a_host")
LARGEST_NUMBER: Final = 2**63 - 1


@operation(router, "GET", "/meetings/{meeting_id}/blocks", scope="read", answer=Blocks, problems=HOSTS_ONLY, tag=TAG)
def list_blocks(request: HttpRequest, meeting_id: UUID, page: PageQuery) -> dict[str, Any]:
    """Whom a host keeps out for good, the newest block first

    A block holds on every date of a meeting.
    """
    seen = access.hosted_by(request.auth.user, meeting_id)  # type: ignore[attr-defined]
    after = position(page.cursor, number)
    rows = blocks.in_force(seen.meeting, before=after[0] if after is not None else None, most=page.limit + 1)
    found, following = cut(rows, page.limit, lambda one: (one.id,))
    return {"items": found, "next": following}


@operation(
    router,
    "DELETE",
    "/meetings/{meeting_id}/blocks/{block_id}",
    scope="write",
    status=204,
    problems=HOSTS_ONLY,
    tag=TAG,
)
def lift_block(
    request: HttpRequest, meeting_id: UUID, block_id: int = Path(..., ge=1, le=LARGEST_NUMBER)
) -> HttpResponse:
    """Lift a block

    The person may knock again at once. They don't walk in, whatever their row says: a host answers.
    """
    user = request.auth.user  # type: ignore[attr-defined]
    seen = access.hosted_by(user, meeting_id)
    if blocks.lift_block(user, seen.meeting, block_id) is None:
        raise Problem("not_found")
    return HttpResponse(status=204)
