"""A small world for tests of the API: people, a meeting, tokens, and a client that speaks JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from asgiref.sync import sync_to_async
from django.http import HttpResponse
from django.test import AsyncClient, TestCase
from django.utils import timezone

from meetings.models import Meeting, Occurrence, Participant
from meetings.services import invitations
from meetings.services.scheduling import schedule_meeting
from portal.accounts.services import create_person, make_token
from portal.api import auth
from portal.models import User

PASSWORD = "correct horse battery staple"


def person(name: str, role: str = User.Role.STAFF) -> User:
    return create_person(f"{name}@example.org", name.title(), role=role, password=PASSWORD, label="test")


def meeting_of(host: User, **particulars: Any) -> Meeting:
    """A meeting that starts in an hour, with nobody invited."""
    return schedule_meeting(
        host,
        **{
            "title": "Trial safety board",
            "starts_at": timezone.now() + timedelta(hours=1),
            "duration_minutes": 60,
            "time_zone": "Europe/Oslo",
            **particulars,
        },
    )


def occurrence_of(meeting: Meeting) -> Occurrence:
    return meeting.occurrences.get()


def seat(
    meeting: Meeting, *, state: str, user: User | None = None, name: str = "Peter", device: str = "d"
) -> Participant:
    """Somebody at the door or inside, as the database knows them."""
    now = timezone.now()
    inside = state == Participant.State.INSIDE
    return Participant.objects.create(
        occurrence=occurrence_of(meeting),
        kind=Participant.Kind.COLLEAGUE if user else Participant.Kind.ANYONE,
        state=state,
        user=user,
        device=device.ljust(43, "_"),
        name=name,
        knocked_at=now,
        entered_at=now if inside else None,
        let_in_at=now if inside else None,
    )


@dataclass
class Answer:
    """What came back."""

    status: int
    body: Any
    response: HttpResponse

    @property
    def code(self) -> str:
        return self.body.get("code", "") if isinstance(self.body, dict) else ""


class Speaks:
    """Calls operations on the test's own loop, as they run on the server's."""

    def setUp(self) -> None:
        super().setUp()  # type: ignore[misc]
        auth.limits = auth.Limits()
        self.client = AsyncClient()  # type: ignore[assignment]

    async def call(self, method: str, path: str, token: str | None = None, body: Any = None, **more: Any) -> Answer:
        """One request. `body` is sent as JSON unless it is bytes. `path` without /api/v1."""
        headers = {**more.pop("headers", {})}
        if token is not None:
            headers["authorization"] = f"Bearer {token}"
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        response = await self.client.generic(
            method,
            f"/api/v1{path}",
            content,
            content_type=more.pop("content_type", "application/json") if content else "",
            headers=headers,
            **more,
        )
        found = json.loads(response.content) if response.content and "json" in response["Content-Type"] else None
        return Answer(response.status_code, found, response)


class ApiCase(Speaks, TestCase):
    """A test that needs no live meeting, or starts one with `running_live`."""


@sync_to_async
def token_of(user: User, *scopes: str) -> str:
    return make_token(user, "tests", scopes)


def invited(by: User, meeting: Meeting, email: str) -> UUID:
    return invitations.invite(by, occurrence_of(meeting), email, send=False).pk
