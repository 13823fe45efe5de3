"""What happened: one meeting's history for its hosts, the audit log for administrators. Both read the one chain."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from ninja import Router

from meetings import audit
from meetings.models import AuditEntry
from portal.api import access
from portal.api.operations import operation
from portal.api.paging import PageQuery, cut, position
from portal.api.problems import Problem
from portal.api.schemas import AuditLog, History, Moment

router = Router()
TAG: Final = "What happened"


@operation(
    router,
    "GET",
    "/meetings/{meeting_id}/history",
    scope="read",
    answer=History,
    problems=("not_found", "not_a_host"),
    tag=TAG,
)
def read_history(request: HttpRequest, meeting_id: UUID, page: PageQuery) -> dict[str, Any]:
    """What happened in and around a meeting

    The newest first. Hosts only.
    """
    seen = access.hosted_by(request.auth.user, meeting_id)  # type: ignore[attr-defined]
    return _page(AuditEntry.objects.filter(detail__meeting=seen.meeting), page)


@operation(router, "GET", "/audit", scope="audit", answer=AuditLog, problems=("admins_only",), tag=TAG)
def read_audit(
    request: HttpRequest,
    page: PageQuery,
    at_from: Moment | None = None,
    at_before: Moment | None = None,
) -> dict[str, Any]:
    """The audit log

    The newest first. Administrators only; reading it is an entry too.
    """
    holder = request.auth  # type: ignore[attr-defined]
    if not holder.user.is_admin:
        raise Problem("admins_only")
    rows = AuditEntry.objects.all()
    if at_from is not None:
        rows = rows.filter(at__gte=at_from)
    if at_before is not None:
        rows = rows.filter(at__lt=at_before)
    answer = _page(rows, page)
    # Every page: a cursor is easily made up, and must not be a way to read unseen.
    with transaction.atomic():
        network = request.META.get("REMOTE_ADDR", "")  # stored truncated
        audit.record("audit.opened", actor=holder.user, network=network, token=holder.name)
    return answer


def _page(rows: QuerySet[AuditEntry], page: Any) -> dict[str, Any]:
    before = position(page.cursor, int)
    if before is not None:
        rows = rows.filter(number__lt=before[0])
    newest_first = rows.select_related("detail__meeting", "detail__actor").order_by("-number")
    found, following = cut(newest_first[: page.limit + 1], page.limit, lambda entry: (entry.number,))
    return {"items": [_shown(entry) for entry in found], "next": following}


def _shown(entry: AuditEntry) -> dict[str, Any]:
    body = audit.body_of(entry)
    return {
        "number": entry.number,
        "at": entry.at,
        "kind": entry.kind,
        "text": audit.sentence(entry),
        "reason": audit.why(entry),
        "network": body.get("network", ""),
        "digest": entry.digest,
        "previous": entry.previous,
        "erased": not body,
    }
