"""Links taken back through the API: the preview says who breaks, the operations do exactly that."""

from __future__ import annotations

from typing import Any

from asgiref.sync import sync_to_async
from django.utils import timezone

from meetings.models import Invitation, Meeting, Participant
from meetings.services import invitations as services
from portal.tests.api_case import ApiCase, meeting_of, person, token_of


class Links(ApiCase):
    def setUp(self) -> None:
        super().setUp()
        self.host = person("host")
        self.meeting = meeting_of(self.host, people=["guest@elsewhere.example", "other@elsewhere.example"])
        self.occurrence = self.meeting.occurrences.get()
        self.guest = Invitation.objects.get(email="guest@elsewhere.example")
        self.path = f"/meetings/{self.meeting.pk}"

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        return await self.call(method, self.path + path, await token_of(self.host), body)

    async def inside(self) -> Participant:
        return await Participant.objects.acreate(
            occurrence=self.occurrence,
            kind="guest",
            invitation=self.guest,
            state="inside",
            name="Peter Lindqvist",
            device="d",
            entered_at=timezone.now(),
        )

    async def preview(self, query: str) -> dict[str, Any]:
        answer = await self.ask("GET", f"/link-preview?{query}")
        assert answer.status == 200, answer.body
        return answer.body

    async def test_a_preview_says_who_breaks_and_changes_nothing(self) -> None:
        await self.inside()
        one = await self.preview(f"change=replace&invitation_id={self.guest.pk}")
        assert (one["taken_out"], one["guests_mailed"], one["links_kept"]) == (["Peter Lindqvist"], 1, 1)
        assert "taken out at once" in one["text"]
        everyone = await self.preview("change=replace_all")
        assert (everyone["taken_out"], everyone["guests_mailed"], everyone["links_kept"]) == ([], 1, 1)
        assert (await self.preview("change=revoke_all"))["taken_out"] == ["Peter Lindqvist"]
        assert (await self.preview("change=meeting_link"))["links_kept"] == 2
        assert await Invitation.objects.filter(revoked_at=None).acount() == 2
        assert (await Meeting.objects.aget()).code == self.meeting.code

    async def test_a_preview_names_an_invitation_where_it_is_about_one(self) -> None:
        for query in ("change=replace", f"change=replace_all&invitation_id={self.guest.pk}"):
            answer = await self.ask("GET", f"/link-preview?{query}")
            assert (answer.status, answer.code) == (422, "invalid"), query
        answer = await self.ask("GET", "/link-preview?change=everything")
        assert (answer.status, answer.code) == (422, "invalid")

    async def test_rotating_one_link_shows_the_new_one_once_and_kills_the_old(self) -> None:
        old = (await sync_to_async(services.mint_link)(self.guest)).rpartition("/i/")[2]
        seat = await self.inside()
        answer = await self.ask("POST", f"/invitations/{self.guest.pk}/rotate", {"notify": False})
        assert answer.status == 200, answer.body
        new = answer.body["join_url"].rpartition("/i/")[2]
        assert await sync_to_async(services.open_link)(old) is None
        assert (await sync_to_async(services.open_link)(new)).invitation_id == self.guest.pk
        await seat.arefresh_from_db()
        assert seat.state == "refused"
        await sync_to_async(services.revoke)(self.host, self.guest)
        answer = await self.ask("POST", f"/invitations/{self.guest.pk}/rotate")
        assert (answer.status, answer.code) == (409, "wrong_state")

    async def test_rotating_the_meetings_link_changes_its_code(self) -> None:
        answer = await self.ask("POST", "/rotate-link")
        assert answer.status == 200
        assert answer.body["code"] != self.meeting.code
        assert answer.body["url"].endswith(answer.body["code"])

    async def test_all_at_once(self) -> None:
        assert (await self.ask("POST", "/invitations/rotate")).body == {"changed": 2}
        assert (await self.ask("POST", "/invitations/revoke")).body == {"changed": 2}
        assert (await self.ask("POST", "/invitations/revoke")).body == {"changed": 0}
        assert (await self.ask("POST", "/invitations/restore")).body == {"changed": 2}

    async def test_a_person_is_changed_field_by_field(self) -> None:
        path = f"/invitations/{self.guest.pk}"
        answer = await self.ask("PATCH", path, {"name": "Peter L."})
        assert (answer.body["name"], answer.body["email"]) == ("Peter L.", "guest@elsewhere.example")
        answer = await self.ask("PATCH", path, {"email": "P.L@elsewhere.example", "notify": False})
        assert (answer.body["id"], answer.body["email"]) == (str(self.guest.pk), "p.l@elsewhere.example")
        for body, status, code in (
            ({}, 422, "invalid"),
            ({"email": "nobody"}, 422, "invalid"),
            ({"role": "guest"}, 422, "invalid"),
            ({"role": "host"}, 422, "invalid"),
            ({"email": "other@elsewhere.example"}, 409, "already_invited"),
        ):
            answer = await self.ask("PATCH", path, body)
            assert (answer.status, answer.code) == (status, code), body

    async def test_an_account_is_made_a_host(self) -> None:
        second = await sync_to_async(person)("second")
        asked = await sync_to_async(services.invite)(self.host, self.occurrence, second.email, send=False)
        answer = await self.ask("PATCH", f"/invitations/{asked.pk}", {"role": "host"})
        assert (answer.status, answer.body["role"]) == (200, "host")
