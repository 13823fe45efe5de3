"""What the guards must not cost: people who may be there, through cuts and restarts."""

from __future__ import annotations

import asyncio

from tests.intruder.case import HOST
from tests.intruder.media_case import MediaCase
from tests.support.portal import PASSWORD


class HonestPeople(MediaCase):
    async def test_media_flow_on_while_only_the_socket_is_cut_and_the_seat_comes_back(self) -> None:
        """Not an intruder: a cut socket costs nobody their media, and the transports outlive it."""
        await self.peter.socket.cut()
        before = (self.peter.heard(self.ingrid), self.ingrid.heard(self.peter))
        await self.until(lambda: self.peter.heard(self.ingrid) > before[0] + 10)
        await self.until(lambda: self.ingrid.heard(self.peter) > before[1] + 10)
        back = await self.join(self.peters_browser, self.meeting["code"], "Peter")
        self.assertEqual((await back.message("room"))["you"], self.peter.id)
        await back.ask("media.start", fresh=False)
        await back.message("media.offer")

    async def test_kill_9_leaves_a_meeting_that_its_members_resume_with_media(self) -> None:
        """Guard: `Live._keep_interrupted_seats`; members arrive again and start afresh."""
        await asyncio.to_thread(self.portal.kill_and_restart)
        for gone in self.members:
            gone.close()
        self.members.clear()
        host_browser = self.client()
        for browser, name in ((self.peters_browser, "peter"), (host_browser, "ingrid")):
            if browser is host_browser:
                await browser.sign_in(HOST, PASSWORD)
            socket = await self.join(browser, self.meeting["code"], "Peter")
            member = self.member(socket, (await socket.message("room"))["you"])
            setattr(self, name, member)
            await member.speak()
        await self.until(lambda: self.peter.heard(self.ingrid) > 5 and self.ingrid.heard(self.peter) > 5)
