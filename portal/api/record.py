"""What happened: one meeting's history for its hosts, the audit log for administrators. Both read the one chain."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone
from ninja import Query, Router, Schema
from pydantic import AfterValidator, Field

from meetings import attendance
from meetings.attendance import Attendee
from meetings.audit import record
from meetings.audit.export import shown
from meetings.audit.kinds import Result
from meetings.audit.search import Search, is_kind, network_sought
from meetings.models import AuditDetail
from portal.api import access
from portal.api.operations import operation
from portal.api.paging import PageQuery, cut, number, position
from portal.api.problems import Problem
from portal.api.schemas.fields import Moment
from portal.api.schemas.record import Attendance, AuditLog, History

router = Router()
TAG: Final = "What happened"


def _known_kind(kind: str) -> str:
    if not is_kind(kind):
        raise ValueError("there is no such kind or group of kinds")
    return kind


def _network(network: str) -> str:
    try:
        return network_sought(network)
    except ValueError:
        raise ValueError("an address such as 203.0.113.7, or a network: /24 (IPv4) or /48 (IPv6)") from None


class HistoryFilters(Schema):
    """What is looked for. Whatever is absent narrows nothing."""

    person: Annotated[str, Field(min_length=1, max_length=100)] | None = Field(
        None, description="A part of a name or address."
    )
    kind: Annotated[str, Field(max_length=40), AfterValidator(_known_kind)] | None = Field(
        None, description="A kind, such as `door.refused`, or a group, such as `door`, `invitations` or `sign_ins`."
    )
    result: Result | None = Field(None, description="How it came out.")
    network: Annotated[str, Field(max_length=60), AfterValidator(_network)] | None = Field(
        None, description="An address, or its network as entries hold it: /24 or /48."
    )
    at_from: Moment | None = Field(None, description="From this time on.")
    at_before: Moment | None = Field(None, description="Before this time.")


class AuditFilters(HistoryFilters):
    meeting: UUID | None = Field(None, description="The id of a meeting.")


HistoryQuery = Query[HistoryFilters]
AuditQuery = Query[AuditFilters]


@operation(
    router,
    "GET",
    "/meetings/{meeting_id}/history",
    scope="read",
    answer=History,
    problems=("not_found", "not_a_host"),
    tag=TAG,
)
def read_history(request: HttpRequest, meeting_id: UUID, page: PageQuery, filters: HistoryQuery) -> dict[str, Any]:
    """What happened in and around a meeting

    The newest first. Hosts only.
    """
    seen = access.hosted_by(request.auth.user, meeting_id)  # type: ignore[attr-defined]
    return _page(_search(filters), page, meeting=seen.meeting)


@operation(
    router,
    "GET",
    "/meetings/{meeting_id}/attendance",
    scope="read",
    answer=Attendance,
    problems=("not_found", "not_a_host"),
    tag=TAG,
)
def read_attendance(request: HttpRequest, meeting_id: UUID, page: PageQuery) -> dict[str, Any]:
    """Who was inside, and when

    In the order in which they first came in; during the meeting and after it. Hosts only.
    """
    seen = access.hosted_by(request.auth.user, meeting_id)  # type: ignore[attr-defined]
    people, now = attendance.attended(seen.occurrence), timezone.now()
    after = position(page.cursor, str, str)
    following = [one for one in people if after is None or _place(one) > after]
    found, next_page = cut(following[: page.limit + 1], page.limit, _place)
    return {"items": [_attendee(one, now) for one in found], "next": next_page}


def _place(one: Attendee) -> tuple[str, str]:
    return one.entered_at.isoformat(), one.key


def _attendee(one: Attendee, now: datetime) -> dict[str, Any]:
    return {
        "name": one.name,
        "email": one.email,
        "kind": one.kind.value,
        "device": one.is_device,
        "entered_at": one.entered_at,
        "left_at": one.left_at,
        "seconds": round(one.total(now).total_seconds()),
        "stays": [{"entered_at": span.entered_at, "left_at": span.left_at} for span in one.spans],
    }


@operation(router, "GET", "/audit", scope="audit", answer=AuditLog, problems=("admins_only",), tag=TAG)
def read_audit(request: HttpRequest, page: PageQuery, filters: AuditQuery) -> dict[str, Any]:
    """The audit log

    The newest first. Administrators only; reading it is an entry too.
    """
    holder = request.auth  # type: ignore[attr-defined]
    if not holder.user.is_admin:
        raise Problem("admins_only")
    search = _search(filters)
    answer = _page(search, page)
    # Every page: a cursor is easily made up, and must not be a way to read unseen.
    with transaction.atomic():
        network = request.META.get("REMOTE_ADDR", "")  # stored truncated
        record("audit.opened", actor=holder.user, network=network, token=holder.name, filters=search.given)
    return answer


def _search(filters: Any) -> Search:
    given = {name: value for name, value in filters.dict().items() if value is not None}
    if "meeting" in given:
        given["meeting"] = str(given["meeting"])
    return Search(**given)


def _page(search: Search, page: Any, **of: Any) -> dict[str, Any]:
    rows = search.among(AuditDetail.objects.filter(**of))
    before = position(page.cursor, number)
    if before is not None:
        rows = rows.filter(entry_id__lt=before[0])
    found, following = cut(rows[: page.limit + 1], page.limit, lambda detail: (detail.entry_id,))
    return {"items": [shown(detail) for detail in found], "next": following}
