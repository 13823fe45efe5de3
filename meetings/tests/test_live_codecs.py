"""Who sends pictures in another codec, who can't decode them, what both are told; encrypted meetings take VP8 alone."""

from __future__ import annotations

from typing import Any

from media_engine import PICTURES, Source
from media_engine.tests.client import Client, ClientTransport, av1, eventually, in_codec, publish_offer, vp9
from meetings.live import Live, views
from meetings.signaling.messages import CODECS
from meetings.tests.devices_case import DeviceCase, Encoder, person_told
from meetings.tests.live_case import Browser, LiveCase, Talk, running_live

CAMERA = Source.CAMERA


async def show(live: Live, talk: Talk, codec: str) -> tuple[Client, str]:
    """Publish a camera in `codec`. Returns who sends, and the server's answer."""
    sender = Client(live.engine, "", "")
    transport = sender.publishing = ClientTransport(live.engine.port)
    offer = in_codec(publish_offer(transport, {"0": CAMERA}), codec)
    answer = await talk.ask("media.publish", sdp=offer, sources={"0": "camera"})
    transport.follow(answer["sdp"])
    return sender, answer["sdp"]


class CodecTests(DeviceCase):
    def rules(self) -> dict[str, Any]:
        return {"door_anyone": "walks_in"}

    def test_the_protocol_names_the_codecs_that_the_engine_passes_on(self) -> None:
        self.assertEqual(set(CODECS), PICTURES)

    async def test_who_cant_decode_is_told_of_whom_and_who_sends_of_how_many(self) -> None:
        async with running_live() as live:
            host = await self.host_inside(live)
            anna = await Browser(live).join(self.code, "Anna")
            you = (await anna.message("room"))["you"]
            await host.ask("media.start", fresh=True, decodes=["vp8", "h264"])
            await anna.ask("media.state", microphone=False, camera=True)
            sender, answer = await show(live, anna, "vp9")
            self.assertIn("a=rtpmap:96 VP9/90000", answer)
            assert sender.publishing is not None
            await sender.publishing.connect()
            sender._send(CAMERA, vp9(b"picture", 7, key=True), marker=True)
            told = await host.message("media.unplayable")
            self.assertEqual(told["tracks"], [{"participant": you, "source": "camera", "codec": "vp9"}])
            told = await anna.message("media.unseen")
            self.assertEqual(told["sources"], [{"source": "camera", "codec": "vp9", "people": 1}])
            self.assertNotIn("media.offer", [message["type"] for message in host.heard])

            # Another browser of the host's, which decodes it.
            await host.ask("media.start", fresh=True, decodes=["vp8", "vp9"])
            offer = await host.message("media.offer")
            self.assertEqual([track["source"] for track in offer["tracks"]], ["camera"])
            self.assertEqual((await anna.message("media.unseen"))["sources"], [])
            await sender.close()

    async def test_what_a_device_sends_is_said_too(self) -> None:
        async with running_live() as live:
            host = await self.host_inside(live)
            encoder = Encoder(self, live, await self.token())
            encoder.codec = "av1"
            await host.ask("media.start", fresh=True, decodes=["vp8"])
            self.assertEqual((await encoder.start()).status_code, 201)
            encoder.sender._send(CAMERA, av1(b"picture", key=True), marker=True)
            told = await host.message("media.unplayable")
            seat = await self.seat()
            self.assertEqual(told["tracks"], [{"participant": str(seat.pk), "source": "camera", "codec": "av1"}])
            # Nobody reads at a device; hosts read beside it how many don't see it.
            person = await person_told(host, "Board room 3")
            while not person["unseen"]:
                person = await person_told(host, "Board room 3")
            self.assertEqual(person["unseen"], [{"source": "camera", "codec": "av1", "people": 1}])
            self.assertIsNone(views.person(live.rooms[self.id].seats[str(seat.pk)], None)["unseen"])
            encoder.sender.send_audio()
            self.assertEqual([t["source"] for t in (await host.message("media.offer"))["tracks"]], ["microphone"])
            await encoder.close()

    async def test_a_client_that_says_nothing_is_offered_everything(self) -> None:
        async with running_live() as live:
            host = await self.host_inside(live)
            anna = await Browser(live).join(self.code, "Anna")
            await anna.message("room")
            for nothing in ({}, {"decodes": None}):
                self.assertEqual((await host.ask("media.start", fresh=True, **nothing))["type"], "ok")
            await anna.ask("media.state", microphone=False, camera=True)
            sender, _ = await show(live, anna, "av1")
            assert sender.publishing is not None
            await sender.publishing.connect()
            sender._send(CAMERA, av1(b"picture", key=True), marker=True)
            self.assertIn("AV1/90000", (await host.message("media.offer"))["sdp"])
            await sender.close()

    async def test_who_changes_what_they_send_or_show_again_and_again_is_told_to_be_slower(self) -> None:
        """Each change has everybody else negotiate, or the engine ask anew who is sent what."""
        async with running_live() as live:
            host = await self.host_inside(live)
            anna = await Browser(live).join(self.code, "Anna")
            await anna.message("room")
            transport = ClientTransport(live.engine.port)
            offers = [in_codec(publish_offer(transport, {"0": CAMERA}), codec) for codec in ("vp9", "av1")]
            now = live.clock()
            live.clock = lambda: now
            publish = [await anna.ask("media.publish", sdp=offers[n % 2], sources={"0": "camera"}) for n in range(24)]
            start = [await anna.ask("media.start", fresh=False)]
            shown = [await anna.ask("media.show", tiles=[]) for _ in range(20)]
            for answers in (publish, start, shown):
                self.assertEqual(answers[-1].get("code"), "too_many")
            self.assertEqual((publish[0]["type"], shown[0]["type"]), ("ok", "ok"))
            await transport.close()
            self.assertEqual((await host.ask("media.start", fresh=True))["type"], "ok")

    async def test_codecs_that_nobody_knows_are_refused_and_so_is_a_longer_list(self) -> None:
        async with running_live() as live:
            host = await self.host_inside(live)
            for wrong in (["h265"], "vp8", ["VP8"], [8], ["vp8"] * 5, {"vp8": True}):
                answer = await host.ask("media.start", fresh=True, decodes=wrong)
                self.assertEqual((answer["code"], answer["field"]), ("bad_field", "decodes"))


class EncryptedTests(LiveCase):
    def rules(self) -> dict[str, Any]:
        return {"door_anyone": "knocks", "encryption": "e2ee"}

    async def test_an_encrypted_meeting_answers_vp8_or_nothing(self) -> None:
        async with running_live() as live:
            host = await self.host_inside(live)
            await eventually(lambda: live.engine.stats(self.id))
            for codec in ("vp9", "av1", "h264"):
                sender, answer = await show(live, host, codec)
                self.assertIn("m=video 0 ", answer)
                await sender.close()
            sender, answer = await show(live, host, "vp8")
            self.assertIn("a=rtpmap:96 VP8/90000", answer)
            await sender.close()
