"""What the engine says about itself: statistics, figures, events, packet headers. Never a payload, never a secret."""

import json
import struct
from typing import Any

from media_engine import EngineConfig, Source, rtcp
from media_engine.figures import WAIT_BOUNDS_SECONDS, Waits
from media_engine.packet_trace import PacketTrace
from media_engine.tests.client import EngineTestCase, eventually

# The members of https://www.w3.org/TR/webrtc-stats/ that may appear, by type. Others would be words of our own.
STANDARD = {
    "transport": "packetsReceived bytesReceived packetsSent bytesSent dtlsState dtlsRole iceState iceRole srtpCipher "
    "selectedCandidatePairId",
    "candidate-pair": "transportId state nominated lastPacketReceivedTimestamp currentRoundTripTime "
    "availableOutgoingBitrate",
    "codec": "transportId mimeType payloadType clockRate channels",
    "inbound-rtp": "ssrc kind mid trackIdentifier transportId codecId packetsReceived packetsLost jitter bytesReceived "
    "headerBytesReceived retransmittedPacketsReceived nackCount pliCount lastPacketReceivedTimestamp audioLevel",
    "remote-outbound-rtp": "ssrc kind localId packetsSent bytesSent remoteTimestamp",
    "outbound-rtp": "ssrc kind mid trackIdentifier transportId codecId active packetsSent bytesSent headerBytesSent "
    "retransmittedPacketsSent retransmittedBytesSent nackCount pliCount rtxSsrc",
    "remote-inbound-rtp": "ssrc kind localId packetsLost fractionLost jitter roundTripTime totalRoundTripTime "
    "roundTripTimeMeasurements",
}


