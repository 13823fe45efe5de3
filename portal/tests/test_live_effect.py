"""Whoever takes a right away is answered when it is gone from the running meeting, and waits no longer than that."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from unittest.mock import patch

from asgiref.sync import sync_to_async
from django.test import TransactionTestCase

from media_engine import EngineConfig
from meetings import changes
from meetings.live import Live, office
from meetings.models import Participant
from meetings.services import invitations
from meetings.tests.live_case import Browser, LiveCase, Talk, make_link, make_meeting
from portal.tests.stored_on_disk import StoredOnDisk

SEEN_SECONDS = 0.1


class EffectTests(StoredOnDisk, TransactionTestCase):
    """A guest is inside, with a link that a host revokes. Threads of its own, as the server has them."""

    setUp = LiveCase.setUp
    rules = LiveCase.rules
    host_inside = LiveCase.host_inside

    @asynccontextmanager
    async def guest_inside(self) -> AsyncIterator[tuple[Live, Talk, str]]:
        self.invitation, secret = await sync_to_async(make_link)(self.occurrence, "peter@medreg.example")
        loop, self.committed = asyncio.get_running_loop(), asyncio.Event()

        def note(**_: Any) -> None:
            loop.call_soon_threadsafe(self.committed.set)

        changes.changed.connect(note)  # before the live meetings, and so it is told before them
        live = Live(EngineConfig(port=0))
        await live.start()
        try:
            host = await self.host_inside(live)
            browser = Browser(live, network="127.0.0.2")
            await browser.open_link(secret)
            guest = await browser.join(self.code, "Peter")
            who = (await guest.message("door"))["participant"]
            await host.ask("door.admit", participant=who)
            await guest.message("room")
            self.assertIn(who, live.engine.stats(self.id))
            yield live, guest, who
            await host.cut()
        finally:
            changes.changed.disconnect(note)
            await live.aclose()

    def revoke(self) -> asyncio.Task[Any]:
        """By a request: a thread of its own."""
        return asyncio.create_task(
            sync_to_async(invitations.revoke, thread_sensitive=False)(self.host, self.invitation)
        )

    @patch.object(office, "EFFECT_SECONDS", 60.0)
    async def test_a_request_that_revokes_is_answered_when_nothing_flows_any_more(self) -> None:
        async with self.guest_inside() as (live, guest, who):
            async with live.rooms[self.id].lock:  # the door can't be asked yet
                self.committed.clear()
                revoking = self.revoke()
                await self.committed.wait()
                await asyncio.wait([revoking], timeout=SEEN_SECONDS)
                self.assertFalse(revoking.done())
            await revoking
            self.assertNotIn(who, live.engine.stats(self.id))
            self.assertEqual((await guest.message("refused"))["reason"], "closed")
            seat = await Participant.objects.aget(pk=who)
            self.assertEqual(seat.state, Participant.State.REFUSED)

    async def test_a_meeting_that_is_held_up_holds_nobody_up_for_long(self) -> None:
        with patch.object(office, "EFFECT_SECONDS", SEEN_SECONDS):
            async with self.guest_inside() as (live, guest, who):
                begun = time.monotonic()
                async with live.rooms[self.id].lock:
                    await self.revoke()
                self.assertGreaterEqual(time.monotonic() - begun, SEEN_SECONDS)
                self.assertEqual((await guest.message("refused"))["reason"], "closed")
                self.assertNotIn(who, live.engine.stats(self.id))

    async def test_nobody_waits_for_a_meeting_that_does_not_run(self) -> None:
        with patch.object(office, "EFFECT_SECONDS", 60.0):
            async with self.guest_inside() as (live, _, _):
                other = await sync_to_async(make_meeting)(self.host)
                async with live.rooms[self.id].lock:
                    await sync_to_async(changes.touch, thread_sensitive=False)(other.pk)
