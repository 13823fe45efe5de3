"""The engine cannot depend on what it cannot read: bytes in equal bytes out, at every wrap-around of every counter."""

import random

from media_engine import EngineConfig, Source, rtcp, sdp_write
from media_engine.codecs import AV1, H264, OPUS, VP8, VP9
from media_engine.rtp import RtpHeader, decode_extensions, decode_header
from media_engine.sdp_write import RTX_PAYLOAD_TYPES
from media_engine.tests.client import Client, EngineTestCase, av1, eventually, outline, vp8, vp9
from media_engine.tests.interpreted import interpreted

PACKETS = 42
# Publisher's sequence and timestamp, receiver's sequence, picture id, TL0PICIDX, the number of a retransmission and the
# transport-wide one: each a few packets before it turns over, or before the point where half of its range is behind.
STARTS = (
    (0, 0, 0, 0, 0, 0, 1),
    (0x7FF0, 0x7FFFFF00, 0x7FF0, 0x78, 0x78, 0x7FFB, 0x7FF0),
    (0xFFF0, 0xFFFFFF00, 0xFFE8, 0x7FF8, 0xF8, 0xFFFB, 0xFFF0),
)
SIZES = (1, 40, 900, 901, 902, 1180)
WAYS = (
    (Source.MICROPHONE, OPUS),
    (Source.SCREEN_AUDIO, OPUS),
    (Source.CAMERA, VP8),
    (Source.SCREEN, VP8),
    (Source.CAMERA, VP9),
    (Source.SCREEN, AV1),
    (Source.CAMERA, H264),
)


def described(codec: str, payload: bytes, picture: int, tl0: int, *, key: bool) -> bytes:
    """A payload as the codec begins one, whatever is in it."""
    match codec:
        case "vp8":
            return vp8(payload, picture, key=key, tl0=tl0)
        case "vp9":
            return vp9(payload, picture, key=key, tl0=tl0)
        case "av1":
            return av1(payload, key=key)
    return (b"\x65" if key else b"\x41") + payload


class AnyPayloadTests(EngineTestCase):
    config = EngineConfig(port=0, tick_seconds=3600.0)  # nothing but what is sent here, and no allowance is refilled

    async def begin(self, session: str, source: Source, codec: str, start: tuple[int, ...]) -> tuple[Client, Client]:
        """A publisher and a receiver whose counters stand before `start`."""
        sequence, timestamp, receiver_sequence, _, _, rtx_sequence, number = start
        anna = self.client("anna", session)
        anna.codec = codec
        anna.grant()
        await anna.publish(source)
        anna.sequence[source], anna.timestamp = (sequence - 1) & 0xFFFF, timestamp
        ben = self.client("ben", session)
        ben.accepts = ("a=extmap:", "a=rtcp-fb:")
        ben.grant(publish=frozenset())
        ben.open()
        anna._send(source, b"first", marker=False)
        await eventually(lambda: ben.offers)
        await ben.connected()
        link = self.engine._sessions[session].peers["ben"].subscribe
        assert link is not None
        await eventually(lambda: link.downs[0].up)
        (down,) = link.downs
        down.forwarder.last_sequence, down.rtx_sequence = receiver_sequence - 1, rtx_sequence
        self.assertEqual(down.forwarder.numbered is not None, down.video)
        if down.forwarder.numbered is not None:
            down.forwarder.numbered.following = number
        return anna, ben

    def payloads(self, rng: random.Random, codec: str, start: tuple[int, ...]) -> list[bytes]:
        """What nobody could make sense of. A picture has a descriptor before that, or not even that."""
        made = [rng.randbytes(rng.choice(SIZES)) for _ in range(PACKETS)]
        if codec == OPUS:
            return made
        _, _, _, picture, tl0, _, _ = start
        for index in range(0, PACKETS, 3):
            numbers = (picture + index) & 0x7FFF, (tl0 + index) & 0xFF
            made[index] = described(codec, made[index], *numbers, key=index == 0)
        return made

    async def relay(self, anna: Client, source: Source, payloads: list[bytes], start: tuple[int, ...]) -> None:
        """Send in bursts, as browsers do, so that packets leave in runs."""
        assert anna.publishing is not None
        sequence, timestamp, *_ = start
        for index, payload in enumerate(payloads):
            anna.timestamp = (timestamp + 37 * index) & 0xFFFFFFFF
            marker = index % 3 == 2
            anna.publishing.send(anna.rtp(source, (sequence + index) & 0xFFFF, payload, marker=marker))
            if index % 7 == 6:
                await anna.publishing.check()

    def check_numbers(self, headers: list[RtpHeader], start: tuple[int, ...]) -> None:
        _, _, receiver_sequence, *_ = start
        for index, header in enumerate(headers):
            self.assertEqual(header.sequence, (receiver_sequence + index) & 0xFFFF)
            self.assertEqual((header.timestamp - headers[0].timestamp) & 0xFFFFFFFF, 37 * index)
            self.assertEqual(header.marker, index % 3 == 2)

    async def check_again(
        self, ben: Client, codec: str, received: list[tuple[RtpHeader, bytes]], start: tuple[int, ...]
    ) -> None:
        """What was lost on the way comes again with the same bytes (RFC 4588)."""
        assert ben.subscribing is not None
        numbers = [header.sequence for header, _ in received]
        ben.subscribing.send_rtcp(rtcp.nack(1, received[0][0].ssrc, numbers))

        def again() -> list[tuple[RtpHeader, bytes]]:
            return [one for one in map(outline, ben.received) if one[0].payload_type == RTX_PAYLOAD_TYPES[codec]]

        await eventually(lambda: len(again()) == len(received))
        expected = [number.to_bytes(2, "big") + payload for number, (_, payload) in zip(numbers, received, strict=True)]
        self.assertEqual([payload for _, payload in again()], expected)
        *_, rtx_sequence, first = start
        for index, (header, _) in enumerate(again()):
            self.assertEqual(header.sequence, (rtx_sequence + 1 + index) & 0xFFFF)
        told = [decode_extensions(packet, decode_header(packet, len(packet))) for packet in ben.received]
        counted = [int.from_bytes(one[sdp_write.TRANSPORT_SEQUENCE_ID]) for one in told]
        self.assertEqual(counted, [(first + index) & 0xFFFF for index in range(len(counted))])

    async def test_bytes_in_equal_bytes_out(self) -> None:
        rng = random.Random(20)
        for source, codec in WAYS:
            for start in STARTS:
                with self.subTest(source=source.value, codec=codec, start=start):
                    session = f"{source.value}-{codec}-{start[0]}"
                    anna, ben = await self.begin(session, source, codec, start)
                    payloads = self.payloads(rng, codec, start)
                    await self.relay(anna, source, payloads, start)
                    await eventually(lambda b=ben, s=source: len(b.packets_of("anna", s)) >= PACKETS)  # type: ignore[misc]
                    received = ben.packets_of("anna", source)
                    self.assertEqual([payload for _, payload in received], payloads)
                    self.check_numbers([header for header, _ in received], start)
                    if source.kind == "video":
                        await self.check_again(ben, codec, received[-9:], start)


