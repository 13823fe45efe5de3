"""T20: pictures and sound that nobody wants to see and hear."""

from __future__ import annotations

from tests.intruder.engine_case import MICROPHONE
from tests.intruder.media_case import SILENCE_SECONDS, MediaCase


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
