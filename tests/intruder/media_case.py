"""People inside who speak and hear, for tests that count packets."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from tests.intruder.case import HOST, IntruderCase
from tests.support.client import Socket
from tests.support.member import Member

DEADLINE_SECONDS = 20.0
SILENCE_SECONDS = 0.5
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
