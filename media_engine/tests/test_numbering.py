"""Sequence numbers, replayed from sixteen starts around every wrap."""

from unittest import TestCase

from media_engine.forwarder import Forwarder, renumbered
from media_engine.packet_cache import PacketCache
from media_engine.receive_log import ReceiveLog
from media_engine.records import Epoch, Packet
from media_engine.rtp import unwrap

STARTS = (0, 1, 2, 7, 255, 0x7FFD, 0x7FFE, 0x7FFF, 0x8000, 0x8001, 0xFF00, 0xFFFA, 0xFFFC, 0xFFFD, 0xFFFE, 0xFFFF)

ONE, OTHER = (ReceiveLog(90000, wants_nack=True) for _ in range(2))


def packet(sequence: int, timestamp: int = 0, *, key: bool = False, picture: int | None = None, tl0: int = 0) -> Packet:
    """A canonical packet of 40 bytes with a VP8 descriptor behind the header."""
    head = bytes([0x90, 96]) + bytes(18)
    if picture is None:
        return Packet(sequence, timestamp, head + bytes([0x10, not key]) + bytes(18), 20, "vp8")
    descriptor = bytes([0x90, 0xE0]) + (0x8000 | picture).to_bytes(2, "big") + bytes([tl0, 0x20, not key])
    return Packet(sequence, timestamp, head + descriptor + bytes(13), 20, "vp8")


