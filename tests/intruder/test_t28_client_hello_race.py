"""T28: a ClientHello that arrives before the honest one's."""

from __future__ import annotations

from tests.intruder.engine_case import EngineCase, hears
from tests.support.engine_room import settle
from tests.support.rtc_transport import Transport


class T28ClientHelloRace(EngineCase):
    async def test_repeating_the_handshake_of_another_does_not_take_their_place(self) -> None:
        """Guard: DTLS only from the validated address. A ClientHello from elsewhere changes nothing."""
        mallory = Transport()
        self.addCleanup(mallory.close)
        assert self.alice.publish is not None
        mallory.server = self.room.address
        mallory.remote = self.alice.publish.remote
        mallory._start_dtls()
        await self.room.talk_until([self.alice], hears(self.bob, "alice"))
        await settle()
        self.assertFalse(mallory.is_connected)
        self.assertEqual(mallory.count["dtls"], 0)
