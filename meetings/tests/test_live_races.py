"""What was decided before an await still holds when it is used: turns are forced with the room's own lock."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from unittest.mock import patch

from asgiref.sync import sync_to_async
from django.utils import timezone

from meetings.live import Live, storing
from meetings.live.room import SEAT_SECONDS
from meetings.live.seats import Seat
from meetings.models import AuditEntry, Participant
from meetings.tests.live_case import Browser, LiveCase, Talk, make_user, running_live
from meetings.tickets import Bearer


class Socket:
    """A connection that remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[Mapping[str, Any]] = []

    def tell(self, message: Mapping[str, Any]) -> None:
        self.told.append(message)

    def close(self, code: int) -> None:
        self.code = code


async def let_others_run() -> None:
    """Gives every task that can go on a turn."""
    for _ in range(5):
        await asyncio.sleep(0)


class RaceTests(LiveCase):
    async def member(self, live: Live, host: Talk) -> tuple[Talk, str]:
        """A guest who knocked and was let in."""
        talk = await Browser(live).join(self.code, "Peter")
        who = (await talk.message("door"))["participant"]
        await host.ask("door.admit", participant=who)
        await talk.message("room")
        return talk, who

    def entering(self, live: Live, participant: str, socket: Socket) -> asyncio.Task[Seat]:
        bearer = Bearer(self.id, participant, "", "", "", "", "127.0.0.0/24")
        return asyncio.create_task(live.enter(bearer, socket))

    async def test_who_enters_while_the_last_one_leaves_sits_in_the_room_that_is_looked_after(self) -> None:
        async with running_live() as live:
            host = await self.host_inside(live)
            who = (await Browser(live).arrive(self.code, "Peter"))["participant"]
            room = live.rooms[self.id]
            async with room.lock:
                leaving = asyncio.create_task(live.leave(room, room.hosts()[0].id, "left"))
                await let_others_run()
                live.wake(self.id)  # its turn finds nobody and drops the room
                await let_others_run()
                entering = self.entering(live, who, Socket())
                await let_others_run()
            seat = await entering
            await leaving
            self.assertIs(live.rooms[self.id].seats[who], seat)
            await host.cut()

    async def test_a_return_that_comes_before_the_leaving_is_stored_stands(self) -> None:
        async with running_live() as live:
            host = await self.host_inside(live)
            _, who = await self.member(live, host)
            room = live.rooms[self.id]
            socket = Socket()
            async with room.lock:
                entering = self.entering(live, who, socket)
                await let_others_run()
                leaving = asyncio.create_task(live.leave(room, who, "left"))
                await let_others_run()
            await asyncio.gather(entering, leaving)
            await live.reconcile(self.id)
            self.assertTrue(room.seats[who].inside)
            self.assertEqual([message["type"] for message in socket.told if message["type"] == "refused"], [])
            self.assertEqual((await Participant.objects.aget(pk=who)).state, Participant.State.INSIDE)

    async def test_who_comes_back_while_another_lost_seat_is_stored_keeps_theirs(self) -> None:
        async with running_live() as live:
            host = await self.host_inside(live)
            seats = []
            for _ in range(2):
                talk, who = await self.member(live, host)
                await talk.cut()
                seats.append(who)
            room = live.rooms[self.id]
            for who in seats:
                room.seats[who].lost_at = live.clock() - SEAT_SECONDS
            async with room.lock:
                entering = self.entering(live, seats[1], Socket())
                await let_others_run()
                looking = asyncio.create_task(live.upkeep.look_after(room))
                await let_others_run()
            await asyncio.gather(entering, looking)
            self.assertNotIn(seats[0], room.seats)
            self.assertTrue(room.seats[seats[1]].inside)

    async def test_who_takes_an_abandoned_seat_in_the_moment_it_is_cleared_keeps_it(self) -> None:
        async with running_live() as live:
            await self.host_inside(live)
            who = (await Browser(live).arrive(self.code, "Peter"))["participant"]
            await live.upkeep.clear_up()
            room = live.rooms[self.id]
            async with room.lock:
                entering = self.entering(live, who, Socket())
                await let_others_run()
                clearing = asyncio.create_task(live.upkeep.clear_up())
                await let_others_run()
            await asyncio.gather(entering, clearing)
            self.assertIn(who, room.seats)
            self.assertEqual((await Participant.objects.aget(pk=who)).state, Participant.State.WAITING)

    async def test_many_wakes_make_one_question(self) -> None:
        async with running_live() as live:
            await self.host_inside(live)
            await live.reconcile(self.id)
            async with live.rooms[self.id].lock:
                before = len(asyncio.all_tasks())
                for _ in range(20):
                    live.wake(self.id)
                    await let_others_run()
                self.assertLessEqual(len(asyncio.all_tasks()) - before, 2)

    async def test_a_socket_that_is_cancelled_in_the_middle_of_a_message_is_counted_out(self) -> None:
        async with running_live() as live:
            talk = await self.host_inside(live)
            room = live.rooms[self.id]
            async with room.lock:
                await talk.send("door.lock", locked=True)
                await let_others_run()
                talk.communicator.future.cancel()
                await asyncio.gather(talk.communicator.future, return_exceptions=True)
            self.assertEqual(repr(live), "<Live rooms=1 sockets=0>")
            self.assertIsNone(room.hosts()[0].connection)


