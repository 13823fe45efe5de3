"""Exceptions at the door of one meeting, person by person. Hosts only."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Router

from meetings.door import Way
from meetings.models import DoorException
from meetings.services import exceptions
from portal.api import access
from portal.api.operations import operation
from portal.api.paging import PageQuery, cut, position
from portal.api.problems import Problem
from portal.api.schemas.doors import ExceptionIn, ExceptionOut, Exceptions

router = Router()
TAG: Final = "The door"
HOSTS_ONLY: Final = ("not_found", "not_a_host")


@operation(
    router, "GET", "/meetings/{meeting_id}/exceptions", scope="read", answer=Exceptions, problems=HOSTS_ONLY, tag=TAG
)
def list_exceptions(request: HttpRequest, meeting_id: UUID, page: PageQuery) -> dict[str, Any]:
    """For whom something else than their row holds"""
    seen = access.hosted_by(request.auth.user, meeting_id)  # type: ignore[attr-defined]
    rows = seen.meeting.exceptions.select_related("user", "set_by").order_by("pk")
    after = position(page.cursor, UUID)
    if after is not None:
        rows = rows.filter(pk__gt=after[0])
    found, following = cut(rows[: page.limit + 1], page.limit, lambda one: (one.pk,))
    return {"items": [_shown(one) for one in found], "next": following}


@operation(
    router,
    "POST",
    "/meetings/{meeting_id}/exceptions",
    scope="write",
    answer=ExceptionOut,
    status=201,
    problems=HOSTS_ONLY,
    tag=TAG,
)
def set_exception(request: HttpRequest, meeting_id: UUID, data: ExceptionIn) -> dict[str, Any]:
    """Let one person walk in, knock, or be turned away, whatever their row says

    It acts at once, also on somebody who is inside. A second one for the same person replaces the first. An address
    stands for the account that it belongs to, if there is one. What the organisation turned off answers 422.
    """
    user = request.auth.user  # type: ignore[attr-defined]
    seen = access.hosted_by(user, meeting_id)
    return _shown(exceptions.set_exception(user, seen.meeting, data.email, Way(data.way)))


@operation(
    router,
    "DELETE",
    "/meetings/{meeting_id}/exceptions/{exception_id}",
    scope="write",
    status=204,
    problems=HOSTS_ONLY,
    tag=TAG,
)
def lift_exception(request: HttpRequest, meeting_id: UUID, exception_id: UUID) -> HttpResponse:
    """Lift an exception

    The row of that kind of people decides again.
    """
    user = request.auth.user  # type: ignore[attr-defined]
    seen = access.hosted_by(user, meeting_id)
    found = DoorException.objects.filter(pk=exception_id, meeting=seen.meeting).first()
    if found is None:
        raise Problem("not_found")
    exceptions.lift_exception(user, found)
    return HttpResponse(status=204)


def _shown(one: DoorException) -> dict[str, Any]:
    return {
        "id": one.pk,
        "email": one.user.email if one.user is not None else one.email,
        "name": one.user.name if one.user is not None else "",
        "way": one.way,
        "set_at": one.set_at,
        "set_by": one.set_by.name if one.set_by is not None else "",
    }
