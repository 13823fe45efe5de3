"""T20: pictures and sound that nobody wants to see and hear."""

from __future__ import annotations

import asyncio

from tests.intruder.case import HOST
from tests.intruder.engine_case import MICROPHONE
from tests.intruder.media_case import SILENCE_SECONDS, UNDER_WAY_SECONDS, MediaCase
from tests.support.client import Refused
from tests.support.portal import PASSWORD


class T20UnwantedMedia(MediaCase):
    async def test_what_a_host_muted_is_not_forwarded_though_it_is_still_sent(self) -> None:
        """Guard: `Seat.open_sources`."""
        await self.ingrid.socket.ask("host.mute", participant=self.peter.id, source=MICROPHONE)
        await self.speak_for(0.1)
        before = self.ingrid.heard(self.peter)
        await self.speak_for(SILENCE_SECONDS)
        self.assertEqual(self.ingrid.heard(self.peter), before)
        await self.peter.switch(True)
        await self.until(lambda: self.ingrid.heard(self.peter) > before + 5)

    async def test_off_is_off_whatever_the_page_sends(self) -> None:
        """Guard: `Room.switch`."""
        await self.peter.switch(False)
        await self.speak_for(0.1)
        before = self.ingrid.heard(self.peter)
        await self.speak_for(SILENCE_SECONDS)
        self.assertEqual(self.ingrid.heard(self.peter), before)

    async def test_the_end_for_everyone_ends_every_packet(self) -> None:
        """Guard: `Engine.close_session` in `Room.finish`."""
        await self.ingrid.socket.send("host.end")
        self.assertEqual(await self.peter.socket.closed(), 4404)
        before = self.peter.media.media_datagrams_received()
        await self.speak_for(SILENCE_SECONDS)
        self.assertEqual(self.peter.media.media_datagrams_received(), before)


class T20Suspended(MediaCase):
    async def nothing_passes(self) -> None:
        await asyncio.sleep(UNDER_WAY_SECONDS)
        before = (self.peter.media.packets_received, self.ingrid.media.packets_received)
        await self.speak_for(SILENCE_SECONDS)
        self.assertEqual((self.peter.media.packets_received, self.ingrid.media.packets_received), before)

    async def test_a_suspended_meeting_passes_nothing_either_way_and_no_switch_or_new_transport_opens_it(self) -> None:
        """Guards: `MediaSession.held`; `Room.is_suspended` in `commands`."""
        answer = asyncio.create_task(self.ingrid.socket.ask("host.suspend"))
        while not answer.done():
            await self.speak_for(0.02)
        await self.nothing_passes()
        told = (await self.peter.socket.until(lambda m: m["type"] == "meeting" and m["meeting"]["suspended"]))[
            "meeting"
        ]
        self.assertEqual(told["suspended"]["by"], "Ingrid Sæther")
        await self.peter.switch(False)
        await self.peter.switch(True)
        await self.peter.publish()
        await self.nothing_passes()
        for kind, fields in (
            ("chat", {"text": "hello"}),
            ("reaction", {"emoji": "👏"}),
            ("media.state", {"microphone": True, "camera": True, "screen": True}),
        ):
            with self.assertRaises(Refused) as refused:
                await self.peter.socket.ask(kind, **fields)
            self.assertEqual((kind, refused.exception.code), (kind, "suspended"))
        self.assertEqual(self.ingrid.socket.count("chat") + self.ingrid.socket.count("reaction"), 0)
        heard = (self.peter.heard(self.ingrid), self.ingrid.heard(self.peter))
        await self.ingrid.socket.ask("host.resume")
        await self.until(lambda: self.peter.heard(self.ingrid) > heard[0] + 5)
        await self.until(lambda: self.ingrid.heard(self.peter) > heard[1] + 5)

    async def test_what_somebody_switched_off_stays_off_when_all_goes_on(self) -> None:
        """Guard: `Seat.open_sources`, which a suspension never touches."""
        await self.ingrid.socket.ask("host.suspend")
        await self.peter.switch(False)
        await self.ingrid.socket.ask("host.resume")
        heard, unheard = self.peter.heard(self.ingrid), self.ingrid.heard(self.peter)
        await self.until(lambda: self.peter.heard(self.ingrid) > heard + 5)
        self.assertEqual(self.ingrid.heard(self.peter), unheard)

    async def test_a_suspended_meeting_is_still_one_after_kill_9(self) -> None:
        """Guards: `Occurrence.suspended_at`; `Room.apply`, which holds before it grants."""
        await self.ingrid.socket.ask("host.suspend")
        await asyncio.to_thread(self.portal.kill_and_restart)
        for member in self.members:
            member.close()
        self.members.clear()
        host_browser = self.client()
        await host_browser.sign_in(HOST, PASSWORD)
        for browser, name in ((self.peters_browser, "peter"), (host_browser, "ingrid")):
            socket = await self.join(browser, self.meeting["code"], "Peter")
            room = await socket.message("room")
            self.assertEqual(room["meeting"]["suspended"]["by"], "Ingrid Sæther")
            setattr(self, name, self.member(socket, room["you"]))
            await getattr(self, name).speak()
        await self.speak_for(SILENCE_SECONDS)
        self.assertEqual((self.peter.media.packets_received, self.ingrid.media.packets_received), (0, 0))
        await self.ingrid.socket.ask("host.resume")
        await self.until(lambda: self.peter.heard(self.ingrid) > 5 and self.ingrid.heard(self.peter) > 5)
