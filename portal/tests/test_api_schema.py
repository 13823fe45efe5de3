"""The document is true: whatever is sent to an operation, its answer is one that the document names, in its form."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
import schemathesis
from asgiref.sync import sync_to_async
from django.utils import timezone
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from hypothesis.strategies import SearchStrategy
from schemathesis.checks import not_a_server_error
from schemathesis.core.transport import Response
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from meetings.models import Meeting, Occurrence, Participant
from meetings.tests.live_case import running_live
from meetings.webhooks import services as webhooks
from portal.api import auth
from portal.api.v1 import api
from portal.models import User
from portal.tests.api_case import ApiCase, invited, meeting_of, person, seat, token_of

SOON = (timezone.now() + timedelta(days=1)).isoformat()
HOST = "http://testserver"
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


def cases(mode: GenerationMode, of_each: int) -> Iterator[Any]:
    """Requests of every operation, made from the document: fitting ones, or ones that break it somewhere."""
    text = json.loads(api.document_text())
    for methods in text["paths"].values():
        for operation in methods.values():
            del operation["security"]  # credentials are what test_api_permissions.py is about
    document = schemathesis.openapi.from_dict(text)
    for result in document.get_all_operations():
        try:
            yield from examples(result.ok().as_strategy(generation_mode=mode), of_each)
        except Unsatisfiable:
            assert mode is GenerationMode.NEGATIVE  # nothing to get wrong: no parameter, no body


def examples(strategy: SearchStrategy[Any], most: int) -> list[Any]:
    found: list[Any] = []

    @seed(20261124)
    @settings(
        max_examples=most,
        deadline=None,
        database=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def collect(case: Any) -> None:
        found.append(case)

    collect()
    return found


@pytest.mark.timeout(300)  # examples of every operation: much to compute where others compute too
class Conformance(ApiCase):
    examples = 4

    def setUp(self) -> None:
        super().setUp()
        self.host = person("host", User.Role.ADMIN)
        self.meeting = meeting_of(self.host)
        self.ids = {
            "meeting_id": str(self.meeting.pk),
            "invitation_id": str(invited(self.host, self.meeting, "guest@elsewhere.example")),
            "participant_id": str(seat(self.meeting, state=Participant.State.WAITING).pk),
            "webhook_id": str(webhooks.make(self.host, url="https://hooks.invalid/")[0].pk),
        }

    async def send(self, case: Any, token: str) -> Response:
        """One case, to the application on this loop; the answer as the checks want it."""
        case.headers.pop("Authorization", None)
        prepared = requests.Request(**{**case.as_transport_kwargs(base_url=HOST), "cookies": None}).prepare()
        address = urlsplit(prepared.url)
        headers = {name.lower(): str(value) for name, value in prepared.headers.items()}
        headers.pop("content-length", None)  # the client writes its own
        response = await self.client.generic(
            prepared.method,
            f"{address.path}?{address.query}",
            prepared.body if isinstance(prepared.body, bytes) else (prepared.body or "").encode(),
            content_type=headers.pop("content-type", ""),
            headers={**headers, "authorization": f"Bearer {token}"},
        )
        return Response(
            status_code=response.status_code,
            headers={name: [value] for name, value in response.items()},
            content=response.content,
            request=prepared,
            elapsed=0,
            verify=False,
        )

    def make_possible(self, case: Any) -> None:
        """Ids that exist, and a time to come: a document can't say those."""
        case.path_parameters.update({name: id_ for name, id_ in self.ids.items() if name in case.path_parameters})
        if isinstance(case.body, dict) and "starts_at" in case.body:
            case.body["starts_at"] = SOON
            case.body.pop("hosts", None)

    async def check(self, mode: GenerationMode) -> set[int]:
        token = await token_of(self.host)
        checks = CHECKS if mode is GenerationMode.POSITIVE else [*CHECKS, negative_data_rejection]
        statuses = set()
        async with running_live():
            for case in await sync_to_async(list)(cases(mode, self.examples)):
                auth.limits = auth.Limits()
                if mode is GenerationMode.POSITIVE:
                    self.make_possible(case)
                answer = await self.send(case, token)
                statuses.add(answer.status_code)
                await sync_to_async(case.validate_response)(answer, checks=checks)
                # The next operation finds what this one ended.
                await Meeting.objects.filter(pk=self.meeting.pk).aupdate(cancelled_at=None)
                await Occurrence.objects.filter(meeting=self.meeting).aupdate(cancelled_at=None, ended_at=None)
        return statuses

    async def test_fitting_requests_are_answered_as_the_document_says(self) -> None:
        assert {200, 201, 204} <= await self.check(GenerationMode.POSITIVE)

    async def test_unfitting_requests_are_refused_as_the_document_says(self) -> None:
        statuses = await self.check(GenerationMode.NEGATIVE)
        assert {404, 422} <= statuses


@pytest.mark.extra
class ThoroughConformance(Conformance):
    examples = 60
