"""Sealed sound and pictures pass for as long as anybody likes; what a server could play is found out."""

import os
import random
from collections.abc import Iterator
from unittest import TestCase

from media_engine import Source, Unsealed
from media_engine.tests.client import Client, EngineTestCase, eventually
from media_engine.tripwire import Tripwire
from tests.support.sframe import Key, key_id, seal_frame
from tests.support.synthetic import opus_payload, vp8_frame_tag

MANY = 4_000
RTP_HEADER = b"\x90\x6f" + bytes(10)
MARKED = b"\x90\xe0" + bytes(10)


def sealed_sound(epoch: int, counters: Iterator[int] | range) -> Iterator[bytes]:
    key = Key.derive(os.urandom(16), key_id("microphone", 3, epoch))
    for counter in counters:
        yield seal_frame(key, counter, "audio", opus_payload(80))


class TripwireTests(TestCase):
    def assert_passes(self, tripwire: Tripwire, packets: Iterator[tuple[int, bytes]], head: bytes = RTP_HEADER) -> None:
        for sequence, payload in packets:
            self.assertTrue(tripwire.look(sequence, head + payload, len(head)), f"tripped at {sequence}")

    def assert_trips(self, tripwire: Tripwire, packets: Iterator[tuple[int, bytes]], head: bytes = RTP_HEADER) -> int:
        """How many packets it took."""
        for taken, (sequence, payload) in enumerate(packets, 1):
            if not tripwire.look(sequence, head + payload, len(head)):
                return taken
        raise AssertionError("never tripped")

    def test_sealed_sound_passes_looked_at_now_and_then_through_losses_and_new_keys(self) -> None:
        rng = random.Random(5)
        tripwire = Tripwire(video=False)
        sequence = 60_000
        for epoch in range(40):
            first = rng.choice((0, 0, 3))
            packets = enumerate(sealed_sound(epoch, range(first, first + 400)), sequence)
            self.assert_passes(tripwire, (packet for packet in packets if rng.random() < 0.08))
            sequence += 400

    def test_a_new_key_with_every_sample_for_as_long_as_a_crowd_comes_in_is_still_no_alarm(self) -> None:
        tripwire = Tripwire(video=False)
        for epoch in range(4):
            self.assert_passes(tripwire, enumerate(sealed_sound(epoch, range(7, 9)), 100 + 2 * epoch))

    def test_frames_sealed_before_the_transport_was_up_have_no_packets_and_do_no_harm(self) -> None:
        tripwire = Tripwire(video=False)
        self.assert_passes(tripwire, zip(range(1, 100), sealed_sound(1, range(0, 300, 3)), strict=False))

    def test_the_same_packet_seen_again_says_nothing(self) -> None:
        tripwire = Tripwire(video=False)
        (payload,) = sealed_sound(1, range(1))
        self.assert_passes(tripwire, ((9, payload) for _ in range(30)))

    def test_plain_sound_trips_whatever_its_first_bytes_are(self) -> None:
        for first in range(256):
            packets = ((n, bytes([first]) + os.urandom(79)) for n in range(MANY))
            with self.subTest(first=first):
                self.assertLess(self.assert_trips(Tripwire(video=False), packets), 60)

    def test_silence_that_never_changes_trips(self) -> None:
        self.assertLess(self.assert_trips(Tripwire(video=False), ((n, b"\xf8\xff\xfe") for n in range(MANY))), 9)
        self.assertLess(self.assert_trips(Tripwire(video=False), ((n, bytes(80)) for n in range(MANY))), 9)

    def test_sealed_pictures_pass(self) -> None:
        key = Key.derive(os.urandom(16), key_id("camera", 3, 1))
        frames = (vp8_frame_tag(n % 30 == 0) + os.urandom(900) for n in range(MANY // 10))
        packets = ((n, seal_frame(key, n, "video", frame)) for n, frame in enumerate(frames))
        self.assert_passes(Tripwire(video=True), packets, MARKED)

    def test_plain_pictures_trip(self) -> None:
        packets = ((n, vp8_frame_tag(n % 30 == 0) + os.urandom(900)) for n in range(MANY))
        self.assertLess(self.assert_trips(Tripwire(video=True), packets, MARKED), 9)

    def test_packets_within_a_picture_are_passed_over(self) -> None:
        self.assert_passes(Tripwire(video=True), ((n, os.urandom(900)) for n in range(MANY // 10)))

    def test_no_bytes_are_too_odd_to_look_at(self) -> None:
        rng = random.Random(11)
        for video in (False, True):
            tripwire = Tripwire(video=video)
            for sequence in range(MANY):
                data = MARKED + rng.randbytes(rng.randrange(24))
                tripwire.look(sequence, data, rng.choice((len(MARKED), len(data), len(data) + 3)))


class SealedSessionTests(EngineTestCase):
    async def asyncSetUp(self) -> None:
        await super().asyncSetUp()
        self.engine.seal("session")

    def found(self) -> list[tuple[str, Source]]:
        return [(event.peer_id, event.source) for event in self.events if isinstance(event, Unsealed)]

    async def say(self, client: Client, payload: bytes) -> None:
        """Sound that has certainly been dealt with, then a look."""
        client.send_audio(payload)
        assert client.publishing is not None
        await client.publishing.check()
        for _ in self.engine._sessions["session"].turn():
            pass

    async def test_a_plain_source_is_forwarded_no_more_and_said_once(self) -> None:
        anna, ben = await self.pair()
        for number in range(12):
            await self.say(anna, b"plain" + bytes([number]))
        self.assertEqual(self.found(), [("anna", Source.MICROPHONE)])
        before = len(ben.packets_of("anna", Source.MICROPHONE))
        await self.say(anna, b"and on")
        self.assertEqual(len(ben.packets_of("anna", Source.MICROPHONE)), before)
        for payload in sealed_sound(1, range(20)):
            await self.say(anna, payload)
        self.assertEqual(len(ben.packets_of("anna", Source.MICROPHONE)), before, "the same transport stays shut")

    async def test_the_others_and_the_other_sources_go_on(self) -> None:
        anna, ben = await self.pair()
        for number in range(12):
            await self.say(anna, b"plain" + bytes([number]))
        anna.send_video(b"picture")
        await eventually(lambda: [p for p in ben.received if b"picture" in p])

    async def test_sealed_sound_is_forwarded(self) -> None:
        anna, ben = await self.pair()
        for payload in sealed_sound(1, range(40)):
            await self.say(anna, payload)
        self.assertEqual(self.found(), [])
        self.assertGreaterEqual(len(ben.packets_of("anna", Source.MICROPHONE)), 40)

    async def test_a_session_that_is_not_sealed_is_not_looked_at(self) -> None:
        self.engine._sessions["session"].sealed = False
        anna, ben = await self.pair()
        for number in range(12):
            await self.say(anna, b"plain" + bytes([number]))
        self.assertEqual(self.found(), [])
        self.assertGreaterEqual(len(ben.packets_of("anna", Source.MICROPHONE)), 12)

    async def test_who_publishes_anew_begins_with_a_clean_sheet(self) -> None:
        anna, ben = await self.pair()
        for number in range(12):
            await self.say(anna, b"plain" + bytes([number]))
        await anna.publish(Source.MICROPHONE)
        sealed = sealed_sound(1, range(400))
        await eventually(lambda: anna.send_audio(next(sealed)) or (ben.received[-1:] and len(ben.received[-1]) > 80))
        self.assertEqual(len(self.found()), 1)
