"""T9: by WHIP and WHEP, the entrance of devices. libwebrtc is the device, over the served portal."""

from __future__ import annotations

import asyncio
import unittest

from tests.intruder.case import HOST
from tests.intruder.media_case import SILENCE_SECONDS, UNDER_WAY_SECONDS, MediaCase
from tests.support.client import Answer, Json
from tests.support.webrtc_device import WebRtcDevice, webrtc


@unittest.skipIf(webrtc is None, "the wrtc package is not installed")
class T9Devices(MediaCase):
    async def made(self, **what: object) -> Json:
        body = {"name": "Board room 3", **what}
        found: Json = await self.portal.api(HOST, "POST", f"/meetings/{self.meeting['id']}/devices", body)
        return found

    def device(self, made: Json) -> WebRtcDevice:
        device = WebRtcDevice(self.client(), made["token"])
        self.addAsyncCleanup(device.close)
        return device

    async def test_a_device_is_heard_and_seen_as_long_as_its_token_is_good(self) -> None:
        """Guards: `RoomDevice.revoked_at` in the facts of the door, and the seat that a device sits in."""
        made = await self.made()
        device = self.device(made)
        answer = await device.send(f"/whip/{self.meeting['id']}")
        self.assertEqual(answer.status, 201, answer.body)
        entered = await self.ingrid.socket.until(
            lambda message: message["type"] == "person" and message["person"]["device"] and message["person"]["camera"]
        )
        who = entered["person"]["participant"]
        down = self.ingrid.media.down

        def came() -> list[int]:
            streams = [down.get((who, source)) for source in ("microphone", "camera")]
            return [stream.packets if stream is not None else 0 for stream in streams]

        await self.until(lambda: min(came()) > 3)
        await self.portal.api(HOST, "DELETE", f"/meetings/{self.meeting['id']}/devices/{made['id']}")
        await asyncio.sleep(UNDER_WAY_SECONDS)
        at_the_end = came()
        await self.speak_for(SILENCE_SECONDS)
        self.assertEqual(came(), at_the_end)
        gone: Answer = await device.request("DELETE", device.location)
        self.assertEqual(gone.status, 401)
