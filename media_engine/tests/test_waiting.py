"""What is done where packets are lost: pictures wait for repairs, sound is sent twice; and when it is over."""

from media_engine import EngineConfig, Source, rtcp
from media_engine.doubling import Doubling, Redundancy
from media_engine.receive_log import ReceptionReport
from media_engine.rtp import decode_extensions
from media_engine.tests.client import EngineTestCase, eventually, outline, vp8
from media_engine.tracks import UpTrack
from media_engine.waiting import Waiting, element

MICROPHONE, CAMERA = ("anna", Source.MICROPHONE), ("anna", Source.CAMERA)


def test_pictures_wait_two_round_trips_where_packets_are_lost_and_no_longer_than_people_bear() -> None:
    waiting = Waiting()
    waiting.on_lost(0.001, 0.15, 1.0)
    assert not waiting.seconds
    waiting.on_lost(0.05, 0.0, 2.0)  # nobody knows how long a repair takes
    assert not waiting.seconds
    waiting.on_lost(0.05, 0.15, 3.0)
    assert round(waiting.seconds, 2) == 0.32
    waiting.on_lost(0.05, 0.05, 4.0)
    assert round(waiting.seconds, 2) == 0.32
    waiting.on_lost(0.05, 5.0, 5.0)
    assert waiting.seconds == 0.4


def test_they_wait_no_longer_when_nothing_was_lost_for_a_while() -> None:
    waiting = Waiting()
    waiting.on_lost(0.1, 0.1, 1.0)
    for second in range(2, 23):
        waiting.on_lost(0.0, 0.1, float(second))
        assert waiting.seconds
    for second in range(23, 30):
        waiting.on_lost(0.0, 0.1, float(second))
    assert not waiting.seconds
    assert element(0.0) == bytes((0x52, 0x00, 0x03, 0xE8))
    assert element(0.9) == element(0.4) == bytes((0x52, 0x02, 0x83, 0xE8))


def test_sound_is_doubled_until_next_to_nothing_is_lost_and_only_where_it_fits() -> None:
    doubling = Doubling()
    doubling.on_lost(0.02, 1.0)
    assert not doubling.is_on
    doubling.on_lost(0.1, 2.0)
    assert doubling.is_on
    assert doubling.fits(40_000, 300_000, had_queue=True)
    assert not doubling.fits(40_000, 100_000, had_queue=True)
    assert doubling.fits(40_000, 100_000, had_queue=False), "so little is known to get through as so little was sent"
    assert not doubling.fits(160_000, 500_000, had_queue=False), "four voices may be what fills the way"
    doubling.on_lost(0.01, 20.0)  # a tenth, with two copies
    doubling.on_lost(0.0, 49.0)
    assert doubling.is_on
    doubling.on_lost(0.0, 51.0)
    assert not doubling.is_on


def test_redundancy_ends_where_it_would_be_much_of_a_full_way_until_that_has_had_no_queue_for_long() -> None:
    redundancy = Redundancy()
    for sound, capacity, had_queue, is_on in (
        (60_000, 100_000, False, True),  # so little is known to get through as so little was sent
        (60_000, 1_000_000, True, True),
        (60_000, 300_000, True, False),
        (60_000, 1_000_000, True, False),
        (60_000, 300_000, False, True),
    ):
        redundancy.weigh(sound, capacity, had_queue=had_queue)
        assert redundancy.is_on is is_on


class LossyWayTests(EngineTestCase):
    config = EngineConfig(port=0, tick_seconds=0.01)

    async def test_the_second_copy_of_sound_is_the_first_to_the_last_byte_and_no_third_comes(self) -> None:
        anna, ben = await self.pair()
        assert ben.subscribing is not None
        ssrc = ben.ssrc_of(*MICROPHONE)
        link = self.engine._sessions["session"].peers["ben"].subscribe
        assert link is not None
        before = len(ben.subscribing.sealed)
        for highest, lost in ((500, 0), (550, 26)):
            block = rtcp.report_block(ssrc, ReceptionReport(lost, 0, highest, 0), 0, 0)
            ben.subscribing.send_rtcp(rtcp.receiver_report(1, [block]))
        await eventually(lambda: link.doubling.is_on)
        for size in (30, 31, 29):
            anna.send_audio(bytes(size))
        await eventually(lambda: len(ben.subscribing.sealed) == before + 6)
        copies = ben.subscribing.sealed[before:]
        self.assertEqual(sorted(copies[:3]), sorted(copies[3:]))
        self.assertEqual(len(ben.packets_of(*MICROPHONE)), 4)

    async def test_pictures_say_how_long_they_wait_to_whom_they_are_lost_for_and_to_nobody_else(self) -> None:
        anna, ben = await self.pair()
        cleo = await self.listener("cleo")
        await cleo.connected()
        await eventually(lambda: all(r["flows"] for r in self.receives("cleo")))
        link = self.engine._sessions["session"].peers["ben"].subscribe
        assert link is not None and ben.subscribing is not None
        link.round_trip_seconds = 0.15
        for _ in range(4):
            for _ in range(10):
                anna.send_video(key=True)
            await anna.publishing.check() if anna.publishing else None
            sequences = [header.sequence for header, _ in ben.packets_of(*CAMERA)]
            ben.subscribing.send_rtcp(rtcp.nack(1, ben.ssrc_of(*CAMERA), sequences[-3:]))
            await ben.subscribing.check()
            self.clock.advance(0.5)
            link.allocate({}, self.clock())
        self.assertIn("a=extmap:5 http://www.webrtc.org/experiments/rtp-hdrext/playout-delay", ben.offers[-1].sdp)
        anna.send_video(b"wait", key=True)
        await eventually(lambda: ben.packets_of(*CAMERA)[-1][1].endswith(b"wait"))
        await eventually(lambda: cleo.packets_of(*CAMERA)[-1][1].endswith(b"wait"))
        self.assertEqual(self.waits(ben.received), element(0.32)[1:])
        self.assertIsNone(self.waits(cleo.received))

    async def test_pictures_wait_for_what_the_publisher_lost_at_everybody(self) -> None:
        anna, ben = await self.pair()
        link = self.engine._sessions["session"].peers["ben"].subscribe
        assert link is not None and anna.publishing is not None
        for _ in range(3):
            start = anna.sequence[Source.CAMERA]
            for _ in range(20):
                anna.sequence[Source.CAMERA] += 1
                anna.send_video(key=True)
            await anna.publishing.check()
            self.clock.advance(0.12)  # longer than we wait for an answer while we know nothing of the way
            for lost in range(start, start + 40, 2):
                anna.publishing.send(anna.rtp(Source.CAMERA, lost, vp8(b"again", 1, key=True), marker=True))
            await anna.publishing.check()
            self.clock.advance(0.5)
            await anna.publishing.check()
        await eventually(lambda: self.camera_of_anna().waiting.seconds > 0)
        link.allocate({}, self.clock())
        anna.send_video(b"wait", key=True)
        await eventually(lambda: ben.packets_of(*CAMERA)[-1][1].endswith(b"wait"))
        self.assertTrue(self.waits(ben.received))

    def camera_of_anna(self) -> UpTrack:
        publish = self.engine._sessions["session"].peers["anna"].publish
        assert publish is not None
        return next(track for track in publish.tracks.values() if track.video)

    def waits(self, received: list[bytes]) -> bytes | None:
        packet = next(packet for packet in reversed(received) if packet.endswith(b"wait"))
        return decode_extensions(packet, outline(packet)[0]).get(5)
