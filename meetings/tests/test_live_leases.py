"""Whatever happens to the one who decides: nobody's media flow for longer than the last answer permitted."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from unittest.mock import patch

import pytest
from asgiref.sync import sync_to_async

from media_engine import EngineConfig, Grants, OfferRejected
from meetings.live import Live, facts, upkeep
from meetings.live.room import LEASE_SECONDS, Room
from meetings.live.threads import Threads
from meetings.models import Meeting, Participant
from meetings.tests.live_case import Browser, LiveCase, Talk, running_live
from meetings.threads import NICENESS, NICENESS_INSIDE


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


class LeaseTests(LiveCase):
    """Ingrid is inside and the clock stands still unless a test moves it; so do the ticks."""

    @asynccontextmanager
    async def inside(self) -> AsyncIterator[Live]:
        self.clock = Clock()
        with patch.object(upkeep, "LEASE_TICK_SECONDS", 3_600), patch.object(upkeep, "CHANGE_TICK_SECONDS", 3_600):
            live = Live(EngineConfig(port=0), clock=self.clock, database_threads=0)
            await live.start()
            try:
                self.talk = await (await Browser(live).sign_in(self.host)).join(self.code)
                await self.talk.message("room")
                yield live
            finally:
                await live.aclose()

    def grants(self, live: Live) -> Grants:
        (peer,) = live.engine._sessions[self.id].peers.values()
        return peer.grants

    def flows(self, live: Live) -> bool:
        return self.grants(live).may_subscribe(self.clock())

    async def tick(self, live: Live) -> bool:
        return await live.attempt(live.upkeep.look_after(live.rooms[self.id]), self.id)

    async def fails_with(self, live: Live, change: Callable[[], Any]) -> None:
        """While this lasts nothing is renewed: media stop when the lease ends, and go on with the next answer."""
        begun = self.clock()
        with change():
            for _ in range(4):
                self.clock.now += 3
                self.assertFalse(await self.tick(live))
                self.assertEqual(self.flows(live), self.clock() - begun < LEASE_SECONDS)
            self.assertFalse(self.flows(live))
            with self.assertRaises(OfferRejected):
                live.engine.open_subscribe(self.id, live.rooms[self.id].hosts()[0].id, True)
        self.assertTrue(await self.tick(live))
        self.assertTrue(self.flows(live))

    async def test_a_lease_is_renewed_while_there_are_answers(self) -> None:
        async with self.inside() as live:
            for _ in range(5):
                self.clock.now += 3
                self.assertTrue(await self.tick(live))
                self.assertEqual(self.grants(live).expires_at, self.clock() + LEASE_SECONDS)

    async def test_a_database_that_fails(self) -> None:
        async with self.inside() as live:
            await self.fails_with(live, lambda: patch.object(facts, "Register", side_effect=OSError("no disk")))

    async def test_rules_that_cannot_be_read(self) -> None:
        """A value that no release of ours wrote: a downgrade, or somebody at the database."""
        async with self.inside() as live:
            meetings = Meeting.objects.filter(pk=self.occurrence.meeting_id)
            await meetings.aupdate(door_anyone="surely")
            before = self.grants(live).expires_at
            self.clock.now += 3
            self.assertFalse(await self.tick(live))
            self.assertEqual(self.grants(live).expires_at, before)
            await meetings.aupdate(door_anyone="knocks")
            self.assertTrue(await self.tick(live))

    async def test_an_answer_that_was_long_under_way_gives_no_longer_lease(self) -> None:
        async with self.inside() as live:
            asked, whole = self.clock(), live.database

            async def slow(function: Any, *args: Any, **details: Any) -> Any:
                answer = await whole(function, *args, **details)
                self.clock.now += 9 if function is facts.judge else 0
                return answer

            live.database = slow  # type: ignore[method-assign]
            await self.tick(live)
            self.assertEqual(self.grants(live).expires_at, asked + LEASE_SECONDS)

    async def test_nothing_is_said_when_the_lease_is_over_and_hosts_go_on_taking_away(self) -> None:
        async with self.inside() as live:
            guest = await self.guest(live)
            with patch.object(facts, "Register", side_effect=OSError("no disk")):
                self.clock.now += LEASE_SECONDS - 1
                self.assertEqual((await guest.ask("chat", text="I am still here"))["type"], "ok")
                self.clock.now += 1
                for talk in (guest, self.talk):
                    self.assertEqual((await talk.ask("chat", text="who hears this?")).get("code"), "try_again")
                    self.assertEqual((await talk.ask("reaction", emoji="👍")).get("code"), "try_again")
                who = guest.last("room")["you"]
                self.assertEqual((await self.talk.ask("host.mute", participant=who, source="microphone"))["type"], "ok")
            self.assertTrue(await self.tick(live))
            self.assertEqual((await guest.ask("chat", text="I am back"))["type"], "ok")
            await self.talk.message("chat", text="I am back")
            said = [message["text"] for message in self.talk.heard if message["type"] == "chat"]
            self.assertEqual(said, ["I am still here", "I am back"])

    async def test_leases_wait_for_nothing_else_that_is_due(self) -> None:
        never, answered = asyncio.Event(), asyncio.Semaphore(0)

        async def hangs() -> None:
            await never.wait()

        with patch.object(upkeep, "LEASE_TICK_SECONDS", 0.02):
            async with running_live() as live:
                live.turned_away.tick = hangs  # type: ignore[method-assign]
                await self.host_inside(live)
                look_after = live.upkeep.look_after

                async def looked_after(room: Room) -> None:
                    await look_after(room)
                    answered.release()

                live.upkeep.look_after = looked_after  # type: ignore[method-assign]
                (seat,) = live.rooms[self.id].seats.values()
                leases = []
                for _ in range(3):
                    await asyncio.wait_for(answered.acquire(), 30)
                    leases.append(seat.lease_until)
                assert leases == sorted(set(leases))

    async def test_an_answer_that_never_comes(self) -> None:
        async with self.inside() as live:
            begun, never = self.clock(), asyncio.Event()

            async def hangs(*_: Any, **__: Any) -> None:
                await never.wait()

            live.database = hangs  # type: ignore[method-assign]
            looking = asyncio.create_task(self.tick(live))
            for _ in range(5):
                await asyncio.sleep(0)
            self.clock.now = begun + LEASE_SECONDS
            self.assertFalse(self.flows(live))
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)

    async def test_no_answer_lets_nobody_new_in(self) -> None:
        async with self.inside() as live:
            browser = Browser(live)
            answer = await browser.arrive(self.code, "Peter")
            with patch.object(facts, "Register", side_effect=OSError("no disk")):
                talk = await browser.socket()
                await talk.send("hello", protocol=1, ticket=answer["ticket"])
                await talk.closed()
            self.assertEqual([message["type"] for message in talk.heard if message["type"] in {"room", "door"}], [])
            self.assertEqual((await Participant.objects.aget(name="Peter")).entered_at, None)

    async def test_who_leaves_while_nothing_can_be_stored_has_left(self) -> None:
        async with self.inside() as live:
            with patch("meetings.live.storing.left", side_effect=OSError("no disk")):
                await self.talk.send("leave")
                self.assertEqual(await self.talk.closed(), 1000)
            self.assertEqual(live.engine.stats(self.id), {})

    async def test_a_suspension_holds_between_its_storing_and_the_next_answer(self) -> None:
        """The answer to `host.suspend` says that everything has stopped; from then on no word passes."""
        async with self.inside() as live:
            guest = await self.guest(live)
            with patch.object(facts, "Register", side_effect=OSError("no disk")):
                self.assertEqual((await self.talk.ask("host.suspend"))["type"], "ok")
                self.assertEqual((await guest.ask("chat", text="look at this"))["code"], "suspended")

    async def guest(self, live: Live) -> Talk:
        await sync_to_async(Meeting.objects.filter(pk=self.occurrence.meeting_id).update)(door_anyone="walks_in")
        guest = await Browser(live).join(self.code, "Peter")
        await guest.message("room")
        return guest


def test_rounds_are_counted_from_where_they_begin() -> None:
    assert upkeep.pause_before_round(100.0, 101.0) == upkeep.LEASE_TICK_SECONDS - 1
    for slow in (0.5, 3.0, 4.5):
        asked_again = slow + upkeep.pause_before_round(0.0, slow)
        assert asked_again + slow < LEASE_SECONDS, f"a lease runs out though each answer takes {slow} s only"


@pytest.mark.skipif(sys.platform != "linux", reason="threads have no priority of their own")
def test_threads_that_renew_leases_step_back_less_than_those_at_the_door() -> None:
    """Beside programs that want all of the processor the others get next to nothing of it."""

    def own() -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    async def both() -> tuple[int, int]:
        threads = Threads(1)
        try:
            return await threads.run(own), await threads.run_at_door(own)
        finally:
            threads.close()

    assert asyncio.run(both()) == (min(19, own() + NICENESS_INSIDE), min(19, own() + NICENESS))
