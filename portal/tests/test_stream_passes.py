"""Stream passes through the API: whose they may be, and that the guide says what the API does."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from asgiref.sync import sync_to_async
from django.utils import timezone

from meetings.models import Participant
from meetings.roundtrip import answering
from meetings.roundtrip.models import StreamPass
from portal.api.v1 import api
from portal.tests.api_case import ApiCase, invited, meeting_of, occurrence_of, person, seat, token_of

GUIDE = (Path(__file__).resolve().parents[2] / "docs" / "round-trip.md").read_text()


def example(name: str) -> Any:
    found = re.search(rf"```json {name}\n(.*?)```", GUIDE, re.DOTALL)
    assert found is not None
    return json.loads(found[1])


def test_the_guide_asks_and_answers_as_the_api_does() -> None:
    schemas = json.loads(api.document_text())["components"]["schemas"]
    assert example("pass:request").keys() <= schemas["StreamPassIn"]["properties"].keys()
    assert example("pass:answer").keys() == schemas["StreamPassMade"]["properties"].keys()


class Passes(ApiCase):
    def setUp(self) -> None:
        super().setUp()
        self.host, self.listed = person("host"), person("listed")
        self.meeting = meeting_of(self.host, people=["listed@example.org"])
        self.invitation = invited(self.host, self.meeting, "guest@elsewhere.example")
        self.seat = seat(self.meeting, state=Participant.State.WAITING)

    async def make(self, body: Any, token: str | None = None) -> Any:
        token = token or await token_of(self.host)
        return await self.call("POST", f"/meetings/{self.meeting.pk}/stream-passes", token, body)

    async def test_for_an_invitation_a_seat_and_oneself(self) -> None:
        for body, name in (
            ({"invitation": str(self.invitation), "publish": True}, "invitation_id"),
            ({"participant": str(self.seat.pk)}, "participant_id"),
            ({}, "user_id"),
        ):
            answer = await self.make(body)
            assert answer.status == 201, answer.body
            assert answer.body["room"] == str(self.meeting.pk)
            row = await StreamPass.objects.alatest("created_at")
            assert getattr(row, name) is not None
            assert row.occurrence_id == (await sync_to_async(occurrence_of)(self.meeting)).pk
            assert answer.body["publish"] is body.get("publish", False)

    async def test_listed_people_make_their_own_and_nobody_elses(self) -> None:
        token = await token_of(self.listed)
        assert (await self.make({}, token)).status == 201
        for body in ({"invitation": str(self.invitation)}, {"participant": str(self.seat.pk)}):
            assert (await self.make(body, token)).code == "not_a_host"

    async def test_what_is_not_of_this_meeting_is_not_found(self) -> None:
        other = await sync_to_async(meeting_of)(self.host)
        invitation = await sync_to_async(invited)(self.host, other, "x@elsewhere.example")
        elsewhere = await sync_to_async(seat)(other, state=Participant.State.WAITING)
        for body in (
            {"invitation": str(invitation)},
            {"participant": str(elsewhere.pk)},
            {"invitation": str(uuid4())},
            {"participant": str(uuid4())},
        ):
            assert (await self.make(body)).status == 404

    async def test_what_makes_no_pass_is_said_with_its_field(self) -> None:
        for body, field in (
            ({"invitation": str(self.invitation), "participant": str(self.seat.pk)}, "invitation"),
            ({"ttl_seconds": 29}, "ttl_seconds"),
            ({"ttl_seconds": 3601}, "ttl_seconds"),
            ({"publish": "yes"}, "publish"),
            ({"for": "x"}, "for"),
        ):
            answer = await self.make(body)
            assert answer.status == 422
            assert [one["field"] for one in answer.body["errors"]] == [field]

    async def test_who_only_answers_the_door_makes_none_and_is_told_which_scope_does(self) -> None:
        answer = await self.make({}, await token_of(self.host, "read", "door"))
        assert (answer.status, answer.code) == (403, "scope_missing")
        assert "“write”" in answer.body["detail"]
        assert not await StreamPass.objects.aexists()
        assert (await self.make({}, await token_of(self.host, "write"))).status == 201

    async def test_listed_people_use_up_no_passes_but_their_own(self) -> None:
        token = await token_of(self.listed)
        there = await sync_to_async(occurrence_of)(self.meeting)
        until = timezone.now() + timedelta(hours=1)
        known = {"occurrence": there, "created_by": self.listed, "user": self.listed, "expires_at": until}
        await StreamPass.objects.abulk_create(
            StreamPass(**known, username="u", password_digest="p", token_digest=str(number))
            for number in range(answering.MOST_OWN_PASSES - 1)
        )
        assert (await self.make({}, token)).status == 201
        assert (await self.make({}, token)).body["errors"][0]["field"] == "meeting"
        assert (await self.make({})).status == 201
        assert (await self.make({"invitation": str(self.invitation)})).status == 201
