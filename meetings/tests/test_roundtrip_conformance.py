"""Red5 Pro's round-trip authentication, row by row, over a socket: what goes out to the byte, what each answer means.

`ROWS` are the outcomes of the published protocol. A service that was written for a Red5 Pro server sees no difference,
except where that server would fail open or take a mishap for a decision.
"""

from __future__ import annotations

import asyncio
import json
import unittest
from collections.abc import Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final
from unittest import mock

import pytest

from meetings.outgoing.client import Outgoing
from meetings.outgoing.destinations import Allowances, read_destination
from meetings.roundtrip import asking, protocol
from meetings.roundtrip.asking import AskedService, Exchange
from meetings.roundtrip.protocol import Ask, Outcome, Profile
from meetings.tests.answering_service import Reply, Request, Service, answer, raw, serving, stall
from meetings.tests.test_streams import StreamCase

ALLOWED, REFUSED, UNANSWERED = Outcome.ALLOWED, Outcome.REFUSED, Outcome.UNANSWERED
YES: Final = {"result": True}
ASK: Final = Ask(
    type="publisher",
    username="Sæther",
    password="p",
    stream_id="m/p/camera",
    token="t",
    room="m",
    participant="p",
    request_id="r",
    node_id="one",
    client_network="203.0.113.0/24",
    issued_at=1_795_476_000,
)

ROWS: Final[Mapping[str, tuple[Reply, Outcome]]] = MappingProxyType(
    {
        "200 and result true": (answer(200, YES), ALLOWED),
        "200 and result the string true": (answer(200, {"result": "true"}), ALLOWED),
        "200, result true and an url": (answer(200, {**YES, "url": "https://cdn.example.org/a"}), ALLOWED),
        "200, result true and an empty url": (answer(200, {**YES, "url": ""}), ALLOWED),
        "200, result true and url null": (answer(200, {**YES, "url": None}), UNANSWERED),
        "200 and result false": (answer(200, {"result": False}), REFUSED),
        "200 and result the string false": (answer(200, {"result": "false"}), REFUSED),
        "200 without result": (answer(200, {}), UNANSWERED),
        "200 and bad JSON": (answer(200, b'{"result": tru'), UNANSWERED),
        "201": (answer(201, YES), UNANSWERED),
        "204": (answer(204), UNANSWERED),
        "302": (answer(302, YES, headers="Location: /elsewhere\r\n"), UNANSWERED),
        "400": (answer(400, YES), UNANSWERED),
        "401": (answer(401, YES), REFUSED),
        "403": (answer(403, YES), REFUSED),
        "500": (answer(500, YES), UNANSWERED),
        "a connection that is cut": (raw(b""), UNANSWERED),
        "a stall": (stall, UNANSWERED),
    }
)


@asynccontextmanager
async def asked(reply: Reply, profile: Profile = Profile.RED5) -> Any:
    async with serving(reply) as service:
        outgoing = Outgoing()
        yield (
            service,
            outgoing,
            AskedService(
                key="organisation",
                destination=read_destination(f"{service.url}/rta", base=True),
                profile=profile,
                secrets=("secret",),
                names="opaque",
                lease_seconds=60,
                allowances=Allowances(origins=frozenset({service.url})),
            ),
        )
        await outgoing.aclose()


async def exchange(reply: Reply, ask: Ask = ASK, profile: Profile = Profile.RED5) -> tuple[Exchange, Service]:
    async with asked(reply, profile) as (service, outgoing, to):
        return await asking.validate(outgoing, to, ask), service


@pytest.mark.parametrize("profile", Profile)
@pytest.mark.parametrize("row", ROWS)
def test_an_answer_means_what_the_protocol_says(row: str, profile: Profile) -> None:
    reply, outcome = ROWS[row]
    with mock.patch.object(protocol, "DEADLINE_SECONDS", 0.2 if reply is stall else 10.0):
        found, service = asyncio.run(exchange(reply, profile=profile))
    assert found.verdict.outcome is outcome
    assert len(service.requests) == 1, "one call for each question: no second try, no redirect"


def only(service: Service) -> Request:
    (request,) = service.requests
    return request


class Questions(unittest.IsolatedAsyncioTestCase):
    async def test_the_question_is_red5_pros_to_the_byte(self) -> None:
        _, service = await exchange(answer(200, YES))
        request = only(service)
        assert request.path == "/rta/validateCredentials"
        assert request.head.startswith("POST ")
        assert request.headers.keys() - {""} == {"host", "accept", "content-type", "content-length"}
        assert (request.headers["accept"], request.headers["content-type"]) == ("application/json", "application/json")
        assert request.body == (
            '{"type":"publisher","username":"Sæther","password":"p","streamID":"m/p/camera","token":"t"}'.encode(
                "latin-1"
            )
        )

    async def test_a_listener_without_a_token_and_a_name_that_latin_1_lacks(self) -> None:
        _, service = await exchange(answer(200, YES), replace(ASK, type="subscriber", username="Łukasz", token=""))
        request = only(service)
        assert request.json == {
            "type": "subscriber",
            "username": "?ukasz",
            "password": "p",
            "streamID": "m/p/camera",
            "token": "",
        }

    async def test_a_publisher_has_gone_without_a_type_and_whatever_is_answered(self) -> None:
        fields = {"username": "Sæther", "password": "p", "streamID": "m/p/camera"}
        for reply, token in ((answer(200, YES), "t"), (answer(500), ""), (raw(b""), "")):
            async with asked(reply) as (service, outgoing, to):
                await asking.invalidate(outgoing, to, replace(ASK, token=token))
            request = only(service)
            assert request.path == "/rta/invalidateCredentials"
            assert request.json == ({**fields, "token": token} if token else fields)


class TheOtherWayRound(StreamCase):
    """Lintel answers: exactly 200 with a boolean, as a Red5 Pro server reads it, and never an `url` that is null."""

    async def test_every_answer_is_one_that_red5_pro_reads(self) -> None:
        made = await self.minted()
        gone = f"/rta/{self.secret}/invalidateCredentials"
        told = self.body(made, type=None, token=None)
        for body, path, result in (
            (self.body(made), None, True),
            (self.body(made, type="publisher"), None, True),
            (self.body(made, token=""), None, False),
            (self.body(made, username="undefined", password="undefined"), None, False),
            (self.body(made, type="publisher", streamID="a-shared-object"), None, False),
            (self.body(made, username="cluster-restreamer"), None, False),
            (told, gone, True),
            (self.body(made, type=None), gone, True),
            (self.body(made), None, False),
        ):
            said = await self.post(body, path=path)
            assert (said.status_code, said["Content-Type"]) == (200, "application/json")
            assert json.loads(said.content) == {"result": result}, (body, path)
