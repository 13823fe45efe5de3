"""RTP, VP8, RTCP, STUN and transport-wide feedback as bytes; each parser also on whatever hypothesis can think of."""

import os
import struct
import tracemalloc
from unittest import TestCase

from hypothesis import given
from hypothesis import strategies as st

from media_engine import feedback, rtcp, stun
from media_engine.feedback import FeedbackRecorder
from media_engine.receive_log import ReceptionReport
from media_engine.rtp import (
    PacketReader,
    RtpHeader,
    decode_extensions,
    decode_header,
    extension_block,
    one_byte_extension,
)
from media_engine.tests.test_numbering import STARTS
from media_engine.vp8 import decode_descriptor

# The 24 bytes that end a stock Python STUN parser with an unexpected exception: an attribute too short for its type.
SHORT_ATTRIBUTE = bytes.fromhex("00010004a9318d613a00002500000000000000000003a270")


def mutated(*seeds: bytes) -> st.SearchStrategy[bytes]:
    """Valid packets with some bytes changed and some cut off, which come further into a parser than noise."""

    def mutate(seed: bytes, changes: list[tuple[int, int]], cut: int) -> bytes:
        data = bytearray(seed)
        for position, value in changes:
            data[position % len(data)] = value
        return bytes(data[: len(data) - cut % len(data)])

    change = st.tuples(st.integers(0, 2000), st.integers(0, 255))
    return st.builds(mutate, st.sampled_from(seeds), st.lists(change, max_size=6), st.integers(0, 40)) | st.binary(
        max_size=300
    )


class RtpTests(TestCase):
    PACKET = (
        struct.pack("!BBHIII", 0x80 | 0x20 | 0x10 | 1, 0x80 | 96, 7, 8, 9, 10)
        + extension_block(one_byte_extension(1, b"\x85") + one_byte_extension(3, b"ab"))
        + b"payload"
        + bytes([0, 0, 3])
    )

    PLAIN = struct.pack("!BBHII", 0x90, 96, 7, 8, 9) + extension_block(
        one_byte_extension(1, b"\x85") + one_byte_extension(3, b"ab")
    )

    def test_header_extensions_payload_and_padding_are_found(self) -> None:
        header = decode_header(self.PACKET, len(self.PACKET))
        self.assertEqual((header.sequence, header.timestamp, header.ssrc), (7, 8, 9))
        self.assertTrue(header.marker)
        self.assertEqual(header.payload_type, 96)
        self.assertEqual(self.PACKET[header.payload_start : header.payload_end], b"payload")
        self.assertEqual(decode_extensions(self.PACKET, header), {1: b"\x85", 3: b"ab"})

    def test_two_byte_extensions_with_any_application_bits_are_read(self) -> None:
        for bits in range(16):
            block = struct.pack("!HH", 0x1000 | bits, 2) + bytes([5, 2]) + b"xy" + bytes([0, 6, 1]) + b"z"
            packet = struct.pack("!BBHII", 0x90, 96, 1, 1, 1) + block
            found = decode_extensions(packet, decode_header(packet, len(packet)))
            self.assertEqual(found, {5: b"xy", 6: b"z"})

    @given(
        st.lists(mutated(PACKET, PLAIN, PLAIN.replace(b"\x85", b"\x07")), max_size=8),
        st.integers(0, 4),
        st.integers(0, 4),
    )
    def test_the_quick_reader_says_what_the_slow_one_says(
        self, packets: list[bytes], sequence: int, level: int
    ) -> None:
        reader = PacketReader()
        reader.number_extensions(sequence, level)
        for data in [self.PLAIN, *packets, self.PLAIN]:
            try:
                slow = decode_header(data, len(data))
            except ValueError:
                with self.assertRaises(ValueError):
                    reader.read(data, len(data))
                continue
            reader.read(data, len(data))
            for name in RtpHeader.__annotations__:
                if name.startswith("extension") and not data[0] & 0x10:
                    continue
                self.assertEqual(getattr(reader, name), getattr(slow, name), name)
            found = decode_extensions(data, slow)
            for wanted, size, told in ((sequence, 2, reader.transport_sequence), (level, 1, reader.audio_level)):
                value = found.get(wanted, b"") if wanted else b""
                self.assertEqual(told, int.from_bytes(value) if len(value) == size else -1)

    @given(mutated(PACKET))
    def test_anything_is_a_packet_or_a_value_error(self, data: bytes) -> None:
        try:
            header = decode_header(data, len(data))
        except ValueError:
            return
        self.assertLessEqual(header.payload_start, header.payload_end)
        self.assertLessEqual(header.payload_end, len(data))
        decode_extensions(data, header)


