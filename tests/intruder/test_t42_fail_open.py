"""T42: a decider that fails must not let anybody in, or stay."""

from __future__ import annotations

from tests.intruder.engine_case import CAMERA, MICROPHONE, EngineCase
from tests.support.engine_room import settle, talk_once


class T42LeaseAtTheEngine(EngineCase):
    async def test_an_expired_lease_forwards_nothing(self) -> None:
        """Guard: `expires_at` in `Grants.may_publish`, checked against the clock on every wake-up."""
        await settle(0.1)
        self.room.grant("alice", MICROPHONE, CAMERA, subscribe=False, lease_seconds=0.0)
        for _ in range(5):
            talk_once([self.alice])
        await self.assert_hears_nothing_from(self.bob, "alice")
