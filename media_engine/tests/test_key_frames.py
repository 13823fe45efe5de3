"""Key frames are dear to everybody who sees their publisher: one receiver may have only so many made."""

import struct
from unittest import TestCase

from media_engine import EngineConfig, Source, rtcp
from media_engine.key_frames import KeyFrameBudget
from media_engine.tests.client import Client, EngineTestCase, eventually

CAMERA = ("anna", Source.CAMERA)


class BudgetTests(TestCase):
    def test_eight_at_once_and_then_one_in_three_seconds(self) -> None:
        budget = KeyFrameBudget(100.0)
        self.assertEqual([budget.take(100.0) for _ in range(10)], [True] * 8 + [False] * 2)
        self.assertEqual([budget.take(100.0 + seconds) for seconds in (2.9, 3.1, 3.2, 6.1)], [False, True, False, True])
        self.assertEqual([budget.take(1000.0) for _ in range(10)], [True] * 8 + [False] * 2)

    def test_a_clock_that_stands_still_gives_nothing(self) -> None:
        budget = KeyFrameBudget(100.0)
        self.assertEqual(sum(budget.take(90.0) for _ in range(20)), 8)
        self.assertFalse(budget.take(100.0))


class RequestTests(EngineTestCase):
    config = EngineConfig(port=0, tick_seconds=0.01)

    async def meeting(self) -> tuple[Client, Client]:
        anna, ben = await self.pair()
        anna.grant(seconds=1e6)
        ben.grant(publish=frozenset(), seconds=1e6)
        return anna, ben

    def asked(self, anna: Client) -> int:
        assert anna.publishing is not None
        return sum(isinstance(item, rtcp.KeyFrameRequest) for item in anna.publishing.reports)

    async def ask(self, anna: Client, receiver: Client, packet: bytes = b"") -> None:
        """Ask for a key frame, let half a second pass, and have Anna make one if she has been asked."""
        assert receiver.subscribing is not None and anna.publishing is not None
        self.clock.advance(0.6)
        before, heard = self.asked(anna), len(receiver.received)
        receiver.subscribing.send_rtcp(packet or rtcp.picture_loss(1, receiver.ssrc_of(*CAMERA)))
        await receiver.subscribing.check()
        await anna.publishing.check()
        anna.send_video(key=self.asked(anna) > before)
        await eventually(lambda: len(receiver.received) > heard)

    async def test_requests_of_either_kind_and_of_several_receivers_are_one(self) -> None:
        """PLI (RFC 4585) and FIR (RFC 5104), also for several sources in one packet."""
        anna, ben = await self.meeting()
        cleo = await self.listener("cleo")
        cleo.grant(publish=frozenset(), seconds=1e6)
        await eventually(lambda: cleo.offers)
        await cleo.flows()
        assert ben.subscribing is not None and cleo.subscribing is not None and anna.publishing is not None
        self.clock.advance(1)
        anna.send_video()  # nobody waits for one any more
        await eventually(lambda: b"picture" in ben.received[-1])
        asked = self.asked(anna)
        ssrcs = (ben.ssrc_of("anna", Source.MICROPHONE), ben.ssrc_of(*CAMERA))
        entries = b"".join(struct.pack("!IBxxx", ssrc, number) for number, ssrc in enumerate(ssrcs))
        ben.subscribing.send_rtcp(struct.pack("!BBHII", 0x84, 206, 2 + len(entries) // 4, 1, 0) + entries)
        cleo.subscribing.send_rtcp(rtcp.picture_loss(1, cleo.ssrc_of(*CAMERA)))
        for one in (ben, cleo):
            await one.subscribing.check()  # type: ignore[union-attr]
        await anna.publishing.check()
        self.assertEqual(self.asked(anna), asked + 1)

    async def test_who_asks_without_end_has_few_made_and_others_are_heard(self) -> None:
        """Guard: `Connections.request_key_frame`."""
        anna, ben = await self.meeting()
        cleo = await self.listener("cleo")
        cleo.grant(publish=frozenset(), seconds=1e6)
        await eventually(lambda: cleo.offers)
        await cleo.flows()
        begun, asked = self.clock(), self.asked(anna)
        for _ in range(40):
            await self.ask(anna, ben)
        most = 8 + (self.clock() - begun) / 3
        self.assertLessEqual(self.asked(anna) - asked, most)
        self.assertGreater(self.asked(anna) - asked, most / 2)
        dropped = self.engine.stats("session")["ben"]["links"]["subscribe"]["dropped"]["key_frame_asked"]
        self.assertGreaterEqual(dropped, 40 - most)
        self.assertEqual(self.engine.figures().dropped["key_frame_asked"], dropped)
        (sent,) = [one for one in self.engine.report("session", "ben") if one.get("pliCount") and "rtxSsrc" in one]
        self.assertEqual(sent["pliCount"], 40)
        before = self.asked(anna)
        await self.ask(anna, cleo)
        self.assertEqual(self.asked(anna), before + 1)

    async def test_what_is_asked_while_a_key_frame_is_on_its_way_costs_nothing(self) -> None:
        anna, ben = await self.meeting()
        assert ben.subscribing is not None
        asked = self.asked(anna)
        for _ in range(60):
            ben.subscribing.send_rtcp(rtcp.picture_loss(1, ben.ssrc_of(*CAMERA)))
        await ben.subscribing.check()
        self.clock.advance(0.6)
        await eventually(lambda: self.asked(anna) > asked)
        self.assertEqual(self.engine.figures().dropped["key_frame_asked"], 0)

    async def test_who_shows_and_hides_without_end_has_few_made_and_sees_in_the_end(self) -> None:
        """Guard: the same, for what the engine asks in a receiver's place; it is put off, and not forgotten."""
        anna, ben = await self.meeting()
        assert anna.publishing is not None
        begun, asked, peer = self.clock(), self.asked(anna), self.engine._sessions["session"].peers["ben"]
        rounds = 0
        while rounds < 30 or not peer.put_off:
            rounds += 1
            before = self.asked(anna)
            self.engine.show("session", "ben", {})
            self.clock.advance(0.6)
            self.engine.show("session", "ben", {CAMERA: 720})
            await anna.publishing.check()
            anna.send_video(key=self.asked(anna) > before)
            await anna.publishing.check()
        self.assertLess(rounds, 40)
        self.assertLessEqual(self.asked(anna) - asked, 8 + (self.clock() - begun) / 3)
        before = self.asked(anna)
        self.clock.advance(3.1)
        await eventually(lambda: self.asked(anna) > before, "what was put off was forgotten")
        anna.send_video(b"at last")
        await eventually(lambda: [packet for packet in ben.received if packet.endswith(b"at last")])

    async def test_what_is_remembered_of_a_publisher_goes_with_it(self) -> None:
        await self.meeting()
        peer = self.engine._sessions["session"].peers["ben"]
        self.assertEqual(list(peer.key_frames), [CAMERA])
        self.engine.revoke("session", "anna")
        self.assertEqual(peer.key_frames, {})
