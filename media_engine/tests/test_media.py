"""What a publisher and a receiver can rely on: repair, key frames, reports, feedback."""

import asyncio
import os
import struct

from media_engine import EngineConfig, Source, rtcp
from media_engine.receive_log import ReceptionReport
from media_engine.rtp import decode_extensions
from media_engine.tests.client import Client, EngineTestCase, eventually, outline
from media_engine.tests.test_formats import read_feedback


def told(client: Client) -> list[bytes]:
    """The extended reports that this receiver has got."""
    assert client.subscribing is not None
    return [report for report in client.subscribing.raw_rtcp if report[1] == rtcp.EXTENDED_REPORT]


def key_frame_requests(client: Client) -> int:
    """How many PLIs this publisher has got."""
    assert client.publishing is not None
    return len([item for item in client.publishing.reports if isinstance(item, rtcp.KeyFrameRequest)])


class RepairTests(EngineTestCase):
    async def test_any_payload_comes_out_as_it_went_in(self) -> None:
        anna, ben = await self.pair()
        payloads = [os.urandom(1 + 47 * index) for index in range(25)]
        for payload in payloads:
            anna.send_audio(payload)
        await eventually(lambda: len(ben.packets_of("anna", Source.MICROPHONE)) == 26)
        self.assertEqual([payload for _, payload in ben.packets_of("anna", Source.MICROPHONE)][1:], payloads)

    async def test_a_picture_starts_at_a_key_frame_and_not_before(self) -> None:
        anna, _ = await self.pair()
        cleo = await self.listener("cleo")
        await eventually(lambda: cleo.offers)
        await cleo.connected()
        anna.send_video(b"delta", key=False)
        anna.send_video(b"whole", key=True)
        anna.send_video(b"delta", key=False)
        await eventually(lambda: len(cleo.packets_of("anna", Source.CAMERA)) == 2)
        self.assertTrue(cleo.packets_of("anna", Source.CAMERA)[0][1].endswith(b"whole"))

    async def test_a_receiver_that_lost_a_packet_gets_it_by_rtx_and_once_per_request(self) -> None:
        anna, ben = await self.pair()
        anna.send_video(b"lost", key=False)
        await eventually(lambda: [p for p in ben.received if p.endswith(b"lost")])
        header, payload = ben.packets_of("anna", Source.CAMERA)[-1]
        assert ben.subscribing is not None
        ben.subscribing.send_rtcp(rtcp.nack(1, header.ssrc, [header.sequence]))
        await eventually(lambda: len([p for p in ben.received if p.endswith(b"lost")]) == 2)
        again, inside = outline(next(p for p in reversed(ben.received) if p.endswith(b"lost")))
        self.assertNotEqual(again.ssrc, header.ssrc)
        self.assertEqual((again.payload_type, again.timestamp, again.marker), (97, header.timestamp, header.marker))
        self.assertEqual(struct.unpack_from("!H", inside)[0], header.sequence)
        self.assertEqual(inside[2:], payload)

    async def test_whoever_only_receives_is_told_the_round_trip_and_not_without_end(self) -> None:
        _, ben = await self.pair()
        assert ben.subscribing is not None
        reference = struct.pack("!BBHIBBHQ", 0x80, rtcp.EXTENDED_REPORT, 4, 77, 4, 0, 2, 0x1111222233334444)
        for _ in range(300):
            ben.subscribing.send_rtcp(reference)
        answer = rtcp.delay_since_reference(0, rtcp.ReferenceTime(77, 0x1111222233334444))
        await eventually(lambda: told(ben), "no answer")
        self.assertEqual(told(ben)[0][8:], answer[8:])
        await asyncio.sleep(0.1)
        self.assertLess(len(told(ben)), 100)

    async def test_the_publisher_is_asked_for_what_is_missing_and_its_answer_fills_the_hole(self) -> None:
        anna, ben = await self.pair()
        assert anna.publishing is not None
        sequence = anna.sequence[Source.CAMERA]
        missing = anna.rtp(Source.CAMERA, sequence, b"\x90\xe0\x81\x00\x00\x20\x01hole")
        anna.sequence[Source.CAMERA] += 1
        anna.send_video(b"after", key=False)
        await eventually(
            lambda: [i for i in anna.publishing.reports if isinstance(i, rtcp.Nack) and sequence in i.sequences]
        )
        for rtx_sequence in (1, 2):  # a retransmission may come twice
            anna.publishing.send(anna.rtx(Source.CAMERA, rtx_sequence, missing))
        anna.send_video(b"last", key=False)
        await eventually(lambda: [p for p in ben.received if p.endswith(b"last")])
        packets = ben.packets_of("anna", Source.CAMERA)
        numbers = {payload[-4:]: header.sequence for header, payload in packets}
        self.assertEqual((numbers[b"fter"] - numbers[b"hole"]) & 0xFFFF, 1)
        self.assertEqual(len([payload for _, payload in packets if payload.endswith(b"hole")]), 1)

    async def test_padding_from_a_publisher_leaves_no_hole(self) -> None:
        anna, ben = await self.pair()
        assert anna.publishing is not None
        sequence = anna.sequence[Source.CAMERA]
        anna.sequence[Source.CAMERA] += 1
        padding = bytearray(anna.rtp(Source.CAMERA, sequence, bytes(9) + bytes([10])))
        padding[0] |= 0x20
        anna.publishing.send(bytes(padding))
        anna.send_video(b"after", key=False)
        await eventually(lambda: len(ben.packets_of("anna", Source.CAMERA)) == 3)
        numbers = [header.sequence for header, _ in ben.packets_of("anna", Source.CAMERA)]
        self.assertEqual([(number - numbers[0]) & 0xFFFF for number in numbers], [0, 1, 2])

    async def test_sound_carries_its_level_and_everything_its_send_time(self) -> None:
        anna, ben = await self.pair()
        self.clock.advance(1)
        anna.send_audio()
        await eventually(lambda: len(ben.packets_of("anna", Source.MICROPHONE)) == 2)
        found = [decode_extensions(p, outline(p)[0]) for p in ben.received if outline(p)[0].payload_type == 111]
        self.assertEqual([extensions[1] for extensions in found], [b"\x85", b"\x85"])
        times = [int.from_bytes(extensions[2], "big") for extensions in found]
        self.assertEqual((times[1] - times[0]) & 0xFFFFFF, 1 << 18)


