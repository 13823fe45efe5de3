"""Co-hosts: made and unmade while a meeting is on, with everything that goes with it, and nobody over the organiser."""

from __future__ import annotations

from typing import Any

from asgiref.sync import sync_to_async
from django.test import TestCase

from meetings.live import Live
from meetings.models import AuditEntry, Meeting, Participant
from meetings.services import hosting, scheduling
from meetings.services.errors import NotAHost, Wrong
from meetings.tests.domain_case import DomainCase
from meetings.tests.live_case import Browser, LiveCase, Talk, make_user, running_live


class CoHostTests(LiveCase):
    def rules(self) -> Any:
        return {"door_anyone": "knocks", "door_colleagues": "walks_in"}

    async def colleague(self, live: Live, name: str) -> tuple[Talk, str]:
        user = await sync_to_async(make_user)(name)
        talk = await (await Browser(live).sign_in(user)).join(self.code)
        return talk, (await talk.message("room"))["you"]

    async def test_a_co_host_sees_the_queue_and_answers_it_and_then_no_longer(self) -> None:
        async with running_live() as live:
            host = await self.host_inside(live)
            marcus, who = await self.colleague(live, "Marcus Bell")
            knocker = await Browser(live).join(self.code, "Leila")
            leila = (await knocker.message("door"))["participant"]
            self.assertEqual((await host.ask("host.role", participant=who, host=True))["type"], "ok")
            told = await marcus.message("capabilities")
            self.assertEqual((told["capabilities"]["host"], told["by"]), (True, "Ingrid Sæther"))
            room = await marcus.message("room")
            self.assertTrue(room["capabilities"]["host"])
            self.assertEqual([one["participant"] for one in room["waiting"]], [leila])
            self.assertEqual((await marcus.ask("door.message", participant=leila, text="A moment."))["type"], "ok")
            self.assertEqual((await host.ask("host.role", participant=who, host=False))["type"], "ok")
            # The answer comes after the role is gone: nothing is left that one more message could use.
            self.assertFalse(live.rooms[self.id].seats[who].is_host)
            self.assertEqual((await marcus.ask("door.admit", participant=leila))["code"], "not_a_host")
            self.assertIsNone(marcus.last("room")["waiting"])
            kinds = {"meeting.host_made", "meeting.host_unmade"}
            self.assertEqual(await AuditEntry.objects.filter(kind__in=kinds).acount(), 2)

    async def test_whoever_loses_the_role_stays_inside_even_where_the_table_would_turn_them_away(self) -> None:
        async with running_live() as live:
            host = await self.host_inside(live)
            marcus, who = await self.colleague(live, "Marcus Bell")
            await host.ask("host.role", participant=who, host=True)
            await Meeting.objects.aupdate(door_colleagues="turned_away", door_anyone="turned_away")
            await live.reconcile(self.id)
            await host.ask("host.role", participant=who, host=False)
            self.assertEqual((await marcus.ask("chat", text="still here"))["type"], "ok")

    async def test_guests_do_not_host(self) -> None:
        async with running_live() as live:
            host = await self.host_inside(live)
            guest = await Browser(live).join(self.code, "Peter")
            who = (await guest.message("door"))["participant"]
            await host.ask("door.admit", participant=who)
            self.assertEqual((await host.ask("host.role", participant=who, host=True))["code"], "wrong_state")
            self.assertEqual(await Meeting.hosts.through.objects.acount(), 1)

    async def test_nobody_acts_over_the_organisers_head_not_even_for_a_moment(self) -> None:
        async with running_live() as live:
            host = await self.host_inside(live)
            me = live.rooms[self.id].hosts()[0].id
            marcus, who = await self.colleague(live, "Marcus Bell")
            await host.ask("host.role", participant=who, host=True)
            await marcus.message("room")
            cut: list[str] = []
            revoke = live.engine.revoke
            live.engine.revoke = lambda *names: (cut.append(names[1]), revoke(*names))[1]  # type: ignore[method-assign]
            for kind, fields in (
                ("host.role", {"host": False}),
                ("host.remove", {"block": True}),
                ("host.remove", {"block": False}),
                ("host.to_door", {}),
                ("host.person_rights", {"speak": False}),
            ):
                answer = await marcus.ask(kind, participant=me, **fields)
                organisers_own = {"host.role", "host.remove"}
                code = "organiser" if kind in organisers_own else "wrong_state"
                self.assertEqual((kind, answer.get("code")), (kind, code))
            self.assertEqual(cut, [])
            self.assertTrue(live.rooms[self.id].seats[me].is_host)
            self.assertEqual((await host.ask("host.role", participant=me, host=False))["code"], "organiser")
            # What takes nothing for good anybody who hosts may do.
            self.assertEqual((await marcus.ask("host.mute", participant=me, source="microphone"))["type"], "ok")

    async def test_a_co_host_who_is_removed_hosts_no_longer_with_or_without_a_block(self) -> None:
        for block in (True, False):
            async with running_live() as live:
                host = await self.host_inside(live)
                marcus, who = await self.colleague(live, f"Marcus{block} Bell")
                await host.ask("host.role", participant=who, host=True)
                await marcus.message("room")
                self.assertEqual((await host.ask("host.remove", participant=who, block=block))["type"], "ok")
                self.assertEqual((await marcus.message("refused"))["reason"], "removed")
                seat = await Participant.objects.select_related("user").aget(pk=who)
                self.assertEqual(seat.state, Participant.State.REMOVED)
                with self.assertRaises(NotAHost):
                    await sync_to_async(scheduling.change_meeting)(
                        seat.user, self.occurrence.meeting, tell=False, title="Mine now"
                    )

    async def test_a_host_may_step_down(self) -> None:
        async with running_live() as live:
            host = await self.host_inside(live)
            marcus, who = await self.colleague(live, "Marcus Bell")
            await host.ask("host.role", participant=who, host=True)
            await marcus.message("room")
            self.assertEqual((await marcus.ask("host.role", participant=who, host=False))["type"], "ok")
            self.assertFalse(marcus.last("room")["capabilities"]["host"])


class BeforeTests(DomainCase, TestCase):
    def test_no_other_host_takes_the_meeting_from_its_organiser(self) -> None:
        marcus = self.person("marcus@nordhavn.example", "Marcus Bell")
        meeting = self.meeting(hosts=[marcus])
        scheduling.change_meeting(marcus, meeting, tell=False, hosts=[])
        self.assertEqual(set(meeting.hosts.all()), {self.ingrid, marcus})
        scheduling.change_meeting(self.ingrid, meeting, tell=False, hosts=[])
        self.assertEqual(set(meeting.hosts.all()), {self.ingrid})

    def test_whoever_was_removed_for_good_hosts_no_more_by_a_form_that_was_opened_before(self) -> None:
        marcus = self.person("marcus@nordhavn.example", "Marcus Bell")
        meeting = self.meeting(hosts=[marcus])
        board = meeting.occurrences.select_related("meeting").get()
        self.host_inside(board)
        hosting.remove(self.ingrid, self.host_inside(board, marcus))
        with self.assertRaises(Wrong) as refused:
            scheduling.change_meeting(self.ingrid, meeting, tell=False, title="Renamed", hosts=[self.ingrid, marcus])
        self.assertEqual(refused.exception.field, "hosts")
        self.assertIn("Marcus Bell", refused.exception.message)
        self.assertEqual(set(meeting.hosts.all()), {self.ingrid})
        scheduling.change_meeting(self.ingrid, meeting, tell=False, title="Renamed", hosts=[self.ingrid])
