"""Ways that lose packets, seeded: what is repaired, on both sides of the engine, and how much is asked for it."""

import asyncio

from media_engine import EngineConfig, Source, rtcp
from media_engine.receive_log import ReceiveLog
from media_engine.tests.client import Client, ClientTransport, EngineTestCase, eventually, outline
from media_engine.tests.network import Road

CAMERA = ("anna", Source.CAMERA)
MICROPHONE = ("anna", Source.MICROPHONE)
PACKETS = 600
HOPS = 8
"""From Anna by a road to the engine, by another to Ben, and the same way back."""


class LossTests(EngineTestCase):
    config = EngineConfig(port=0, tick_seconds=0.001)  # nothing waits longer than a turn

    async def asyncSetUp(self) -> None:
        await super().asyncSetUp()
        self.roads = [Road(self.engine.port, seed) for seed in (5, 50)]
        for road in self.roads:
            self.addCleanup(road.close)
        self.sent: dict[int, bytes] = {}
        self.asked = self.answered = self.looked = self.read = 0
        self.log = ReceiveLog(90000, wants_nack=True)
        self.frames: set[bytes] = set()

    async def both(self) -> tuple[Client, Client]:
        """Anna and Ben with a road each, whose picture flows."""
        anna, ben = self.client("anna"), self.client("ben")
        anna.grant(seconds=1e6)
        ben.grant(publish=frozenset(), seconds=1e6)
        await anna.publish(Source.CAMERA, transport=ClientTransport(self.roads[0].port))
        ben.subscribing = ClientTransport(self.roads[1].port)
        ben.open(fresh=False)
        self.film(anna, 0)
        await eventually(lambda: ben.offers and ben.offers[-1].tracks)
        await ben.connected()
        self.film(anna, 1)
        await eventually(lambda: self.receives("ben")[0]["flows"] and ben.received)
        return anna, ben

    def film(self, anna: Client, number: int) -> None:
        """Send one picture of one packet."""
        assert anna.publishing is not None
        anna.picture = (anna.picture + 1) & 0x7FFF
        sequence = anna.sequence[Source.CAMERA]
        anna.sequence[Source.CAMERA] = sequence + 1
        anna.timestamp += 3000
        payload = b"\x90\xe0" + (0x8000 | anna.picture).to_bytes(2) + bytes((0, 0x20, int(number > 1)))
        packet = anna.rtp(Source.CAMERA, sequence, payload + number.to_bytes(4), marker=True)
        self.sent[sequence] = packet
        anna.publishing.send(packet)

    def answer(self, anna: Client) -> None:
        """Send again what the engine has asked Anna for."""
        assert anna.publishing is not None
        reports, self.looked = anna.publishing.reports[self.looked :], len(anna.publishing.reports)
        for item in reports:
            if isinstance(item, rtcp.Nack):
                self.asked += len(item.sequences)
                for sequence in item.sequences:
                    self.answered += 1
                    anna.publishing.send(anna.rtx(Source.CAMERA, self.answered & 0xFFFF, self.sent[sequence]))

    def ask(self, ben: Client) -> None:
        """Take what Ben was sent, and ask for what is missing of it."""
        assert ben.subscribing is not None
        ssrc = ben.ssrc_of(*CAMERA)
        packets, self.read = ben.received[self.read :], len(ben.received)
        for packet in packets:
            header, payload = outline(packet)
            sequence, body = header.sequence, payload
            if header.ssrc != ssrc:
                sequence, body = int.from_bytes(payload[:2]), payload[2:]
            if self.log.add(sequence, self.clock()) is not None:
                self.frames.add(body[-4:])
        due = self.log.due_requests(self.clock())
        if due:
            ben.subscribing.send_rtcp(rtcp.nack(1, ssrc, due))

    async def test_a_twentieth_lost_on_both_ways_is_all_made_good_and_little_is_asked_for_twice(self) -> None:
        anna, ben = await self.both()
        for road in self.roads:
            road.up.loss = road.down.loss = 0.05
        for number in range(2, PACKETS):
            self.film(anna, number)
            await self.turn(anna, ben)
        for road in self.roads:
            road.up.loss = road.down.loss = 0.0
        wanted = {number.to_bytes(4) for number in range(2, PACKETS)}
        self.film(anna, PACKETS)
        for _ in range(400):
            if wanted <= self.frames:
                break
            await self.turn(anna, ben)
        self.assertEqual(wanted - self.frames, set())
        lost = self.roads[0].up.dropped
        self.assertGreater(lost, 15)
        self.assertLess(self.asked, 2 * lost)
        (down,) = self.receives("ben")
        self.assertGreater(int(str(down["retransmitted"])), 15)

    async def turn(self, anna: Client, ben: Client) -> None:
        """Forty milliseconds, in which what is under way arrives, however slow the machine is: each hop takes one pass.

        Ben tells no round trip, so what he asks for is sent again every 75 ms. He gives up after eight requests: with
        shorter ways those would be over before the third answer.
        """
        await asyncio.sleep(0.001)
        for _hop in range(HOPS):
            await asyncio.sleep(0)
        self.answer(anna)
        self.ask(ben)
        self.clock.advance(0.04)


