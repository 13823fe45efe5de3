"""Temporal layers: which pictures a narrow way is sent, and that a receiver doesn't see what was left out."""

import asyncio
import itertools
import struct

import pytest

from media_engine import EngineConfig, Source, rtcp
from media_engine.allocation import PAUSED, Picture, allocate, thinned, wanted_more
from media_engine.forwarder import Forwarder, renumbered
from media_engine.receive_log import ReceiveLog
from media_engine.records import Packet
from media_engine.subscribe import SubscribeLink
from media_engine.tests.client import Client, EngineTestCase, eventually, outline
from media_engine.tests.test_layers import remb
from media_engine.tests.test_numbering import STARTS
from media_engine.thinning import ALL, Thinning, shares
from media_engine.tracks import DownTrack
from media_engine.vp9 import decode_descriptor as decode_vp9

CAMERA = ("anna", Source.CAMERA)
CYCLE = ((0, 1), (2, 1), (1, 1), (2, 0), (0, 0), (2, 0), (1, 0), (2, 0))
"""Layer of each picture, and whether it needs only such of the lowest, as libvpx makes three layers."""
SHARES = (0.4, 0.6, 1.0)


def payload(number: int, *, key: bool = False) -> bytes:
    """Picture `number` of a stream in three layers: its picture id has 15 bits."""
    layer, needs_lowest_alone = CYCLE[number % len(CYCLE)]
    told = layer << 6 | needs_lowest_alone << 5
    return struct.pack("!BBHBB", 0x90, 0xE0, 0x8000 | (number & 0x7FFF), number // 4 & 0xFF, told) + bytes((not key, 7))


def packet(number: int, start: int = 0, *, key: bool = False, part: int = 0, parts: int = 1) -> Packet:
    head = bytes((0x90, 96)) + bytes(18)
    return Packet(start + number * parts + part, number * 4500, head + payload(number, key=key), 20, "vp8")


def taken(thinning: Thinning, numbers: range) -> list[int]:
    return [CYCLE[number % len(CYCLE)][0] for number in numbers if thinning.takes(packet(number))]


def test_what_is_left_out_at_once_comes_back_with_a_picture_that_needs_nothing_of_it() -> None:
    thinning = Thinning(0)
    assert taken(thinning, range(16)) == [0, 0, 0, 0]
    thinning.most = 2
    # Pictures 20 and 21 need some that were left out; from 24 on one after the other needs none.
    assert taken(thinning, range(20, 24)) == [0]
    assert taken(thinning, range(24, 32)) == [0, 1, 0, 1]
    assert taken(thinning, range(32, 40)) == [0, 2, 1, 2, 0, 2, 1, 2]
    assert not thinning.is_over
    thinning.most = ALL
    assert taken(thinning, range(40, 42)) == [0, 2]
    assert thinning.is_over


def test_a_key_frame_brings_everything_back_and_what_comes_late_nothing() -> None:
    thinning = Thinning(0)
    taken(thinning, range(20))
    thinning.most = ALL
    assert not thinning.takes(packet(10))  # it would be the first of layer 1
    assert thinning.takes(packet(12))
    assert not thinning.takes(packet(23))
    assert thinning.takes(packet(24, key=True))
    assert taken(thinning, range(25, 28)) == [2, 1, 2]


def test_of_vp9_it_comes_back_where_the_picture_below_says_so() -> None:
    def vp9(number: int, layer: int, *, frees: bool) -> Packet:
        descriptor = struct.pack("!BHBB", 0xE0, 0x8000 | number, layer << 5 | frees << 4, 0)
        return Packet(number, number, bytes(20) + descriptor + b"x", 20, "vp9")

    assert decode_vp9(bytes(20) + b"\xe0\x80\x01\x50\x00x", 20, 26).layer == 2
    thinning = Thinning(0)
    assert [thinning.takes(vp9(n, layer, frees=False)) for n, layer in ((1, 0), (2, 2), (3, 1))] == [True, False, False]
    thinning.most = ALL
    assert not thinning.takes(vp9(4, 1, frees=True)), "it needs what was left out itself"
    assert thinning.takes(vp9(5, 0, frees=True))
    assert thinning.takes(vp9(6, 2, frees=False))


def test_shares_are_those_of_the_octets() -> None:
    assert shares([packet(number) for number in range(8)]) == (0.25, 0.5, 1.0)
    assert shares([]) == (1.0,)
    assert shares([Packet(1, 1, bytes(30), 20, "h264")]) == (1.0,)


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("parts", [1, 3])
def test_numbers_have_no_gaps_for_what_was_left_out_but_for_what_was_lost(start: int, parts: int) -> None:
    lane, log, thinning = Forwarder(90000, 0xFFF0), ReceiveLog(90000, wants_nack=True), Thinning(1)
    lane.begin(log, packet(0, start, key=True, parts=parts), 1.0)
    lost, sent = 2 * parts, []
    for number in range(24):
        for part in range(parts):
            one = packet(number, start, key=not number, part=part, parts=parts)
            if number * parts + part == lost:
                continue
            if not thinning.takes(one):
                lane.leave_out(one)
                continue
            if lane.has_left_out(one.sequence):
                lane.close_up(one)
            assert lane.epoch is not None
            sent.append((one, renumbered(one, lane.epoch, 1)))
            lane.note(one, 1.0)
    numbers = [(int.from_bytes(data[2:4]) - 0xFFF0) & 0xFFFF for _, data in sent]
    pictures = [int.from_bytes(data[22:24]) & 0x7FFF for _, data in sent]
    assert [now - before for before, now in itertools.pairwise(numbers)].count(2) == 1, "the lost one"
    assert numbers == sorted(set(numbers)) and numbers[-1] == len(numbers)
    assert pictures == sorted(pictures) and pictures[-1] - pictures[0] == 11
    for one, data in sent:
        assert data[24] == one.data[24], "TL0PICIDX counts pictures of the lowest layer, of which none was left out"
    found = lane.find((0xFFF0 + numbers[-1]) & 0xFFFF)
    assert found is not None and found[1] == sent[-1][0].sequence


def test_no_number_stands_for_two_packets_whatever_comes_late() -> None:
    lane, log = Forwarder(90000, 100), ReceiveLog(90000, wants_nack=True)
    first = lane.begin(log, packet(0, key=True), 1.0)
    lane.note(packet(0), 1.0)
    lane.leave_out(packet(1))
    lane.note(packet(2), 1.0)  # sent without closing up: the hole stays
    lane.close_up(packet(2))
    assert lane.epoch is first
    lane.leave_out(packet(3))
    lane.leave_out(packet(1))  # late
    lane.close_up(packet(4))
    assert lane.epoch is not first and lane.epoch is not None
    assert packet(4).sequence + lane.epoch.sequence_offset == lane.last_sequence + 1


def test_an_epoch_that_is_forgotten_permits_nothing_that_still_waits_in_it() -> None:
    lane, log = Forwarder(90000, 100), ReceiveLog(90000, wants_nack=True)
    waits = lane.begin(log, packet(0, key=True), 1.0)
    assert lane.goes_on(waits)
    for number in range(1, 200, 2):
        lane.leave_out(packet(number))
        lane.close_up(packet(number + 1))
        lane.note(packet(number + 1), 1.0)
    lane.pause()
    lane.begin(log, packet(300, key=True), 2.0)
    assert not lane.goes_on(waits)


def test_layers_are_left_out_of_the_least_important_first_and_come_back_with_room_to_spare() -> None:
    def most(left: float, *present: int) -> list[int]:
        some = [Picture((100_000.0,), 0, 0, SHARES, layer) for layer in present]
        return thinned(some, [0] * len(some), left)

    assert most(200_000, ALL, ALL) == [ALL, ALL]
    assert most(199_000, ALL, ALL) == [ALL, 1]
    assert most(150_000, ALL, ALL) == [ALL, 0]
    assert most(110_000, ALL, ALL) == [1, 0]
    assert most(1, ALL, ALL) == [0, 0]
    assert most(201_000, ALL, 1) == [ALL, 1]
    assert most(216_000, ALL, 1) == [ALL, ALL]
    assert thinned([Picture((1e5,), 0, 0)], [0], 1.0) == [ALL], "a stream without layers"
    assert thinned([Picture((1e5,), 0, PAUSED, SHARES, 1)], [PAUSED], 1.0) == [1], "what is paused stays as it was"


def test_where_loss_takes_pictures_away_the_lowest_layer_stays_as_long_as_it_fits() -> None:
    some = [Picture((100_000.0,), 0, 0, SHARES) for _ in range(3)]
    assert allocate(some, float("inf"), 250_000) == [0, 0, 0]
    assert allocate(some, float("inf"), 230_000) == [0, 0, PAUSED]


def test_what_was_left_out_is_wanted_before_anything_larger() -> None:
    some = [Picture((100_000.0, 400_000.0), 1, 0, SHARES, 0)]
    assert wanted_more(some, [0], [0]) == pytest.approx(75_000)
    assert wanted_more(some, [0], [ALL]) == pytest.approx(360_000)


class ThinnedTests(EngineTestCase):
    config = EngineConfig(port=0)

    async def both(self) -> tuple[Client, Client]:
        anna = await self.publisher("anna", Source.CAMERA)
        ben = await self.listener("ben")
        anna.grant(seconds=1e6)
        ben.grant(publish=frozenset(), seconds=1e6)
        self.filmed = self.looked = 0
        self.packets: list[tuple[int, bytes]] = []
        self.film(anna, key=True)
        await eventually(lambda: ben.offers and ben.offers[-1].tracks)
        await ben.connected()
        pump = asyncio.create_task(self.pump(anna))
        self.addAsyncCleanup(asyncio.wait, [pump])
        self.addCleanup(pump.cancel)
        await ben.flows()
        return anna, ben

    async def thinned(self) -> tuple[SubscribeLink, DownTrack]:
        """What Ben is sent, of which something is left out."""
        _, ben = await self.both()
        link = self.engine._sessions["session"].peers["ben"].subscribe
        assert link is not None
        (down,) = link.downs
        self.narrow(ben)
        await eventually(lambda: "0101" * 4 in self.layers(ben), "nothing was left out")
        return link, down

    def film(self, anna: Client, *, key: bool = False) -> None:
        if key:
            self.filmed += -self.filmed % len(CYCLE)
        anna._send(Source.CAMERA, payload(self.filmed, key=key) + bytes(500), marker=True)
        self.filmed += 1

    async def pump(self, anna: Client) -> None:
        assert anna.publishing is not None
        looked = 0
        while True:
            reports, looked = anna.publishing.reports[looked:], len(anna.publishing.reports)
            self.film(anna, key=any(isinstance(item, rtcp.KeyFrameRequest) for item in reports))
            self.clock.advance(0.033)
            await asyncio.sleep(0.004)

    def narrow(self, ben: Client) -> None:
        """Its estimate falls below what the picture takes, 123 kbit/s."""
        assert ben.subscribing is not None
        for bits_per_second in (400_000, 101_000):
            ben.subscribing.send_rtcp(remb(bits_per_second))

    def layers(self, ben: Client) -> str:
        """Of each picture that Ben was sent. What is asked once is not looked at again."""
        ssrc = ben.ssrc_of(*CAMERA)
        new, self.looked = ben.received[self.looked :], len(ben.received)
        for header, part in map(outline, new):
            if header.ssrc == ssrc:
                self.packets.append((header.sequence, part))
        return "".join(str(part[5] >> 6) for _, part in self.packets)

    async def test_a_way_too_narrow_gets_less_of_a_picture_and_all_of_it_again_without_a_key_frame(self) -> None:
        _, ben = await self.both()
        await eventually(lambda: self.layers(ben).endswith("02120212"))
        begun = len(self.packets)
        self.narrow(ben)
        await eventually(lambda: "0101" * 8 in self.layers(ben)[begun:], "nothing was left out")
        assert ben.subscribing is not None
        ben.subscribing.send_rtcp(remb(3_000_000))
        await eventually(lambda: "0212" * 8 in self.layers(ben)[begun + 32 :], "it never came back")
        link = self.engine._sessions["session"].peers["ben"].subscribe
        assert link is not None
        await eventually(lambda: link.downs[0].thinning is None, "it is thinned for ever")
        self.assertNotIn(0, [part[6] & 1 for _, part in self.packets[begun:]], "a key frame was made for it")
        numbers = [sequence for sequence, _ in self.packets]
        self.assertEqual(numbers, list(range(numbers[0], numbers[0] + len(numbers))))
        pictures = [int.from_bytes(part[2:4]) & 0x7FFF for _, part in self.packets[begun:]]
        self.assertEqual(pictures, list(range(pictures[0], pictures[0] + len(pictures))))

    async def test_an_encoding_that_may_take_its_place_and_has_not_begun_changes_nothing(self) -> None:
        _, down = await self.thinned()
        thinning = down.thinning
        assert thinning is not None and thinning.present == 1
        larger = ReceiveLog(90000, wants_nack=True)
        self.engine._wiring.fan_out._send_thinned(larger, [packet(5)], down)
        self.assertEqual(thinning.present, 1)

    async def test_what_comes_in_another_encoding_is_thinned_in_the_same_turn(self) -> None:
        link, down = await self.thinned()
        down.rank, down.thinning = PAUSED, None
        link.allocate({CAMERA: (123_000.0,)}, self.clock())
        self.assertEqual(down.rank, 0)
        self.assertIsNotNone(down.thinning)

    async def test_what_was_left_out_waits_for_no_turn_and_what_waits_closes_up(self) -> None:
        """Paced, some packets wait while others of the same stretch are left out."""
        _, ben = await self.both()
        link = self.engine._sessions["session"].peers["ben"].subscribe
        assert link is not None
        self.narrow(ben)
        await eventually(lambda: "0101" * 4 in self.layers(ben), "nothing was left out")
        begun = len(self.packets)
        link.outlet.left = 0.0
        await eventually(lambda: link.pace.is_waiting)
        await eventually(lambda: not link.pace.is_waiting and len(self.layers(ben)) > begun + 8)
        numbers = [sequence for sequence, _ in self.packets]
        self.assertEqual(numbers, list(range(numbers[0], numbers[0] + len(numbers))))
