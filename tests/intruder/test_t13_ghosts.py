"""T13: listening without being seen."""

from __future__ import annotations

from tests.intruder.engine_case import MICROPHONE, EngineCase, hears
from tests.support.engine_room import settle


class T13GhostAtTheEngine(EngineCase):
    async def test_nobody_is_offered_a_stream_without_a_grant_to_subscribe(self) -> None:
        """Guard: `Grants.may_subscribe` where tracks for an offer are chosen."""
        mallory = await self.room.enter("mallory", MICROPHONE, subscribe=False)
        self.room.engine.open_subscribe("room", "mallory", True)
        await self.room.talk_for([self.alice], 0.3)
        self.assertEqual(self.offers_to("mallory"), [])
        self.assertIsNone(mallory.subscribe)

    async def test_media_does_not_cross_from_one_session_to_another(self) -> None:
        """Guard: peers are looked up in their own session only."""
        elsewhere = await self.room.enter("bob", session="another room")
        await self.room.talk_until([self.alice], hears(self.bob, "alice"))
        await settle()
        self.assertEqual(elsewhere.packets_received, 0)
        self.assertIsNone(elsewhere.subscribe)
