"""T9: by WHIP and WHEP, the entrance of devices. libwebrtc is the device, over the served portal."""

from __future__ import annotations

import asyncio
import sys
import unittest

from tests.intruder.case import HOST
from tests.intruder.media_case import DEADLINE_SECONDS, MediaCase
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

        def packets() -> list[int]:
            streams = [down.get((who, source)) for source in ("microphone", "camera")]
            return [stream.packets if stream is not None else 0 for stream in streams]

        await self.until(lambda: min(packets()) > 3)
        fragment = {"Content-Type": "application/trickle-ice-sdpfrag", "If-Match": device.etag}
        trickled = await device.request("PATCH", device.location, b"a=end-of-candidates\r\n", fragment)
        self.assertEqual(trickled.status, 204)
        self.assertEqual((await self.client().request("OPTIONS", device.location)).status, 204)
        await self.portal.api(HOST, "DELETE", f"/meetings/{self.meeting['id']}/devices/{made['id']}")

        async def came() -> int:
            return sum(packets())

        await self.assert_falls_silent(came)
        gone: Answer = await device.request("DELETE", device.location)
        self.assertEqual(gone.status, 401)

    async def test_ffmpeg_is_heard_and_seen(self) -> None:
        """FFmpeg's own muxer, in H.264: the picture of OBS comes the same way."""
        made = await self.made(name="Encoder")
        address = f"{self.portal.base}/whip/{self.meeting['id']}"
        program = [sys.executable, "-m", "tests.support.ffmpeg_device", address, made["token"]]
        ffmpeg = await asyncio.create_subprocess_exec(*program, stdout=asyncio.subprocess.DEVNULL)
        try:
            entered = await self.ingrid.socket.until(
                lambda message: message["type"] == "person" and message["person"]["camera"]
            )
            who = entered["person"]["participant"]
            down = self.ingrid.media.down

            def came() -> int:
                streams = [down.get((who, source)) for source in ("microphone", "camera")]
                return min(stream.packets if stream is not None else 0 for stream in streams)

            await self.until(lambda: came() > 3)
        finally:
            ffmpeg.terminate()
            await ffmpeg.wait()

    async def test_a_device_that_watches_sees_another_until_a_host_removes_it_and_one_that_sends_sees_nothing(
        self,
    ) -> None:
        """Guards: `RoomDevice.may_watch` at the address and in the seat's grants."""
        sending, watching = await self.made(), await self.made(name="Lobby screen", publish=False, watch=True)
        encoder, screen = self.device(sending), self.device(watching)
        self.assertEqual((await encoder.send(f"/whip/{self.meeting['id']}")).status, 201)
        nosy = self.device(sending)
        self.assertEqual((await nosy.watch(f"/whep/{self.meeting['id']}")).status, 403)
        answer = await screen.watch(f"/whep/{self.meeting['id']}")
        self.assertEqual(answer.status, 201, answer.body)

        async def counted(what: str) -> int:
            return sum(one.get(what, 0) for one in await screen.stats("inbound-rtp"))

        async with asyncio.timeout(DEADLINE_SECONDS):
            while not await counted("framesDecoded"):
                await self.speak_for(0.05)
        people = await self.portal.api(HOST, "GET", f"/meetings/{self.meeting['id']}/participants")
        who = next(one["id"] for one in people["items"] if one["device"] and one["name"] == "Lobby screen")
        await self.portal.api(HOST, "POST", f"/meetings/{self.meeting['id']}/participants/{who}/remove", {})
        await self.assert_falls_silent(lambda: counted("packetsReceived"))
        self.assertEqual((await screen.request("DELETE", screen.location)).status, 404)
