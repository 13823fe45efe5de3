"""A meeting's own authorization service, where administrators allow one: set, given a secret, tried."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from django.http import HttpRequest
from ninja import Router

from meetings.models import Meeting
from meetings.roundtrip import services, trial
from meetings.roundtrip.asking import Exchange
from meetings.roundtrip.services import Settings
from portal.api import access
from portal.api.operations import operation
from portal.api.problems import invalid
from portal.api.schemas.authorization import AuthorizationIn, AuthorizationOut, AuthorizationSecret, TrialIn, TrialOut

router = Router()
TAG: Final = "Authorization"
ONE: Final = "/meetings/{meeting_id}/authorization"
PROBLEMS: Final = ("not_found", "not_a_host")


def shown(meeting: Meeting) -> dict[str, Any]:
    row, asked = services.service_of(meeting), services.asked_about(meeting)
    return {
        "asked": "nobody" if asked is None else "meeting" if asked.key == str(meeting.pk) else "organisation",
        "may_set": services.hosts_may_replace(),
        "on": row.is_on,
        "url": row.url,
        "profile": row.profile,
        "names": row.names,
        "lease_seconds": row.lease_seconds,
        "has_secret": bool(row.sealed_secret),
    }


@operation(router, "GET", ONE, scope="read", answer=AuthorizationOut, problems=PROBLEMS, tag=TAG)
def read_authorization(request: HttpRequest, meeting_id: UUID) -> dict[str, Any]:
    """Who must agree to what happens in a meeting

    And the meeting's own service, asked or not. The organisation's is its administrators'.
    """
    return shown(access.hosted_by(request.auth.user, meeting_id).meeting)  # type: ignore[attr-defined]


@operation(router, "PUT", ONE, scope="write", answer=AuthorizationOut, problems=PROBLEMS, tag=TAG)
def set_authorization(request: HttpRequest, meeting_id: UUID, data: AuthorizationIn) -> dict[str, Any]:
    """Set a meeting's own authorization service

    Asked instead of the organisation's, where administrators allow that. It acts at once, on people inside too. With
    `on` false the organisation's is asked again. What it is asked and has to answer: docs/round-trip.md.
    """
    user = request.auth.user  # type: ignore[attr-defined]
    meeting = access.hosted_by(user, meeting_id).meeting
    services.change_service(
        user,
        meeting,
        Settings(url=data.url, is_on=data.on, profile=data.profile, names=data.names, lease_seconds=data.lease_seconds),
    )
    return shown(meeting)


@operation(router, "POST", ONE + "/secret", scope="write", answer=AuthorizationSecret, problems=PROBLEMS, tag=TAG)
def replace_authorization_secret(request: HttpRequest, meeting_id: UUID) -> dict[str, Any]:
    """Make a secret for a meeting's own authorization service

    Shown this once. For a day, questions are signed with the one before too.
    """
    user = request.auth.user  # type: ignore[attr-defined]
    return {"secret": services.rotate_secret(user, access.hosted_by(user, meeting_id).meeting)}


@operation(router, "POST", ONE + "/test", scope="write", answer=TrialOut, problems=PROBLEMS, tag=TAG)
def try_authorization(request: HttpRequest, meeting_id: UUID, data: TrialIn) -> dict[str, Any]:
    """Ask a meeting's own authorization service about nobody

    One question, whether the service is on or off, and the whole exchange with its secrets cut short. Answers when the
    service has, after at most 3 seconds.
    """
    user = request.auth.user  # type: ignore[attr-defined]
    meeting = access.hosted_by(user, meeting_id).meeting
    services.require_right(user, meeting)
    row = services.service_of(meeting)
    if not row.url:
        raise invalid("url", "Set an address first.")
    service = services.as_asked(row)
    ask = trial.question(service, kind=data.type, username=data.username, token=data.token)
    return _exchange(trial.run(service, ask))


def _exchange(exchange: Exchange) -> dict[str, Any]:
    verdict, answer = exchange.verdict, exchange.answer
    return {
        "outcome": verdict.outcome.value,
        "reason": verdict.reason,
        "problem": verdict.problem,
        "lease_seconds": verdict.lease_seconds,
        "grants": sorted(verdict.grants) if verdict.grants is not None else None,
        "url": exchange.url,
        "headers": dict(exchange.shown_headers),
        "body": exchange.shown_body,
        "status": answer.status if answer is not None else None,
        "answer": exchange.shown_answer,
    }
