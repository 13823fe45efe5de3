"""Suspending a meeting: everything stops at once, nobody new comes in, it is remembered, and it goes on as it was."""

from __future__ import annotations

from typing import Any

from asgiref.sync import sync_to_async

from media_engine import Source
from meetings.admission import IllegalEvent
from meetings.live import Live, storing
from meetings.models import AuditEntry, Occurrence, Participant
from meetings.services import door as door_services
from meetings.signaling.protocol import ProtocolError
from meetings.tests.live_case import Browser, LiveCase, Talk, make_user, running_live


class SuspendTests(LiveCase):
    async def inside(self, live: Live, name: str = "Peter") -> tuple[Talk, Talk, str]:
        """A host, and a guest who was let in, with the guest's id."""
        host = await self.host_inside(live)
        guest = await Browser(live).join(self.code, name)
        who = (await guest.message("door"))["participant"]
        await host.ask("door.admit", participant=who)
        await guest.message("room")
        return host, guest, who

    async def suspended(self, live: Live) -> tuple[Talk, Talk, str]:
        host, guest, who = await self.inside(live)
        self.assertEqual((await host.ask("host.suspend"))["type"], "ok")
        self.assertTrue((await guest.message("meeting"))["meeting"]["suspended"])
        return host, guest, who

    def held(self, live: Live) -> bool:
        return live.engine._sessions[self.id].held

    async def test_everybody_is_told_who_stopped_it_and_it_is_in_the_history(self) -> None:
        async with running_live() as live:
            host, guest, _ = await self.inside(live)
            await host.ask("host.suspend")
            told = await guest.message("meeting")
            self.assertEqual((told["by"], told["meeting"]["suspended"]["by"]), ("Ingrid Sæther", "Ingrid Sæther"))
            self.assertTrue(self.held(live))
            await host.ask("host.resume")
            self.assertIsNone((await guest.message("meeting"))["meeting"]["suspended"])
            self.assertFalse(self.held(live))
            kinds = [entry.kind async for entry in AuditEntry.objects.filter(kind__startswith="meeting.")]
            self.assertEqual(kinds, ["meeting.started", "meeting.suspended", "meeting.resumed"])

    async def test_doing_it_twice_changes_nothing_more(self) -> None:
        async with running_live() as live:
            host, guest, _ = await self.suspended(live)
            self.assertEqual((await host.ask("host.suspend"))["type"], "ok")
            for _ in range(2):
                self.assertEqual((await host.ask("host.resume"))["type"], "ok")
            self.assertIsNone((await guest.message("meeting"))["meeting"]["suspended"])
            for kind in ("meeting.suspended", "meeting.resumed"):
                self.assertEqual(await AuditEntry.objects.filter(kind=kind).acount(), 1)

    async def test_shares_end_and_microphones_stay_switched_as_they_were(self) -> None:
        async with running_live() as live:
            host, guest, who = await self.inside(live)
            seat = live.rooms[self.id].seats[who]
            await guest.ask("media.state", microphone=True, camera=True, screen=True)
            await host.ask("host.suspend")
            self.assertEqual((await guest.message("muted"))["source"], "screen")
            self.assertEqual(seat.open_sources(), {Source.MICROPHONE, Source.CAMERA})
            self.assertEqual((await guest.ask("media.state", microphone=False, camera=True))["type"], "ok")
            await host.ask("host.resume")
            self.assertEqual(seat.open_sources(), {Source.CAMERA})

    async def test_resuming_quietly_switches_everybody_off_and_tells_them_by_whom(self) -> None:
        async with running_live() as live:
            host, guest, who = await self.inside(live)
            await guest.ask("media.state", microphone=True, camera=True)
            await host.ask("host.suspend")
            await host.ask("host.resume", quiet=True)
            muted = [await guest.message("muted") for _ in range(2)]
            self.assertEqual({one["source"] for one in muted}, {"microphone", "camera"})
            self.assertEqual(live.rooms[self.id].seats[who].open_sources(), frozenset())
            self.assertEqual((await guest.ask("media.state", microphone=True, camera=False))["type"], "ok")
            self.assertEqual(live.rooms[self.id].seats[who].open_sources(), {Source.MICROPHONE})

    async def test_nobody_comes_in_but_hosts_and_nobody_is_let_in(self) -> None:
        second = await sync_to_async(make_user)("Marcus Bell")
        colleague = await sync_to_async(make_user)("Sofie Brandt")
        await self.occurrence.meeting.hosts.aadd(second)
        async with running_live() as live:
            host, _guest, _ = await self.suspended(live)
            walks_in = await (await Browser(live).sign_in(colleague)).join(self.code)
            self.assertEqual((await walks_in.message("door"))["reason"], "suspended")
            knocks = await Browser(live).join(self.code, "Leila")
            leila = await knocks.message("door")
            self.assertEqual(leila["reason"], "suspended")
            self.assertEqual((await host.ask("door.admit", participant=leila["participant"]))["code"], "suspended")
            co_host = await (await Browser(live).sign_in(second)).join(self.code)
            self.assertTrue((await co_host.message("room"))["meeting"]["suspended"])
            self.assertEqual((await co_host.ask("host.resume"))["type"], "ok")
            await walks_in.message("room")
            self.assertEqual((await knocks.message("door"))["reason"], "knock")

    async def test_who_comes_back_to_a_seat_finds_everything_stopped(self) -> None:
        async with running_live() as live:
            _host, guest, _ = await self.suspended(live)
            await guest.cut()
        async with running_live() as live:
            back = await self.host_inside(live)
            self.assertTrue(self.held(live))
            self.assertEqual((await back.ask("chat", text="hello"))["code"], "suspended")
            self.assertEqual((await back.ask("host.resume"))["type"], "ok")
            self.assertEqual((await back.ask("chat", text="hello"))["type"], "ok")

    async def test_a_host_who_is_none_any_more_stops_nothing_even_for_a_moment(self) -> None:
        async with running_live() as live:
            host, _guest, _who = await self.inside(live)
            await self.occurrence.meeting.hosts.aclear()
            self.assertTrue(live.rooms[self.id].host_inside)
            holds: list[str] = []
            hold = live.engine.hold
            live.engine.hold = lambda session: (holds.append(session), hold(session))[1]  # type: ignore[method-assign]
            self.assertEqual((await host.ask("host.suspend"))["code"], "not_a_host")
            self.assertEqual((holds, self.held(live)), ([], False))

    async def test_an_answer_of_the_door_that_is_older_than_the_suspension_does_not_lift_it(self) -> None:
        async with running_live() as live:
            host, _guest, _who = await self.inside(live)
            room = live.rooms[self.id]
            before = await live._ask(room, set(room.seats), live._present(room))
            room.suspend()
            live._apply(room, before, live.clock())
            self.assertTrue(self.held(live))
            self.assertEqual((await host.ask("chat", text="hello"))["code"], "suspended")
            room.suspension_stored()
            await live.reconcile(self.id)
            self.assertFalse(self.held(live))

    async def test_a_suspension_that_could_not_be_stored_holds_until_the_database_has_spoken(self) -> None:
        async with running_live() as live:
            host, _guest, _who = await self.inside(live)
            whole = live.database

            async def is_down(function: Any, *args: Any, **details: Any) -> Any:
                if function in {storing.act, storing.require_host}:
                    raise ProtocolError("try_again", "it could not be stored")
                raise OSError("no database")

            live.database = is_down  # type: ignore[method-assign]
            self.assertEqual((await host.ask("host.suspend"))["code"], "try_again")
            self.assertTrue(self.held(live))
            self.assertEqual((await host.ask("chat", text="hello"))["code"], "suspended")
            live.database = whole  # type: ignore[method-assign]
            await live.reconcile(self.id)
            self.assertFalse(self.held(live))

    async def test_a_meeting_that_nobody_has_entered_or_that_is_over_is_not_suspended(self) -> None:
        with self.assertRaises(IllegalEvent):
            await sync_to_async(door_services.suspend)(self.host, self.occurrence)
        async with running_live() as live:
            host, _guest, _who = await self.inside(live)
            await host.send("host.end")
            await host.closed()
        for service in (door_services.suspend, door_services.resume):
            with self.assertRaises(IllegalEvent):
                await sync_to_async(service)(self.host, await Occurrence.objects.aget(pk=self.id))

    async def test_ending_and_removing_work_while_everything_is_stopped(self) -> None:
        async with running_live() as live:
            host, guest, who = await self.suspended(live)
            await host.ask("host.remove", participant=who)
            self.assertEqual((await guest.message("refused"))["reason"], "removed")
            self.assertEqual((await Participant.objects.aget(pk=who)).state, Participant.State.REMOVED)
            await host.send("host.end")
            await host.closed()
            self.assertEqual(live.rooms, {})