class OneReceiversTroubleTests(EngineTestCase):
    async def test_one_receivers_trouble_never_stops_the_others(self) -> None:
        anna, _ = await self.pair()
        cleo = await self.listener("cleo")
        await eventually(lambda: cleo.offers)
        await cleo.connected()
        anna.send_audio(b"both")
        await eventually(lambda: [p for p in cleo.received if b"both" in p])
        link = self.engine._sessions["session"].peers["ben"].subscribe
        assert link is not None and link.srtp is not None

        def broken(*_: object) -> int:
            raise RuntimeError("whatever it may be")

        link.srtp.context, link.srtp.seal = 0, broken  # without a context it is not the loop in C that encrypts
        link.outlet.srtp = link.srtp
        with self.assertNoLogs():
            for number in range(20):
                anna.send_audio(b"%d" % number)
                anna.send_video(b"%d" % number)
            await eventually(lambda: len(cleo.packets_of("anna", Source.CAMERA)) == 20)
            await eventually(lambda: len(cleo.packets_of("anna", Source.MICROPHONE)) == 21)
        self.assertGreater(self.engine.figures().dropped["send_failed"], 0)

    @interpreted
    async def test_one_senders_trouble_never_stops_the_others(self) -> None:
        anna, ben = await self.pair()
        dora = await self.publisher("dora", Source.MICROPHONE)
        link = self.engine._sessions["session"].peers["anna"].publish
        assert link is not None

        def broken(*_: object) -> None:
            raise RuntimeError("whatever it may be")

        link.on_rtp = broken  # type: ignore[method-assign]
        with self.assertLogs("media_engine.mux", "ERROR") as logged:
            for number in range(20):
                anna.send_audio(b"%d" % number)
                dora.send_audio(b"%d" % number)
            await eventually(lambda: ben.offers[-1].tracks and self.engine.dropped["failed"])
        dora.send_audio(b"after")
        await eventually(lambda: len(ben.offers[-1].tracks) == 3)
        await eventually(lambda: dora.send_audio(b"heard") and [p for p in ben.received if b"heard" in p])
        self.assertEqual(len(logged.records), 1, "a log line for every datagram")
