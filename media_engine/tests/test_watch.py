"""Receivers that offer: what their m-lines carry, whose turn it is, and that grants hold there as everywhere."""

import re

from media_engine import Fragment, OfferRejected, Source, rtcp
from media_engine.rtp import RtpHeader
from media_engine.tests.client import Client, ClientTransport, EngineTestCase, eventually, outline, watch_offer

MICROPHONE, CAMERA, SCREEN = Source.MICROPHONE, Source.CAMERA, Source.SCREEN


class WatchTests(EngineTestCase):
    async def watcher(self, *kinds: str) -> ClientTransport:
        """A peer that watches, connected. Its transport counts what comes."""
        self.viewer = self.client("viewer")
        self.viewer.grant(publish=frozenset())
        transport = self.viewer.subscribing = ClientTransport(self.engine.port)
        self.answer = self.engine.answer_subscribe("session", "viewer", watch_offer(transport, *kinds))
        transport.follow(self.answer)
        await transport.connect()
        return transport

    def ssrc(self, mid: int) -> int:
        section = self.answer.split("\r\nm=")[mid + 1]
        return int(re.search(r"a=ssrc:(\d+) cname", section)[1])  # type: ignore[index]

    def came(self, mid: int) -> list[tuple[RtpHeader, bytes]]:
        ssrc = self.ssrc(mid)
        return [(header, payload) for header, payload in map(outline, self.viewer.received) if header.ssrc == ssrc]

    async def carries(self, client: Client, *sources: Source) -> None:
        """Wait until these are what is carried of this client, and flow."""

        def ready() -> bool:
            self.clock.advance(0.01)  # whoever speaks keeps the floor for two seconds
            theirs = (row for row in self.receives("viewer") if row["publisher"] == client.peer_id and row["flows"])
            return {source.value for source in sources} <= {row["source"] for row in theirs}

        await eventually(ready, f"not carried: {sources}")

    async def test_a_sound_and_a_picture_come_with_the_payload_types_of_the_offer(self) -> None:
        anna = await self.publisher("anna")
        await self.watcher("audio", "video")
        self.assertIn("a=sendonly", self.answer)
        self.assertIn("a=rtpmap:109 opus/48000/2", self.answer)
        self.assertIn("a=rtpmap:121 rtx/90000", self.answer)
        self.assertNotIn("extmap", self.answer)
        anna.send_audio(b"hello")
        anna.send_video(key=True)
        await self.carries(anna, MICROPHONE, CAMERA)
        anna.send_audio(b"hello")
        anna.send_video(key=True)
        await eventually(lambda: self.came(0) and self.came(1))
        self.assertEqual({header.payload_type for header, _ in self.came(0)}, {109})
        self.assertEqual({header.payload_type for header, _ in self.came(1)}, {120})
        self.assertEqual(self.came(0)[-1][1], b"hello")
        # Asked for again, sound comes as the same bytes: it has the same number, and so the same nonce.
        watching = self.viewer.subscribing
        assert watching is not None
        ssrc, sequence = self.ssrc(0), self.came(0)[-1][0].sequence
        first = [packet for packet in watching.sealed if packet[8:12] == ssrc.to_bytes(4)][-1]
        self.clock.advance(1)
        watching.send_rtcp(rtcp.nack(1, ssrc, [sequence]))
        await eventually(lambda: watching.sealed.count(first) == 2)

    async def test_who_speaks_takes_the_place_under_the_same_numbers(self) -> None:
        anna, ben = await self.publisher("anna"), await self.publisher("ben")
        await self.watcher("audio", "video")
        anna.level, ben.level = 10, 100
        anna.send_audio()
        anna.send_video(key=True)
        await self.carries(anna, MICROPHONE, CAMERA)
        ben.send_audio(b"ben, and nobody hears it")
        ben.send_video(key=True)
        anna.send_audio(b"anna")
        await eventually(lambda: self.came(0))
        anna.level, ben.level = 127, 0
        for _ in range(20):
            ben.send_audio(b"ben")
        await self.carries(ben, MICROPHONE, CAMERA)
        ben.send_audio(b"ben")
        anna.send_audio(b"anna, and nobody hears it")
        await eventually(lambda: self.came(0)[-1][1] == b"ben")
        numbers = [header.sequence for header, _ in self.came(0)]
        self.assertEqual(numbers, list(range(numbers[0], numbers[0] + len(numbers))))
        self.assertNotIn(b"anna, and nobody hears it", [payload for _, payload in self.came(0)])

    async def test_a_screen_comes_before_any_camera(self) -> None:
        anna = await self.publisher("anna", MICROPHONE, CAMERA)
        ben = await self.publisher("ben", SCREEN)
        await self.watcher("video")
        anna.send_audio()
        anna.send_video(key=True)
        await self.carries(anna, CAMERA)
        ben.send_video(key=True, source=SCREEN)
        await self.carries(ben, SCREEN)
        self.engine.revoke("session", "ben")
        await self.carries(anna, CAMERA)

    async def test_several_sounds_carry_several_voices(self) -> None:
        clients = [await self.publisher(name, MICROPHONE) for name in ("anna", "ben", "cleo")]
        await self.watcher("audio", "audio")
        for level, client in zip((10, 20, 120), clients, strict=True):
            client.level = level
            client.send_audio()
        for client in clients[:2]:
            await self.carries(client, MICROPHONE)
        self.assertEqual(len(self.receives("viewer")), 2)

    async def test_without_a_grant_nothing_is_answered_and_nothing_flows(self) -> None:
        anna = await self.publisher("anna")
        self.client("viewer").grant(subscribe=False)
        transport = ClientTransport(self.engine.port)
        with self.assertRaises(OfferRejected) as caught:
            self.engine.answer_subscribe("session", "viewer", watch_offer(transport, "audio"))
        self.assertEqual(caught.exception.code, "no_grant")
        await transport.close()
        await self.watcher("audio", "video")
        anna.send_audio()
        await self.carries(anna, MICROPHONE)
        anna.send_audio()
        await eventually(lambda: self.came(0))
        self.viewer.grant(subscribe=False)
        anna.send_audio(b"never")
        await anna.publishing.check()  # type: ignore[union-attr]
        self.viewer.grant(publish=frozenset())
        anna.send_audio(b"again")
        await eventually(lambda: self.came(0)[-1][1] == b"again")
        self.assertNotIn(b"never", [payload for _, payload in self.came(0)])

    async def test_an_offer_that_asks_for_nothing_is_refused_and_leaves_no_transport(self) -> None:
        self.client("viewer").grant()
        transport = ClientTransport(self.engine.port)
        offer = watch_offer(transport, "audio").replace("recvonly", "sendonly")
        with self.assertRaises(OfferRejected):
            self.engine.answer_subscribe("session", "viewer", offer)
        self.assertEqual(self.engine.stats("session")["viewer"]["links"], {})
        await transport.close()

    async def test_ice_is_restarted_and_the_transport_is_closed_without_an_event(self) -> None:
        transport = await self.watcher("audio")
        transport.move()
        theirs = Fragment(transport.ice.ufrag, transport.ice.password)
        fragment = self.engine.restart_ice("session", "viewer", "subscribe", theirs)
        transport.remote_ufrag = re.search(r"a=ice-ufrag:(\S+)", fragment)[1]  # type: ignore[index]
        transport.remote_password = re.search(r"a=ice-pwd:(\S+)", fragment)[1]  # type: ignore[index]
        await transport.check()
        self.events.clear()
        self.engine.close_transport("session", "viewer", "subscribe")
        await eventually(lambda: "closed" in transport.states)
        self.assertEqual(self.events, [])
        with self.assertRaises(OfferRejected):
            self.engine.restart_ice("session", "viewer", "subscribe", theirs)