class Vp8Tests(TestCase):
    def test_long_and_short_picture_ids_and_tl0_are_found(self) -> None:
        long = decode_descriptor(bytes([0x90, 0xE0, 0x81, 0x02, 9, 0x20, 0x00]), 0, 7)
        self.assertEqual((long.picture_id, long.picture_id_bits, long.picture_id_offset), (0x102, 15, 2))
        self.assertEqual((long.tl0, long.tl0_offset), (9, 4))
        self.assertTrue(long.key_frame_start)
        short = decode_descriptor(bytes([0x90, 0x80, 0x12, 0x01]), 0, 4)
        self.assertEqual((short.picture_id, short.picture_id_bits), (0x12, 7))
        self.assertFalse(short.key_frame_start)

    def test_a_descriptor_without_the_extended_bit_still_tells_key_frames(self) -> None:
        self.assertTrue(decode_descriptor(bytes([0x10, 0x00]), 0, 2).key_frame_start)
        self.assertFalse(decode_descriptor(bytes([0x10, 0x01]), 0, 2).key_frame_start)
        self.assertFalse(decode_descriptor(bytes([0x00, 0x00]), 0, 2).key_frame_start, "not the start of a frame")
        self.assertFalse(decode_descriptor(bytes([0x11, 0x00]), 0, 2).key_frame_start, "not the first partition")

    @given(st.binary(max_size=12))
    def test_anything_is_a_descriptor_or_a_value_error(self, data: bytes) -> None:
        try:
            descriptor = decode_descriptor(data, 0, len(data))
        except ValueError:
            return
        self.assertLess(max(descriptor.picture_id_offset, descriptor.tl0_offset), len(data))


class RtcpTests(TestCase):
    COMPOUND = (
        rtcp.sender_report(1, 2 << 32, 3, 4, 5)
        + rtcp.receiver_report(1, [rtcp.report_block(9, ReceptionReport(12, -3, 70000, 8), 5, 6)])
        + rtcp.source_description(1, "anna")
        + rtcp.nack(1, 9, [1, 3, 17, 18, 65535])
        + rtcp.picture_loss(1, 9)
        + struct.pack("!BBHIIII", 0x84, 206, 4, 1, 0, 77, 1 << 24)
        + struct.pack("!BBHII4sII", 0x8F, 206, 5, 1, 0, b"REMB", 1 << 24 | 2 << 18 | 1000, 9)
        + struct.pack("!BBHI", 0x81, 203, 1, 9)
        + struct.pack("!BBHIBBHQBBHQ", 0x80, 207, 7, 5, 4, 0, 2, 7 << 32, 4, 0, 2, 8 << 32)
    )

    def test_what_is_written_is_read_again(self) -> None:
        self.assertEqual(
            rtcp.decode(self.COMPOUND),
            [
                rtcp.SenderReport(1, 2 << 32, 3, 4, 5),
                rtcp.ReportBlock(9, 12, -3, 70000, 8, 5, 6),
                rtcp.Nack(9, (1, 3, 17, 18, 65535)),
                rtcp.KeyFrameRequest(9),
                rtcp.KeyFrameRequest(77),
                rtcp.BandwidthEstimate(4000),
                rtcp.Bye((9,)),
                rtcp.ReferenceTime(5, 7 << 32),
            ],
        )

    def test_a_reference_time_is_answered_with_its_middle(self) -> None:
        written = rtcp.delay_since_reference(1, rtcp.ReferenceTime(5, 0x1111222233334444))
        self.assertEqual(written, struct.pack("!BBHIBBHIII", 0x80, 207, 5, 1, 5, 0, 3, 5, 0x22223333, 0))

    def test_nacks_cross_every_wrap(self) -> None:
        for start in STARTS:
            sequences = [(start + offset) & 0xFFFF for offset in (0, 1, 5, 16, 17, 40)]
            self.assertEqual(rtcp.decode(rtcp.nack(1, 2, sequences)), [rtcp.Nack(2, tuple(sequences))])

    def test_padding_is_taken_off_and_wrong_padding_refused(self) -> None:
        padded = struct.pack("!BBHII", 0xA1, 206, 3, 1, 9) + bytes([0, 0, 0, 4])
        self.assertEqual(rtcp.decode(padded), [rtcp.KeyFrameRequest(9)])
        for padding in (0, 200):
            with self.assertRaises(ValueError):
                rtcp.decode(padded[:-1] + bytes([padding]))

    @given(mutated(COMPOUND, rtcp.nack(1, 9, [1, 3, 17, 18, 65535])))
    def test_anything_is_rtcp_or_a_value_error(self, data: bytes) -> None:
        try:
            self.assertLessEqual(len(rtcp.decode(data)), 2000)
        except ValueError:
            return