class RuleTests(LiveCase):
    def rules(self) -> dict[str, Any]:
        return super().rules() | {"lock_after_minutes": 5}

    async def test_a_lock_by_rule_that_could_not_be_stored_is_tried_again(self) -> None:
        async with running_live() as live:
            await self.host_inside(live)
            self.occurrence.starts_at = timezone.now() - timedelta(hours=1)
            self.occurrence.started_at = timezone.now() - timedelta(minutes=6)
            await self.occurrence.asave(update_fields=["starts_at", "started_at"])
            whole = live.database

            async def fails_to_lock(function: Any, *args: Any, **details: Any) -> Any:
                if function is storing.lock_by_rule:
                    raise OSError("no database")
                return await whole(function, *args, **details)

            live.database = fails_to_lock  # type: ignore[method-assign]
            with self.assertRaises(OSError):
                await live.upkeep.look_after(live.rooms[self.id])
            live.database = whole  # type: ignore[method-assign]
            await live.upkeep.look_after(live.rooms[self.id])
            self.assertIsNotNone((await self.refresh()).locked_at)


class TellingTests(LiveCase):
    async def test_a_lock_that_changed_nothing_is_not_blamed_for_the_next_change(self) -> None:
        async with running_live() as live:
            host = await self.host_inside(live)
            await host.ask("door.lock", locked=True)
            self.assertEqual((await host.message("meeting"))["by"], "Ingrid Sæther")
            await host.ask("door.lock", locked=True)
            await live.reconcile(self.id)
            self.occurrence.meeting.title = "Another title"
            await self.occurrence.meeting.asave(update_fields=["title"])
            await live.reconcile(self.id)
            self.assertIsNone((await host.message("meeting"))["by"])

    async def test_nobody_is_written_down_as_entered_for_whom_there_is_no_place(self) -> None:
        colleague = await sync_to_async(make_user)("Marcus Bell")
        async with running_live() as live:
            await self.host_inside(live)
            with patch("meetings.selectors.MOST_INSIDE", 1):
                talk = await (await Browser(live).sign_in(colleague)).join(self.code)
                await talk.message("door")
                self.assertEqual((await Participant.objects.aget(user=colleague)).state, Participant.State.WAITING)
                self.assertEqual(await AuditEntry.objects.filter(kind="door.entered").acount(), 1)
            await live.reconcile(self.id)
            await talk.message("room")

    async def test_a_removal_that_could_not_be_stored_does_not_keep_a_meeting_going_for_ever(self) -> None:
        async with running_live() as live:
            host = await self.host_inside(live)
            room = live.rooms[self.id]
            room.expel("somebody whose removal was not stored")
            await host.send("leave")
            await host.closed()
            self.assertIn(self.id, live.rooms)
            self.occurrence.starts_at = timezone.now() - timedelta(hours=3)
            self.occurrence.ends_at = timezone.now() - timedelta(hours=2)
            await self.occurrence.asave(update_fields=["starts_at", "ends_at"])
            await live.upkeep.clear_up()
            await live.reconcile(self.id)
            self.assertIsNotNone((await self.refresh()).ended_at)
            self.assertEqual(live.rooms, {})
