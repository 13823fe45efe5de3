"""VP9 and AV1 beside VP8: where a picture begins, whose order counts, who is offered what, who is told otherwise."""

from collections.abc import Sequence

import pytest

from media_engine import OfferRejected, Source, Unplayable, UnplayableTrack, Unseen, UnseenSource, sdp, sdp_write
from media_engine.av1 import starts_key_frame
from media_engine.forwarder import Forwarder, renumbered
from media_engine.receive_log import ReceiveLog
from media_engine.records import Packet
from media_engine.rtp import RtpHeader
from media_engine.tests.client import (
    Client,
    ClientTransport,
    EngineTestCase,
    answer_to,
    av1,
    eventually,
    in_codec,
    outline,
    publish_offer,
    vp9,
    watch_offer,
)
from media_engine.vp9 import decode_descriptor

CAMERA, SCREEN = Source.CAMERA, Source.SCREEN


@pytest.mark.parametrize(
    ("payload", "starts"),
    [
        (b"\x0cp", True),  # B and E: a whole frame that no other is needed for
        (b"\x08p", True),  # its first packet
        (b"\x04p", False),  # its last
        (b"\x4cp", False),  # predicted from another
        (b"\xac\x80\x01\x00\x07p", True),  # the lowest layer
        (b"\xac\x80\x01\x03\x07p", False),  # the second spatial layer of a key picture
        (b"\xbc\x80\x01\x00p", True),  # flexible: no TL0PICIDX
        (b"\x8a\x05\x18\x05\x00\x02\xd0", True),  # with a scalability structure
    ],
)
def test_a_key_frame_of_vp9_is_known_by_its_descriptor(payload: bytes, starts: bool) -> None:
    assert decode_descriptor(b"header" + payload, 6, 6 + len(payload)).key_frame_start is starts


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\x0c",
        b"\xac\x80",
        b"\x8c\x80\x01",
        b"\xac\x80\x01\x00",
        b"\x1cpicture",
        b"\xd8\x05\x03\x03\x03p",
        b"\xd8\x05\x03",
    ],
)
def test_a_descriptor_of_vp9_that_is_cut_or_wrong_is_none(payload: bytes) -> None:
    with pytest.raises(ValueError, match="VP9"):
        decode_descriptor(payload, 0, len(payload))


@pytest.mark.parametrize(
    ("payload", "starts"),
    [
        (b"\x18sequence", True),
        (b"\x08sequence", True),
        (b"\x10frame", False),
        (b"\x98rest", False),  # goes on with an earlier packet: no beginning, whatever it says
        (b"\x18", False),
        (b"", False),
    ],
)
def test_a_key_frame_of_av1_is_known_by_its_header(payload: bytes, starts: bool) -> None:
    assert starts_key_frame(b"header" + payload, 6, 6 + len(payload)) is starts


@pytest.mark.parametrize(("picture", "tl0"), [(0, 0), (0x7FFE, 0xFE), (0x3FFF, 0x7F)])
def test_picture_numbers_of_vp9_go_on_where_another_stretch_begins(picture: int, tl0: int) -> None:
    def packet(sequence: int, picture: int, tl0: int) -> Packet:
        return Packet(sequence, 3000 * sequence, bytes(20) + vp9(b"frame", picture, key=True, tl0=tl0), 20, "vp9")

    forwarder = Forwarder(90000, first_sequence=10)
    anna, ben = (ReceiveLog(90000, wants_nack=True) for _ in range(2))
    for upstream, sequence, number in ((anna, 500, picture), (ben, 9000, 4711), (anna, 700, 3)):
        shown = packet(sequence, number, number & 0xFF if upstream is ben else tl0)
        forwarder.begin(upstream, shown, 1.0)
        forwarder.note(shown, 1.0)
        epoch = forwarder.epoch
        assert epoch is not None
        sent = decode_descriptor(renumbered(shown, epoch, 1), 20, 200)
        assert (sent.picture_id, sent.tl0) == (picture & 0x7FFF, tl0 & 0xFF)
        picture, tl0 = (picture + 1) & 0x7FFF, (tl0 + 1) & 0xFF


def section(formats: str, *lines: str) -> sdp.Section:
    """A video section with these payload types, and a=rtpmap and a=fmtp lines."""
    text = "\r\n".join(f"a={line}" for line in lines)
    offer = (
        "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\na=ice-ufrag:abcd\r\n"
        f"a=ice-pwd:{'p' * 22}\r\na=fingerprint:sha-256 {':'.join(['AB'] * 32)}\r\na=setup:actpass\r\n"
        f"m=video 9 UDP/TLS/RTP/SAVPF {formats}\r\na=mid:0\r\na=rtcp-mux\r\na=sendonly\r\n{text}\r\n"
    )
    return sdp.decode(offer, max_bytes=9999, max_sections=1).sections[0]