class StunTests(TestCase):
    REQUEST = stun.encode(
        stun.BINDING_REQUEST,
        bytes(range(12)),
        [(stun.USERNAME, b"ours:theirs"), (stun.PRIORITY, bytes(4)), (stun.USE_CANDIDATE, b"")],
        b"password",
    )

    def test_a_request_is_read_and_its_integrity_checked(self) -> None:
        message = stun.decode(self.REQUEST)
        self.assertEqual((message.kind, message.username), (stun.BINDING_REQUEST, "ours:theirs"))
        self.assertIn(stun.USE_CANDIDATE, message.attributes)
        self.assertTrue(stun.integrity_holds(self.REQUEST, message, b"password"))
        self.assertFalse(stun.integrity_holds(self.REQUEST, message, b"passwort"))

    def test_a_message_without_integrity_is_not_authenticated(self) -> None:
        bare = stun.encode(stun.BINDING_REQUEST, bytes(12), [(stun.USERNAME, b"ours:theirs")], None)
        self.assertFalse(stun.integrity_holds(bare, stun.decode(bare), b""))

    def test_attributes_behind_the_integrity_are_ignored(self) -> None:
        end = stun.decode(self.REQUEST).integrity_offset + 24
        tail = struct.pack("!HH", stun.USE_CANDIDATE, 0)
        bare = stun.encode(stun.BINDING_REQUEST, bytes(12), [(stun.USERNAME, b"a:b")], b"password")[:-8]
        forged = bare[:2] + struct.pack("!H", len(bare) - 20 + 4) + bare[4:] + tail
        self.assertNotIn(stun.USE_CANDIDATE, stun.decode(forged).attributes)
        self.assertGreater(end, 0)

    def test_answers_carry_the_address_for_both_families(self) -> None:
        for host, family in (("127.0.0.1", 1), ("2001:db8::5", 2)):
            answer = stun.decode(stun.success(bytes(12), host, 4242, b"password"))
            value = answer.attributes[stun.XOR_MAPPED_ADDRESS]
            self.assertEqual(value[1], family)
            self.assertEqual(struct.unpack_from("!H", value, 2)[0] ^ 0x2112, 4242)

    def test_a_short_attribute_is_an_error_of_the_expected_kind(self) -> None:
        with self.assertRaises(ValueError):
            stun.decode(SHORT_ATTRIBUTE)

    def test_a_changed_byte_breaks_the_fingerprint(self) -> None:
        for position in range(20, len(self.REQUEST) - 8):
            changed = bytearray(self.REQUEST)
            changed[position] ^= 1
            try:
                message = stun.decode(bytes(changed))
            except ValueError:
                continue
            self.assertFalse(stun.integrity_holds(bytes(changed), message, b"password"))

    @given(mutated(REQUEST, SHORT_ATTRIBUTE))
    def test_anything_is_stun_or_a_value_error(self, data: bytes) -> None:
        try:
            message = stun.decode(data)
        except ValueError:
            return
        stun.integrity_holds(data, message, b"password")
        self.assertIsInstance(message.username, str)


