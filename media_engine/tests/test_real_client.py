"""libwebrtc itself against the engine: what only a real encoder, jitter buffer and bandwidth estimator can say."""

import asyncio
import contextlib
import json
import os
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any
from unittest import IsolatedAsyncioTestCase, skipIf

from media_engine import (
    Engine,
    EngineConfig,
    Event,
    Grants,
    OfferRejected,
    Source,
    SubscribeOffer,
    Unplayable,
    UnplayableTrack,
)
from media_engine.datagrams import StreamAddress
from media_engine.tests.client import DEADLINE_SECONDS, EVERYTHING, Client, eventually

try:
    import webrtc
except ImportError:  # pragma: no cover - development machines have it
    webrtc = None

WIDTH, HEIGHT, FRAMES_PER_SECOND = 320, 180, 25
LASTING = 600.0
"""Seconds, longer than any of these tests: nothing here is about leases that run out."""
RED = "a=rtpmap:63 red/48000/2"


class Browser:
    """Two peer connections of libwebrtc, signalled by calls."""

    def __init__(self, engine: Engine, peer_id: str) -> None:
        self.engine, self.peer_id = engine, peer_id
        self.publishing: Any = None
        self.subscribing: Any = None
        self.offers: asyncio.Queue[SubscribeOffer] = asyncio.Queue()
        self.configuration: Any = None
        """RTCConfiguration of both connections; None for an ordinary one."""
        self.way: Callable[[str], str] = str
        """What becomes of the engine's answer on its way: candidates may lead elsewhere."""
        self._answering: asyncio.Task[None] | None = None

    async def publish(self, sound: Any, picture: Any, rids: tuple[str, ...] = (), codec: str = "") -> None:
        self.publishing = webrtc.RTCPeerConnection(self.configuration)
        encodings = [webrtc.RTCRtpEncodingParameters(rid=rid) for rid in rids]
        send = webrtc.RTCRtpTransceiverInit(direction="sendonly")
        layered = webrtc.RTCRtpTransceiverInit(direction="sendonly", send_encodings=encodings)
        audio = self.publishing.add_transceiver(sound, send)
        video = self.publishing.add_transceiver(picture, layered if rids else send)
        if codec:
            known = webrtc.RTCRtpSender.get_capabilities("video").codecs
            video.set_codec_preferences(sorted(known, key=lambda one: one.mime_type != f"video/{codec}"))
        await self.publishing.set_local_description(await self.publishing.create_offer())
        sources = {audio.mid: Source.MICROPHONE, video.mid: Source.CAMERA}
        offer = self.publishing.local_description.sdp
        answer = self.way(self.engine.answer_publish("session", self.peer_id, offer, sources))
        await self.publishing.set_remote_description(webrtc.RTCSessionDescriptionInit(type="answer", sdp=answer))

    def open(self) -> None:
        self.subscribing = webrtc.RTCPeerConnection(self.configuration)
        self.engine.open_subscribe("session", self.peer_id, True)
        self._answering = asyncio.create_task(self._answer())

    async def _answer(self) -> None:
        while True:
            offer = await self.offers.get()
            pc = self.subscribing
            await pc.set_remote_description(webrtc.RTCSessionDescriptionInit(type="offer", sdp=offer.sdp))
            await pc.set_local_description(await pc.create_answer())
            with contextlib.suppress(OfferRejected):
                self.engine.accept_answer("session", self.peer_id, offer.offer_id, pc.local_description.sdp)

    async def inbound(self, kind: str) -> list[dict[str, Any]]:
        return [s for s in await _stats(self.subscribing, "inbound-rtp") if s.get("kind") == kind]

    async def outbound(self, kind: str) -> list[dict[str, Any]]:
        return [s for s in await _stats(self.publishing, "outbound-rtp") if s.get("kind") == kind]

    async def close(self) -> None:
        if self._answering is not None:
            self._answering.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._answering
        for connection in (self.publishing, self.subscribing):
            if connection is not None:
                connection.close()


async def _stats(connection: Any, kind: str) -> list[dict[str, Any]]:
    found = []
    for entry in (await connection.get_stats()).values():
        if entry.type == kind:
            data = entry.to_json()
            found.append(json.loads(data) if isinstance(data, str) else data)
    return found


async def soon(ask: Callable[[], Awaitable[Any]], otherwise: str) -> Any:
    """The first true answer. A busy machine lets it wait; what is broken never gives it."""
    end = time.monotonic() + DEADLINE_SECONDS
    while not (answer := await ask()):
        if time.monotonic() > end:
            raise AssertionError(otherwise)
        await asyncio.sleep(0.02)
    return answer


