"""Pictures that are more than a way takes at once: what waits, what doesn't, and what is never sent."""

from media_engine import EngineConfig, Grants, Source, rtcp
from media_engine.pacing import Pace
from media_engine.records import Outlet
from media_engine.subscribe import SubscribeLink
from media_engine.tests.client import EVERYTHING, Client, EngineTestCase, eventually, vp8

MICROPHONE, CAMERA = ("anna", Source.MICROPHONE), ("anna", Source.CAMERA)
PACKETS, OCTETS = 30, 1000
ESTIMATE = 800_000
"""A quarter more are 125 octets in a millisecond."""


class PacingTests(EngineTestCase):
    config = EngineConfig(port=0, tick_seconds=0.005)

    async def narrow_pair(self) -> tuple[Client, Client, SubscribeLink]:
        """Anna, and Ben whose way is known to be narrow."""
        anna, ben = await self.pair()
        link = self.engine._sessions["session"].peers["ben"].subscribe
        assert link is not None
        for estimate in (2 * ESTIMATE, ESTIMATE):
            link.downlink.on_estimate(estimate, self.clock())
        await eventually(lambda: link.pace.rate == 1.25 * ESTIMATE / 8)
        self.clock.advance(0.1)
        await eventually(lambda: 6000 < link.pace.left < 7000)
        return anna, ben, link

    def film(self, anna: Client, packets: int = PACKETS) -> None:
        """Send a key frame of so many packets at once."""
        assert anna.publishing is not None
        anna.picture += 1
        for index in range(packets):
            sequence = anna.sequence[Source.CAMERA]
            anna.sequence[Source.CAMERA] = sequence + 1
            payload = vp8(bytes(OCTETS), anna.picture, key=True)
            if index:
                payload = b"\x80" + payload[1:]  # not the start of a partition
            anna.publishing.send(anna.rtp(Source.CAMERA, sequence, payload, marker=index == packets - 1))

    async def test_a_key_frame_is_spread_while_sound_passes_it_and_nothing_is_missing_at_the_end(self) -> None:
        anna, ben, link = await self.narrow_pair()
        self.film(anna)
        anna.send_audio(b"meanwhile")
        await eventually(lambda: ben.packets_of(*MICROPHONE)[-1][1] == b"meanwhile")
        at_once = len(ben.packets_of(*CAMERA)) - 1
        self.assertIn(at_once, range(5, 9))
        for step in range(1, 4):
            self.clock.advance(0.04)
            await eventually(lambda step=step: len(ben.packets_of(*CAMERA)) - 1 >= at_once + 4 * step)
            self.assertLessEqual(len(ben.packets_of(*CAMERA)) - 1, at_once + 6 * step + 1)
        for _ in range(6):
            self.clock.advance(0.04)
            await eventually(lambda: not link.pace.is_waiting or link.pace._at == self.clock())
        await eventually(lambda: len(ben.packets_of(*CAMERA)) == PACKETS + 1)
        sequences = [header.sequence for header, _ in ben.packets_of(*CAMERA)]
        self.assertEqual(sequences, list(range(sequences[0], sequences[0] + PACKETS + 1)))
        self.assertEqual(self.engine._wiring.fan_out._paced, {})

    async def test_a_picture_that_belongs_to_the_rate_waits_for_nothing(self) -> None:
        anna, ben, link = await self.narrow_pair()
        for count in range(2, 12):
            self.film(anna, 2)
            await eventually(lambda count=count: len(ben.packets_of(*CAMERA)) == 2 * count - 1)
            self.assertFalse(link.pace.is_waiting)
            self.clock.advance(0.05)
            await eventually(lambda: link.pace.left > 6000)

    async def test_what_waits_goes_to_nobody_who_may_not_have_it_then_nor_when_they_may_again(self) -> None:
        anna, ben, link = await self.narrow_pair()
        self.film(anna)
        await eventually(lambda: link.pace.is_waiting)
        await self.settled(anna)
        seen = len(ben.received)
        self.engine.set_grants("session", "anna", Grants(frozenset(), False, self.clock() + 60))
        self.clock.advance(0.2)
        await self.settled(anna)
        self.engine.set_grants("session", "anna", Grants(EVERYTHING, False, self.clock() + 60))
        self.clock.advance(0.2)
        await self.settled(anna)
        self.assertEqual(len(ben.received), seen)
        self.assertFalse(link.pace.is_waiting)
        self.film(anna, 1)
        await eventually(lambda: len(ben.received) == seen + 1)
        sequences = [header.sequence for header, _ in ben.packets_of(*CAMERA)]
        self.assertEqual(sequences, list(range(sequences[0], sequences[0] + len(sequences))))

    async def test_a_lease_that_ends_while_something_waits_permits_none_of_it(self) -> None:
        anna, ben, link = await self.narrow_pair()
        self.film(anna)
        await eventually(lambda: link.pace.is_waiting)
        await self.settled(anna)
        seen = len(ben.received)
        anna.grant(seconds=5)
        self.clock.advance(6)
        await self.settled(anna)
        self.assertEqual(len(ben.received), seen)
        self.assertFalse(link.pace.is_waiting)

    async def test_what_waited_leaves_in_bursts_that_fit_and_no_more_repairs_wait_than_are_worth_it(self) -> None:
        _, _, link = await self.narrow_pair()
        down = next(down for down in link.downs if down.video)
        epoch, newest = down.forwarder.epoch, down.forwarder.last_packet
        assert epoch is not None and newest is not None
        pace, now = Pace(Outlet()), self.clock()
        pace.refill(1e6, now)
        pace.put(down, epoch, [newest] * 300, now)
        self.assertEqual([len(turn.packets) for turn in pace.due(now + 1)], [64, 64, 64, 64, 44])
        for sequence in range(1000):
            pace.put_repair(down, sequence, now)
        self.assertEqual(len(pace._repairs), 256)

    async def test_nothing_waits_for_whom_is_gone(self) -> None:
        anna, ben, link = await self.narrow_pair()
        self.film(anna)
        await eventually(lambda: link.pace.is_waiting)
        await self.settled(anna)
        seen = len(ben.received)
        self.engine.revoke("session", "ben")
        self.assertFalse(link.pace.is_waiting)
        self.clock.advance(1.0)
        await self.settled(anna)
        self.assertEqual(len(ben.received), seen)
        await eventually(lambda: not self.engine._wiring.fan_out._paced)

    async def test_what_there_is_no_room_for_is_as_good_as_lost(self) -> None:
        anna, ben, link = await self.narrow_pair()
        for _ in range(6):
            self.film(anna)
            await self.settled(anna)
        self.assertGreater(link.pace.dropped, PACKETS // 2)
        self.assertLessEqual(link.pace._waiting_octets, link.pace.rate)
        self.assertEqual(link.counted()["dropped_paced"], link.pace.dropped)
        self.assertLess(len(ben.packets_of(*CAMERA)), 20)

    async def test_many_repairs_are_spread_too(self) -> None:
        anna, ben, link = await self.narrow_pair()
        assert ben.subscribing is not None
        for _ in range(5):
            self.film(anna, 6)
            await self.settled(anna)
            self.clock.advance(0.05)
            await eventually(lambda: link.pace.left > 6000)
        await eventually(lambda: len(ben.packets_of(*CAMERA)) == 31)
        lost = [header.sequence for header, _ in ben.packets_of(*CAMERA)]
        ben.subscribing.send_rtcp(rtcp.nack(1, ben.ssrc_of(*CAMERA), lost))
        await ben.subscribing.check()
        at_once = len(self.again(ben))
        self.assertLess(at_once, 9)
        for _ in range(8):
            self.clock.advance(0.04)
            await self.settled(anna)
        self.assertEqual(len(self.again(ben)), 31)

    async def settled(self, anna: Client) -> None:
        """Until the engine has dealt with what was sent, and has ticked."""
        assert anna.publishing is not None
        await anna.publishing.check()
        ticked = self.engine._timer
        await eventually(lambda: self.engine._timer is not ticked)
        await anna.publishing.check()

    @staticmethod
    def again(client: Client) -> list[bytes]:
        return [packet for packet in client.received if packet[1] & 0x7F == 97]
