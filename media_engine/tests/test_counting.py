"""Receivers who say which packets came when: what carries a number, and what becomes of a way that fills."""

from media_engine import EngineConfig, Source, rtcp
from media_engine.feedback import FeedbackRecorder, TransportFeedback
from media_engine.rtp import decode_extensions
from media_engine.subscribe import SubscribeLink
from media_engine.tests.client import Client, EngineTestCase, eventually, outline
from media_engine.tests.interpreted import interpreted
from media_engine.way import Way

MICROPHONE, CAMERA = ("anna", Source.MICROPHONE), ("anna", Source.CAMERA)
SEND_TIME, NUMBER = 2, 3
FRAME_SECONDS = 0.05
COUNTS = ("a=extmap:", "a=rtcp-fb:")


class Listening(Way):
    heard = 0

    def on_feedback(self, feedback: TransportFeedback, sound: float, now: float) -> bool:
        self.heard += 1
        return super().on_feedback(feedback, sound, now)


class CountingTests(EngineTestCase):
    config = EngineConfig(port=0, tick_seconds=0.01)

    accepts = COUNTS

    def client(self, peer_id: str, session_id: str = "session") -> Client:
        """Ben answers with what he `accepts`."""
        client = super().client(peer_id, session_id)
        client.accepts = self.accepts if peer_id == "ben" else ()
        return client

    async def test_pictures_are_counted_for_whom_counts_them_and_carry_a_time_for_others(self) -> None:
        anna, ben = await self.pair()
        cleo = await self.listener("cleo")
        await cleo.connected()
        await eventually(lambda: all(r["flows"] for r in self.receives("cleo")))
        for _ in range(3):
            anna.send_video()
            anna.send_audio()
        await eventually(lambda: len(ben.packets_of(*CAMERA)) == 4 and len(cleo.packets_of(*CAMERA)) == 3)
        numbers = self.numbers(ben)
        self.assertEqual(numbers, list(range(numbers[0], numbers[0] + 4)))
        self.assertTrue(all(SEND_TIME not in self.extensions(packet) for packet in self.pictures(ben)))
        self.assertTrue(all(NUMBER not in self.extensions(packet) for packet in cleo.received))
        self.assertTrue(all(SEND_TIME in self.extensions(packet) for packet in cleo.received))

    async def test_pictures_that_are_sent_again_have_numbers_of_their_own_and_sound_has_none(self) -> None:
        anna, ben = await self.pair()
        assert ben.subscribing is not None
        for _ in range(3):
            anna.send_video()
            anna.send_audio()
        await eventually(lambda: len(ben.packets_of(*CAMERA)) == 4 and len(ben.packets_of(*MICROPHONE)) == 4)
        before = [packet for packet in ben.subscribing.sealed if packet[1] & 0x7F == 111]
        for key in (CAMERA, MICROPHONE):
            lost = [header.sequence for header, _ in ben.packets_of(*key)][-2:]
            ben.subscribing.send_rtcp(rtcp.nack(1, ben.ssrc_of(*key), lost))
        await eventually(lambda: len(self.again(ben)) == 2 and len(self.sound(ben)) == len(before) + 2)
        last = self.numbers(ben)[-1]
        again = [int.from_bytes(self.extensions(packet)[NUMBER]) for packet in self.again(ben)]
        self.assertEqual(again, [last + 1, last + 2])
        self.assertEqual(self.sound(ben)[-2:], before[-2:])
        self.assertTrue(all(NUMBER not in self.extensions(packet) for packet in ben.received if packet[1] & 127 == 111))

    async def test_who_takes_the_number_without_the_feedback_or_numbers_it_otherwise_gets_none(self) -> None:
        for accepts in (("a=extmap:",), ("a=rtcp-fb:",)):
            self.accepts = accepts
            anna, ben = await self.pair()
            self.assertTrue(all(NUMBER not in self.extensions(packet) for packet in ben.received))
            for client in (anna, ben):
                self.engine.revoke("session", client.peer_id)

    async def test_pictures_pause_at_once_where_they_fill_the_way_and_sound_goes_on(self) -> None:
        anna, ben = await self.pair()
        assert anna.publishing is not None
        link = self.link()
        recorder, seen = FeedbackRecorder(), 0
        late = 0.0
        for index in range(60):
            self.clock.advance(FRAME_SECONDS)
            count = len(ben.packets_of(*CAMERA))
            anna.send_video(bytes(600), key=False)
            await eventually(lambda count=count: len(ben.packets_of(*CAMERA)) > count or link.way.draining.until > 0)
            late += 0.07 if index > 40 else 0.0  # each takes more than twice as long to come as to leave
            for number in self.numbers(ben)[seen:]:
                recorder.record(number, 9000.0 + self.clock() + late)
                seen += 1
            assert ben.subscribing is not None
            for report in recorder.take(1, 2):
                ben.subscribing.send_rtcp(report)
            await ben.subscribing.check()
            if link.way.draining.until > 0:
                break
        self.assertIn(index, range(43, 49))
        self.assertLess(link.downlink.available, 200_000)
        seen_before, heard_before = len(ben.packets_of(*CAMERA)), len(ben.packets_of(*MICROPHONE))
        asked = self.asked(anna)
        anna.send_video(bytes(600), key=True)
        anna.send_audio(b"on")
        await eventually(lambda: len(ben.packets_of(*MICROPHONE)) > heard_before)
        self.assertEqual(len(ben.packets_of(*CAMERA)), seen_before)
        self.assertEqual(self.asked(anna), asked)
        self.clock.now = link.way.draining.until + 0.01
        await eventually(lambda: self.asked(anna) > asked, "nobody asked for a picture to go on with")
        anna.send_video(b"whole again", key=True)
        await eventually(lambda: ben.packets_of(*CAMERA)[-1][1].endswith(b"whole again"))

    async def test_what_a_receiver_says_of_its_bandwidth_counts_no_more_once_it_counts_packets(self) -> None:
        _, ben = await self.pair()
        link = self.link()
        assert ben.subscribing is not None
        remb = bytes.fromhex("8fce0005000000010000000052454d42010000fa00000001")
        ben.subscribing.send_rtcp(remb)
        await eventually(lambda: link.downlink.estimate < 1e9)
        before = link.downlink.estimate
        recorder = FeedbackRecorder()
        for number in self.numbers(ben):
            recorder.record(number, 9000.0)
        for report in recorder.take(1, 2):
            ben.subscribing.send_rtcp(report)
        ben.subscribing.send_rtcp(remb.replace(b"\x01\x00\x00\xfa", b"\x01\x08\x00\xfa"))
        await ben.subscribing.check()
        self.assertEqual(link.downlink.estimate, before)

    @interpreted
    async def test_a_receiver_is_listened_to_so_many_times_a_second(self) -> None:
        _, ben = await self.pair()
        assert ben.subscribing is not None
        way = self.link().way = Listening()
        recorder = FeedbackRecorder()
        recorder.record(1, 9000.0)
        (report,) = recorder.take(1, 2)
        assert self.engine._timer is not None
        self.engine._timer.cancel()
        for _ in range(40):
            ben.subscribing.send_rtcp(report)
        await ben.subscribing.check()
        self.assertEqual(way.heard, self.config.max_feedback_per_second_per_peer // 4)

    def link(self) -> SubscribeLink:
        link = self.engine._sessions["session"].peers["ben"].subscribe
        assert link is not None
        return link

    def asked(self, client: Client) -> int:
        assert client.publishing is not None
        return sum(isinstance(item, rtcp.KeyFrameRequest) for item in client.publishing.reports)

    @staticmethod
    def extensions(packet: bytes) -> dict[int, bytes]:
        return decode_extensions(packet, outline(packet)[0])

    def pictures(self, client: Client) -> list[bytes]:
        return [packet for packet in client.received if packet[1] & 0x7F == 96]

    def again(self, client: Client) -> list[bytes]:
        return [packet for packet in client.received if packet[1] & 0x7F == 97]

    def sound(self, client: Client) -> list[bytes]:
        """Encrypted."""
        assert client.subscribing is not None
        return [packet for packet in client.subscribing.sealed if packet[1] & 0x7F == 111]

    def numbers(self, client: Client) -> list[int]:
        """Of pictures, in the order in which they came."""
        return [int.from_bytes(self.extensions(packet)[NUMBER]) for packet in self.pictures(client)]
