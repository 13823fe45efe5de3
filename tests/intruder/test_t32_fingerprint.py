"""T32: DTLS with another's fingerprint, or with none that was promised."""

from __future__ import annotations

from dataclasses import replace

from tests.intruder.engine_case import MICROPHONE, EngineCase, heard
from tests.support.engine_room import settle, talk_once
from tests.support.rtc_client import Client as MediaClient
from tests.support.rtc_transport import Transport


class T32Fingerprint(EngineCase):
    async def test_publishing_under_anothers_fingerprint_is_not_heard(self) -> None:
        """Guard: the certificate is compared with the signalled fingerprint before any media."""
        mallory = MediaClient("mallory")
        self.room.grant("mallory", MICROPHONE, subscribe=False)
        mallory.publish = Transport(identity=mallory.identity)
        claim = replace(mallory.publish.local, fingerprint=self.alice.identity.fingerprint)
        self.room.publish(mallory, MICROPHONE, claim=claim)
        for _ in range(25):
            if mallory.publish.is_connected:
                talk_once([mallory])
            talk_once([self.alice])
            await settle(0.02)
        self.assertEqual(heard(self.bob, "mallory"), 0)
        self.assertNotIn(("mallory", MICROPHONE), self.bob.down)

    async def test_subscribing_under_anothers_fingerprint_gets_no_media(self) -> None:
        """Guard: the certificate is compared with the answer's fingerprint before any media."""
        self.room.fingerprint_claims["mallory"] = self.bob.identity.fingerprint
        mallory = await self.room.enter("mallory")
        await self.room.talk_for([self.alice], 0.6)
        assert mallory.subscribe is not None
        self.assertEqual(mallory.media_datagrams_received(), 0)