@pytest.mark.parametrize(
    ("found", "accepted"),
    [
        (section("45 96", "rtpmap:45 AV1/90000", "rtpmap:96 VP8/90000"), ["av1", "vp8"]),
        (section("96 45", "rtpmap:45 AV1/90000", "rtpmap:96 VP8/90000"), ["vp8", "av1"]),
        (section("98", "rtpmap:98 VP9/90000", "fmtp:98 x=1;profile-id=0"), ["vp9"]),
        (section("98", "rtpmap:98 VP9/90000", "fmtp:98 profile-id=1"), []),
        (section("45", "rtpmap:45 AV1/90000", "fmtp:45 level-idx=5;profile=1;tier=0"), []),
        (section("45", "rtpmap:45 AV1/90000", "fmtp:45 level-idx=5; profile=0; tier=0"), ["av1"]),
        (section("45", "rtpmap:45 AV1X/90000"), []),
        (section("98", "rtpmap:98 VP9/48000"), []),
        (section("49", "rtpmap:49 H265/90000", "fmtp:49 profile-id=1"), []),
    ],
)  # fmt: skip
def test_the_clients_order_counts_among_what_everybody_decodes(found: sdp.Section, accepted: list[str]) -> None:
    assert [codec.name for codec in sdp_write.accepted_codecs(found)] == accepted


def test_of_two_profiles_the_one_that_everybody_decodes_is_answered() -> None:
    lines = ("rtpmap:98 VP9/90000", "fmtp:98 profile-id=2", "rtpmap:99 VP9/90000", "fmtp:99 profile-id=0")
    codec = sdp_write.accepted_codec(section("98 99", *lines))
    assert codec is not None
    assert codec.payload_type == 99


PAYLOAD = {"vp9": lambda key: vp9(b"frame", 7, key=key), "av1": lambda key: av1(b"frame", key=key)}
LINES = {"vp9": ("98 99", "VP9", "98 profile-id=0"), "av1": ("100 101", "AV1", "100 level-idx=5;profile=0;tier=0")}


class Case(EngineTestCase):
    async def sender(self, codec: str, *sources: Source, peer_id: str = "anna") -> Client:
        anna = self.client(peer_id)
        anna.codec = codec
        anna.grant()
        self.answer = await anna.publish(*(sources or (CAMERA,)))
        return anna

    async def receiver(self, peer_id: str, *decodes: str) -> Client:
        client = self.client(peer_id)
        client.grant(publish=frozenset())
        client.subscribing = ClientTransport(self.engine.port)
        self.engine.open_subscribe("session", peer_id, True, frozenset(decodes) or None)
        return client

    def told(self, kind: type, peer_id: str) -> list[tuple[object, ...]]:
        events = [event for event in self.events if isinstance(event, kind) and event.peer_id == peer_id]
        return [event.tracks if isinstance(event, Unplayable) else event.sources for event in events]  # type: ignore[attr-defined]

    @staticmethod
    def came(client: Client) -> Sequence[tuple[RtpHeader, bytes]]:
        return [outline(packet) for packet in client.received]


