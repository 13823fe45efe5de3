"""The door's table, changed in the room: for whoever comes next, and for whoever is inside by it."""

from __future__ import annotations

from dataclasses import replace

from asgiref.sync import sync_to_async

from meetings.door import Row, Rules, Way, with_preset
from meetings.doorlimits import Limits
from meetings.models import AuditEntry, Meeting, Occurrence
from meetings.services import hosting, live_door, organisation
from meetings.services.doorrules import set_rules
from meetings.tests.live_case import Browser, LiveCase, make_user, running_live


class LiveDoorTests(LiveCase):
    """Colleagues walk in and strangers knock when it begins."""

    async def test_a_row_is_changed_for_whoever_stands_there_and_comes_next(self) -> None:
        async with running_live() as live:
            host = await self.host_inside(live)
            knocker = await Browser(live).join(self.code, "Leila")
            await knocker.message("door", reason="knock")
            self.assertEqual((await host.ask("host.door", row="anyone", way="walks_in"))["type"], "ok")
            told = host.last("meeting")
            # Nobody less known gets in more easily: the guests' row has followed.
            ways = {row: told["meeting"]["door"][row] for row in ("listed", "colleagues", "guests", "anyone")}
            self.assertEqual((set(ways.values()), told["by"]), ({"walks_in"}, "Ingrid Sæther"))
            await knocker.message("room")
            await host.ask("host.door", row="anyone", way="turned_away")
            self.assertEqual((await Browser(live).arrive(self.code, "Yuki"))["reason"], "closed")
            entry = await AuditEntry.objects.select_related("detail").filter(kind="meeting.changed").afirst()
            assert entry is not None
            self.assertIn('"anyone":"walks_in"', entry.detail.body)

    async def test_who_walked_in_is_out_before_the_host_is_answered_and_whom_a_host_let_in_stays(self) -> None:
        colleague = await sync_to_async(make_user)("Sofie Brandt")
        async with running_live() as live:
            host = await self.host_inside(live)
            walked = await (await Browser(live).sign_in(colleague)).join(self.code)
            who = (await walked.message("room"))["you"]
            guest = await Browser(live).join(self.code, "Leila")
            let_in = (await guest.message("door"))["participant"]
            await host.ask("door.admit", participant=let_in)
            await guest.message("room")
            for row in ("anyone", "colleagues"):
                self.assertEqual((await host.ask("host.door", row=row, way="turned_away"))["type"], "ok")
            self.assertNotIn(who, live.engine.stats(self.id))
            self.assertNotIn(who, live.rooms[self.id].seats)
            self.assertEqual((await walked.message("refused"))["reason"], "closed")
            self.assertTrue(live.rooms[self.id].seats[let_in].inside)

    def test_what_a_removal_closed_is_not_opened_again_by_another_change_of_this_moment(self) -> None:
        read_before = Occurrence.objects.select_related("meeting").get(pk=self.occurrence.pk)
        set_rules(read_before.meeting, with_preset(Rules(), "anyone_with_link"))
        read_before.meeting.save()
        hosting.let_anyone_knock(self.occurrence.meeting)
        Meeting.objects.update(may_chat="hosts")
        live_door.change_way(self.host, read_before, Row.COLLEAGUE, Way.KNOCKS)
        meeting = Meeting.objects.get()
        self.assertEqual((meeting.door_colleagues, meeting.door_anyone), ("knocks", "knocks"))
        self.assertEqual(meeting.may_chat, "hosts")

    async def test_nobody_opens_it_wider_than_the_organisation_allows(self) -> None:
        admin = await sync_to_async(make_user)("Ada Admin", role="admin")
        limits = Limits()
        limits = replace(limits, most=replace(limits.most, anyone=Way.KNOCKS))
        await sync_to_async(organisation.change_door_policy)(admin, limits)
        async with running_live() as live:
            host = await self.host_inside(live)
            self.assertEqual((await host.ask("host.door", row="anyone", way="walks_in"))["code"], "limited")
            self.assertEqual((await Meeting.objects.aget(code=self.code)).door_anyone, "knocks")
            for row, way in (("hosts", "knocks"), ("guests", "admit"), ("guests", None)):
                self.assertEqual((await host.ask("host.door", row=row, way=way))["code"], "bad_field", (row, way))