def read_feedback(packet: bytes) -> dict[int, float | None]:
    """Sequence number to arrival in seconds, or None for lost: a reader of our own for what browsers read."""
    first, kind, words, _, _, base, count = struct.unpack_from("!BBHIIHH", packet)
    assert (first & 0xDF, kind, (words + 1) * 4) == (0x8F, 205, len(packet))
    reference = int.from_bytes(packet[16:19], "big")
    position = 20
    symbols: list[int] = []
    while len(symbols) < count:
        chunk = struct.unpack_from("!H", packet, position)[0]
        position += 2
        if chunk & 0x8000:
            symbols += [chunk >> shift & 3 for shift in range(12, -1, -2)]
        else:
            symbols += [chunk >> 13] * (chunk & 0x1FFF)
    found: dict[int, float | None] = {}
    ticks = reference * 256
    for index, symbol in enumerate(symbols[:count]):
        sequence = (base + index) & 0xFFFF
        if symbol == 0:
            found[sequence] = None
            continue
        ticks += packet[position] if symbol == 1 else struct.unpack_from("!h", packet, position)[0]
        position += symbol
        found[sequence] = ticks * 0.00025
    return found


def decode_feedback(body: bytes) -> tuple[int, int, list[tuple[int, float]]]:
    """What the engine reads in `body`, behind the two SSRCs; times to the tenth of a millisecond."""
    told = feedback.decode(bytes(8) + body)
    return told.first, told.count, [(offset, round(at, 4)) for offset, at in told.came]


