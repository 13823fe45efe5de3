"""What tests of the pages take for granted: a signed-in host, and a form filled as a browser fills it."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from asgiref.sync import async_to_sync
from django.http import HttpResponse, StreamingHttpResponse
from django.test import Client, TestCase, override_settings

from meetings.models import Meeting
from meetings.tests.domain_case import DomainCase

GUEST = "p.lindqvist@medreg.example"
PLAIN_TASKS = {"default": {"BACKEND": "django_tasks.backends.dummy.DummyBackend", "QUEUES": ["default", "webhooks"]}}


def text_of(answer: Any) -> str:
    """Everything that a streamed answer sends."""
    assert isinstance(answer, StreamingHttpResponse)

    async def read() -> bytes:
        return b"".join([part async for part in answer.streaming_content])

    return async_to_sync(read)().decode()


def in_days(days: int) -> str:
    return (date.today() + timedelta(days=days)).isoformat()


def filled(**changes: Any) -> dict[str, Any]:
    """The schedule form as it is posted untouched but for title, date and time; None leaves a field out."""
    fields = {
        "title": "Trial safety board",
        "date": in_days(3),
        "starts": "14:30",
        "length": "60",
        "time_zone": "Europe/Oslo",
        "notes": "",
        "hosts": "",
        "people": "",
        "preset": "guests_knock",
        "was_preset": "guests_knock",
        "listed": "walks_in",
        "colleagues": "walks_in",
        "guests": "knocks",
        "anyone": "turned_away",
        "was_rows": "walks_in,walks_in,knocks,turned_away",
        "opens": "10",
        "without_host": "wait",
        "encryption": "transport",
        "speak": "everyone",
        "show": "everyone",
        "share": "everyone",
        "chat": "everyone",
        "record": "hosts",
    } | changes
    return {name: value for name, value in fields.items() if value is not None}


@override_settings(TASKS=PLAIN_TASKS)
class PagesCase(DomainCase, TestCase):
    """Ingrid hosts and is signed in; Yuki and Marcus have accounts."""

    def setUp(self) -> None:
        super().setUp()
        self.yuki = self.person("yuki@nordhavn.example", "Yuki Tanaka")
        self.marcus = self.person("marcus@nordhavn.example", "Marcus Bell")
        self.client.force_login(self.ingrid)

    def as_(self, person: Any) -> Client:
        """A browser of somebody else."""
        client = Client()
        client.force_login(person)
        return client

    def post_new(self, **changes: Any) -> HttpResponse:
        return self.client.post("/meetings/new/", filled(**changes))

    def scheduled(self, **changes: Any) -> Meeting:
        """The meeting that this form makes; fails with the page's errors where it makes none."""
        answer = self.post_new(**changes)
        assert answer.status_code == 302, answer.context["form"].errors
        return Meeting.objects.latest("created_at")

    def errors(self, **changes: Any) -> dict[str, list[str]]:
        """What is wrong with this form, by field. Nothing may have been stored."""
        answer = self.post_new(**changes)
        assert answer.status_code == 422
        assert not Meeting.objects.exists()
        return {field: list(sentences) for field, sentences in answer.context["form"].errors.items()}

    @staticmethod
    def door(meeting: Meeting) -> tuple[str, str, str, str]:
        meeting.refresh_from_db()
        return meeting.door_listed, meeting.door_colleagues, meeting.door_guests, meeting.door_anyone


def utc(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+00:00")