class SoundTests(EngineTestCase):
    """Sound has no retransmission stream: it is sent again under its own number, and so under its own nonce."""

    config = EngineConfig(port=0, tick_seconds=0.01)

    async def test_sound_that_the_publisher_lost_is_asked_for_and_fills_its_place(self) -> None:
        anna, ben = await self.pair()
        assert anna.publishing is not None
        lost = anna.sequence[Source.MICROPHONE]
        anna.sequence[Source.MICROPHONE] += 1
        anna.timestamp += 960
        packet = anna.rtp(Source.MICROPHONE, lost, b"lost")
        anna.send_audio(b"after")
        await eventually(lambda: self.nacks(anna))
        self.assertEqual(self.nacks(anna)[0].sequences, (lost,))
        anna.publishing.send(packet)
        await eventually(lambda: len(ben.packets_of(*MICROPHONE)) == 3)
        (first, _), (after, _), (repaired, payload) = ben.packets_of(*MICROPHONE)
        self.assertEqual(payload, b"lost")
        self.assertEqual((after.sequence - first.sequence, repaired.sequence - first.sequence), (2, 1))
        (inbound,) = [e for e in self.engine.report("session", "anna") if e.get("id") == "I-0"]
        self.assertEqual((inbound["retransmittedPacketsReceived"], inbound["packetsLost"]), (1, 0))

    async def test_sound_that_a_receiver_lost_comes_again_as_the_same_bytes(self) -> None:
        anna, ben = await self.pair()
        assert ben.subscribing is not None
        for size in (40, 44, 38):  # together, and of sizes of which pictures would be padded to one
            anna.send_audio(bytes(size))
        await eventually(lambda: len(ben.packets_of(*MICROPHONE)) == 4)
        sequences = [header.sequence for header, _ in ben.packets_of(*MICROPHONE)]
        before = self.sound(ben)
        self.clock.advance(0.7)
        ben.subscribing.send_rtcp(rtcp.nack(1, ben.ssrc_of(*MICROPHONE), sequences))
        await eventually(lambda: len(self.sound(ben)) == 8)
        self.assertEqual(self.sound(ben), before * 2)
        self.assertEqual(len(ben.packets_of(*MICROPHONE)), 4)  # who had them all along takes them for a replay

    async def test_a_number_that_was_not_sent_yet_is_never_used_for_an_answer(self) -> None:
        anna, ben = await self.pair()
        assert ben.subscribing is not None
        ((header, _),) = ben.packets_of(*MICROPHONE)
        before = self.sound(ben)
        asked = [header.sequence + 1, header.sequence - 1, header.sequence + 40]
        ben.subscribing.send_rtcp(rtcp.nack(1, ben.ssrc_of(*MICROPHONE), [number & 0xFFFF for number in asked]))
        await ben.subscribing.check()
        anna.send_audio(b"next")
        await eventually(lambda: len(ben.packets_of(*MICROPHONE)) == 2)
        self.assertEqual(len(self.sound(ben)), len(before) + 1)

    def nacks(self, client: Client) -> list[rtcp.Nack]:
        assert client.publishing is not None
        return [item for item in client.publishing.reports if isinstance(item, rtcp.Nack)]

    def sound(self, client: Client) -> list[bytes]:
        """Encrypted packets of sound, in the order in which they came."""
        assert client.subscribing is not None
        ssrc = client.ssrc_of(*MICROPHONE).to_bytes(4)
        return [packet for packet in client.subscribing.sealed if packet[8:12] == ssrc]
