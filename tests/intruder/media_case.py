"""People inside who speak and hear, for tests that count packets."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from tests.intruder.case import HOST, IntruderCase
from tests.support.client import Socket
from tests.support.member import Member

DEADLINE_SECONDS = 20.0
SILENCE_SECONDS = 0.5
LASTING_SILENCE_SECONDS = 1.5
MOST_UNDER_WAY = 100  # packets, where a kernel or a decoder of another's holds them
BUSY_SECONDS = 5.0  # between the server's look at its clock and its sending, on a machine under load
UNDER_WAY_SECONDS = 0.05  # datagrams that were sent before, in the kernel's queue


class MediaCase(IntruderCase):
    """Ingrid hosts, Peter came by his personal link; both speak and hear each other before a test begins."""

    async def asyncSetUp(self) -> None:
        await super().asyncSetUp()
        self.members: list[Member] = []
        self.meeting = await self.portal.schedule(HOST)
        host = await self.host_inside(self.meeting)
        self.ingrid = self.member(host, (await host.message("room"))["you"])
        await self.ingrid.speak()
        self.peters_browser, _ = await self.guest_with_link(self.meeting)
        socket = await self.join(self.peters_browser, self.meeting["code"], "Peter")
        self.peter = self.member(socket, await self.let_in(host, socket))
        await self.peter.speak()
        await self.until(lambda: self.peter.heard(self.ingrid) > 5 and self.ingrid.heard(self.peter) > 5)

    def member(self, socket: Socket, who: str) -> Member:
        member = Member(socket, who)
        self.members.append(member)
        self.addCleanup(member.close)
        return member

    async def until(self, condition: Callable[[], bool]) -> None:
        """All speak every 20 ms until the condition holds."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            while not condition():
                await self.speak_for(0.02)

    async def speak_for(self, seconds: float) -> None:
        """All speak every 20 ms for so long."""
        end = time.monotonic() + seconds
        while True:
            for member in self.members:
                member.say()
            await asyncio.sleep(0.02)
            if time.monotonic() >= end:
                return

    async def assert_silence(self, who: Member, *others: Member) -> None:
        """Everybody goes on speaking; nothing of it reaches `who`, and nothing of `who` reaches the others."""

        def heard() -> list[Any]:
            return [who.media.media_datagrams_received(), *(other.heard(who) for other in others)]

        await asyncio.sleep(UNDER_WAY_SECONDS)
        before = heard()
        await self.speak_for(SILENCE_SECONDS)
        self.assertEqual(heard(), before)

    async def last_packet(self) -> float:
        """All go on speaking until nothing has come through for long enough. The time of day when the last one came."""
        heard, last = (-1, -1), time.monotonic()
        async with asyncio.timeout(60):
            while time.monotonic() - last < LASTING_SILENCE_SECONDS:
                await self.speak_for(0.1)
                now = (self.peter.heard(self.ingrid), self.ingrid.heard(self.peter))
                if now != heard:
                    heard, last = now, time.monotonic()
        return max(self.peter.media.last_arrival_ns, self.ingrid.media.last_arrival_ns) / 1e9

    async def assert_falls_silent(self, came: Callable[[], Awaitable[int]]) -> None:
        """All go on speaking until nothing more comes. Of what came since this was called all was under way before: a
        lease that runs out would let ten seconds of it through.
        """
        before, now = -1, await came()
        begun = now
        async with asyncio.timeout(DEADLINE_SECONDS):
            while now != before:
                await self.speak_for(SILENCE_SECONDS)
                before, now = now, await came()
        self.assertLess(now - begun, MOST_UNDER_WAY)