class KeyFrameTests(EngineTestCase):
    async def test_six_who_join_at_once_all_get_the_picture(self) -> None:
        anna = await self.publisher("anna")
        anna.send_audio()
        anna.send_video()
        await eventually(lambda: len(self.engine.trace("session")) and self.engine.stats("session")["anna"])
        listeners = [await self.listener(f"listener-{index}") for index in range(6)]
        for listener in listeners:
            await eventually(lambda one=listener: one.offers and len(one.offers[-1].tracks) == 2)  # type: ignore[misc]
            await listener.connected()
        anna.send_video(b"first")
        for listener in listeners:
            await eventually(lambda one=listener: [p for p in one.received if b"first" in p])  # type: ignore[misc]

    async def test_a_request_within_the_throttle_is_deferred_and_not_lost(self) -> None:
        anna, ben = await self.pair()
        self.clock.advance(1)
        assert ben.subscribing is not None
        asked = key_frame_requests(anna)
        ssrc = ben.ssrc_of("anna", Source.CAMERA)
        ben.subscribing.send_rtcp(rtcp.picture_loss(1, ssrc))
        await eventually(lambda: key_frame_requests(anna) == asked + 1)
        anna.send_video(b"answer")
        await eventually(lambda: [p for p in ben.received if b"answer" in p])
        ben.subscribing.send_rtcp(rtcp.picture_loss(1, ssrc))
        anna.send_audio(b"barrier")
        await eventually(lambda: [p for p in ben.received if b"barrier" in p])
        self.assertEqual(key_frame_requests(anna), asked + 1)
        self.clock.advance(0.5)
        await eventually(lambda: key_frame_requests(anna) == asked + 2)

    async def test_a_request_that_was_lost_is_made_again_until_a_key_frame_comes(self) -> None:
        anna, ben = await self.pair()
        assert ben.subscribing is not None
        self.clock.advance(1)
        asked = key_frame_requests(anna)
        ben.subscribing.send_rtcp(rtcp.picture_loss(1, ben.ssrc_of("anna", Source.CAMERA)))
        for count in (1, 2, 3):
            await eventually(lambda count=count: key_frame_requests(anna) == asked + count)  # type: ignore[misc]
            anna.send_video(b"delta", key=False)
            self.clock.advance(0.5)
        anna.send_video(b"whole", key=True)
        await eventually(lambda: [p for p in ben.received if b"whole" in p])
        now = key_frame_requests(anna)
        self.clock.advance(5)
        anna.grant(seconds=600)
        ben.grant(publish=frozenset(), seconds=600)
        await eventually(lambda: len([i for i in anna.publishing.reports if isinstance(i, rtcp.ReportBlock)]) > 2)
        self.assertEqual(key_frame_requests(anna), now)


