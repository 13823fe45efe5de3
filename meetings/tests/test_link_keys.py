"""Sealed meetings: what the portal knows of a link's key, who may say it, and what mails say of their half of it."""

from __future__ import annotations

from typing import Any

from asgiref.sync import sync_to_async
from django.core import mail
from django.test import TestCase

from meetings.live import hosting
from meetings.live.storing import Actor
from meetings.models import AuditEntry, Meeting, Participant
from meetings.services import invitations, link_keys
from meetings.services.errors import NotAHost, Wrong
from meetings.tests.live_case import Browser, Json, LiveCase, make_meeting, make_user, running_live
from meetings.tests.test_scheduling import run_jobs

CHECK, OTHER = "q6urq6urq6s", "AAAAAAAAAAA"


class LinkKeyTests(TestCase):
    def setUp(self) -> None:
        self.host = make_user("Ingrid Sæther")
        self.occurrence = make_meeting(self.host, encryption="sealed")
        self.meeting = self.occurrence.meeting
        self.client.force_login(self.host)

    def say(self, generation: Any = 1, check: str = CHECK) -> Any:
        return self.client.post(f"/meetings/{self.meeting.pk}/link/key/", {"generation": generation, "check": check})

    def known(self) -> tuple[int, str]:
        self.meeting.refresh_from_db()
        return self.meeting.link_generation, self.meeting.link_check

    def test_the_first_browser_counts_and_the_next_key_follows(self) -> None:
        assert self.say().json() == {"generation": 1, "check": CHECK}
        again = self.say(1, OTHER)
        assert (again.status_code, again.json()["code"], self.known()) == (409, "conflict", (1, CHECK))
        assert self.say(3, OTHER).status_code == 409
        assert self.say(2, OTHER).status_code == 200
        assert self.known() == (2, OTHER)
        kinds = list(AuditEntry.objects.order_by("pk").values_list("kind", flat=True))
        assert [kind for kind in kinds if kind.startswith("meeting.")] == [
            "meeting.link_key_made",
            "meeting.link_key_replaced",
        ]

    def test_what_is_no_generation_or_check_is_refused(self) -> None:
        for generation, check in (("", CHECK), ("x", CHECK), (0, CHECK), (1, ""), (1, "q6urq6urq6t"), (1, CHECK + "A")):
            assert self.say(generation, check).status_code == 422, (generation, check)
        assert self.say("9" * 5000).status_code == 422
        assert self.known() == (0, "")

    def test_only_sealed_meetings_have_one_and_only_their_hosts_say_it(self) -> None:
        plain = make_meeting(self.host, encryption="e2ee").meeting
        with self.assertRaises(Wrong) as wrong:
            link_keys.replace(self.host, plain, generation=1, check=CHECK)
        assert wrong.exception.code == "not_sealed"
        with self.assertRaises(NotAHost):
            link_keys.replace(make_user("Eve"), self.meeting, generation=1, check=CHECK)
        assert link_keys.public(plain) is None

    def test_a_page_gives_no_new_key_while_people_are_inside_who_would_not_hear_of_it(self) -> None:
        self.say()
        Participant.objects.create(occurrence=self.occurrence, name="Peter", device="d", state=Participant.State.INSIDE)
        answer = self.say(2, OTHER)
        assert (answer.status_code, answer.json()["code"], self.known()) == (409, "in_use", (1, CHECK))

    def test_hosts_pages_tell_the_check_and_other_modes_have_no_complete_link(self) -> None:
        page = self.client.get(f"/meetings/{self.meeting.pk}/")
        self.assertContains(page, 'id="complete-link"')
        self.assertNotContains(page, "data-generation")
        self.say()
        self.assertContains(
            self.client.get(f"/meetings/{self.meeting.pk}/"), f'data-generation="1" data-check="{CHECK}"'
        )
        plain = make_meeting(self.host, encryption="e2ee").meeting
        self.assertNotContains(self.client.get(f"/meetings/{plain.pk}/"), "complete-link")
        door = self.client.get(f"/m/{self.meeting.code}").context["door_data"]
        assert (door["encryption"], door["link_key"]) == ("sealed", {"generation": 1, "check": CHECK})
        self.client.logout()
        assert self.client.get(f"/m/{self.meeting.code}").context["door_data"]["link_key"] is None

    def test_mails_say_that_their_link_is_half_of_it_and_how_the_rest_comes(self) -> None:
        invitations.invite(self.host, self.occurrence, "peter@guest.example", "Peter")
        run_jobs()
        [sent] = [one for one in mail.outbox if "peter@guest.example" in one.to]
        for body in (sent.body, sent.alternatives[0][0]):
            assert "This meeting is sealed" in str(body)
            assert "comes from Ingrid Sæther by another way" in str(body)
            assert "sealed=" not in str(body)
        assert "the key of the room comes from its hosts" in sent.alternatives[1][0].replace("\r\n ", "")


class LiveLinkKeyTests(LiveCase):
    def rules(self) -> Json:
        return {"door_anyone": "knocks", "encryption": "sealed"}

    async def test_a_host_in_the_room_says_the_next_key_and_who_comes_later_is_told(self) -> None:
        async with running_live() as live:
            host = await self.host_inside(live)
            assert (await host.ask("e2ee.link", generation=1, check=CHECK))["type"] == "ok"
            changed = [message for message in host.heard if message["type"] == "meeting"]
            assert changed[-1]["meeting"]["link_key"] == {"generation": 1, "check": CHECK, "due": []}
            assert (await host.ask("e2ee.link", generation=1, check=OTHER))["code"] == "conflict"
            guest = await Browser(live).join(self.code, "Peter")
            assert (await guest.ask("e2ee.link", generation=2, check=OTHER))["code"] == "not_inside"
        meeting = await Meeting.objects.aget()
        assert (meeting.link_generation, meeting.link_check) == (1, CHECK)

    async def test_whoever_was_removed_by_a_program_makes_the_key_due_until_a_host_s_device_made_the_next(self) -> None:
        async with running_live() as live:
            host = await self.host_inside(live)
            await host.ask("e2ee.link", generation=1, check=CHECK)
            guest = await Browser(live).join(self.code, "Peter")
            who = (await host.message("waiting"))["waiting"][0]["participant"]
            assert (await host.ask("door.admit", participant=who))["type"] == "ok"
            await guest.message("room")
            await hosting.remove(live, self.id, Actor(user_id=str(self.host.pk)), who, note="", block=False)
            told = await host.message("meeting")
            while told["meeting"]["link_key"]["due"] != [who]:
                told = await host.message("meeting")
            page = await sync_to_async(self.client.get)(f"/m/{self.code}")
            assert "due" not in (page.context["door_data"]["link_key"] or {})
            await sync_to_async(self.client.force_login)(self.host)
            page = await sync_to_async(self.client.get)(f"/meetings/{self.occurrence.meeting_id}/")
            assert "Somebody was removed who has the complete link." in page.content.decode()
            assert (await host.ask("e2ee.link", generation=2, check=OTHER))["type"] == "ok"
            known = host.last("meeting")["meeting"]["link_key"]
            assert known == {"generation": 2, "check": OTHER, "due": []}
            page = await sync_to_async(self.client.get)(f"/meetings/{self.occurrence.meeting_id}/")
            assert "Somebody was removed" not in page.content.decode()
