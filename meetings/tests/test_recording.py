"""Recording on one's own device: who may say that they do, who is told, and whose agreement reaches whom."""

from __future__ import annotations

import asyncio

from django.db.models.signals import post_save
from django.utils import timezone

from meetings.live import Live, facts
from meetings.live.room import Room
from meetings.models import AuditEntry, Participant
from meetings.rights import Right
from meetings.services import rights
from meetings.tests.live_case import Browser, LiveCase, Talk, running_live


class RecordingTests(LiveCase):
    async def guest(self, live: Live, host: Talk, name: str) -> tuple[Talk, str]:
        talk = await Browser(live).join(self.code, name)
        who = (await talk.message("door"))["participant"]
        await host.ask("door.admit", participant=who)
        await talk.message("room")
        return talk, who

    async def test_everybody_is_told_and_whoever_comes_later_too_and_it_is_in_the_log(self) -> None:
        async with running_live() as live:
            host = await self.host_inside(live)
            guest, _ = await self.guest(live, host, "Peter")
            self.assertEqual((await host.ask("record", on=True))["type"], "ok")
            told = (await guest.message("person"))["person"]
            self.assertIsNotNone(told["recording"])
            self.assertEqual(told["name"], "Ingrid Sæther")
            later = await Browser(live).join(self.code, "Yuki")
            await host.ask("door.admit", participant=(await later.message("door"))["participant"])
            (recorder,) = [one for one in (await later.message("room"))["people"] if one["recording"]]
            self.assertEqual(recorder["recording"], told["recording"])
            await host.ask("record", on=False)
            while (said := (await guest.message("person"))["person"])["name"] != "Ingrid Sæther":
                pass
            self.assertIsNone(said["recording"])
            kinds = [entry.kind async for entry in AuditEntry.objects.filter(kind__startswith="record.").order_by("pk")]
            self.assertEqual(kinds, ["record.started", "record.stopped"])

    async def test_saying_it_twice_is_told_and_logged_once(self) -> None:
        async with running_live() as live:
            host = await self.host_inside(live)
            await host.ask("record", on=True)
            began = live.rooms[self.id].hosts()[0].recording_at
            await host.ask("record", on=True)
            self.assertEqual(live.rooms[self.id].hosts()[0].recording_at, began)
            self.assertEqual(await AuditEntry.objects.filter(kind="record.started").acount(), 1)

    async def test_nobody_without_the_right_says_so_and_a_host_gives_and_takes_it(self) -> None:
        async with running_live() as live:
            host = await self.host_inside(live)
            guest, who = await self.guest(live, host, "Peter")
            self.assertEqual((await guest.ask("record", on=True))["code"], "not_allowed")
            self.assertIsNone(live.rooms[self.id].seats[who].recording_at)
            await host.ask("host.person_rights", participant=who, record=True)
            self.assertEqual((await guest.ask("record", on=True))["type"], "ok")
            await host.ask("host.person_rights", participant=who, record=False)
            self.assertIsNone(live.rooms[self.id].seats[who].recording_at)
            self.assertEqual((await guest.ask("record", on=True))["code"], "not_allowed")
            # To stop is nobody's leave.
            self.assertEqual((await guest.ask("record", on=False))["type"], "ok")

    async def test_whoever_loses_the_right_while_it_is_stored_that_they_record_records_nothing(self) -> None:
        async with running_live() as live:
            host = await self.host_inside(live)
            guest, who = await self.guest(live, host, "Peter")
            await host.ask("host.person_rights", participant=who, record=True)
            room, loop = live.rooms[self.id], asyncio.get_running_loop()
            everybody = set(room.seats)

            def take_it(instance: AuditEntry, **_: object) -> None:
                # In the thread that stores it, as another host's request could be: before the loop goes on.
                if instance.kind != "record.started":
                    return
                peter, ingrid = (Participant.objects.get(pk=pk) for pk in (who, room.hosts()[0].id))
                rights.set_person_rights(ingrid, peter, words={Right.RECORD: False})
                asked = (everybody, everybody, set(), timezone.now())
                verdicts = facts.judge(self.id, *asked, agreed=live.authorization.agreed(self.id))
                asyncio.run_coroutine_threadsafe(self._apply(room, live, verdicts), loop).result(5)

            post_save.connect(take_it, sender=AuditEntry)
            self.addCleanup(post_save.disconnect, take_it, sender=AuditEntry)
            self.assertEqual((await guest.ask("record", on=True))["code"], "not_allowed")
            self.assertIsNone(room.seats[who].recording_at)

    @staticmethod
    async def _apply(room: Room, live: Live, verdicts: facts.Verdicts) -> None:
        room.apply(verdicts, lease_until=live.clock() + 5, at=timezone.now())

    async def test_it_ends_with_the_page_the_seat_and_at_the_door(self) -> None:
        async with running_live() as live:
            host = await self.host_inside(live)
            guest, who = await self.guest(live, host, "Peter")
            await host.ask("host.rights", record="everyone")
            seat = live.rooms[self.id].seats[who]
            await guest.ask("record", on=True)
            await guest.ask("media.start", fresh=True)
            self.assertIsNone(seat.recording_at)
            await guest.ask("record", on=True)
            await host.ask("host.to_door", participant=who)
            await guest.message("door")
            self.assertIsNone(live.rooms[self.id].seats[who].recording_at)

    async def test_only_the_one_who_records_is_told_who_agrees(self) -> None:
        async with running_live() as live:
            host = await self.host_inside(live)
            guest, who = await self.guest(live, host, "Peter")
            other, _ = await self.guest(live, host, "Yuki")
            recorder = live.rooms[self.id].hosts()[0].id
            self.assertEqual(
                (await guest.ask("record.answer", participant=recorder, agrees=True))["code"], "wrong_state"
            )
            await host.ask("record", on=True)
            self.assertEqual((await guest.ask("record.answer", participant=recorder, agrees=True))["type"], "ok")
            told = await host.message("record.answered")
            self.assertEqual((told["participant"], told["agrees"]), (who, True))
            await guest.ask("record.answer", participant=recorder, agrees=False)
            self.assertFalse((await host.message("record.answered"))["agrees"])
            await other.ask("ping")
            self.assertFalse([one for one in other.heard if one["type"] == "record.answered"])
            missing = await guest.ask("record.answer", participant="nobody", agrees=True)
            self.assertEqual(missing["code"], "no_such_participant")

    async def test_nobody_begins_while_everything_is_stopped(self) -> None:
        async with running_live() as live:
            host = await self.host_inside(live)
            await host.ask("host.suspend")
            self.assertEqual((await host.ask("record", on=True))["code"], "suspended")
