"""What programs read of what happened: the same filters as the pages, and nothing beyond them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from asgiref.sync import sync_to_async
from django.utils import timezone

from meetings import audit
from meetings.models import AuditEntry
from portal.api.paging import cursor_of
from portal.models import User
from portal.tests.api_case import ApiCase, meeting_of, person, seat, token_of


class Attendance(ApiCase):
    async def test_everybody_who_was_inside_with_every_time_page_by_page(self) -> None:
        host = await sync_to_async(person)("host")
        board = await sync_to_async(meeting_of)(host)
        noon = datetime(2026, 11, 24, 12, tzinfo=UTC)

        def stay(name: str, *minutes: tuple[int, int | None]) -> None:
            there = seat(board, state="inside", name=name, device=name)
            for first, last in minutes:
                left_at = None if last is None else noon + timedelta(minutes=last)
                there.stays.create(entered_at=noon + timedelta(minutes=first), left_at=left_at)

        await sync_to_async(stay)("Peter", (0, 20), (30, 62))
        await sync_to_async(stay)("Leila", (5, None))
        token = await token_of(host)
        first = await self.call("GET", f"/meetings/{board.pk}/attendance?limit=1", token)
        [peter] = first.body["items"]
        assert (peter["name"], peter["kind"], peter["seconds"]) == ("Peter", "anyone", 52 * 60)
        assert [one["left_at"] for one in peter["stays"]] == ["2026-11-24T12:20:00Z", "2026-11-24T13:02:00Z"]
        rest = await self.call("GET", f"/meetings/{board.pk}/attendance?cursor={first.body['next']}", token)
        assert [(one["name"], one["left_at"]) for one in rest.body["items"]] == [("Leila", None)]
        assert rest.body["next"] is None


class Edges(ApiCase):
    async def test_what_no_row_and_no_calendar_has_is_refused(self) -> None:
        host = await sync_to_async(person)("host", User.Role.ADMIN)
        board = await sync_to_async(meeting_of)(host)
        token = await token_of(host)
        for path in ("/audit", f"/meetings/{board.pk}/history"):
            for number in (10**40, "9" * 200, -1, None):
                answer = await self.call("GET", f"{path}?cursor={cursor_of(number)}", token)
                assert (answer.status, answer.code) == (422, "invalid"), number
        for moment in ("9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00%2B14:00"):
            for path in ("/audit?at_from=", "/audit?at_before=", "/meetings?starts_from="):
                assert (await self.call("GET", path + moment, token)).status == 422
            cursor = cursor_of(moment.replace("%2B", "+"), board.pk)
            assert (await self.call("GET", f"/meetings?cursor={cursor}", token)).status == 422


class Filters(ApiCase):
    def setUp(self) -> None:
        super().setUp()
        self.admin = person("admin", User.Role.ADMIN)
        self.host = person("host")
        self.board = meeting_of(self.host, title="Trial safety board")
        for name, kind, network in (
            ("Leila", "door.knocked", "203.0.113.7"),
            ("Jonathan", "door.refused", "198.51.100.9"),
            ("Peter", "invitation.mail_failed", ""),
        ):
            audit.record(kind, meeting=self.board, target=name, network=network)

    async def texts(self, path: str, token: str, query: str) -> list[str]:
        answer = await self.call("GET", f"{path}?{query}", token)
        assert answer.status == 200, answer.body
        return [item["text"] for item in answer.body["items"]]

    async def test_a_history_and_the_log_are_filtered_alike(self) -> None:
        host, admin = await token_of(self.host), await token_of(self.admin)
        for path, token in ((f"/meetings/{self.board.pk}/history", host), ("/audit", admin)):
            for query, name in (
                ("person=leila", "Leila"),
                ("kind=door.refused", "Jonathan"),
                ("result=waiting&kind=door", "Leila"),
                ("network=198.51.100.200", "Jonathan"),
                ("result=failed", "Peter"),
            ):
                texts = await self.texts(path, token, query)
                assert [name in text for text in texts] == [True], (path, query, texts)

    async def test_times_and_meetings_narrow_the_log(self) -> None:
        token = await token_of(self.admin)
        later = (timezone.now() + timedelta(hours=1)).isoformat().replace("+00:00", "Z")
        assert await self.texts("/audit", token, f"at_from={later}") == []
        assert len(await self.texts("/audit", token, f"meeting={self.board.pk}")) == 4

    async def test_an_item_says_who_what_and_how_it_came_out(self) -> None:
        token = await token_of(self.admin)
        answer = await self.call("GET", "/audit?kind=door.refused", token)
        item = answer.body["items"][0]
        found = {name: item[name] for name in ("group", "result", "who", "network", "meeting", "erased")}
        assert found == {
            "group": "door",
            "result": "refused",
            "who": "",
            "network": "198.51.100.0/24",
            "meeting": {"id": str(self.board.pk), "title": "Trial safety board"},
            "erased": False,
        }

    async def test_what_is_no_filter_is_refused_by_name_and_reads_nothing(self) -> None:
        token = await token_of(self.admin)
        before = await AuditEntry.objects.acount()
        for query, field in (
            ("kind=nonsense", "kind"),
            ("result=nonsense", "result"),
            ("network=10.0.0.0/8", "network"),
            ("person=", "person"),
            (f"person={'x' * 101}", "person"),
            ("meeting=1", "meeting"),
            ("at_from=yesterday", "at_from"),
            ("until=now", "until"),
            ("kind=door&kind=meetings", "kind"),
        ):
            answer = await self.call("GET", f"/audit?{query}", token)
            assert (answer.status, answer.code) == (422, "invalid"), query
            assert answer.body["errors"][0]["field"] == field
        assert await AuditEntry.objects.acount() == before

    async def test_a_history_takes_no_meeting(self) -> None:
        token = await token_of(self.host)
        answer = await self.call("GET", f"/meetings/{self.board.pk}/history?meeting={self.board.pk}", token)
        assert answer.code == "invalid"

    async def test_reading_the_log_is_recorded_with_its_filters(self) -> None:
        await self.texts("/audit", await token_of(self.admin), "person=leila&result=waiting")

        def last() -> dict[str, Any]:
            entry = AuditEntry.objects.select_related("detail").latest("number")
            return audit.body_of(entry)["facts"]

        facts = await sync_to_async(last)()
        assert facts["filters"] == {"person": "leila", "result": "waiting"}
        assert facts["token"] == "tests"