class StatisticsTests(EngineTestCase):
    config = EngineConfig(port=0, tick_seconds=0.01)

    def entry(self, peer_id: str, kind: str, media: str = "video") -> dict[str, Any]:
        found = [
            entry
            for entry in self.engine.report("session", peer_id)
            if entry["type"] == kind and entry.get("kind", media) == media
        ]
        self.assertEqual(len(found), 1, found)
        return found[0]

    async def test_every_word_is_one_of_the_standard(self) -> None:
        anna, ben = await self.pair()
        assert anna.publishing is not None and ben.subscribing is not None
        anna.publishing.send_rtcp(rtcp.sender_report(2001, 0x1234567890, anna.timestamp, 1, 1))
        ben.subscribing.send_rtcp(self.block(ben.ssrc_of("anna", Source.CAMERA)))
        await eventually(lambda: "remote-inbound-rtp" in {e["type"] for e in self.engine.report("session", "ben")})
        seen = set()
        for peer_id in ("anna", "ben"):
            for entry in self.engine.report("session", peer_id):
                seen.add(entry["type"])
                self.assertLessEqual(set(entry), {"id", "type", "timestamp", *STANDARD[entry["type"]].split()}, entry)
                self.assertIsInstance(entry["timestamp"], float)
            json.dumps(self.engine.report("session", peer_id), allow_nan=False)
        self.assertEqual(seen, set(STANDARD))

    def block(self, ssrc: int, lost: int = 3, last_report: int = 0, delay: int = 0) -> bytes:
        report = struct.pack("!IIIIII", ssrc, 64 << 24 | lost, 500, 900, last_report, delay)
        return struct.pack("!BBHI", 0x81, 201, 7, 1) + report

    async def test_how_loud_a_microphone_is_as_far_as_its_packets_say(self) -> None:
        anna = await self.publisher("anna", Source.MICROPHONE)
        anna.level = -1
        anna.send_audio()
        await eventually(lambda: self.entry("anna", "inbound-rtp", "audio")["packetsReceived"] == 1)
        self.assertNotIn("audioLevel", self.entry("anna", "inbound-rtp", "audio"))
        anna.level = 20
        for _ in range(30):
            anna.send_audio()
        await eventually(lambda: self.entry("anna", "inbound-rtp", "audio")["packetsReceived"] == 31)
        self.assertAlmostEqual(self.entry("anna", "inbound-rtp", "audio")["audioLevel"], 0.1, places=3)

    async def test_what_a_publisher_sends_and_what_is_missing_of_it(self) -> None:
        anna, _ = await self.pair()
        before = self.entry("anna", "inbound-rtp")
        anna.sequence[Source.CAMERA] += 2
        anna.send_video(b"12345", key=False)
        await eventually(lambda: self.entry("anna", "inbound-rtp")["packetsReceived"] > before["packetsReceived"])
        now = self.entry("anna", "inbound-rtp")
        self.assertEqual(now["packetsReceived"] - before["packetsReceived"], 1)
        self.assertEqual(now["packetsLost"], 2)
        self.assertEqual(now["bytesReceived"] - before["bytesReceived"], 7 + 5)
        self.assertEqual((now["ssrc"], now["trackIdentifier"], now["mid"]), (2001, "anna:camera", "1"))
        await eventually(lambda: self.entry("anna", "inbound-rtp")["nackCount"] > 0)

    async def test_what_a_receiver_got_and_what_it_says_about_it(self) -> None:
        anna, ben = await self.pair()
        assert anna.publishing is not None and ben.subscribing is not None
        ssrc = ben.ssrc_of("anna", Source.CAMERA)
        anna.publishing.send_rtcp(rtcp.sender_report(2001, 0x0001_2345_6789_0000, anna.timestamp, 1, 1))
        await eventually(lambda: [r for r in ben.subscribing.reports if isinstance(r, rtcp.SenderReport)])
        self.clock.advance(0.25)
        ben.subscribing.send_rtcp(self.block(ssrc, last_report=0x2345_6789, delay=65536 // 10))
        await eventually(lambda: "remote-inbound-rtp" in {e["type"] for e in self.engine.report("session", "ben")})
        told = self.entry("ben", "remote-inbound-rtp")
        self.assertEqual((told["packetsLost"], told["fractionLost"], told["jitter"]), (3, 0.25, 0.01))
        self.assertAlmostEqual(told["roundTripTime"], 0.15, places=2)
        self.assertEqual(told["roundTripTimeMeasurements"], 1)
        header = ben.packets_of("anna", Source.CAMERA)[-1][0]
        ben.subscribing.send_rtcp(rtcp.nack(1, ssrc, [header.sequence]) + rtcp.picture_loss(1, ssrc))
        await eventually(lambda: self.entry("ben", "outbound-rtp")["pliCount"])
        sent = self.entry("ben", "outbound-rtp")
        self.assertEqual((sent["packetsSent"], sent["retransmittedPacketsSent"], sent["nackCount"]), (2, 1, 1))
        self.assertEqual((sent["ssrc"], sent["active"]), (ssrc, True))
        self.assertEqual(told["localId"], sent["id"])
        self.assertEqual(self.entry("ben", "candidate-pair")["currentRoundTripTime"], told["roundTripTime"])

    async def test_nobody_learns_anything_about_a_peer_that_is_not_there(self) -> None:
        await self.pair()
        self.assertEqual(self.engine.report("session", "nobody"), [])
        self.assertEqual(self.engine.report("elsewhere", "anna"), [])

    async def test_secrets_and_addresses_are_in_nothing_that_is_told(self) -> None:
        anna, ben = await self.pair()
        assert anna.publishing is not None
        self.engine.trace_packets("session", 10)
        anna.send_audio(b"a secret payload")
        await eventually(lambda: [p for p in ben.received if b"a secret payload" in p])
        told = json.dumps(
            [
                self.engine.report("session", "anna"),
                self.engine.report("session", "ben"),
                self.engine.trace("session"),
                self.engine.traced_packets(),
            ]
        )
        address = anna.publishing.socket.getsockname()
        for secret in (
            *(anna.publishing.remote_password, anna.publishing.remote_ufrag, anna.publishing.dtls.fingerprint),
            *(address[0], f":{address[1]}", b"a secret payload".hex(), "a secret payload"),
        ):
            self.assertNotIn(secret, told)


class FiguresTests(EngineTestCase):
    async def test_what_is_counted_outlives_those_whom_it_was_counted_for(self) -> None:
        _, ben = await self.pair()
        during = self.engine.figures()
        self.assertEqual((during.sessions, during.peers, during.transports), (1, 2, {"connected": 2}))
        self.assertEqual((during.counted["packets_in"], during.counted["packets_out"]), (4, 2))
        self.assertGreater(during.busy_seconds, 0)
        self.engine.revoke("session", "anna")
        self.engine.close_session("session")
        after = self.engine.figures()
        self.assertEqual((after.sessions, after.peers, after.transports), (0, 0, {}))
        self.assertEqual(after.counted, during.counted)
        self.assertEqual(sum(after.waits.counts), sum(during.waits.counts))
        self.assertTrue(ben.received)

    async def test_drops_are_told_by_reason(self) -> None:
        anna, ben = await self.pair()
        assert anna.publishing is not None
        anna.publishing.send_raw(b"\x80" + bytes(60))
        anna.publishing.send_raw(b"\x00\x01nonsense")
        anna.send_audio(b"after")
        await eventually(lambda: [p for p in ben.received if b"after" in p])
        dropped = self.engine.figures().dropped
        self.assertEqual((dropped["srtp"], dropped["stun_malformed"]), (1, 1))

    def test_a_wait_is_counted_under_the_smallest_bound_that_it_is_within(self) -> None:
        waits = Waits()
        for seconds in (0.0, 0.0005, 0.00051, 0.9, 5.0):
            waits.note(seconds)
        self.assertEqual(waits.counts[:2] + waits.counts[-2:], [2, 1, 1, 1])
        self.assertEqual(len(waits.counts), len(WAIT_BOUNDS_SECONDS) + 1)
        self.assertEqual((waits.cumulative()[0], waits.cumulative()[-1]), ((0.0005, 2), (float("inf"), 5)))


class TraceTests(EngineTestCase):
    config = EngineConfig(port=0, kept_traces=2, tick_seconds=0.01)

    async def test_the_events_of_a_session_are_known_after_its_end_for_a_while(self) -> None:
        for name in ("one", "two", "three"):
            self.client("anna", name).grant()
            self.engine.close_session(name)
        self.assertEqual(self.engine.trace("one"), [])
        self.assertEqual([event["event"] for event in self.engine.trace("three")], ["granted", "closed"])

    async def test_packet_headers_are_noted_both_ways_while_somebody_wants_them(self) -> None:
        anna, ben = await self.pair()
        anna.send_audio(b"before")
        await eventually(lambda: [p for p in ben.received if b"before" in p])
        self.assertFalse(self.engine.trace_packets("elsewhere", 5))
        self.assertTrue(self.engine.trace_packets("session", 5))
        sequence = anna.send_audio(b"during")
        anna.send_video(b"during")
        await eventually(lambda: len([p for p in ben.received if p.endswith(b"during")]) == 2)
        noted = self.engine.traced_packets()
        incoming = [entry for entry in noted if entry["direction"] == "in"]
        outgoing = [entry for entry in noted if entry["direction"] == "out"]
        self.assertEqual(
            [(e["peer"], e["payload_type"], e["ssrc"]) for e in incoming], [("anna", 111, 1001), ("anna", 96, 2001)]
        )
        self.assertEqual(incoming[0]["sequence"], sequence)
        self.assertEqual(incoming[0]["extensions"][1], "85")
        self.assertEqual(
            {(e["peer"], e["ssrc"]) for e in outgoing},
            {("ben", ben.ssrc_of("anna", source)) for source in (Source.MICROPHONE, Source.CAMERA)},
        )
        anna.send_audio(b"afterwards")
        await eventually(lambda: [p for p in ben.received if b"afterwards" in p])
        self.assertEqual(self.engine.traced_packets(), [])

    async def test_a_trace_ends_by_itself(self) -> None:
        anna, ben = await self.pair()
        self.engine.trace_packets("session", 5)
        self.clock.advance(5)
        await eventually(lambda: self.engine._wiring.fan_out.trace is None)
        anna.send_audio(b"later")
        await eventually(lambda: [p for p in ben.received if b"later" in p])
        self.assertEqual(self.engine.traced_packets(), [])

    def test_a_trace_keeps_a_bounded_number_of_headers_and_nothing_behind_them(self) -> None:
        trace = PacketTrace("session", 0.0)
        packet = struct.pack("!BBHII", 0xB0, 96, 7, 8, 9) + struct.pack("!HH", 0xBEDE, 1) + b"\x12abc" + b"payload"
        for _ in range(20_100):
            trace.note(1.0, "in", "anna", packet, len(packet))
        noted = trace.packets()
        self.assertEqual(len(noted), 20_000)
        self.assertEqual((noted[0]["sequence"], noted[0]["extensions"]), (7, {1: b"abc".hex()}))
        self.assertNotIn(b"payload".hex(), json.dumps(noted[0]))