class FeedbackTests(TestCase):
    def test_arrivals_and_losses_are_told_across_every_wrap(self) -> None:
        for start in STARTS:
            with self.subTest(start=start):
                recorder = FeedbackRecorder()
                arrivals = {0: 5.0, 1: 5.001, 3: 5.002, 4: 5.2, 20: 5.1, 21: 5.25}
                for offset, arrival in arrivals.items():
                    recorder.record((start + offset) & 0xFFFF, arrival)
                packets = recorder.take(1, 2)
                found = {k: v for packet in packets for k, v in read_feedback(packet).items()}
                for offset in range(22):
                    told = found[(start + offset) & 0xFFFF]
                    if offset in arrivals:
                        assert told is not None
                        self.assertAlmostEqual(told, arrivals[offset], delta=0.0005)
                    else:
                        self.assertIsNone(told)
                self.assertEqual(recorder.take(1, 2), [])

    def test_the_gap_between_two_feedbacks_is_told_as_lost(self) -> None:
        recorder = FeedbackRecorder()
        recorder.record(10, 1.0)
        recorder.take(1, 2)
        recorder.record(13, 1.1)
        (packet,) = recorder.take(1, 2)
        self.assertEqual([told is None for told in read_feedback(packet).values()], [True, True, False])

    def test_a_gap_of_any_length_is_told_or_passed_over(self) -> None:
        for gap in (1, 398, 399, 400, 401, 402, 999):
            recorder = FeedbackRecorder()
            recorder.record(10, 1.0)
            recorder.take(1, 2)
            recorder.record(11 + gap, 1.1)
            (packet,) = recorder.take(1, 2)
            told = list(read_feedback(packet).values())
            self.assertEqual(len([one for one in told if one is not None]), 1, gap)
            self.assertEqual(recorder.take(1, 2), [])

    def test_numbers_that_jump_without_end_are_not_answered_without_end(self) -> None:
        recorder = FeedbackRecorder()
        for number in range(500):
            recorder.record(number * 999 & 0xFFFF, 1.0)
        self.assertEqual(len(recorder.take(1, 2)), 16)
        self.assertEqual(recorder.take(1, 2), [])
        recorder.record(500 * 999 & 0xFFFF, 1.1)
        self.assertTrue(recorder.take(1, 2))

    def test_a_jump_of_the_numbering_is_not_told_as_loss(self) -> None:
        recorder = FeedbackRecorder()
        recorder.record(10, 1.0)
        recorder.record(20000, 1.1)
        packets = recorder.take(1, 2)
        self.assertFalse([told for packet in packets for told in read_feedback(packet).values() if told is None])

    def test_a_pause_longer_than_a_delta_can_say_begins_a_new_packet(self) -> None:
        recorder = FeedbackRecorder()
        recorder.record(1, 1.0)
        recorder.record(2, 15.0)
        recorder.record(3, 15.001)
        packets = recorder.take(1, 2)
        self.assertEqual(len(packets), 2)
        times = [told for packet in packets for told in read_feedback(packet).values()]
        self.assertEqual([round(told or 0, 2) for told in times], [1.0, 15.0, 15.0])

    @given(st.lists(st.tuples(st.integers(0, 0xFFFF), st.floats(0, 1e6)), max_size=60))
    def test_whatever_arrives_the_feedback_is_well_formed_and_ends(self, arrivals: list[tuple[int, float]]) -> None:
        recorder = FeedbackRecorder()
        for sequence, arrival in arrivals:
            recorder.record(sequence, arrival)
        for packet in recorder.take(1, 2):
            self.assertLess(len(packet), 1200)
            (unread,) = rtcp.decode(packet)
            assert isinstance(unread, rtcp.UnreadFeedback)
            told = feedback.decode(unread.body)
            came = {(told.first + offset) & 0xFFFF: at for offset, at in told.came}
            self.assertEqual({k: v for k, v in read_feedback(packet).items() if v is not None}, came)
        self.assertEqual(recorder.take(1, 2), [])

    def test_what_browsers_write_is_read_in_every_form(self) -> None:
        runs = struct.pack("!HHI", 65530, 12, 5 << 8) + struct.pack("!HH", 0x2000 | 10, 0x4000 | 2)
        runs += bytes([4] * 10) + struct.pack("!hh", -8, 4000)
        self.assertEqual(
            decode_feedback(runs),
            (65530, 12, [(n, 0.32 + (n + 1) * 0.001) for n in range(10)] + [(10, 0.328), (11, 1.328)]),
        )
        bits = struct.pack("!HHIH", 7, 10, 5 << 8, 0x8000 | 0b10110000010001) + bytes([4] * 4)
        self.assertEqual(decode_feedback(bits), (7, 10, [(0, 0.321), (2, 0.322), (3, 0.323), (9, 0.324)]))
        vector = struct.pack("!HHIH", 7, 4, 5 << 8, 0xC000 | 0b01001001100000) + struct.pack("!BhB", 4, -4, 4)
        with self.assertRaises(ValueError):
            decode_feedback(vector + bytes(4))
        self.assertEqual(decode_feedback(vector + bytes(2)), (7, 4, [(0, 0.321), (2, 0.32), (3, 0.321)]))

    def test_what_is_claimed_and_not_there_costs_nothing(self) -> None:
        claims = struct.pack("!IIHHI", 1, 2, 7, 8192, 0) + struct.pack("!H", 0xBFFF) * 700
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        with self.assertRaises(ValueError):
            feedback.decode(claims)
        self.assertLess(tracemalloc.get_traced_memory()[1], 200 * len(claims))

    def test_one_datagram_asks_for_so_many_packets_and_no_more(self) -> None:
        asked = rtcp.nack(1, 2, range(300))
        self.assertEqual(len(rtcp.decode(asked)), 1)
        with self.assertRaises(ValueError):
            rtcp.decode(asked * 2)

    def test_what_claims_more_than_it_holds_is_refused(self) -> None:
        for wrong in (
            struct.pack("!HHIH", 0, 0, 0, 0x2001) + b"\x01",
            struct.pack("!HHIH", 0, 9000, 0, 0x2001) + b"\x01",
            struct.pack("!HHI", 0, 3, 0),
            struct.pack("!HHIH", 0, 3, 0, 0x2003) + b"\x01\x01",
            struct.pack("!HHIH", 0, 3, 0, 0x4003) + bytes(5),
            struct.pack("!HHIH", 0, 3, 0, 0x6003) + bytes(6),
            struct.pack("!HHIH", 0, 3, 0, 0x2000) + bytes(6),
            struct.pack("!HHIH", 0, 8000, 0, 0x2000 | 8000) + bytes(900),
            struct.pack("!HHIH", 0, 7, 0, 0xF000) + bytes(8),
            struct.pack("!HHIH", 0, 1, 0, 0x2001) + bytes(5),
        ):
            with self.subTest(wrong=wrong[:12]), self.assertRaises(ValueError):
                decode_feedback(wrong)

    def test_noise_of_the_clock_is_harmless(self) -> None:
        recorder = FeedbackRecorder()
        for index in range(2000):
            recorder.record(index, 100 + index / 1000 + os.urandom(1)[0] / 5000)
        for packet in recorder.take(1, 2):
            self.assertLess(len(packet), 1200)