class ReportTests(EngineTestCase):
    config = EngineConfig(port=0, tick_seconds=0.01)

    async def test_a_sender_report_reaches_receivers_with_their_numbers_and_the_publishers_clock(self) -> None:
        anna, ben = await self.pair()
        assert anna.publishing is not None and ben.subscribing is not None
        header = ben.packets_of("anna", Source.CAMERA)[-1][0]
        anna.publishing.send_rtcp(rtcp.sender_report(2001, 0x1234567890, anna.timestamp, 1, 1))
        await eventually(lambda: [i for i in ben.subscribing.reports if isinstance(i, rtcp.SenderReport)])
        report = next(i for i in ben.subscribing.reports if isinstance(i, rtcp.SenderReport))
        self.assertEqual((report.ssrc, report.ntp_time), (header.ssrc, 0x1234567890))
        self.assertEqual(report.rtp_time, header.timestamp)
        self.assertEqual(report.packets, 1)
        self.assertTrue([raw for raw in ben.subscribing.raw_rtcp if b"\x01\x04anna" in raw], "no CNAME")

    async def test_a_late_receiver_learns_the_publishers_clock_at_once(self) -> None:
        anna, ben = await self.pair()
        assert anna.publishing is not None
        anna.publishing.send_rtcp(rtcp.sender_report(1001, 0x42 << 32, anna.timestamp, 1, 1))
        await eventually(lambda: ben.subscribing.reports)
        cleo = await self.listener("cleo")
        await eventually(lambda: cleo.offers)
        await cleo.connected()
        anna.send_audio()
        await eventually(lambda: [i for i in cleo.subscribing.reports if isinstance(i, rtcp.SenderReport)])

    async def test_publishers_are_told_what_arrived(self) -> None:
        anna, _ = await self.pair()
        assert anna.publishing is not None
        anna.publishing.send_rtcp(rtcp.sender_report(1001, 0x0001_2345_6789_0000, anna.timestamp, 1, 1))
        anna.sequence[Source.MICROPHONE] += 3
        anna.send_audio()
        await eventually(lambda: self.engine.stats("session")["anna"]["publishes"][0]["packets"] == 3)
        self.clock.advance(1)
        await eventually(
            lambda: [i for i in anna.publishing.reports if isinstance(i, rtcp.ReportBlock) and i.cumulative_lost]
        )
        block = next(i for i in anna.publishing.reports if isinstance(i, rtcp.ReportBlock) and i.cumulative_lost)
        self.assertEqual((block.ssrc, block.cumulative_lost), (1001, 3))
        self.assertEqual(block.last_report, 0x2345_6789)
        feedback = [raw for raw in anna.publishing.raw_rtcp if raw[1] == 205 and raw[0] & 31 == 15]
        told = [arrived for raw in feedback for arrived in read_feedback(raw).values()]
        self.assertGreaterEqual(len([arrived for arrived in told if arrived is not None]), 4)

    async def test_the_receivers_estimate_and_round_trip_are_known(self) -> None:
        anna, ben = await self.pair()
        assert anna.publishing is not None and ben.subscribing is not None
        remb = struct.pack("!BBHII4sII", 0x8F, 206, 5, 1, 0, b"REMB", 1 << 24 | 2 << 18 | 100000, 9)
        ben.subscribing.send_rtcp(remb)
        await eventually(lambda: self.engine.stats("session")["ben"]["bandwidth_bits_per_second"] == 400000)

    async def test_a_publisher_has_no_part_in_the_round_trip_that_is_measured_of_a_receiver(self) -> None:
        anna, ben = await self.pair()
        mallory = await self.publisher("mallory", Source.MICROPHONE)
        mallory.send_audio()
        await eventually(lambda: len(ben.offers[-1].tracks) == 3 and all(r["flows"] for r in self.receives("ben")))
        mallory.send_audio()
        await eventually(lambda: ben.packets_of("mallory", Source.MICROPHONE))
        ssrc = ben.ssrc_of("anna", Source.MICROPHONE)

        async def report(publisher: Client, name: int) -> None:
            assert publisher.publishing is not None and ben.subscribing is not None
            seen = len(ben.subscribing.reports)
            publisher.publishing.send_rtcp(rtcp.sender_report(1001, name << 16, publisher.timestamp, 1, 1))
            await eventually(lambda: len(ben.subscribing.reports) > seen)

        async def answer(name: int) -> float:
            assert ben.subscribing is not None
            block = rtcp.report_block(ssrc, ReceptionReport(0, 0, 1, 0), name, 0x10000 // 20)
            ben.subscribing.send_rtcp(rtcp.receiver_report(1, [block]))
            await ben.subscribing.check()
            return float(self.engine.stats("session")["ben"]["round_trip_seconds"])

        await report(anna, 77)
        self.clock.advance(0.1)
        await report(mallory, 77)
        self.assertAlmostEqual(await answer(77), 0.05, places=3)
        await report(anna, 78)
        self.clock.advance(5)
        await report(anna, 78)
        self.assertAlmostEqual(await answer(78), 0.05, places=3)


class SilenceTests(EngineTestCase):
    config = EngineConfig(port=0, tick_seconds=0.01)

    async def test_a_silent_source_is_announced_and_so_is_its_return(self) -> None:
        anna, ben = await self.pair()

        def heard() -> list[bool]:
            return [
                event.live
                for event in self.events
                if getattr(event, "source", None) is Source.MICROPHONE and event.peer_id == "anna"  # type: ignore[union-attr]
            ]

        self.assertEqual(heard(), [True])
        anna.grant(seconds=600)
        ben.grant(publish=frozenset(), seconds=600)
        self.clock.advance(11)
        await eventually(lambda: heard() == [True, False])
        anna.send_audio()
        await eventually(lambda: heard() == [True, False, True])
        self.assertEqual(len(ben.offers), 1 if len(ben.offers) == 1 else 2)
