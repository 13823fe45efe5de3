"""Occurrences of one meeting: when it takes place, and what is different once."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from meetings.models import Occurrence
from meetings.services import occurrences, scheduling
from meetings.services.errors import Wrong
from portal.api import access
from portal.api.meetings import check_start, status_of
from portal.api.operations import operation
from portal.api.paging import PageQuery, cut, moment, position
from portal.api.problems import Problem, invalid
from portal.api.schemas.fields import Moment
from portal.api.schemas.meetings import OccurrenceChange, OccurrenceOut, Occurrences

router = Router()
TAG: Final = "Occurrences"
HOSTS_ONLY: Final = ("not_found", "not_a_host", "wrong_state")


@operation(
    router,
    "GET",
    "/meetings/{meeting_id}/occurrences",
    scope="read",
    answer=Occurrences,
    problems=("not_found",),
    tag=TAG,
)
def list_occurrences(
    request: HttpRequest,
    meeting_id: UUID,
    page: PageQuery,
    starts_from: Moment | None = None,
    starts_before: Moment | None = None,
) -> dict[str, Any]:
    """When a meeting takes place

    In the order of their start; cancelled and ended ones too. Of a meeting that repeats they are made two months ahead.
    """
    seen = access.seen_by(request.auth.user, meeting_id)  # type: ignore[attr-defined]
    rows = seen.meeting.occurrences.order_by("starts_at", "pk")
    if starts_from is not None:
        rows = rows.filter(starts_at__gte=starts_from)
    if starts_before is not None:
        rows = rows.filter(starts_at__lt=starts_before)
    after = position(page.cursor, moment, UUID)
    if after is not None:
        rows = rows.filter(Q(starts_at__gt=after[0]) | Q(starts_at=after[0], pk__gt=after[1]))
    found, following = cut(rows[: page.limit + 1], page.limit, lambda one: (one.starts_at.isoformat(), one.pk))
    return {"items": [shown(seen, one) for one in found], "next": following}


@operation(
    router,
    "PATCH",
    "/meetings/{meeting_id}/occurrences/{occurrence_id}",
    scope="write",
    answer=OccurrenceOut,
    problems=HOSTS_ONLY,
    tag=TAG,
)
def change_occurrence(
    request: HttpRequest, meeting_id: UUID, occurrence_id: UUID, data: OccurrenceChange
) -> dict[str, Any]:
    """Move one occurrence

    The others stay. Fields that are absent stay as they are. To change all that follow, change the meeting. Hosts only.
    """
    user = request.auth.user  # type: ignore[attr-defined]
    seen = access.hosted_by(user, meeting_id)
    found = access.occurrence_named(seen, occurrence_id)
    given = data.model_fields_set - {"notify"}
    if not given:
        raise invalid("", "Name at least one field to change.")
    starts_at, minutes = found.starts_at, _minutes(found)
    if "starts_at" in given and data.starts_at != found.starts_at:
        check_start(data.starts_at)
        starts_at = data.starts_at
    if "duration_minutes" in given:
        minutes = data.duration_minutes
    return shown(seen, occurrences.move(user, found, starts_at, minutes, tell=data.notify))


@operation(
    router,
    "DELETE",
    "/meetings/{meeting_id}/occurrences/{occurrence_id}",
    scope="write",
    status=204,
    problems=HOSTS_ONLY,
    tag=TAG,
)
def cancel_occurrence(
    request: HttpRequest,
    meeting_id: UUID,
    occurrence_id: UUID,
    following: bool = Query(False, description="This occurrence and all that come after it."),
) -> HttpResponse:
    """Cancel one occurrence

    Its links open nothing from then on, and invited people are told. With `following` all that come after it too; the
    only one, or all of them, is `DELETE /meetings/{meeting_id}`. Cancelling twice is no error. Hosts only.
    """
    user = request.auth.user  # type: ignore[attr-defined]
    seen = access.hosted_by(user, meeting_id)
    found = access.occurrence_named(seen, occurrence_id)
    if found.cancelled_at is not None or seen.meeting.cancelled_at is not None:
        return HttpResponse(status=204)
    if found.ended_at is not None:
        raise Problem("wrong_state", "This occurrence is over.")
    if found.series_id is None:
        scheduling.cancel_meeting(user, seen.meeting)
    elif following:
        try:
            occurrences.cancel_following(user, found, tell=True)
        except Wrong:
            scheduling.cancel_meeting(user, seen.meeting)
    else:
        occurrences.cancel(user, found, tell=True)
    return HttpResponse(status=204)


def shown(seen: access.Seen, occurrence: Occurrence) -> dict[str, Any]:
    return {
        "id": occurrence.pk,
        "starts_at": occurrence.starts_at,
        "ends_at": occurrence.ends_at,
        "duration_minutes": _minutes(occurrence),
        "original_starts_at": occurrence.original_at or occurrence.starts_at,
        "status": status_of(seen.meeting, occurrence),
    }


def _minutes(occurrence: Occurrence) -> int:
    return int((occurrence.ends_at - occurrence.starts_at).total_seconds() // 60)