class NewCodecsTests(Case):
    async def test_a_receiver_is_offered_what_comes_and_begins_at_a_key_frame(self) -> None:
        for codec, (formats, name, parameters) in LINES.items():
            with self.subTest(codec=codec):
                anna = await self.sender(codec, peer_id=f"anna-{codec}")
                self.assertIn(f"a=rtpmap:96 {name}/90000\r\na=fmtp:96 {parameters.partition(' ')[2]}", self.answer)
                self.assertIn("a=rtcp-fb:96 nack pli\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96", self.answer)
                ben = await self.receiver(f"ben-{codec}", codec)
                anna._send(CAMERA, PAYLOAD[codec](False), marker=True)
                await eventually(lambda ben=ben: ben.offers and ben.offers[-1].tracks)  # type: ignore[misc]
                offer = ben.offers[-1].sdp
                self.assertIn(f"m=video 9 UDP/TLS/RTP/SAVPF {formats}\r\n", offer)
                self.assertIn(f"a=rtpmap:{formats[:-3].strip()} {name}/90000\r\na=fmtp:{parameters}\r\n", offer)
                await ben.connected()
                peer = ben.peer_id
                await eventually(lambda peer=peer: all(row["flows"] for row in self.receives(peer)))  # type: ignore[misc]
                sent = [PAYLOAD[codec](key) for key in (False, True, False)]
                for payload in sent:
                    anna._send(CAMERA, payload, marker=True)
                await eventually(lambda ben=ben: len(ben.received) == 2)  # type: ignore[misc]
                self.assertEqual([payload for _, payload in self.came(ben)], sent[1:])
                self.assertEqual(self.told(Unplayable, peer), [])
                self.engine.revoke("session", anna.peer_id)
                self.engine.revoke("session", peer)

    async def test_a_sealed_session_takes_vp8_alone(self) -> None:
        self.engine.seal("session")
        self.client("anna").grant()
        transport = ClientTransport(self.engine.port)
        offer = publish_offer(transport, {"0": CAMERA})
        for codec in ("vp9", "av1"):
            self.assertIn(
                "m=video 0 ", self.engine.answer_publish("session", "anna", in_codec(offer, codec), {"0": CAMERA})
            )
        both = offer.replace("SAVPF 96", "SAVPF 98 96").replace("a=rtpmap:96", "a=rtpmap:98 VP9/90000\r\na=rtpmap:96")
        self.assertIn(
            "m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\n", self.engine.answer_publish("session", "anna", both, {"0": CAMERA})
        )
        await transport.close()

    async def test_what_came_in_another_codec_before_a_session_was_sealed_flows_no_more(self) -> None:
        anna, ben = await self.sender("vp9"), await self.receiver("ben")
        anna._send(CAMERA, PAYLOAD["vp9"](True), marker=True)
        await eventually(lambda: ben.offers and ben.offers[-1].tracks)
        await ben.connected()
        await eventually(lambda: all(row["flows"] for row in self.receives("ben")))
        self.engine.seal("session")
        anna.grant(publish=frozenset({CAMERA}))
        self.assertEqual([row["flows"] for row in self.receives("ben")], [False])


