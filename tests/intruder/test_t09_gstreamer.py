"""T9 with GStreamer as the device, by the example of the guide: what it sends is decoded, and it decodes what it is
sent, until it is put out. Nothing of its `webrtcbin` is like libwebrtc: SDP, ICE, DTLS, and which packets say what.
"""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from uuid import UUID

import pytest

from tests.intruder.case import HOST
from tests.intruder.media_case import DEADLINE_SECONDS, SILENCE_SECONDS, UNDER_WAY_SECONDS, MediaCase
from tests.support.client import Json
from tests.support.gstreamer import MISSING, GStreamer, is_installed
from tests.support.webrtc_device import WebRtcDevice, webrtc

pytestmark = [
    pytest.mark.extra,
    pytest.mark.timeout(180),
    pytest.mark.skipif(not is_installed(), reason=MISSING),
    pytest.mark.skipif(webrtc is None, reason="the wrtc package is not installed"),
]

MANY = 30
"""Pictures of a second, more than come of a single key frame and what follows it."""
SOME_ENERGY = 0.1
"""Of the tone that it makes there is more in a quarter of a second."""


class T9GStreamer(MediaCase):
    async def made(self, **what: object) -> Json:
        body = {"name": "Encoder", **what}
        found: Json = await self.portal.api(HOST, "POST", f"/meetings/{self.meeting['id']}/devices", body)
        return found

    async def gstreamer(self, what: str, token: str, *more: str, meeting: str = "") -> GStreamer:
        entrance = "whip" if what == "send" else "whep"
        if what == "watch":
            more = ("--video-sink", "fakesink", "--audio-sink", "fakesink", *more)
        address = f"{self.portal.base}/{entrance}/{meeting or self.meeting['id']}"
        device = GStreamer(what, address, token, *more)
        await device.start()
        self.addAsyncCleanup(device.stop)
        return device

    async def screen(self) -> WebRtcDevice:
        """A lobby screen of libwebrtc's, which has been watching from now on."""
        made = await self.made(name="Lobby screen", publish=False, watch=True)
        screen = WebRtcDevice(self.client(), made["token"])
        self.addAsyncCleanup(screen.close)
        self.assertEqual((await screen.watch(f"/whep/{self.meeting['id']}")).status, 201)
        return screen

    @staticmethod
    async def decoded(screen: WebRtcDevice) -> tuple[int, float]:
        """How many pictures, and how much sound that is no silence."""
        found = await screen.stats("inbound-rtp")
        pictures = sum(one.get("framesDecoded", 0) for one in found if one["kind"] == "video")
        return pictures, sum(one.get("totalAudioEnergy", 0.0) for one in found if one["kind"] == "audio")

    async def test_what_it_sends_is_seen_and_heard_until_its_token_is_taken_back(self) -> None:
        made = await self.made()
        encoder = await self.gstreamer("send", made["token"])
        entered = await self.ingrid.socket.until(
            lambda message: message["type"] == "person" and message["person"]["device"] and message["person"]["camera"]
        )
        who = entered["person"]["participant"]
        self.assertEqual(entered["person"]["name"], "Encoder")
        await encoder.until(lambda: encoder.said("trickled"))
        self.assertEqual(encoder.said("trickled"), 204)
        # Its packets say how loud it is.
        await self.ingrid.socket.until(
            lambda message: message["type"] == "media.speakers" and who in message["speakers"]
        )
        # The first key frame is long gone; it makes another when it is asked for one.
        screen = await self.screen()
        async with asyncio.timeout(DEADLINE_SECONDS):
            while True:
                pictures, energy = await self.decoded(screen)
                if pictures >= MANY and energy > SOME_ENERGY:
                    break
                await asyncio.sleep(0.05)
        down = [self.ingrid.media.down[who, source] for source in ("microphone", "camera")]
        await self.portal.api(HOST, "DELETE", f"/meetings/{self.meeting['id']}/devices/{made['id']}")
        await asyncio.sleep(UNDER_WAY_SECONDS)
        at_the_end = [stream.packets for stream in down]
        self.assertGreater(min(at_the_end), 0)
        await asyncio.sleep(SILENCE_SECONDS)
        self.assertEqual([stream.packets for stream in down], at_the_end)
        self.assertEqual(await encoder.ended(), 1)
        self.assertEqual(encoder.lines[-2:], [{"connection": "closed"}, {"deleted": 401}])

    async def test_it_decodes_each_codec_on_one_m_line_until_a_host_removes_it(self) -> None:
        token = (await self.made())["token"]
        watching = await self.made(name="Board room 3", publish=False, watch=True)
        screen = await self.gstreamer("watch", watching["token"])
        for codec in ("H264", "VP8", "VP9"):
            encoder = await self.gstreamer("send", token, "--codec", codec)
            await screen.until(lambda codec=codec: {"stream": codec} in screen.lines)
            pictures, sounds = screen.pictures, screen.sounds
            await screen.until(lambda p=pictures, s=sounds: screen.pictures >= p + MANY and screen.sounds > s)
            self.assertEqual(await encoder.stop(), 0)
            self.assertIn({"deleted": 200}, encoder.lines)
        people = await self.portal.api(HOST, "GET", f"/meetings/{self.meeting['id']}/participants")
        who = next(one["id"] for one in people["items"] if one["device"] and one["name"] == "Board room 3")
        await self.portal.api(HOST, "POST", f"/meetings/{self.meeting['id']}/participants/{who}/remove", {})
        self.assertEqual(await screen.ended(), 1)
        self.assertIn({"connection": "closed"}, screen.lines)

    async def test_it_is_told_why_it_is_refused(self) -> None:
        made = await self.made()
        sealed = await self.portal.schedule(HOST, encryption="e2ee")
        body = {"name": "Encoder"}
        none = await self.portal.try_api(HOST, "POST", f"/meetings/{sealed['id']}/devices", body)
        self.assertEqual((none.status, none.json["code"]), (409, "encrypted_room"))
        for what, token, meeting, expected in (
            ("send", "ldev_never-made", "", (401, "unauthenticated")),
            ("send", made["token"], sealed["id"], (401, "unauthenticated")),
            ("watch", made["token"], "", (403, "not_allowed")),
        ):
            await self.is_refused(what, token, meeting, expected)
        # No token can be made there; should there be one all the same, it opens nothing.
        with closing(sqlite3.connect(self.portal.data_dir / "lintel.sqlite3", timeout=20)) as database, database:
            database.execute(
                "UPDATE meetings_roomdevice SET occurrence_id ="
                " (SELECT id FROM meetings_occurrence WHERE meeting_id = ?) WHERE id = ?",
                (UUID(sealed["id"]).hex, UUID(made["id"]).hex),
            )
        await self.is_refused("send", made["token"], sealed["id"], (409, "encrypted_room"))

    async def is_refused(self, what: str, token: str, meeting: str, expected: tuple[int, str]) -> None:
        device = await self.gstreamer(what, token, meeting=meeting)
        self.assertEqual(await device.ended(), 1)
        refused = device.said("refused")
        assert isinstance(refused, dict), device.lines
        self.assertEqual((refused["status"], refused["code"]), expected)