class ClientTestCase(IsolatedAsyncioTestCase):
    """An engine, clients of libwebrtc, and a camera and a microphone that they may share."""

    config = EngineConfig(port=0)
    width, height, frames_per_second = WIDTH, HEIGHT, FRAMES_PER_SECOND
    pictures: Sequence[bytes] = ()
    """In turn; noise where there are none. I420, of `width` and `height`."""

    async def asyncSetUp(self) -> None:
        self.browsers: dict[str, Browser] = {}
        self.events: list[Event] = []
        self.engine = Engine(self.config, self._on_event)
        await self.engine.start()
        self.generator = webrtc.VideoTrackGenerator()
        self.sound = webrtc.MediaStreamTrackGenerator("audio")
        self.filmed = 0
        self.pump = asyncio.create_task(self._pump())

    async def asyncTearDown(self) -> None:
        await self.stop_camera()
        for browser in self.browsers.values():
            await browser.close()
        await self.engine.aclose()

    async def stop_camera(self) -> None:
        """And the microphone."""
        self.pump.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self.pump

    def _on_event(self, event: Event) -> None:
        self.events.append(event)
        if isinstance(event, SubscribeOffer):
            self.on_offer(event)

    def on_offer(self, offer: SubscribeOffer) -> None:
        self.browsers[offer.peer_id].offers.put_nowait(offer)

    async def _pump(self) -> None:
        """Pictures and sound at the pace of a camera and a microphone. What was missed is not made up for."""
        pictures, sounds = self.generator.writable.get_writer(), self.sound.writable.get_writer()
        start = due_at = time.monotonic()
        while True:
            stamp = int((time.monotonic() - start) * 1e6)
            width, height = self.width, self.height
            shape = webrtc.VideoFrameBufferInit(format="I420", coded_width=width, coded_height=height, timestamp=stamp)
            made = (
                self.pictures[self.filmed % len(self.pictures)]
                if self.pictures
                else os.urandom(width * height * 3 // 2)
            )
            await pictures.write(webrtc.VideoFrame(made, shape))
            for part in range(100 // self.frames_per_second):
                init = webrtc.AudioDataInit(
                    format="s16",
                    sample_rate=48000,
                    number_of_frames=480,
                    number_of_channels=1,
                    timestamp=stamp + part * 10000,
                    data=os.urandom(960),
                )
                await sounds.write(webrtc.AudioData(init))
            self.filmed += 1
            due_at = max(due_at + 1 / self.frames_per_second, time.monotonic())
            await asyncio.sleep(due_at - time.monotonic())

    def browser(self, peer_id: str) -> Browser:
        browser = self.browsers[peer_id] = Browser(self.engine, peer_id)
        self.engine.set_grants("session", peer_id, Grants(EVERYTHING, True, self.engine.clock() + LASTING))
        return browser

    async def decodes(self, browser: Browser, pictures: int) -> list[int]:
        """Wait until every one of `pictures` received pictures has advanced; the frames of each."""

        async def all_frames() -> list[int]:
            frames = [entry.get("framesDecoded", 0) for entry in await browser.inbound("video")]
            return frames if len(frames) == pictures and all(frames) else []

        frames: list[int] = await soon(all_frames, f"{browser.peer_id} decodes nothing")
        return frames

    async def heard(self, browser: Browser) -> dict[str, Any]:
        """Counters of the first received sound, which libwebrtc has from its first packet on."""
        (first, *_) = await soon(lambda: browser.inbound("audio"), f"{browser.peer_id} hears nothing")
        return dict(first)

    async def sees(self, browser: Browser, height: int) -> None:
        """Wait until the received picture has so many lines."""

        async def has_them() -> bool:
            return (await browser.inbound("video"))[0].get("frameHeight", 0) == height

        await soon(has_them, f"{browser.peer_id} sees no {height} lines")

    async def counts(self, browser: Browser, kind: str, counter: str, target: int) -> None:
        """Wait until a counter of the first received stream has reached `target`."""

        async def has_reached() -> bool:
            return next((entry[counter] for entry in await browser.inbound(kind)), 0) >= target

        await soon(has_reached, f"{counter} of {browser.peer_id}'s {kind} stay below {target}")


@skipIf(webrtc is None, "the wrtc package is not installed")
class RealClientTests(ClientTestCase):
    async def test_two_see_and_hear_each_other_and_one_who_comes_late_sees_both(self) -> None:
        for name in ("anna", "ben"):
            browser = self.browser(name)
            await browser.publish(self.sound, self.generator.track)
            browser.open()
        for name in ("anna", "ben"):
            await self.decodes(self.browsers[name], 1)
        cleo = self.browser("cleo")
        cleo.open()
        await self.decodes(cleo, 2)
        self.assertEqual((await self.heard(cleo))["packetsLost"], 0)

    async def test_sound_carries_what_came_before_both_ways_and_is_played(self) -> None:
        anna, ben = self.browser("anna"), self.browser("ben")
        await anna.publish(self.sound, self.generator.track)
        ben.open()
        await self.decodes(ben, 1)
        await self.counts(ben, "audio", "packetsDiscarded", 20)  # what came a second time and wasn't needed
        self.assertIn(RED, ben.subscribing.local_description.sdp)
        report = self.engine.report
        await eventually(lambda: max(one.get("fecPacketsReceived", 0) for one in report("session", "anna")) > 20)

        async def is_played() -> bool:
            """What a busy machine has played too late becomes less beside what follows."""
            heard = await self.heard(ben)
            return heard["concealedSamples"] < heard["totalSamplesReceived"] / 2

        await soon(is_played, "most of the sound is made up")

    async def test_pictures_in_vp9_and_av1_move_and_go_on_after_a_pause(self) -> None:
        for name, codec in (("anna", "VP9"), ("ben", "AV1")):
            await self.browser(name).publish(self.sound, self.generator.track, codec=codec)
        cleo = self.browser("cleo")
        cleo.open()
        before = await self.decodes(cleo, 2)
        used = {entry["mimeType"] for entry in await _stats(cleo.subscribing, "codec")}
        self.assertEqual(used - {"audio/opus", "video/rtx"}, {"video/VP9", "video/AV1"})
        for publish in (frozenset[Source](), EVERYTHING):
            for name in ("anna", "ben"):
                self.engine.set_grants("session", name, Grants(publish, True, self.engine.clock() + LASTING))

        async def go_on() -> bool:
            after = [entry["framesDecoded"] for entry in await cleo.inbound("video")]
            return all(now > then + 5 for now, then in zip(after, before, strict=True))

        await soon(go_on, f"no more than {before} pictures after the pause")

    async def test_who_rejects_a_codec_goes_on_to_see_others(self) -> None:
        """This libwebrtc has no H.264."""
        encoder = Client(self.engine, "session", "encoder")
        encoder.codec = "h264"
        encoder.grant()
        await encoder.publish(Source.CAMERA)
        encoder._send(Source.CAMERA, b"\x65picture", marker=True)
        dora = self.browser("dora")
        dora.open()
        await eventually(lambda: [event for event in self.events if isinstance(event, Unplayable)])
        told = [event.tracks for event in self.events if isinstance(event, Unplayable)]
        self.assertEqual(told, [(UnplayableTrack("encoder", Source.CAMERA, "h264"),)])
        anna = self.browser("anna")
        await anna.publish(self.sound, self.generator.track)
        await self.decodes(dora, 1)
        await encoder.close()

    async def test_the_publishers_rate_rises_above_its_start(self) -> None:
        anna, ben = self.browser("anna"), self.browser("ben")
        await anna.publish(self.sound, self.generator.track)
        ben.open()
        await self.decodes(ben, 1)

        async def has_risen() -> bool:
            """It starts at 300,000, and stays there if nobody tells what arrives."""
            pairs = await _stats(anna.publishing, "candidate-pair")
            return max((pair.get("availableOutgoingBitrate", 0.0) for pair in pairs), default=0.0) > 600_000

        await soon(has_risen, "the rate does not rise")

    async def test_muting_stops_the_frames_and_unmuting_brings_them_back(self) -> None:
        anna, ben = self.browser("anna"), self.browser("ben")
        await anna.publish(self.sound, self.generator.track)
        ben.open()
        await self.decodes(ben, 1)
        off = Grants(frozenset({Source.MICROPHONE}), True, self.engine.clock() + LASTING)
        self.engine.set_grants("session", "anna", off)
        # Pictures that were sent before have come when sound has that was sent after them: it is one way, in its order.
        sound = (await self.heard(ben))["packetsReceived"]
        await self.counts(ben, "audio", "packetsReceived", sound + 10)
        picture = (await ben.inbound("video"))[0]["packetsReceived"]
        await self.counts(ben, "audio", "packetsReceived", sound + 30)
        self.assertEqual((await ben.inbound("video"))[0]["packetsReceived"], picture)
        self.engine.set_grants("session", "anna", Grants(EVERYTHING, True, self.engine.clock() + LASTING))
        frames = (await ben.inbound("video"))[0]["framesDecoded"]
        await self.counts(ben, "video", "framesDecoded", frames + 10)
        await self.stop_camera()
        await self.has_no_hole(ben)

    async def has_no_hole(self, browser: Browser) -> None:
        """Wait until all that was sent of the first received picture has come or was lost on the way. Then no number
        may have been left out.
        """

        async def left_out() -> int:
            picture = (await browser.inbound("video"))[0]
            report = self.engine.report("session", browser.peer_id)
            (sent,) = (one for one in report if one["type"] == "outbound-rtp" and one["ssrc"] == picture["ssrc"])
            numbers = int(sent["packetsSent"]) - int(sent["retransmittedPacketsSent"])
            return int(picture["packetsReceived"]) + int(picture["packetsLost"]) - numbers

        async def all_has_come() -> list[int]:
            """How many numbers were left out, where it is the same twice: a last packet may still be on its way."""
            counts = [await left_out(), await left_out()]
            return counts if counts[0] == counts[1] >= 0 else []

        self.assertEqual(await soon(all_has_come, "not all comes"), [0, 0])

    async def test_an_encoding_takes_the_place_of_another_while_the_picture_goes_on(self) -> None:
        self.width, self.height = 640, 360  # smaller ones libwebrtc does not divide
        pixels = self.width * self.height
        self.pictures = [bytes([grey]) * pixels + bytes([128]) * (pixels // 2) for grey in range(60, 180, 4)]
        anna, ben = self.browser("anna"), self.browser("ben")
        await anna.publish(self.sound, self.generator.track, rids=("q", "h"))
        ben.open()
        await self.decodes(ben, 1)
        self.engine.show("session", "ben", {("anna", Source.CAMERA): 100})
        await self.sees(ben, 180)
        filmed, came = self.filmed, (await ben.inbound("video"))[0]["framesReceived"]
        before = await self.sent(anna)
        for tile, height in ((720, 360), (100, 180)):
            self.engine.show("session", "ben", {("anna", Source.CAMERA): tile})
            await self.sees(ben, height)
        await self.stop_camera()
        sent = await self.sent(anna)
        self.assertEqual(set(sent), {"q", "h"})
        # Of what the camera filmed, at least so many pictures were sent in both encodings: one of the two reaches Ben.
        in_both = sum(sent.values()) - sum(before.values()) - (self.filmed - filmed)
        await self.counts(ben, "video", "framesReceived", came + in_both - 3)
        await self.has_no_hole(ben)

    async def sent(self, browser: Browser) -> dict[str, int]:
        """How many pictures have left in each encoding."""
        return {entry["rid"]: entry["framesSent"] for entry in await browser.outbound("video")}


@skipIf(webrtc is None, "the wrtc package is not installed")
class FewLinesTests(ClientTestCase):
    config = EngineConfig(port=0, max_subscribe_sections=2)

    async def test_where_there_can_be_no_other_m_line_one_changes_its_codec(self) -> None:
        anna, ben = self.browser("anna"), self.browser("ben")
        ben.open()
        for codec in ("VP8", "VP9", "AV1"):
            if anna.publishing is not None:
                anna.publishing.close()
            await anna.publish(self.sound, self.generator.track, codec=codec)

            async def is_seen(codec: str = codec) -> bool:
                decoded = {entry["codecId"] for entry in await ben.inbound("video") if entry.get("framesDecoded")}
                named = {entry["id"]: entry["mimeType"] for entry in await _stats(ben.subscribing, "codec")}
                return {named.get(codec_id) for codec_id in decoded} == {f"video/{codec}"}

            await soon(is_seen, f"no picture in {codec}")
        self.assertEqual(len(ben.subscribing.get_transceivers()), 2)


@skipIf(webrtc is None, "the wrtc package is not installed")
class NoUdpTests(ClientTestCase):
    config = EngineConfig(port=0, tcp_port=0)

    def on_offer(self, offer: SubscribeOffer) -> None:
        super().on_offer(replace(offer, sdp=without_udp(offer.sdp)))

    async def test_who_can_use_tcp_alone_is_seen_and_heard_and_sees_and_hears(self) -> None:
        anna, ben = self.browser("anna"), self.browser("ben")
        anna.way = without_udp
        await anna.publish(self.sound, self.generator.track)
        ben.open()
        await self.decodes(ben, 1)
        await self.counts(ben, "audio", "packetsReceived", 20)
        for browser, link in ((anna, "publish"), (ben, "subscribe")):
            addresses = getattr(self.engine._sessions["session"].peers[browser.peer_id], link).ice.addresses
            self.assertTrue(addresses)
            self.assertTrue(all(isinstance(address, StreamAddress) for address in addresses))


def without_udp(sdp: str) -> str:
    return re.sub(r"a=candidate:\S+ 1 udp [^\r]*\r\n", "", sdp)
