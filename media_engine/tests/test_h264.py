"""H.264 of clients that offer nothing else: who is offered it, where a picture begins; sealed rooms take none."""

import pytest

from media_engine import OfferRejected, Source
from media_engine.h264 import starts_key_frame
from media_engine.rtp import RtpHeader
from media_engine.tests.client import (
    Client,
    ClientTransport,
    EngineTestCase,
    eventually,
    in_codec,
    outline,
    publish_offer,
    watch_offer,
)

CAMERA = Source.CAMERA
SEQUENCE_PARAMETERS, WHOLE, DIFFERENCE = b"\x67\x42\xe0\x1f", b"\x65picture", b"\x41difference"


@pytest.mark.parametrize(
    ("payload", "starts"),
    [
        (SEQUENCE_PARAMETERS, True),
        (WHOLE, True),
        (DIFFERENCE, False),
        (b"\x68\xce\x3c\x80", False),
        (b"\x78\x00\x02\x68\xce\x00\x02\x65x", True),  # STAP-A: picture parameters, then an IDR slice
        (b"\x78\x00\x02\x68\xce\x00\x02\x41x", False),
        (b"\x7c\x85rest", True),  # FU-A: the first piece of an IDR slice
        (b"\x7c\x05rest", False),  # a later piece
        (b"\x7c\x81rest", False),
        (b"\x7c", False),
        (b"\x78\xff\xff\x41", False),
        (b"\x78\x00", False),
        (b"", False),
    ],
)
def test_a_key_frame_is_known_by_its_units(payload: bytes, starts: bool) -> None:
    assert starts_key_frame(b"header" + payload, 6, 6 + len(payload)) is starts


class H264Tests(EngineTestCase):
    async def encoder(self) -> Client:
        anna = self.client("anna")
        anna.grant()
        transport = anna.publishing = ClientTransport(self.engine.port)
        offer = in_codec(publish_offer(transport, {"0": CAMERA}), "h264")
        self.answer = self.engine.answer_publish("session", "anna", offer, {"0": CAMERA})
        transport.follow(self.answer)
        await transport.connect()
        return anna

    def send(self, anna: Client, payload: bytes) -> None:
        anna._send(CAMERA, payload, marker=True)

    @staticmethod
    def came(client: Client) -> list[tuple[RtpHeader, bytes]]:
        return [outline(packet) for packet in client.received]

    async def test_a_receiver_is_offered_what_comes_and_begins_at_a_key_frame(self) -> None:
        anna, ben = await self.encoder(), await self.listener("ben")
        self.assertIn("profile-level-id=42000a", self.answer)
        self.send(anna, DIFFERENCE)
        await eventually(lambda: ben.offers and ben.offers[-1].tracks)
        self.assertIn("m=video 9 UDP/TLS/RTP/SAVPF 102 103\r\n", ben.offers[-1].sdp)
        self.assertIn("a=rtpmap:102 H264/90000", ben.offers[-1].sdp)
        await ben.connected()
        await eventually(lambda: all(row["flows"] for row in self.receives("ben")))
        for payload in (DIFFERENCE, SEQUENCE_PARAMETERS, WHOLE, DIFFERENCE):
            self.send(anna, payload)
        await eventually(lambda: len(self.came(ben)) == 3)
        self.assertEqual([payload for _, payload in self.came(ben)], [SEQUENCE_PARAMETERS, WHOLE, DIFFERENCE])
        self.assertEqual({header.payload_type for header, _ in self.came(ben)}, {102})

    async def test_another_codec_gets_another_m_line(self) -> None:
        anna, ben = await self.encoder(), await self.listener("ben")
        self.send(anna, WHOLE)
        await eventually(lambda: ben.offers and ben.offers[-1].tracks)
        await ben.connected()
        await anna.publishing.close()  # type: ignore[union-attr]
        await anna.publish(CAMERA, transport=ClientTransport(self.engine.port))
        anna.send_video()
        await eventually(lambda: [track.mid for track in ben.offers[-1].tracks] == ["1"])
        sections = ben.offers[-1].sdp.split("\r\nm=")[1:]
        self.assertIn("a=inactive", sections[0])
        self.assertIn("VP8/90000", sections[1])

    async def test_who_watches_is_sent_the_codec_it_offered_and_no_other(self) -> None:
        anna = await self.encoder()
        for codec, carried in (("VP8", 0), ("H264", 1)):
            viewer = self.client(f"viewer-{codec}")
            viewer.grant(publish=frozenset())
            transport = viewer.subscribing = ClientTransport(self.engine.port)
            offer = watch_offer(transport, "video")
            if codec == "H264":
                offer = in_codec(offer, "h264")
            transport.follow(self.engine.answer_subscribe("session", viewer.peer_id, offer))
            await transport.connect()
            self.send(anna, WHOLE)
            await eventually(lambda: self.engine.stats("session")["anna"]["packets_in"])
            rows = self.engine.stats("session")[viewer.peer_id]["receives"]
            self.assertEqual(len(rows), carried)
        await eventually(lambda: all(row["flows"] for row in rows))
        self.send(anna, WHOLE)
        await eventually(lambda: self.came(viewer))
        self.assertEqual(self.came(viewer)[-1][0].payload_type, 120)

    async def test_a_sealed_session_takes_none(self) -> None:
        self.engine.seal("session")
        anna = await self.encoder()
        self.assertIn("m=video 0 ", self.answer)
        await anna.publishing.close()  # type: ignore[union-attr]
        anna.publishing = None

    async def test_without_packetization_mode_or_profile_it_is_not_taken(self) -> None:
        self.client("anna").grant()
        transport = ClientTransport(self.engine.port)
        offer = in_codec(publish_offer(transport, {"0": CAMERA}), "h264")
        for wrong in (offer.replace("packetization-mode=1", "packetization-mode=2"), offer.replace("42000A", "42")):
            self.assertIn("m=video 0 ", self.engine.answer_publish("session", "anna", wrong, {"0": CAMERA}))
        with self.assertRaises(OfferRejected):
            self.engine.answer_publish("session", "anna", offer.replace("a=mid:0", "a=mid:"), {"0": CAMERA})
        await transport.close()
