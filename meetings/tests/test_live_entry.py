"""Arriving, waiting, being let in, coming back and being put out, over the real views, sockets and engine."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

from asgiref.sync import sync_to_async

from meetings.live import storing
from meetings.live.room import LEASE_SECONDS
from meetings.models import AuditEntry, Participant
from meetings.services import door as door_services
from meetings.services import hosting
from meetings.signaling.protocol import Close
from meetings.tests.live_case import Browser, LiveCase, make_user, running_live


class EntryTests(LiveCase):
    async def test_a_host_walks_in_and_the_meeting_has_started(self) -> None:
        async with running_live() as live:
            talk = await (await Browser(live).sign_in(self.host)).join(self.code)
            room = await talk.message("room")
            self.assertTrue(room["capabilities"]["host"])
            self.assertEqual([person["name"] for person in room["people"]], ["Ingrid Sæther"])
            self.assertEqual(room["waiting"], [])
            self.assertIsNotNone((await self.refresh()).started_at)

    async def test_a_knock_is_seen_by_the_host_and_answered(self) -> None:
        async with running_live() as live:
            host = await self.host_inside(live)
            guest = await Browser(live).join(self.code, "Peter Lindqvist")
            door = await guest.message("door")
            self.assertEqual((door["reason"], door["title"], door["hosts"]), ("knock", None, None))
            queue = (await host.message("waiting"))["waiting"]
            self.assertEqual([one["name"] for one in queue], ["Peter Lindqvist"])
            answer = await host.ask("door.admit", participant=queue[0]["participant"])
            self.assertEqual(answer["type"], "ok")
            room = await guest.message("room")
            self.assertEqual(room["you"], queue[0]["participant"])
            self.assertIsNone(room["waiting"])
            self.assertEqual((await host.message("person"))["person"]["name"], "Peter Lindqvist")

    async def test_who_arrives_before_the_host_is_decided_when_the_host_comes(self) -> None:
        colleague = await sync_to_async(make_user)("Marcus Bell")
        async with running_live() as live:
            early = await (await Browser(live).sign_in(colleague)).join(self.code)
            knocker = await Browser(live).join(self.code, "Peter")
            self.assertEqual((await early.message("door"))["reason"], "no_host")
            self.assertEqual((await knocker.message("door"))["reason"], "no_host")
            await self.host_inside(live)
            await early.message("room")
            self.assertEqual((await knocker.message("door", reason="knock"))["host_here"], True)

    async def test_a_return_within_two_minutes_keeps_the_seat(self) -> None:
        async with running_live() as live:
            host = await self.host_inside(live)
            browser = Browser(live)
            guest = await browser.join(self.code, "Peter")
            await guest.message("door")
            who = (await host.message("waiting"))["waiting"][0]["participant"]
            await host.ask("door.admit", participant=who)
            await guest.message("room")
            await guest.cut()
            while (await host.message("person"))["person"]["connected"]:
                pass  # that they came in; then that they are away, with their seat
            await host.ask("door.lock", locked=True)
            answer = await browser.arrive(self.code, "Peter")
            self.assertEqual((answer["outcome"], answer["reason"], answer["participant"]), ("admit", "seat", who))
            again = await browser.socket()
            await again.send("hello", protocol=1, ticket=answer["ticket"])
            self.assertEqual((await again.message("room"))["you"], who)

    async def test_members_come_back_by_themselves_after_a_restart(self) -> None:
        browser = Browser(None)  # type: ignore[arg-type]
        async with running_live() as live:
            browser.live = live
            host = await self.host_inside(live)
            guest = await browser.join(self.code, "Peter")
            who = (await host.message("waiting"))["waiting"][0]["participant"]
            await host.ask("door.admit", participant=who)
            await guest.message("room")
        self.assertEqual(await guest.closed(), Close.RESTART)
        async with running_live() as live:
            self.assertEqual(len(live.rooms[self.id].seats), 2)
            browser.live = live
            back = await browser.join(self.code, "Peter")
            self.assertEqual((await back.message("room"))["you"], who)

    async def test_a_removed_person_is_out_told_why_and_stays_out(self) -> None:
        async with running_live() as live:
            host = await self.host_inside(live)
            browser = Browser(live)
            guest = await browser.join(self.code, "Peter")
            who = (await host.message("waiting"))["waiting"][0]["participant"]
            await host.ask("door.admit", participant=who)
            await guest.message("room")
            spare = await browser.arrive(self.code, "Peter")
            self.assertEqual((await host.ask("host.remove", participant=who, note="Wrong meeting"))["type"], "ok")
            refused = await guest.message("refused")
            self.assertEqual(
                (refused["reason"], refused["note"], refused["by"]), ("removed", "Wrong meeting", "Ingrid Sæther")
            )
            self.assertEqual(await guest.closed(), Close.REFUSED)
            self.assertNotIn(who, live.engine.stats(self.id))
            late = await browser.socket()
            await late.send("hello", protocol=1, ticket=spare["ticket"])
            self.assertEqual(await late.closed(), Close.TICKET)
            answer = await browser.arrive(self.code, "Peter")
            self.assertEqual((answer["outcome"], answer["reason"]), ("refuse", "removed"))

    async def test_turning_away_gives_a_reason_and_a_time(self) -> None:
        async with running_live() as live:
            host = await self.host_inside(live)
            browser = Browser(live)
            guest = await browser.join(self.code, "Peter")
            who = (await host.message("waiting"))["waiting"][0]["participant"]
            await host.ask("door.refuse", participant=who, note="Later, please")
            refused = await guest.message("refused")
            self.assertEqual((refused["reason"], refused["note"]), ("not_let_in", "Later, please"))
            self.assertIsNotNone(refused["until"])
            self.assertEqual((await browser.arrive(self.code, "Peter"))["reason"], "not_let_in")

    async def test_the_end_is_for_everyone(self) -> None:
        async with running_live() as live:
            host = await self.host_inside(live)
            guest = await Browser(live).join(self.code, "Peter")
            await guest.message("door")
            await host.send("host.end")
            for talk in (host, guest):
                self.assertEqual((await talk.message("refused"))["reason"], "ended")
                self.assertEqual(await talk.closed(), Close.ENDED)
            self.assertEqual(live.rooms, {})
            answer = await (await Browser(live).sign_in(self.host)).arrive(self.code)
            self.assertEqual(answer["reason"], "ended")

    async def test_leaving_ends_the_seat(self) -> None:
        async with running_live() as live:
            host = await self.host_inside(live)
            guest = await Browser(live).join(self.code, "Peter")
            await guest.message("door")
            await guest.send("leave")
            self.assertEqual(await guest.closed(), Close.LEFT)
            self.assertEqual((await host.message("waiting", waiting=[]))["answered"]["answer"], "gone")
            self.assertEqual(
                [seat.state async for seat in Participant.objects.exclude(user=self.host)], [Participant.State.LEFT]
            )

    async def test_a_rule_change_by_another_process_reaches_the_room(self) -> None:
        from meetings import changes

        colleague = await sync_to_async(make_user)("Marcus Bell")
        async with running_live() as live:
            await self.host_inside(live)
            talk = await (await Browser(live).sign_in(colleague)).join(self.code)
            await talk.message("room")

            def close_the_row() -> None:
                meeting = self.occurrence.meeting
                meeting.door_colleagues = meeting.door_anyone = "turned_away"
                meeting.save()
                changes.touch(self.occurrence.pk)

            await sync_to_async(close_the_row)()
            self.assertEqual((await talk.message("refused"))["reason"], "closed")
            self.assertEqual(await talk.closed(), Close.REFUSED)

    async def test_signing_out_puts_out(self) -> None:
        colleague = await sync_to_async(make_user)("Marcus Bell")
        async with running_live() as live:
            await self.host_inside(live)
            browser = await Browser(live).sign_in(colleague)
            talk = await browser.join(self.code)
            await talk.message("room")
            await browser.http.alogout()
            await live.reconcile(self.id)
            self.assertEqual((await talk.message("refused"))["reason"], "sign_in")

    async def test_a_changed_password_puts_out_the_sessions_that_were_signed_in_with_the_old_one(self) -> None:
        colleague = await sync_to_async(make_user)("Marcus Bell")
        async with running_live() as live:
            await self.host_inside(live)
            talk = await (await Browser(live).sign_in(colleague)).join(self.code)
            await talk.message("room")
            colleague.set_password("another horse battery")
            await colleague.asave()
            await live.reconcile(self.id)
            self.assertEqual((await talk.message("refused"))["reason"], "sign_in")

    async def test_a_removal_by_another_process_reaches_the_room_with_its_words(self) -> None:
        async with running_live() as live:
            host = await self.host_inside(live)
            guest = await Browser(live).join(self.code, "Peter")
            who = (await host.message("waiting"))["waiting"][0]["participant"]
            await host.ask("door.admit", participant=who)
            await guest.message("room")
            target = await Participant.objects.aget(pk=who)
            await sync_to_async(door_services.remove)(self.host, target, note="Wrong meeting", block=False)
            refused = await guest.message("refused")
            self.assertEqual(
                (refused["reason"], refused["note"], refused["by"]), ("removed", "Wrong meeting", "Ingrid Sæther")
            )

    async def test_a_deactivated_account_is_out(self) -> None:
        colleague = await sync_to_async(make_user)("Marcus Bell")
        async with running_live() as live:
            await self.host_inside(live)
            talk = await (await Browser(live).sign_in(colleague)).join(self.code)
            await talk.message("room")
            colleague.is_active = False
            await colleague.asave()
            await live.reconcile(self.id)
            self.assertEqual((await talk.message("refused"))["reason"], "inactive")

    async def test_a_newer_socket_of_the_same_device_wins(self) -> None:
        async with running_live() as live:
            browser = await Browser(live).sign_in(self.host)
            first = await browser.join(self.code)
            await first.message("room")
            second = await browser.join(self.code)
            await second.message("room")
            self.assertEqual(await first.closed(), Close.NEWER_SOCKET)

    async def test_every_decision_is_in_the_audit_log(self) -> None:
        async with running_live() as live:
            host = await self.host_inside(live)
            guest = await Browser(live).join(self.code, "Peter")
            who = (await host.message("waiting"))["waiting"][0]["participant"]
            await host.ask("door.admit", participant=who)
            await guest.message("room")
            await host.ask("host.remove", participant=who)
        kinds = [entry.kind async for entry in AuditEntry.objects.exclude(kind="account.signed_in")]
        expected = ["door.admitted", "meeting.started", "door.entered", "door.knocked", "door.let_in", "door.entered"]
        self.assertEqual(kinds[: len(expected)], expected)
        self.assertIn("door.removed_and_blocked", kinds)

    async def test_a_host_sends_somebody_back_to_the_door(self) -> None:
        async with running_live() as live:
            host = await self.host_inside(live)
            browser = Browser(live)
            guest = await browser.join(self.code, "Peter")
            who = (await host.message("waiting"))["waiting"][0]["participant"]
            await host.ask("door.admit", participant=who)
            await guest.message("room")
            self.assertEqual((await host.ask("host.to_door", participant=who))["type"], "ok")
            self.assertEqual((await guest.message("door"))["reason"], "knock")
            self.assertNotIn(who, live.engine.stats(self.id))
            self.assertEqual((await browser.arrive(self.code, "Peter"))["outcome"], "wait")
            self.assertEqual((await host.ask("door.admit", participant=who))["type"], "ok")
            await guest.message("room")

    async def test_who_was_sent_back_elsewhere_is_at_the_door_without_their_media(self) -> None:
        async with running_live() as live:
            host = await self.host_inside(live)
            guest = await Browser(live).join(self.code, "Peter")
            who = (await host.message("waiting"))["waiting"][0]["participant"]
            await host.ask("door.admit", participant=who)
            await guest.message("room")
            self.assertIn(who, live.engine.stats(self.id))
            target = await Participant.objects.aget(pk=who)
            await sync_to_async(hosting.move_to_door)(self.host, target)
            self.assertEqual((await guest.message("door"))["reason"], "knock")
            self.assertNotIn(who, live.engine.stats(self.id))

    async def test_who_leaves_is_gone_whatever_can_be_stored(self) -> None:
        async with running_live() as live:
            host = await self.host_inside(live)
            with patch.object(storing, "left", side_effect=OSError("no space")):
                await host.send("leave", id="1")
                self.assertEqual(await host.closed(), Close.LEFT)

    async def test_a_seat_that_nobody_takes_ends_by_itself(self) -> None:
        async with running_live() as live:
            await self.host_inside(live)
            await Browser(live).arrive(self.code, "Peter")
            for expected in (Participant.State.WAITING, Participant.State.LEFT):
                await live.upkeep.clear_up()
                seat = await Participant.objects.aget(user=None)
                self.assertEqual(seat.state, expected)
            self.assertEqual((await Participant.objects.aget(user=self.host)).state, Participant.State.INSIDE)


class FailingTests(LiveCase):
    async def test_without_a_database_nothing_is_renewed_and_nobody_enters(self) -> None:
        async with running_live() as live:
            await self.host_inside(live)
            seat = live.rooms[self.id].hosts()[0]
            browser = Browser(live)
            answer = await browser.arrive(self.code, "Peter")

            async def fails(*_: Any, **__: Any) -> Any:
                raise OSError("no database")

            whole, live.database = live.database, fails  # type: ignore[method-assign]
            try:
                lease = seat.lease_until
                self.assertLessEqual(lease, live.engine.clock() + LEASE_SECONDS)
                with self.assertRaises(OSError):
                    await live.reconcile(self.id)
                self.assertEqual(seat.lease_until, lease)
                talk = await browser.socket()
                await talk.send("hello", protocol=1, ticket=answer["ticket"])
                self.assertEqual(await talk.closed(), Close.RESTART)
                self.assertNotIn("room", [message["type"] for message in talk.heard])
            finally:
                live.database = whole  # type: ignore[method-assign]
