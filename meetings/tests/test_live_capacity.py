"""A full room: places go to people in the order in which they came, and hosts are never kept out."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from asgiref.sync import sync_to_async
from django.utils import timezone

from meetings import audit
from meetings.door import Rules
from meetings.live import Live
from meetings.models import AuditEntry, Meeting, Participant
from meetings.services import scheduling
from meetings.tests.live_case import Browser, LiveCase, Talk, make_user, running_live


class CapacityCase(LiveCase):
    """A host and two places; colleagues walk in, and guests with the meeting link knock."""

    def rules(self) -> dict[str, Any]:
        return super().rules() | {"capacity": 2}

    async def colleague(self, live: Live, name: str) -> tuple[Browser, Talk]:
        browser = await Browser(live).sign_in(await sync_to_async(make_user)(name))
        return browser, await browser.join(self.code)

    async def change_capacity(self, capacity: int | None) -> None:
        meeting = await Meeting.objects.aget(code=self.code)
        rules = Rules(anyone=meeting.door_anyone, opens_minutes=meeting.door_opens_minutes, capacity=capacity)
        await sync_to_async(scheduling.change_meeting)(self.host, meeting, tell=False, rules=rules)

    async def seats(self) -> dict[str, str]:
        return {seat.name: seat.state async for seat in Participant.objects.filter(occurrence=self.occurrence)}


class PlacesTests(CapacityCase):
    async def test_places_go_to_people_in_the_order_in_which_they_came(self) -> None:
        async with running_live() as live:
            await self.host_inside(live)
            _, first = await self.colleague(live, "Anna")
            await first.message("room")
            _, second = await self.colleague(live, "Bo")
            _, third = await self.colleague(live, "Cem")
            waits = await second.message("door")
            self.assertEqual((waits["reason"], waits["place"], waits["inside"], waits["capacity"]), ("full", 1, 2, 2))
            self.assertEqual((await third.message("door"))["place"], 2)
            await first.send("leave")
            await second.message("room")
            self.assertEqual((await third.message("door", place=1))["reason"], "full")

    async def test_a_host_is_never_kept_out_and_is_counted(self) -> None:
        other = await sync_to_async(make_user)("Marcus Bell")
        await self.occurrence.meeting.hosts.aadd(other)
        async with running_live() as live:
            await self.host_inside(live)
            _, colleague = await self.colleague(live, "Anna")
            await colleague.message("room")
            talk = await (await Browser(live).sign_in(other)).join(self.code)
            await talk.message("room")
            _, late = await self.colleague(live, "Bo")
            waits = await late.message("door")
            self.assertEqual((waits["inside"], waits["capacity"]), (3, 2))

    async def test_who_is_let_in_waits_for_a_place_in_their_turn(self) -> None:
        async with running_live() as live:
            host = await self.host_inside(live)
            _, colleague = await self.colleague(live, "Anna")
            await colleague.message("room")
            guest = await Browser(live).join(self.code, "Leila")
            knock = await guest.message("door")
            self.assertEqual(knock["reason"], "knock")
            _, later = await self.colleague(live, "Bo")
            await later.message("door", place=1)
            await host.ask("door.admit", participant=knock["participant"])
            self.assertEqual((await guest.message("door", reason="full"))["place"], 1)
            self.assertEqual((await later.message("door", place=2))["reason"], "full")
            queue = (await host.message("waiting"))["waiting"]
            while [one["reason"] for one in queue] != ["full", "full"]:
                queue = (await host.message("waiting"))["waiting"]
            self.assertEqual([(one["name"], one["place"]) for one in queue], [("Leila", 1), ("Bo", 2)])
            await colleague.send("leave")
            await guest.message("room")

    async def test_a_place_in_the_queue_outlives_a_cut_and_lets_others_pass_meanwhile(self) -> None:
        async with running_live() as live:
            await self.host_inside(live)
            _, inside = await self.colleague(live, "Anna")
            await inside.message("room")
            browser, cut = await self.colleague(live, "Bo")
            await cut.message("door", place=1)
            _, later = await self.colleague(live, "Cem")
            await later.message("door", place=2)
            await cut.cut()
            back = await browser.join(self.code)
            self.assertEqual((await back.message("door"))["place"], 1)
            await back.cut()
            await inside.send("leave")
            await later.message("room")  # nobody stands in the way of who is there
            self.assertEqual((await self.seats())["Bo"], Participant.State.WAITING)
            again = await browser.join(self.code)
            self.assertEqual((await again.message("door"))["place"], 1)
            _, last = await self.colleague(live, "Dag")
            self.assertEqual((await last.message("door"))["place"], 2)

    async def test_the_order_is_the_same_after_a_restart_whoever_comes_back_first(self) -> None:
        async with running_live() as live:
            host_browser = await Browser(live).sign_in(self.host)
            await (await host_browser.join(self.code)).message("room")
            anna, inside = await self.colleague(live, "Anna")
            await inside.message("room")
            bo, first = await self.colleague(live, "Bo")
            await first.message("door", place=1)
            cem, second = await self.colleague(live, "Cem")
            await second.message("door", place=2)
        async with running_live() as live:
            for browser in (host_browser, anna, bo, cem):
                browser.live = live
            later = await cem.join(self.code)
            self.assertEqual((await later.message("door"))["place"], 2)
            await (await host_browser.join(self.code)).message("room")
            await (await anna.join(self.code)).message("room")
            earlier = await bo.join(self.code)
            self.assertEqual((await earlier.message("door"))["place"], 1)

    async def test_after_a_restart_the_seat_that_is_kept_for_a_host_counts_from_the_first_question_on(self) -> None:
        async with running_live() as live:
            host_browser = await Browser(live).sign_in(self.host)
            await (await host_browser.join(self.code)).message("room")
            _, inside = await self.colleague(live, "Anna")
            await inside.message("room")
            bo, waits = await self.colleague(live, "Bo")
            await waits.message("door", place=1)
        async with running_live() as live:
            live.wake = lambda occurrence_id: None  # type: ignore[method-assign]  # nobody else's question comes first
            self.assertTrue(live.host_inside(self.id))
            bo.live = live
            told = await (await bo.join(self.code)).message("door")
            self.assertEqual((told["reason"], told["place"], told["host_here"]), ("full", 1, True))

    async def test_raising_the_capacity_lets_the_next_in_at_once(self) -> None:
        async with running_live() as live:
            await self.host_inside(live)
            _, inside = await self.colleague(live, "Anna")
            await inside.message("room")
            _, first = await self.colleague(live, "Bo")
            _, second = await self.colleague(live, "Cem")
            await first.message("door", place=1)
            await second.message("door", place=2)
            await self.change_capacity(3)
            await first.message("room")
            self.assertEqual((await second.message("door", place=1))["capacity"], 3)
            await self.change_capacity(None)
            await second.message("room")

    async def test_lowering_it_puts_nobody_out(self) -> None:
        async with running_live() as live:
            await self.host_inside(live)
            _, inside = await self.colleague(live, "Anna")
            await inside.message("room")
            await self.change_capacity(1)
            await inside.message("meeting")
            await live.reconcile(self.id)
            self.assertEqual(set((await self.seats()).values()), {Participant.State.INSIDE})

    async def test_the_history_says_why_somebody_waited(self) -> None:
        async with running_live() as live:
            await self.host_inside(live)
            _, inside = await self.colleague(live, "Anna")
            await inside.message("room")
            _, waits = await self.colleague(live, "Bo")
            await waits.message("door", place=1)
        entry = await AuditEntry.objects.select_related("detail").filter(kind="door.waits").alast()
        told = await sync_to_async(audit.explanation)(entry)
        self.assertEqual(told, "2 of 2 people are inside, and places go to people in the order they came.")


class AwayTests(LiveCase):
    async def test_who_is_let_in_while_away_is_not_inside_before_they_are_back(self) -> None:
        async with running_live() as live:
            host = await self.host_inside(live)
            browser = Browser(live)
            guest = await browser.join(self.code, "Leila")
            knock = await guest.message("door")
            await guest.cut()
            await host.ask("door.admit", participant=knock["participant"])
            await live.reconcile(self.id)
            self.assertEqual(len(live.rooms[self.id].inside()), 1)
            await (await browser.join(self.code, "Leila")).message("room")


class LockByRuleTests(LiveCase):
    def rules(self) -> dict[str, Any]:
        return super().rules() | {"lock_after_minutes": 5}

    async def begun_minutes_ago(self, minutes: int) -> None:
        self.occurrence.starts_at = self.occurrence.started_at = timezone.now() - timedelta(minutes=minutes)
        await self.occurrence.asave(update_fields=["starts_at", "started_at"])

    async def ago(self, minutes: int) -> datetime:
        """Moves the beginning so far into the past and says when the door has locked by itself, as the rule has it."""
        await self.begun_minutes_ago(minutes)
        assert self.occurrence.started_at is not None
        return self.occurrence.started_at + timedelta(minutes=5)

    async def test_it_locks_at_its_time_though_nobody_was_there_and_the_process_was_not(self) -> None:
        colleague = await sync_to_async(make_user)("Sofie Brandt")
        async with running_live() as live:
            host = await self.host_inside(live)
            await host.send("leave")
            await host.closed()
        at = await self.ago(9)
        async with running_live() as live:
            # Nothing has ticked yet, and nobody is inside: the door answers by the time all the same.
            browser = await Browser(live).sign_in(colleague)
            self.assertEqual((await browser.look(self.code))["reason"], "locked")
            self.assertEqual((await browser.arrive(self.code))["reason"], "locked")
            await live.upkeep.clear_up()
            stored = await self.refresh()
            self.assertEqual((stored.locked_at, stored.rule_locked_at), (at, at))
            await live.upkeep.clear_up()
            self.assertEqual(await AuditEntry.objects.filter(kind="door.locked_by_rule").acount(), 1)

    async def test_between_two_looks_at_the_clock_nobody_slips_in(self) -> None:
        colleague = await sync_to_async(make_user)("Sofie Brandt")
        async with running_live() as live:
            host = await self.host_inside(live)
            knocker = Browser(live)
            talk = await knocker.join(self.code, "Leila")
            who = (await talk.message("door"))["participant"]
            at = await self.ago(6)
            browser = await Browser(live).sign_in(colleague)
            self.assertEqual((await browser.arrive(self.code))["reason"], "locked")
            # Whom a host lets in after the lock's time comes in, whenever the lock is written down.
            await host.ask("door.admit", participant=who)
            await talk.message("room")
            await live.upkeep.look_after(live.rooms[self.id])
            self.assertEqual((await self.refresh()).locked_at, at)

    async def test_a_host_unlocks_also_what_nobody_has_written_down(self) -> None:
        async with running_live() as live:
            host = await self.host_inside(live)
            await self.ago(6)
            await host.ask("door.lock", locked=False)
            await live.upkeep.look_after(live.rooms[self.id])
            self.assertIsNone((await self.refresh()).locked_at)

    async def test_a_lock_that_a_host_undid_stays_undone_after_a_restart(self) -> None:
        async with running_live() as live:
            host = await self.host_inside(live)
            await self.begun_minutes_ago(6)
            await live.upkeep.look_after(live.rooms[self.id])
            self.assertIsNotNone((await self.refresh()).locked_at)
            await host.ask("door.lock", locked=False)
        async with running_live() as live:
            await self.host_inside(live)
            await live.upkeep.look_after(live.rooms[self.id])
            self.assertIsNone((await self.refresh()).locked_at)

    async def test_a_later_time_that_a_host_chooses_locks_again(self) -> None:
        async with running_live() as live:
            host = await self.host_inside(live)
            await self.begun_minutes_ago(6)
            await live.upkeep.look_after(live.rooms[self.id])
            await host.ask("door.lock", locked=False)
            await Meeting.objects.filter(code=self.code).aupdate(lock_after_minutes=30)
            await live.upkeep.look_after(live.rooms[self.id])
            self.assertIsNone((await self.refresh()).locked_at)
            await self.begun_minutes_ago(31)
            self.occurrence.rule_locked_at = timezone.now() - timedelta(minutes=26)
            await self.occurrence.asave(update_fields=["rule_locked_at"])
            await live.reconcile(self.id)
            await live.upkeep.look_after(live.rooms[self.id])
            self.assertIsNotNone((await self.refresh()).locked_at)