class LackingCodecsTests(Case):
    async def test_what_a_client_does_not_decode_is_not_offered_and_both_sides_are_told(self) -> None:
        anna = await self.sender("av1", Source.MICROPHONE, CAMERA)
        ben, cleo = await self.receiver("ben", "vp8", "vp9"), await self.receiver("cleo", "vp8", "av1")
        anna.send_audio()
        anna._send(CAMERA, PAYLOAD["av1"](True), marker=True)
        await eventually(lambda: cleo.offers and len(cleo.offers[-1].tracks) == 2)
        self.assertEqual([track.source for track in ben.offers[-1].tracks], [Source.MICROPHONE])
        self.assertEqual(self.told(Unplayable, "ben"), [(UnplayableTrack("anna", CAMERA, "av1"),)])
        self.assertEqual(self.told(Unplayable, "cleo"), [])
        self.assertEqual(self.told(Unseen, "anna"), [(UnseenSource(CAMERA, "av1", 1),)])
        await ben.connected()
        await eventually(lambda: all(row["flows"] for row in self.receives("ben")))
        anna.send_audio(b"still heard")
        await eventually(lambda: [payload for _, payload in self.came(ben) if payload == b"still heard"])

        await self.receiver("dora", "vp8")
        self.assertEqual(self.told(Unseen, "anna"), [(UnseenSource(CAMERA, "av1", 1),)])
        await eventually(lambda: self.told(Unseen, "anna")[-1] == (UnseenSource(CAMERA, "av1", 2),))
        self.engine.revoke("session", "dora")
        await eventually(lambda: self.told(Unseen, "anna")[-1] == (UnseenSource(CAMERA, "av1", 1),))

        anna.codec = "vp8"
        await anna.publish(Source.MICROPHONE, CAMERA, transport=ClientTransport(self.engine.port))
        anna.send_video()
        await eventually(lambda: self.told(Unplayable, "ben")[-1] == () and self.told(Unseen, "anna")[-1] == ())
        await eventually(lambda: [track.source for track in ben.offers[-1].tracks] == [Source.MICROPHONE, CAMERA])

    async def test_who_says_that_it_lacks_vp8_is_not_offered_it_and_troubles_nobody(self) -> None:
        anna, ben = await self.sender("vp8"), await self.receiver("ben", "av1")
        anna.send_video()
        await eventually(lambda: self.told(Unplayable, "ben"))
        self.assertEqual(self.told(Unplayable, "ben"), [(UnplayableTrack("anna", CAMERA, "vp8"),)])
        self.assertEqual((ben.offers, self.told(Unseen, "anna")), ([], []))

    async def test_who_begins_anew_is_told_again(self) -> None:
        anna, ben = await self.sender("vp9"), await self.receiver("ben", "vp8")
        anna._send(CAMERA, PAYLOAD["vp9"](True), marker=True)
        await eventually(lambda: self.told(Unplayable, "ben"))
        self.engine.open_subscribe("session", "ben", False, frozenset({"vp8"}))
        await eventually(lambda: len(self.told(Unplayable, "ben")) == 2)
        self.assertEqual(len(self.told(Unseen, "anna")), 1)
        self.engine.open_subscribe("session", "ben", False, frozenset({"vp8", "vp9"}))
        await eventually(lambda: self.told(Unplayable, "ben")[-1] == () and ben.offers)
        self.assertEqual(self.told(Unseen, "anna")[-1], ())

    async def test_an_answer_that_rejects_the_codec_says_the_same(self) -> None:
        anna, ben = await self.sender("av1"), await self.receiver("ben")
        ben.answer_automatically = False
        anna._send(CAMERA, PAYLOAD["av1"](True), marker=True)
        await eventually(lambda: ben.offers)
        assert ben.subscribing is not None
        offer = ben.offers[-1]
        answer = (
            answer_to(offer.sdp, ben.subscribing)
            .replace("m=video 9", "m=video 0")
            .replace("a=rtpmap:100 AV1/90000\r\n", "")
        )
        self.engine.accept_answer("session", "ben", offer.offer_id, answer)
        await eventually(lambda: len(ben.offers) == 2)
        self.assertEqual(ben.offers[-1].tracks, ())
        self.assertIn("m=video 0 ", ben.offers[-1].sdp)
        self.assertNotIn("a=candidate", ben.offers[-1].sdp)
        self.assertEqual(self.told(Unplayable, "ben"), [(UnplayableTrack("anna", CAMERA, "av1"),)])
        self.assertEqual(self.told(Unseen, "anna"), [(UnseenSource(CAMERA, "av1", 1),)])

    async def test_who_rejects_vp8_has_other_reasons(self) -> None:
        anna, ben = await self.sender("vp8"), await self.receiver("ben")
        ben.answer_automatically = False
        anna.send_video()
        await eventually(lambda: ben.offers)
        assert ben.subscribing is not None
        answer = answer_to(ben.offers[-1].sdp, ben.subscribing).replace("m=video 9", "m=video 0")
        self.engine.accept_answer("session", "ben", ben.offers[-1].offer_id, answer)
        await anna.publishing.check()  # type: ignore[union-attr]
        self.assertEqual((len(ben.offers), self.told(Unplayable, "ben")), (1, []))

    async def test_who_watches_is_sent_what_it_offered_and_the_sender_hears_of_the_rest(self) -> None:
        anna = await self.sender("av1")
        for codec in ("vp8", "av1"):
            viewer = self.client(f"viewer-{codec}")
            viewer.grant(publish=frozenset())
            transport = viewer.subscribing = ClientTransport(self.engine.port)
            offer = in_codec(watch_offer(transport, "audio", "video"), codec)
            transport.follow(self.engine.answer_subscribe("session", viewer.peer_id, offer))
            await transport.connect()
        anna._send(CAMERA, PAYLOAD["av1"](True), marker=True)
        await eventually(lambda: self.receives("viewer-av1") and self.receives("viewer-av1")[0]["flows"])
        self.assertEqual(self.receives("viewer-vp8"), [])
        await eventually(lambda: self.told(Unseen, "anna") == [(UnseenSource(CAMERA, "av1", 1),)])
        anna._send(CAMERA, PAYLOAD["av1"](True), marker=True)
        await eventually(lambda: self.came(viewer))
        self.assertEqual(self.came(viewer)[-1][0].payload_type, 120)

    async def test_rejections_are_forgotten_with_what_was_rejected(self) -> None:
        with self.assertRaises(OfferRejected):
            self.engine.open_subscribe("session", "nobody", True, frozenset({"vp8"}))
        anna, ben = await self.sender("av1"), await self.receiver("ben")
        link = self.engine._sessions["session"].peers["ben"].subscribe
        assert link is not None
        link._rejected = {(("gone", CAMERA), "av1"), (("anna", CAMERA), "vp9")}
        anna._send(CAMERA, PAYLOAD["av1"](True), marker=True)
        await eventually(lambda: ben.offers)
        self.assertEqual(link._rejected, set())
