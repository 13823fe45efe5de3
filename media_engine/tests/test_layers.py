"""A camera in three encodings: who gets which, and how one takes the other's place."""

import asyncio
import itertools
import struct
from collections.abc import Callable

from media_engine import OfferRejected, Source, rtcp
from media_engine.tests.client import Client, EngineTestCase, eventually, publish_offer, vp8

RIDS = ("q", "h", "f")
RATES = {"q": 40_000, "h": 140_000, "f": 190_000}
CAMERA = ("anna", Source.CAMERA)
_MID, _RID = b"\x40" + b"0", b"\x50"
_LINES = (
    "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\na=extmap:5 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id\r\n"
    + "".join(f"a=rid:{rid} send\r\n" for rid in reversed(RIDS))
    + f"a=simulcast:send {';'.join(RIDS)}\r\n"
)


class LayersTests(EngineTestCase):
    async def asyncSetUp(self) -> None:
        await super().asyncSetUp()
        self.numbers = dict.fromkeys(RIDS, 1000)
        self.pictures = {"q": 10, "h": 9000, "f": 20000}
        self.asked: list[int] = []

    async def layered(self, rids: tuple[str, ...] = RIDS) -> Client:
        """Anna, whose camera comes in encodings, connected."""
        anna = self.client("anna")
        anna.grant()
        await anna.publish(Source.CAMERA)
        assert anna.publishing is not None
        offer = publish_offer(anna.publishing, {"0": Source.CAMERA}, anna.sdp_session)
        lines = [line for line in offer.split("\r\n") if not line.startswith("a=ssrc")]
        self.answer = self.engine.answer_publish("session", "anna", "\r\n".join(lines) + _LINES, {"0": Source.CAMERA})
        return anna

    def send(self, anna: Client, rid: str, *, key: bool = False, size: int = 100, timestamp: int = 0) -> int:
        """One frame of one encoding in one packet; returns its picture id there."""
        assert anna.publishing is not None
        self.numbers[rid] += 1
        self.pictures[rid] += 1
        elements = _MID + _RID + rid.encode()
        block = elements + bytes(-len(elements) & 3)
        head = struct.pack("!BBHII", 0x90, 0x80 | 96, self.numbers[rid], timestamp or self.ticks(rid), ssrc_of(rid))
        body = vp8(rid.encode() * size, self.pictures[rid], key=key)
        anna.publishing.send(head + struct.pack("!HH", 0xBEDE, len(block) // 4) + block + body)
        return self.pictures[rid]

    def ticks(self, rid: str) -> int:
        """What an encoding's RTP clock shows: each has an offset of its own."""
        return int(self.clock() * 90000) + 7_000_000 * RIDS.index(rid)

    async def shown(self, ben: Client, rid: str) -> None:
        """Send frames of all encodings, key frames where they are asked for, until Ben gets this one."""
        await eventually(lambda: self.latest(ben) == rid, f"{rid} never came")

    def latest(self, ben: Client) -> str:
        packets = ben.packets_of(*CAMERA) if ben.offers and ben.offers[-1].tracks else []
        return packets[-1][1][-1:].decode() if packets else ""

    def pump(self, anna: Client, rids: tuple[str, ...] = RIDS) -> Callable[[], None]:
        """Begin to send all of `rids` like a browser does; returns what stops it."""

        async def run() -> None:
            assert anna.publishing is not None
            for rid in rids:
                self.send(anna, rid, key=True)
            looked = 0
            while True:
                asked = {
                    item.ssrc for item in anna.publishing.reports[looked:] if isinstance(item, rtcp.KeyFrameRequest)
                }
                looked = len(anna.publishing.reports)
                self.asked += sorted(asked)
                for rid in rids:
                    self.send(anna, rid, key=ssrc_of(rid) in asked, size=RATES[rid] // 8 // 20)
                self.clock.advance(0.05)
                await asyncio.sleep(0.004)

        task = asyncio.create_task(run())
        self.addAsyncCleanup(asyncio.wait, [task])
        self.addCleanup(task.cancel)
        return task.cancel

    async def both(self, rids: tuple[str, ...] = RIDS) -> tuple[Client, Client]:
        anna, ben = await self.layered(), await self.listener("ben")
        anna.grant(seconds=1e6)
        ben.grant(seconds=1e6)
        self.stop = self.pump(anna, rids)
        await ben.connected()
        await self.shown(ben, rids[-1])
        self.estimate(ben, 400_000)
        return anna, ben

    async def report(self, ben: Client, lost: float) -> None:
        """Say what came of what was sent lately: a receiver report (RFC 3550, section 6.4.2)."""
        assert ben.subscribing is not None
        sent = self.numbers["f"]
        await eventually(lambda: self.numbers["f"] > sent + 30)
        newest, _ = ben.packets_of(*CAMERA)[-1]
        block = struct.pack("!IIIIII", newest.ssrc, int(lost * 256) << 24, newest.sequence, 0, 0, 0)
        ben.subscribing.send_rtcp(struct.pack("!BBHI", 0x81, 201, 7, 1) + block)

    def estimate(self, ben: Client, bits_per_second: int) -> None:
        assert ben.subscribing is not None
        ben.subscribing.send_rtcp(remb(bits_per_second))

    async def test_all_encodings_are_taken_in_the_order_of_the_offer(self) -> None:
        await self.layered()
        self.assertIn("a=simulcast:recv q;h;f\r\n", self.answer)
        for rid in RIDS:
            self.assertIn(f"a=rid:{rid} recv\r\n", self.answer)

    async def test_without_a_word_about_tiles_the_largest_is_sent_and_only_that(self) -> None:
        _, ben = await self.both()
        begun = len(ben.received)
        await eventually(lambda: len(ben.received) > begun + 20)
        self.assertEqual({payload[-1:] for _, payload in ben.packets_of(*CAMERA)[-10:]}, {b"f"})

    async def test_a_small_tile_gets_the_small_one_and_a_large_tile_the_large_one_without_a_gap(self) -> None:
        _, ben = await self.both()
        for height, rid in ((150, "q"), (300, "h"), (720, "f"), (100, "q")):
            self.engine.show("session", "ben", {CAMERA: height})
            await self.shown(ben, rid)
        self.stop()
        packets = ben.packets_of(*CAMERA)
        numbers = [header.sequence for header, _ in packets]
        self.assertEqual(numbers, list(range(numbers[0], numbers[0] + len(numbers))))
        pictures = [int.from_bytes(payload[2:4]) & 0x7FFF for _, payload in packets]
        self.assertEqual(pictures, list(range(pictures[0], pictures[0] + len(pictures))))
        steps = [(b.timestamp - a.timestamp) & 0xFFFFFFFF for (a, _), (b, _) in itertools.pairwise(packets)]
        self.assertLess(max(steps), 90000)
        # Where the encoding changes a key frame stands: the receiver could show nothing else.
        for (_, before), (_, after) in itertools.pairwise(packets):
            if before[-1] != after[-1]:
                self.assertFalse(after[6] & 1, "a change of encodings without a key frame")

    async def test_what_is_not_shown_is_not_sent_and_comes_back_with_a_key_frame(self) -> None:
        _, ben = await self.both()
        self.engine.show("session", "ben", {})
        await eventually(lambda: not self.flows(ben))
        sent = self.numbers["f"]
        await eventually(lambda: self.numbers["f"] > sent + 5)  # what was on its way has come
        count = len(ben.received)
        await eventually(lambda: self.numbers["f"] > sent + 40)
        self.assertEqual(len(ben.received), count)
        self.engine.show("session", "ben", {CAMERA: 100})
        await eventually(lambda: len(ben.received) > count)
        _, payload = ben.packets_of(*CAMERA)[-1]
        first = ben.packets_of(*CAMERA)[count - len(ben.received)][1]
        self.assertFalse(first[6] & 1)
        self.assertEqual(payload[-1:], b"q")

    async def test_a_narrow_way_gets_the_small_one_and_the_large_one_when_it_is_wide_again(self) -> None:
        _, ben = await self.both()
        self.estimate(ben, 75_000)
        await self.shown(ben, "q")
        self.estimate(ben, 3_000_000)
        await self.shown(ben, "f")

    async def test_a_way_that_loses_much_gets_the_small_one_and_one_that_loses_little_does_not(self) -> None:
        _, ben = await self.both()
        for _ in range(4):
            await self.report(ben, lost=0.05)
        self.assertEqual(self.latest(ben), "f")
        await self.report(ben, lost=0.6)
        await self.report(ben, lost=0.6)
        await self.shown(ben, "q")

    async def test_while_more_is_wanted_the_way_is_filled_with_what_was_sent_and_never_beyond_the_estimate(
        self,
    ) -> None:
        _, ben = await self.both()
        self.estimate(ben, 80_000)
        await self.shown(ben, "q")
        before = self.repeated(ben)
        await eventually(lambda: self.repeated(ben) > before + 20)
        self.assertLess(self.engine._sessions["session"].peers["ben"].subscribe.downlink.sent, 110_000)  # type: ignore[union-attr]
        self.engine.show("session", "ben", {CAMERA: 100})
        sent = self.numbers["q"]
        await eventually(lambda: self.numbers["q"] > sent + 15)
        settled = self.repeated(ben)
        await eventually(lambda: self.numbers["q"] > sent + 40)
        self.assertEqual(self.repeated(ben), settled)

    async def test_when_the_sender_stops_the_large_one_the_next_smaller_takes_its_place(self) -> None:
        anna, ben = await self.both()
        self.stop()
        self.pump(anna, ("q", "h"))
        await self.shown(ben, "h")

    async def test_a_key_frame_is_asked_of_the_encoding_that_is_needed(self) -> None:
        _, ben = await self.both()
        self.asked.clear()
        self.engine.show("session", "ben", {CAMERA: 100})
        await self.shown(ben, "q")
        self.assertEqual(set(self.asked), {ssrc_of("q")})

    async def test_two_receivers_have_an_encoding_each(self) -> None:
        _, ben = await self.both()
        cleo = await self.listener("cleo")
        cleo.grant(publish=frozenset(), seconds=1e6)
        await cleo.connected()
        self.engine.show("session", "cleo", {CAMERA: 100})
        await self.shown(cleo, "q")
        self.assertEqual(self.latest(ben), "f")

    async def test_a_grant_that_ends_ends_every_encoding(self) -> None:
        """Guard: `Connections.reconcile` empties `downs` of all encodings of a source, not of one."""
        anna, ben = await self.both()
        self.engine.show("session", "ben", {CAMERA: 100})  # two encodings go to him until the next key frame
        anna.grant(publish=frozenset(), seconds=1e6)
        count = len(ben.received)
        sent = self.numbers["q"]
        await eventually(lambda: self.numbers["q"] > sent + 40)
        self.assertLessEqual(len(ben.received), count + 3)  # what was on its way
        session = self.engine._sessions["session"]
        self.assertEqual([t.downs for tracks in session._published().values() for t in tracks], [(), (), ()])

    async def test_where_not_all_fit_the_one_that_was_named_first_is_shown(self) -> None:
        publishers = [await self.publisher(name, Source.CAMERA) for name in ("anna", "cleo")]
        ben = await self.listener("ben")
        for member in publishers:
            member.grant(seconds=1e6)
        ben.grant(publish=frozenset(), seconds=1e6)

        async def film(times: int) -> None:
            for _ in range(times):
                for member in publishers:
                    member.send_video(b"p" * 500)
                self.clock.advance(0.05)
                await asyncio.sleep(0.002)

        await film(1)
        await eventually(lambda: ben.offers and len(ben.offers[-1].tracks) == 2)
        await ben.connected()
        await film(40)
        for _ in range(3):
            for name in ("anna", "cleo"):
                newest, _ = ben.packets_of(name, Source.CAMERA)[-1]
                block = struct.pack("!IIIIII", newest.ssrc, 150 << 24, newest.sequence, 0, 0, 0)
                assert ben.subscribing is not None
                ben.subscribing.send_rtcp(struct.pack("!BBHI", 0x81, 201, 7, 1) + block)
            await film(30)
        for order in (("anna", "cleo"), ("cleo", "anna")):
            self.engine.show("session", "ben", {(name, Source.CAMERA): 300 for name in order})
            flows = {entry["publisher"]: entry["flows"] for entry in self.receives("ben")}
            self.assertEqual(flows, {order[0]: True, order[1]: False})

    async def test_showing_needs_a_lease(self) -> None:
        await self.layered()
        with self.assertRaises(OfferRejected):
            self.engine.show("session", "nobody", {CAMERA: 100})

    def flows(self, ben: Client) -> bool:
        return any(entry["flows"] for entry in self.receives("ben"))

    def repeated(self, ben: Client) -> int:
        return sum(int(str(entry["retransmitted"])) for entry in self.receives("ben"))


def ssrc_of(rid: str) -> int:
    return 7001 + RIDS.index(rid)


def remb(bits_per_second: int) -> bytes:
    """A receiver's estimate (draft-alvestrand-rmcat-remb-03, section 2)."""
    exponent = max(0, bits_per_second.bit_length() - 18)
    head = struct.pack("!BBHII4s", 0x8F, 206, 5, 1, 0, b"REMB")
    return head + struct.pack("!II", 1 << 24 | exponent << 18 | bits_per_second >> exponent, 0)
