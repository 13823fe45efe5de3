"""Scheduling, inviting and reading through the API, as a program does it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from unittest import mock

from asgiref.sync import sync_to_async
from django.db.models import prefetch_related_objects
from django.utils import timezone

from meetings import selectors
from meetings.door import PRESETS
from meetings.models import Invitation, Meeting
from meetings.services import invitations as links
from meetings.services import scheduling
from meetings.services.hosting import let_anyone_knock
from portal.api import access
from portal.api.paging import cursor_of
from portal.models import User
from portal.tests.api_case import ApiCase, meeting_of, person, token_of


class Meetings(ApiCase):
    def setUp(self) -> None:
        super().setUp()
        self.host = person("host")
        self.start = (timezone.now() + timedelta(days=2)).replace(microsecond=0)

    async def scheduled(self, **fields: Any) -> dict[str, Any]:
        self.token = await token_of(self.host)
        body = {"title": "Review", "starts_at": self.start.isoformat(), **fields}
        answer = await self.call("POST", "/meetings", self.token, body)
        assert answer.status == 201, answer.body
        return answer.body

    async def test_a_change_does_not_open_what_is_closed_in_the_same_moment(self) -> None:
        made = await self.scheduled(door="anyone_with_link")
        rules_of, closed = selectors.rules_of, []

        def and_then_somebody_is_removed(meeting: Meeting) -> Any:
            rules = rules_of(meeting)
            if not closed:
                closed.append(let_anyone_knock(meeting))
            return rules

        with mock.patch.object(selectors, "rules_of", and_then_somebody_is_removed):
            await self.call("PATCH", f"/meetings/{made['id']}", self.token, {"options": {"chat": "hosts"}})
        meeting = await Meeting.objects.aget(pk=made["id"])
        assert (meeting.may_chat, meeting.door_anyone) == ("hosts", "knocks")

    def test_one_more_host_brings_back_nobody_who_is_removed_in_the_same_moment(self) -> None:
        second, third = person("second"), person("third")
        board = meeting_of(self.host)
        board.hosts.add(second)
        seen = access.seen_by(self.host, board.pk)
        prefetch_related_objects([seen.meeting], "hosts")
        board.hosts.remove(second)
        access.make_host(self.host, seen, third.email)
        assert set(board.hosts.all()) == {self.host, third}

    async def test_a_scheduled_meeting_is_what_was_asked_for(self) -> None:
        second = await sync_to_async(person)("second")
        made = await self.scheduled(
            title="  Trial   safety board ",
            duration_minutes=45,
            time_zone="Europe/Oslo",
            notes="Bring table B.\nThank you.",
            hosts=["Second@Example.org"],
            door={"listed": "walks_in", "colleagues": "turned_away", "guests": "knocks", "anyone": "turned_away"},
            door_opens_minutes=None,
            options={
                "speak": "signed_in",
                "share": "hosts",
                "allow_chat": False,
                "mics_start_off": True,
                "lock_after_minutes": 15,
                "capacity": 12,
                "without_host": "listed_start",
            },
        )
        assert made["title"] == "Trial safety board"
        assert made["starts_at"] == self.start.isoformat().replace("+00:00", "Z")
        assert made["ends_at"] == (self.start + timedelta(minutes=45)).isoformat().replace("+00:00", "Z")
        assert (made["duration_minutes"], made["time_zone"]) == (45, "Europe/Oslo")
        assert made["notes"] == "Bring table B.\nThank you."
        assert made["door"]["preset"] == "custom"
        assert made["door"]["colleagues"] == "turned_away"
        assert made["door_opens_minutes"] is None
        assert made["options"] == {
            "speak": "signed_in",
            "show": "everyone",
            "share": "hosts",
            "chat": "hosts",
            "record": "hosts",
            "allow_share": False,
            "allow_chat": False,
            "mics_start_off": True,
            "lock_after_minutes": 15,
            "capacity": 12,
            "without_host": "listed_start",
        }
        assert {host["id"] for host in made["hosts"]} == {str(self.host.pk), str(second.pk)}
        assert (made["status"], made["locked"], made["you"]) == ("scheduled", False, "host")
        assert (made["encryption"], made["recurrence"]) == ("transport", None)
        assert made["url"].endswith(f"/m/{made['code']}")
        read = await self.call("GET", f"/meetings/{made['id']}", self.token)
        assert read.body == made

    async def test_every_preset_is_stored_as_its_table(self) -> None:
        for name, table in PRESETS.items():
            made = await self.scheduled(door=name)
            assert made["door"] == {
                "preset": name,
                "listed": table.listed,
                "colleagues": table.colleagues,
                "guests": table.guests,
                "anyone": table.anyone,
                "guests_verified": table.guests_verified,
                "anyone_verified": "none",
            }

    async def test_others_with_the_link_may_be_asked_for_an_address(self) -> None:
        table = {"listed": "walks_in", "colleagues": "walks_in", "guests": "knocks", "anyone": "knocks"}
        asked = {"guests_verified": True, "anyone_verified": "invited_address"}
        made = await self.scheduled(door=table | asked)
        assert made["door"] == {"preset": "custom"} | table | asked

    async def test_a_change_leaves_what_it_does_not_name(self) -> None:
        made = await self.scheduled(options={"lock_after_minutes": 20, "allow_chat": False}, door="everyone_knocks")
        answer = await self.call("PATCH", f"/meetings/{made['id']}", self.token, {"title": "Renamed", "notify": False})
        assert answer.status == 200, answer.body
        assert answer.body == {**made, "title": "Renamed"}
        answer = await self.call(
            "PATCH", f"/meetings/{made['id']}", self.token, {"options": {"lock_after_minutes": None}}
        )
        assert answer.body["options"] == {**made["options"], "lock_after_minutes": None}
        assert answer.body["door"] == made["door"]

    async def test_a_change_can_move_the_meeting_and_its_door(self) -> None:
        made = await self.scheduled()
        later = (self.start + timedelta(hours=3)).isoformat()
        answer = await self.call(
            "PATCH",
            f"/meetings/{made['id']}",
            self.token,
            {"starts_at": later, "duration_minutes": 30, "door": "named_people", "door_opens_minutes": 5},
        )
        assert answer.status == 200, answer.body
        assert answer.body["starts_at"] == later.replace("+00:00", "Z")
        assert answer.body["duration_minutes"] == 30
        assert answer.body["door"]["preset"] == "named_people"
        assert answer.body["door_opens_minutes"] == 5

    async def test_a_refused_change_changes_nothing(self) -> None:
        made = await self.scheduled()
        for body, code in (
            ({}, "invalid"),
            ({"notify": False}, "invalid"),
            ({"title": None}, "invalid"),
            ({"title": "x", "starts_at": "2020-01-01T00:00:00Z"}, "invalid"),
            ({"title": "x", "encryption": "e2ee"}, "invalid"),
            ({"title": "x", "encryption": "sealed"}, "invalid"),
            ({"title": "x", "recurrence": "FREQ=YEARLY"}, "invalid"),
            ({"title": "x", "time_zone": "Nowhere"}, "invalid"),
            ({"title": "x", "hosts": ["nobody@example.org"]}, "invalid"),
            ({"title": "x", "id": made["id"]}, "invalid"),
        ):
            answer = await self.call("PATCH", f"/meetings/{made['id']}", self.token, body)
            assert (answer.status, answer.code) == (422, code), body
        assert (await self.call("GET", f"/meetings/{made['id']}", self.token)).body == made

    async def test_an_end_to_end_encrypted_meeting_is_made_for_whoever_asks_for_one(self) -> None:
        for mode in ("e2ee", "sealed"):
            assert (await self.scheduled(encryption=mode))["encryption"] == mode
        assert (await self.scheduled())["encryption"] == "transport"

    async def test_the_same_encryption_may_be_named_again(self) -> None:
        made = await self.scheduled()
        answer = await self.call(
            "PATCH", f"/meetings/{made['id']}", self.token, {"encryption": "transport", "title": "New"}
        )
        assert answer.status == 200

    async def test_the_owner_stays_a_host_when_hosts_change(self) -> None:
        await sync_to_async(person)("second")
        made = await self.scheduled()
        answer = await self.call("PATCH", f"/meetings/{made['id']}", self.token, {"hosts": ["second@example.org"]})
        assert {host["email"] for host in answer.body["hosts"]} == {"host@example.org", "second@example.org"}

    async def test_a_cancelled_meeting_stays_readable_and_cancelling_twice_is_no_error(self) -> None:
        made = await self.scheduled()
        for _ in range(2):
            assert (await self.call("DELETE", f"/meetings/{made['id']}", self.token)).status == 204
        answer = await self.call("GET", f"/meetings/{made['id']}", self.token)
        assert answer.body["status"] == "cancelled"
        answer = await self.call("POST", f"/meetings/{made['id']}/invitations", self.token, {"email": "a@b.example"})
        assert (answer.status, answer.code) == (409, "wrong_state")

    async def test_a_listed_person_sees_less_than_a_host(self) -> None:
        listed = await sync_to_async(person)("listed")
        made = await self.scheduled()
        await self.call("POST", f"/meetings/{made['id']}/invitations", self.token, {"email": "listed@example.org"})
        answer = await self.call("GET", f"/meetings/{made['id']}", await token_of(listed))
        assert answer.body["you"] == "attendee"
        assert (answer.body["options"], answer.body["locked"]) == (None, None)
        assert answer.body["title"] == made["title"]

    async def test_a_listed_person_whose_invitation_is_revoked_is_an_outsider(self) -> None:
        listed = await sync_to_async(person)("listed")
        made = await self.scheduled()
        path = f"/meetings/{made['id']}/invitations"
        invited = await self.call("POST", path, self.token, {"email": "listed@example.org"})
        theirs = await token_of(listed)
        assert (await self.call("GET", f"/meetings/{made['id']}", theirs)).status == 200
        assert (await self.call("POST", f"{path}/{invited.body['id']}/revoke", self.token)).status == 200
        assert (await self.call("GET", f"/meetings/{made['id']}", theirs)).status == 404
        assert (await self.call("GET", "/meetings", theirs)).body["items"] == []


class Paging(ApiCase):
    async def test_pages_hold_every_meeting_once_in_order(self) -> None:
        host = await sync_to_async(person)("host")
        start = timezone.now() + timedelta(days=1)
        made = [await sync_to_async(meeting_of)(host, starts_at=start + timedelta(hours=n // 2)) for n in range(5)]
        token = await token_of(host)
        seen, cursor, pages = [], "", 0
        while cursor is not None:
            answer = await self.call("GET", f"/meetings?limit=2{'&cursor=' + cursor if cursor else ''}", token)
            assert len(answer.body["items"]) <= 2
            seen += [one["id"] for one in answer.body["items"]]
            cursor, pages = answer.body["next"], pages + 1
        assert pages == 3
        assert sorted(seen) == sorted(str(one.pk) for one in made)
        starts = {str(one.pk): one.occurrences.first for one in made}
        assert len(starts) == 5
        window = f"?starts_from={(start + timedelta(minutes=30)).isoformat().replace('+', '%2B')}"
        answer = await self.call("GET", f"/meetings{window}", token)
        assert [one["id"] for one in answer.body["items"]] == [one for one in seen if one in seen[2:]]

    async def test_others_meetings_are_not_listed(self) -> None:
        host, admin = await sync_to_async(person)("host"), await sync_to_async(person)("admin", User.Role.ADMIN)
        await sync_to_async(meeting_of)(host)
        assert (await self.call("GET", "/meetings", await token_of(admin))).body == {"items": [], "next": None}

    async def test_invitations_and_history_are_paged_too(self) -> None:
        host = await sync_to_async(person)("host")
        meeting = await sync_to_async(meeting_of)(host)
        token = await token_of(host)
        for n in range(5):
            answer = await self.call(
                "POST", f"/meetings/{meeting.pk}/invitations", token, {"email": f"g{n}@elsewhere.example"}
            )
            assert answer.status == 201, answer.body
        for path, key in (("invitations", "id"), ("history", "number")):
            whole = (await self.call("GET", f"/meetings/{meeting.pk}/{path}", token)).body
            assert whole["next"] is None
            seen, cursor = [], ""
            while cursor is not None:
                query = f"?limit=2{'&cursor=' + cursor if cursor else ''}"
                answer = await self.call("GET", f"/meetings/{meeting.pk}/{path}{query}", token)
                seen += answer.body["items"]
                cursor = answer.body["next"]
            assert seen == whole["items"]
            assert len({one[key] for one in seen}) == len(seen) >= 5

    async def test_a_cursor_of_one_list_is_none_of_another(self) -> None:
        host = await sync_to_async(person)("host")
        for _ in range(2):
            meeting = await sync_to_async(meeting_of)(host)
        token = await token_of(host)
        cursor = (await self.call("GET", "/meetings?limit=1", token)).body["next"]
        answer = await self.call("GET", f"/meetings/{meeting.pk}/history?cursor={cursor}", token)
        assert (answer.status, answer.code) == (422, "invalid")


class Invitations(ApiCase):
    def setUp(self) -> None:
        super().setUp()
        self.host = person("host")
        self.meeting = meeting_of(self.host)
        self.path = f"/meetings/{self.meeting.pk}/invitations"

    async def test_the_personal_link_is_shown_once_and_opens_this_invitation(self) -> None:
        token = await token_of(self.host)
        made = await self.call("POST", self.path, token, {"email": "Guest@Elsewhere.example", "name": "Ada  Guest"})
        assert made.status == 201, made.body
        url = made.body.pop("join_url")
        assert (made.body["email"], made.body["name"]) == ("guest@elsewhere.example", "Ada Guest")
        assert (made.body["role"], made.body["revoked_at"]) == ("guest", None)
        secret = url.rpartition("/i/")[2]
        opened = await sync_to_async(links.open_link)(secret)
        assert opened is not None
        assert str(opened.invitation_id) == made.body["id"]
        listed = await self.call("GET", self.path, token)
        assert secret not in str(listed.body)
        assert "join_url" not in str(listed.body)

    async def test_no_secret_is_stored_or_audited(self) -> None:
        token = await token_of(self.host)
        made = await self.call("POST", self.path, token, {"email": "guest@elsewhere.example"})
        secret = made.body["join_url"].rpartition("/i/")[2]
        history = await self.call("GET", f"/meetings/{self.meeting.pk}/history", token)
        assert secret not in str(history.body)
        assert token not in str(history.body)

    async def test_an_address_is_invited_once_whatever_its_case(self) -> None:
        token = await token_of(self.host)
        for email, status in (("guest@elsewhere.example", 201), ("GUEST@Elsewhere.example", 409)):
            answer = await self.call("POST", self.path, token, {"email": email})
            assert answer.status == status, answer.body
        assert answer.code == "already_invited"
        assert await Invitation.objects.acount() == 1

    async def test_wrong_invitations_are_refused(self) -> None:
        token = await token_of(self.host)
        for body in (
            {},
            {"email": "nobody"},
            {"email": "a@b.example\r\nBcc: x@y.example"},
            {"email": "a@b.example, c@d.example"},
            {"email": "a" * 250 + "@b.example"},
            {"email": "a@b.example", "role": "owner"},
            {"email": "a@b.example", "role": "host"},
            {"email": "a@b.example", "name": "x" * 121},
            {"email": "a@b.example", "name": "line\r\nbreak"},
            {"email": "a@b.example", "link": True},
        ):
            answer = await self.call("POST", self.path, token, body)
            assert (answer.status, answer.code) == (422, "invalid"), body
        assert await Invitation.objects.acount() == 0

    async def test_a_host_is_invited_by_an_accounts_address(self) -> None:
        second = await sync_to_async(person)("second")
        token = await token_of(self.host)
        answer = await self.call("POST", self.path, token, {"email": "second@example.org", "role": "host"})
        assert (answer.status, answer.body["role"]) == (201, "host")
        assert (await self.call("GET", self.path, await token_of(second))).status == 200

    async def test_a_link_that_a_former_host_was_given_is_dead_and_who_has_no_other_is_listed_so(self) -> None:
        second = await sync_to_async(person)("second")
        await sync_to_async(self.meeting.hosts.add)(second)
        theirs = {"email": "guest@elsewhere.example", "notify": False}
        made = (await self.call("POST", self.path, await token_of(second), theirs)).body
        secret = made["join_url"].rpartition("/i/")[2]
        assert await sync_to_async(links.open_link)(secret) is not None
        change = sync_to_async(scheduling.change_meeting)
        await change(self.host, self.meeting, hosts=[self.host], tell=False)
        assert await sync_to_async(links.open_link)(secret) is None
        token = await token_of(self.host)
        (listed,) = (await self.call("GET", self.path, token)).body["items"]
        assert listed["link_withdrawn_at"] is not None
        again = await self.call("POST", f"{self.path}/{made['id']}/resend", token)
        assert again.body["link_withdrawn_at"] is None

    async def test_a_revoked_link_is_dead_and_restoring_gives_a_way_back(self) -> None:
        token = await token_of(self.host)
        made = (await self.call("POST", self.path, token, {"email": "guest@elsewhere.example"})).body
        secret = made["join_url"].rpartition("/i/")[2]
        one = f"{self.path}/{made['id']}"
        for _ in range(2):
            answer = await self.call("POST", f"{one}/revoke", token)
            assert (answer.status, answer.body["state"]) == (200, "revoked")
        assert await sync_to_async(links.open_link)(secret) is None
        answer = await self.call("POST", f"{one}/resend", token)
        assert (answer.status, answer.code) == (409, "wrong_state")
        for _ in range(2):
            answer = await self.call("POST", f"{one}/restore", token)
            assert answer.status == 200
            assert answer.body["revoked_at"] is None
        answer = await self.call("POST", f"{one}/resend", token)
        assert answer.status == 200
        assert await sync_to_async(links.open_link)(answer.body["join_url"].rpartition("/i/")[2]) is not None

    async def test_mail_goes_out_only_when_it_is_asked_for(self) -> None:
        token = await token_of(self.host)
        quiet = await self.call("POST", self.path, token, {"email": "a@elsewhere.example", "notify": False})
        assert quiet.body["state"] == "invited"


class History(ApiCase):
    async def test_history_tells_what_was_done_and_by_whom(self) -> None:
        host = await sync_to_async(person)("host")
        token = await token_of(host)
        made = await self.call(
            "POST",
            "/meetings",
            token,
            {"title": "Review", "starts_at": (timezone.now() + timedelta(days=1)).isoformat()},
        )
        await self.call("POST", f"/meetings/{made.body['id']}/invitations", token, {"email": "a@elsewhere.example"})
        answer = await self.call("GET", f"/meetings/{made.body['id']}/history", token)
        assert answer.status == 200
        texts = [one["text"] for one in answer.body["items"]]
        assert all("Host" in text for text in texts), texts
        numbers = [one["number"] for one in answer.body["items"]]
        assert numbers == sorted(numbers, reverse=True)

    async def test_reading_the_audit_log_is_an_entry_of_it(self) -> None:
        admin = await sync_to_async(person)("admin", User.Role.ADMIN)
        token = await token_of(admin)
        before = (await self.call("GET", "/audit", token)).body["items"]
        after = (await self.call("GET", "/audit", token)).body["items"]
        assert len(after) == len(before) + 1
        assert after[0]["kind"] == "audit.opened"
        assert after[0]["previous"] == before[0]["digest"]
        made_up = (await self.call("GET", f"/audit?cursor={cursor_of(10**9)}", token)).body["items"]
        assert len(made_up) == len(after) + 1
        last = (await self.call("GET", "/audit", token)).body["items"]
        assert len(last) == len(made_up) + 1
        assert await Meeting.objects.acount() == 0