class ReceiveLogTests(TestCase):
    def test_it_extends_numbers_finds_gaps_and_drops_duplicates(self) -> None:
        for start in STARTS:
            with self.subTest(start=start):
                log = ReceiveLog(90000, wants_nack=True)

                def add(offset: int, log: ReceiveLog = log, start: int = start) -> int | None:
                    extended = log.add((start + offset) & 0xFFFF, 0.0)
                    return None if extended is None else extended - start

                self.assertEqual([add(0), add(1), add(4)], [0, 1, 4])
                self.assertEqual(log.due_requests(0.0), [(start + 2) & 0xFFFF, (start + 3) & 0xFFFF])
                self.assertEqual(log.due_requests(0.05), [], "asked again too soon")
                self.assertEqual(add(2), 2)
                self.assertIsNone(add(2), "a duplicate was taken")
                self.assertIsNone(add(4))
                self.assertEqual(log.due_requests(0.2), [(start + 3) & 0xFFFF])
                self.assertEqual(add(-1), -1, "a packet from before the first is new")
                self.assertIsNone(add(-1))

    def test_it_asks_again_when_the_answer_could_have_come(self) -> None:
        for round_trip, too_soon, late_enough in ((0.02, 0.02, 0.026), (0.2, 0.24, 0.26), (3.0, 0.49, 0.51)):
            with self.subTest(round_trip=round_trip):
                log = ReceiveLog(90000, wants_nack=True)
                log.add(1, 0.0)
                log.add(3, 0.0)
                log.due_requests(0.0)
                log.add(2, round_trip)  # the answer
                log.add(5, 10.0)
                self.assertEqual(log.due_requests(10.0), [4])
                self.assertEqual(log.due_requests(10.0 + too_soon), [])
                self.assertEqual(log.due_requests(10.0 + late_enough), [4])
                # Of two requests nobody knows which one this answers, unless it is too soon for the second.
                log.add(4, 10.0 + late_enough + round_trip)
                self.assertEqual(log.round_trip, round_trip)

    @staticmethod
    def asking_twice(round_trip: float, until_ms: int) -> tuple[ReceiveLog, list[int]]:
        """A log that asks twice, of a way so long; and in which milliseconds it asks for a packet missed at 1000."""
        log = ReceiveLog(90000, wants_nack=True)
        log.add(1, 0.0)
        log.add(3, 0.0)
        log.due_requests(0.0)
        log.add(2, round_trip)
        log.asks_twice = True
        log.add(5, 1.0)
        return log, [ms for ms in range(1000, until_ms) if ms / 1000 >= log.due_at and log.due_requests(ms / 1000)]

    def test_on_a_lossy_way_every_request_is_said_twice_and_counts_once(self) -> None:
        log, asked_at = self.asking_twice(0.2, 1600)
        self.assertEqual(asked_at, [1000, 1020, 1250, 1270, 1500, 1520])
        self.assertEqual(log.asked, 2)

    def test_on_a_short_way_nothing_is_said_twice(self) -> None:
        _, asked_at = self.asking_twice(0.02, 1060)
        self.assertEqual(asked_at, [1000, 1025, 1050])

    def test_it_gives_up_asking(self) -> None:
        log = ReceiveLog(90000, wants_nack=True)
        log.add(1, 0.0)
        log.add(3, 0.0)
        asked = sum(len(log.due_requests(step * 0.11)) for step in range(40))
        self.assertEqual(asked, 8)
        self.assertFalse(log.missing)

    def test_a_great_gap_is_not_asked_for_and_memory_is_bounded(self) -> None:
        log = ReceiveLog(90000, wants_nack=True)
        log.add(1, 0.0)
        log.add(2000, 0.0)
        self.assertEqual(log.due_requests(0.0), [])
        for sequence in range(2002, 6000, 2):
            log.add(sequence, 0.0)
        self.assertLessEqual(len(log.due_requests(0.0)), 256)

    def test_what_came_in_order_is_known_behind_gaps_as_well(self) -> None:
        for start in STARTS:
            log = ReceiveLog(90000, wants_nack=True)
            for offset in (*range(5), *range(8, 10), *range(1020, 1030)):
                log.add((start + offset) & 0xFFFF, 1.0)
            log.follow(2)
            new = [at for at in range(1040) if log.add((start + at) & 0xFFFF, 1.0) is not None]
            self.assertEqual(new, [*range(10, 1020), *range(1032, 1040)])

    def test_something_older_than_the_window_is_dropped(self) -> None:
        log = ReceiveLog(90000, wants_nack=False)
        log.add(5000, 0.0)
        self.assertIsNone(log.add(5000 - 1024, 0.0))
        self.assertIsNotNone(log.add(5000 - 1023, 0.0))

    def test_the_report_counts_losses_since_the_last(self) -> None:
        for start in STARTS:
            with self.subTest(start=start):
                log = ReceiveLog(90000, wants_nack=False)
                for offset in range(100):
                    if offset % 4 != 3:
                        log.add((start + offset) & 0xFFFF, 0.0)
                log.add((start + 99) & 0xFFFF, 0.0)
                report = log.report()
                self.assertEqual(report.cumulative_lost, 24)
                self.assertEqual(report.fraction_lost, 24 * 256 // 100)
                self.assertEqual(report.highest_sequence, start + 99)
                self.assertEqual(log.report().fraction_lost, 0)

    def test_a_steady_stream_has_no_jitter_and_an_unsteady_one_has(self) -> None:
        steady, unsteady = ReceiveLog(90000, wants_nack=False), ReceiveLog(90000, wants_nack=False)
        for index in range(200):
            for log, wobble in ((steady, 0.0), (unsteady, 0.005 * (index % 2))):
                log.add(index, 0.0)
                log.measure_jitter(index * 3000, index / 30 + wobble)
        self.assertLess(steady.report().jitter, 5)
        self.assertGreater(unsteady.report().jitter, 300)


class UnwrapTests(TestCase):
    def test_the_nearest_number_is_meant(self) -> None:
        for start in STARTS:
            for cycle in (0, 0x10000, 0x50000):
                for distance in (-300, -1, 0, 1, 300):
                    extended = cycle + start
                    self.assertEqual(unwrap((start + distance) & 0xFFFF, extended), extended + distance)


class ForwarderTests(TestCase):
    def sent(self, forwarder: Forwarder, one: Packet, now: float = 0.0) -> int:
        """Send `one` in the current epoch; the receiver's 16-bit sequence number."""
        epoch = forwarder.epoch
        assert epoch is not None
        forwarder.note(one, now)
        return int.from_bytes(renumbered(one, epoch, 1)[2:4], "big")

    def test_numbers_stay_gapless_over_mute_and_change_of_source(self) -> None:
        for start in STARTS:
            for first in STARTS:
                with self.subTest(start=start, first=first):
                    forwarder = Forwarder(90000, first_sequence=first)
                    forwarder.begin(ONE, packet(start), 0.0)
                    out = [self.sent(forwarder, packet(start + offset)) for offset in range(3)]
                    forwarder.pause()
                    forwarder.begin(ONE, packet(start + 50), 0.0)
                    out.append(self.sent(forwarder, packet(start + 50)))
                    forwarder.begin(OTHER, packet(9), 0.0)
                    out.append(self.sent(forwarder, packet(9)))
                    self.assertEqual(out, [(first + offset) & 0xFFFF for offset in range(5)])

    def test_a_late_packet_fills_its_own_place(self) -> None:
        for start in STARTS:
            forwarder = Forwarder(90000, first_sequence=start)
            forwarder.begin(ONE, packet(100), 0.0)
            out = [self.sent(forwarder, packet(sequence)) for sequence in (100, 102, 101, 103)]
            self.assertEqual(out, [(start + offset) & 0xFFFF for offset in (0, 2, 1, 3)])
            self.assertEqual(forwarder.last_sequence, start + 3)

    def test_what_a_receiver_asks_for_is_found_in_the_right_stretch(self) -> None:
        for start in STARTS:
            with self.subTest(start=start):
                forwarder = Forwarder(90000, first_sequence=start)
                forwarder.begin(ONE, packet(500), 0.0)
                for sequence in (500, 501, 502):
                    self.sent(forwarder, packet(sequence))
                forwarder.begin(OTHER, packet(80), 0.0)
                self.sent(forwarder, packet(80))
                found = [forwarder.find((start + offset) & 0xFFFF) for offset in range(4)]
                self.assertEqual([epoch.upstream for epoch, _ in filter(None, found)], [ONE, ONE, ONE, OTHER])
                self.assertEqual([sequence for _, sequence in filter(None, found)], [500, 501, 502, 80])
                self.assertIsNone(forwarder.find((start + 4) & 0xFFFF), "not sent yet")
                self.assertIsNone(forwarder.find((start - 1) & 0xFFFF), "from before the start")

    def test_nothing_from_before_a_pause_can_be_asked_for(self) -> None:
        forwarder = Forwarder(90000, first_sequence=10)
        forwarder.begin(ONE, packet(1), 0.0)
        self.sent(forwarder, packet(1))
        forwarder.pause()
        self.assertIsNone(forwarder.find(10))
        forwarder.begin(ONE, packet(5), 0.0)
        self.sent(forwarder, packet(5))
        self.assertIsNone(forwarder.find(10))
        self.assertIsNotNone(forwarder.find(11))

    def test_the_timestamp_goes_on_by_the_wall_clock_when_the_source_changes(self) -> None:
        for start in (0, 1, 0x7FFFFFFF, 0xFFFFFFFE, 0xFFFFFFFF):
            forwarder = Forwarder(90000)
            forwarder.begin(ONE, packet(1, start), 10.0)
            forwarder.note(packet(1, start), 10.0)
            epoch = forwarder.begin(OTHER, packet(1, 123456), 10.5)
            self.assertEqual((123456 + epoch.timestamp_offset) & 0xFFFFFFFF, (start + 45000) & 0xFFFFFFFF)

    def test_the_timestamp_of_the_same_source_is_never_shifted(self) -> None:
        forwarder = Forwarder(90000)
        forwarder.begin(ONE, packet(1, 77), 10.0)
        forwarder.note(packet(1, 77), 10.0)
        forwarder.pause()
        self.assertEqual(forwarder.begin(ONE, packet(9, 99999), 12.0).timestamp_offset, 0)

    def test_picture_ids_go_on_by_one_over_every_wrap(self) -> None:
        for start in (0, 1, 0x3FFF, 0x7FFD, 0x7FFE, 0x7FFF):
            for following in (0, 5, 0x7FFE, 0x7FFF):
                with self.subTest(start=start, following=following):
                    forwarder = Forwarder(90000)
                    first = packet(1, key=True, picture=start, tl0=255)
                    forwarder.begin(ONE, first, 0.0)
                    forwarder.note(first, 0.0)
                    second = packet(1, key=True, picture=following, tl0=9)
                    data = renumbered(second, forwarder.begin(OTHER, second, 0.0), 1)
                    self.assertEqual(int.from_bytes(data[22:24], "big"), 0x8000 | (start + 1) & 0x7FFF)
                    self.assertEqual(data[24], 0, "TL0PICIDX goes on from 255 to 0")

    def test_a_seven_bit_picture_id_stays_one_byte(self) -> None:
        short = packet(1, key=True)
        short.data = short.data[:20] + bytes([0x90, 0x80, 0x7E, 0]) + short.data[24:]
        data = renumbered(short, Epoch(ONE, 0, 0, 0, 3, 0), 1)
        self.assertEqual(data[22], (0x7E + 3) & 0x7F)
        self.assertEqual(data[23], short.data[23])

    def test_a_fresh_forwarder_starts_in_the_lower_half(self) -> None:
        for _ in range(200):
            self.assertLess(Forwarder(90000).last_sequence + 1, 0x8000)


class PacketCacheTests(TestCase):
    def test_it_keeps_the_last_packets_and_no_others(self) -> None:
        for start in STARTS:
            cache = PacketCache(8)
            for offset in range(20):
                cache.add([packet(start + offset)])
            kept = [offset for offset in range(-8, 30) if cache.get(start + offset) is not None]
            self.assertEqual(kept, list(range(12, 20)))
            cache.add([packet(start + 20), packet(start + 21)])
            kept = [offset for offset in range(-8, 30) if cache.get(start + offset) is not None]
            self.assertEqual(kept, list(range(14, 22)))
            cache.clear()
            self.assertIsNone(cache.get(start + 21))
