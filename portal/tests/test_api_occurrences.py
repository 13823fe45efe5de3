"""Meetings that repeat, through the API: rules, occurrences, and who is asked to which."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

from asgiref.sync import sync_to_async
from django.utils import timezone

from meetings.models import Meeting
from portal.tests.api_case import ApiCase, meeting_of, person, token_of


class ApiOccurrences(ApiCase):
    def setUp(self) -> None:
        super().setUp()
        self.host, self._token = person("host"), ""
        monday = timezone.now() + timedelta(days=7 - timezone.now().weekday())
        self.first = monday.replace(hour=9, minute=0, second=0, microsecond=0)

    async def repeating(self, rule: str = "FREQ=WEEKLY;BYDAY=MO;COUNT=5", **fields: Any) -> Any:
        body = {"title": "Review", "starts_at": self.first.isoformat(), "time_zone": "UTC", "recurrence": rule}
        answer = await self.call("POST", "/meetings", await self.own(), body | fields)
        assert answer.status == 201, answer.body
        return answer.body

    async def own(self) -> str:
        if not self._token:
            self._token = await token_of(self.host, "read", "write")
        return self._token

    async def when(self, meeting_id: str, status: str = "scheduled") -> list[str]:
        answer = await self.call("GET", f"/meetings/{meeting_id}/occurrences", await self.own())
        assert answer.status == 200, answer.body
        return [one["starts_at"] for one in answer.body["items"] if one["status"] == status]

    def week(self, number: int, **shift: int) -> str:
        return (self.first + timedelta(weeks=number, **shift)).isoformat().replace("+00:00", "Z")

    async def test_a_meeting_repeats_by_its_rule(self) -> None:
        made = await self.repeating()
        assert made["recurrence"] == "FREQ=WEEKLY;BYDAY=MO;COUNT=5"
        assert await self.when(made["id"]) == [self.week(number) for number in range(5)]
        answer = await self.call("GET", f"/meetings/{made['id']}/occurrences?limit=2", await self.own())
        assert (len(answer.body["items"]), answer.body["items"][0]["id"]) == (2, made["occurrence_id"])
        more = await self.call(
            "GET", f"/meetings/{made['id']}/occurrences?cursor={answer.body['next']}&limit=100", await self.own()
        )
        assert [one["starts_at"] for one in more.body["items"]] == [self.week(number) for number in (2, 3, 4)]
        later = await self.call(
            "GET", f"/meetings/{made['id']}/occurrences?starts_from={self.week(4)}", await self.own()
        )
        assert len(later.body["items"]) == 1

    async def test_rules_are_refused_by_name_and_store_nothing(self) -> None:
        for rule in ("", "FREQ=YEARLY", "FREQ=WEEKLY;BYDAY=TU", "FREQ=DAILY;COUNT=9999", "DTSTART:x", "FREQ=DAILY\nX"):
            body = {"title": "Review", "starts_at": self.first.isoformat(), "time_zone": "UTC", "recurrence": rule}
            answer = await self.call("POST", "/meetings", await self.own(), body)
            assert (answer.status, answer.code) == (422, "invalid"), (rule, answer.body)
            assert [one["field"] for one in answer.body["errors"]] == ["recurrence"]
        assert await Meeting.objects.acount() == 0

    async def test_the_list_of_meetings_has_one_row_with_the_occurrence_that_comes_next(self) -> None:
        made = await self.repeating()
        single = await self.repeating(None, starts_at=self.week(1, hours=1))  # type: ignore[arg-type]
        await Meeting.objects.filter(pk=made["id"]).aupdate(title="Renamed")
        answer = await self.call("GET", "/meetings", await self.own())
        assert [one["id"] for one in answer.body["items"]] == [made["id"], single["id"]]
        cancelled = await self.call(
            "DELETE", f"/meetings/{made['id']}/occurrences/{made['occurrence_id']}", await self.own()
        )
        assert cancelled.status == 204
        answer = await self.call("GET", "/meetings", await self.own())
        assert answer.body["items"][0]["starts_at"] == self.week(1)
        after = await self.call("GET", f"/meetings?starts_from={self.week(1, minutes=30)}", await self.own())
        assert [one["id"] for one in after.body["items"]] == [single["id"]]

    async def test_one_occurrence_moves_and_another_is_cancelled(self) -> None:
        made = await self.repeating()
        items = (await self.call("GET", f"/meetings/{made['id']}/occurrences", await self.own())).body["items"]
        one = f"/meetings/{made['id']}/occurrences/{items[1]['id']}"
        answer = await self.call("PATCH", one, await self.own(), {"starts_at": self.week(1, hours=3)})
        assert answer.status == 200, answer.body
        assert answer.body["starts_at"] == self.week(1, hours=3)
        assert (answer.body["original_starts_at"], answer.body["duration_minutes"]) == (self.week(1), 60)
        for body in ({}, {"notify": True}, {"starts_at": "2020-01-01T00:00:00Z"}, {"duration_minutes": 4}, {"x": 1}):
            answer = await self.call("PATCH", one, await self.own(), body)
            assert (answer.status, answer.code) == (422, "invalid"), body
        for _again in range(2):
            assert (await self.call("DELETE", one, await self.own())).status == 204
        assert (await self.call("PATCH", one, await self.own(), {"duration_minutes": 90})).code == "wrong_state"
        assert await self.when(made["id"], "cancelled") == [self.week(1, hours=3)]
        assert len(await self.when(made["id"])) == 4

    async def test_this_and_following_are_cancelled_and_all_of_them_are_the_meeting(self) -> None:
        made = await self.repeating()
        items = (await self.call("GET", f"/meetings/{made['id']}/occurrences", await self.own())).body["items"]
        path = f"/meetings/{made['id']}/occurrences/{items[2]['id']}?following=true"
        assert (await self.call("DELETE", path, await self.own())).status == 204
        assert await self.when(made["id"]) == [self.week(0), self.week(1)]
        path = f"/meetings/{made['id']}/occurrences/{items[0]['id']}?following=true"
        assert (await self.call("DELETE", path, await self.own())).status == 204
        assert (await self.call("GET", f"/meetings/{made['id']}", await self.own())).body["status"] == "cancelled"

    async def test_times_change_from_an_occurrence_on(self) -> None:
        made = await self.repeating()
        items = (await self.call("GET", f"/meetings/{made['id']}/occurrences", await self.own())).body["items"]
        body = {
            "from_occurrence": items[2]["id"],
            "starts_at": self.week(2, hours=2),
            "recurrence": "FREQ=WEEKLY;COUNT=2",
        }
        answer = await self.call("PATCH", f"/meetings/{made['id']}", await self.own(), body)
        assert answer.status == 200, answer.body
        assert await self.when(made["id"]) == [
            self.week(0), self.week(1), self.week(2, hours=2), self.week(3, hours=2),
        ]  # fmt: skip
        answer = await self.call("PATCH", f"/meetings/{made['id']}", await self.own(), {"recurrence": None})
        assert answer.status == 200, answer.body
        assert await self.when(made["id"]) == [self.week(0)]

    async def test_ids_of_other_meetings_are_not_found(self) -> None:
        made, other = await self.repeating(), await self.repeating(title="Other")
        for key in (other["occurrence_id"], str(uuid4())):
            path = f"/meetings/{made['id']}/occurrences/{key}"
            assert (await self.call("PATCH", path, await self.own(), {"duration_minutes": 90})).status == 404
            assert (await self.call("DELETE", path, await self.own())).status == 404
            body = {"title": "x", "from_occurrence": key}
            assert (await self.call("PATCH", f"/meetings/{made['id']}", await self.own(), body)).status == 404
            body = {"email": "guest@elsewhere.example", "occurrence_id": key}
            path = f"/meetings/{made['id']}/invitations"
            assert (await self.call("POST", path, await self.own(), body)).status == 404
            assert (await self.call("GET", f"{path}?occurrence_id={key}", await self.own())).status == 404
        stranger = await token_of(await sync_to_async(person)("stranger"), "read", "write")
        foreign = await sync_to_async(meeting_of)(self.host)
        path = f"/meetings/{foreign.pk}/occurrences/{made['occurrence_id']}"
        for token in (stranger, await self.own()):
            assert (await self.call("DELETE", path, token)).status == 404
        assert len(await self.when(made["id"])) == 5

    async def test_people_are_asked_to_one_occurrence_or_to_all_that_follow(self) -> None:
        made = await self.repeating()
        items = (await self.call("GET", f"/meetings/{made['id']}/occurrences", await self.own())).body["items"]
        path = f"/meetings/{made['id']}/invitations"
        for email, fields in (
            ("always@elsewhere.example", {}),
            ("once@elsewhere.example", {"occurrence_id": items[1]["id"], "and_later": False}),
        ):
            answer = await self.call("POST", path, await self.own(), {"email": email, **fields})
            assert answer.status == 201, answer.body
        found = []
        for one in items:
            answer = await self.call("GET", f"{path}?occurrence_id={one['id']}", await self.own())
            assert {row["occurrence_id"] for row in answer.body["items"]} == {one["id"]}
            found.append(sorted(row["email"].partition("@")[0] for row in answer.body["items"]))
        assert found == [["always"], ["always", "once"], ["always"], ["always"], ["always"]]
        default = await self.call("GET", path, await self.own())
        assert [row["email"] for row in default.body["items"]] == ["always@elsewhere.example"]

    async def test_a_rule_with_a_moment_as_its_end_is_told_as_a_day_of_the_place(self) -> None:
        end = self.first + timedelta(weeks=3)
        made = await self.repeating(f"FREQ=WEEKLY;UNTIL={end:%Y%m%dT%H%M%SZ}", time_zone="Pacific/Pago_Pago")
        assert made["recurrence"] == f"FREQ=WEEKLY;BYDAY=SU;UNTIL={end - timedelta(days=1):%Y%m%d}"
        assert len(await self.when(made["id"])) == 4
