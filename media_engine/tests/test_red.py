"""Sound that carries what came before once more (RED, RFC 2198): who is asked for it, who is sent it, and that a number
stands for one packet all the same."""

import itertools
from collections.abc import Sequence
from dataclasses import replace
from unittest import TestCase

from media_engine import EngineConfig, Source, rtcp, sdp, sdp_write
from media_engine.receive_log import ReceiveLog
from media_engine.red import decode, relabelled
from media_engine.tests.client import (
    Client,
    ClientTransport,
    EngineTestCase,
    eventually,
    outline,
    publish_offer,
    red,
    watch_offer,
    with_red,
)
from media_engine.tracks import DownTrack

MICROPHONE, SCREEN_AUDIO = Source.MICROPHONE, Source.SCREEN_AUDIO
SOUND = ("anna", MICROPHONE)
OFFERED = "a=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\n"


class FormatTests(TestCase):
    def test_blocks_are_found_and_named_anew(self) -> None:
        payload = red(b"now", (1920, b"first"), (960, b"then"))
        blocks = decode(b"head" + payload, 4, 4 + len(payload), 111)
        self.assertEqual([(ticks, (b"head" + payload)[start:end]) for ticks, start, end in blocks],
                         [(1920, b"first"), (960, b"then"), (0, b"now")])  # fmt: skip
        self.assertEqual(
            relabelled(b"head" + payload, blocks, 96), red(b"now", (1920, b"first"), (960, b"then"), carried=96)
        )
        self.assertEqual(decode(red(b"alone"), 0, 6, 111), ((0, 1, 6),))

    def test_whatever_runs_over_the_end_or_holds_something_else_is_refused(self) -> None:
        good = red(b"now", (960, b"then"))
        for wrong in (
            b"", good[:1], good[:4], good[:5], good[:8], good[:9], red(b"", (960, b"then")), bytes((0xEF,)) * 400,
            red(b"now", (960, b"then"), carried=96), good[:4] + b"\x60" + good[5:], red(b"now", *[(960, b"")] * 9),
        ):  # fmt: skip
            with self.subTest(wrong=wrong[:12]), self.assertRaises(ValueError):
                decode(wrong, 0, len(wrong), 111)

    def test_a_hole_is_filled_once_and_not_asked_for_any_more(self) -> None:
        log = ReceiveLog(48000, wants_nack=True)
        for sequence in (65534, 65535, 1, 4):
            log.add(sequence, 0.0)
        highest = log.highest
        self.assertEqual(
            [log.restore(highest + offset) for offset in (-4, -4, -3, -6, -7, 0, 1)],
            [True, False, False, False, False, False, False],
        )
        self.assertEqual(log.due_requests(0.0), [2, 3])
        self.assertEqual(log.lost, 2)
        self.assertIsNone(log.add(0, 0.0))


class RedCase(EngineTestCase):
    config = EngineConfig(port=0, tick_seconds=0.01)

    async def sender(self, *sources: Source) -> Client:
        anna = self.client("anna")
        anna.knows_red = True
        anna.grant()
        self.answer = await anna.publish(*(sources or (MICROPHONE,)))
        return anna

    async def receiver(self, name: str, *, knows_red: bool) -> Client:
        client = self.client(name)
        client.knows_red = knows_red
        client.grant(publish=frozenset())
        client.open()
        return client

    async def flows(self, anna: Client, *names: str) -> None:
        """Wait until these receive what Anna sends, which nobody counts."""
        anna.send_audio(b"first")
        for name in names:
            client = self.clients[name]
            await eventually(lambda client=client: client.offers and client.offers[-1].tracks)  # type: ignore[misc]
            await client.connected()
        await eventually(lambda: all(self.receives(name)[0]["flows"] for name in names))

    async def ask_again(self, client: Client, sequences: Sequence[int]) -> None:
        assert client.subscribing is not None
        client.subscribing.send_rtcp(rtcp.nack(1, client.ssrc_of(*SOUND), list(sequences)))

    def downs(self, name: str) -> list[DownTrack]:
        link = self.engine._sessions["session"].peers[name].subscribe
        assert link is not None
        return link.downs

    def came(self, client: Client) -> list[tuple[int, bytes]]:
        return [(header.payload_type, payload) for header, payload in client.packets_of(*SOUND)]

    def sealed(self, client: Client) -> list[bytes]:
        """Encrypted packets of sound, in the order in which they came."""
        assert client.subscribing is not None
        ssrc = client.ssrc_of(*SOUND).to_bytes(4)
        return [packet for packet in client.subscribing.sealed if packet[8:12] == ssrc]


class RedTests(RedCase):
    async def test_redundancy_is_of_the_codec_that_is_taken_and_of_nothing_else(self) -> None:
        transport = ClientTransport(self.engine.port)
        offer = publish_offer(transport, {"0": MICROPHONE})
        for number, mapping, is_red, is_ours in (
            (63, "111/111", True, True),
            (63, "111/111/111", True, True),
            (64, "111/111", True, False),
            (63, "111/0", False, False),
            (63, "111", False, False),
            (63, "", False, False),
        ):
            text = offer.replace("SAVPF 111", f"SAVPF 111 {number}") + f"a=rtpmap:{number} red/48000/2\r\n"
            text += f"a=fmtp:{number} {mapping}\r\n" if mapping else ""
            (section,) = sdp.decode(text, max_bytes=9999, max_sections=1).sections
            codec = sdp_write.accepted_codec(section)
            assert codec is not None
            self.assertEqual(section.find_red(codec) is not None, is_red, mapping)
            self.assertEqual(sdp_write.takes_red(section), is_ours, mapping)
        await transport.close()

    async def test_a_microphone_is_asked_for_redundancy_first_and_other_sound_is_not(self) -> None:
        await self.sender(MICROPHONE, SCREEN_AUDIO)
        voice, screen = self.answer.split("\r\nm=")[1:]
        self.assertTrue(voice.startswith("audio 9 UDP/TLS/RTP/SAVPF 63 111\r\n"))
        self.assertIn(OFFERED, voice)
        self.assertIn("useinbandfec=1", voice)
        self.assertNotIn("red/", screen)

    async def test_who_knows_redundancy_gets_it_and_others_what_is_inside(self) -> None:
        anna = await self.sender()
        ben, cleo = await self.receiver("ben", knows_red=True), await self.receiver("cleo", knows_red=False)
        await self.flows(anna, "ben", "cleo")
        self.assertIn("SAVPF 111 63\r\n", ben.offers[-1].sdp)
        self.assertIn(OFFERED, ben.offers[-1].sdp)
        transport = ClientTransport(self.engine.port)
        viewer = self.client("viewer")
        viewer.grant(publish=frozenset())
        viewer.subscribing = transport
        answer = self.engine.answer_subscribe("session", "viewer", with_red(watch_offer(transport, "audio")))
        self.assertNotIn("red/", answer)
        transport.follow(answer)
        await transport.connect()
        await eventually(lambda: all(row["flows"] for row in self.receives("viewer")))
        anna.send_red(b"one")
        anna.send_red(b"two", (960, b"one"))
        anna.send_audio(b"plain")
        await eventually(lambda: len(viewer.received) == 3 and len(self.came(ben)) == 3 and len(self.came(cleo)) == 3)
        self.assertEqual(self.came(ben), [(63, red(b"one")), (63, red(b"two", (960, b"one"))), (111, b"plain")])
        self.assertEqual(self.came(cleo), [(111, b"one"), (111, b"two"), (111, b"plain")])
        watched = [(header.payload_type, payload) for header, payload in map(outline, viewer.received)]
        self.assertEqual(watched, [(109, b"one"), (109, b"two"), (109, b"plain")])
        levels = [packet[20:22] for packet in (ben.received[0], cleo.received[0])]
        self.assertEqual(levels, [bytes([1 << 4, 0x80 | anna.level])] * 2)

    async def test_what_was_lost_on_the_publishers_way_and_comes_with_the_next_is_passed_on_and_not_asked_for(
        self,
    ) -> None:
        anna = await self.sender()
        ben, cleo = await self.receiver("ben", knows_red=True), await self.receiver("cleo", knows_red=False)
        await self.flows(anna, "ben", "cleo")
        anna.send_red(b"one")
        anna.sequence[MICROPHONE] += 1
        anna.timestamp += 960
        late = anna.rtp(MICROPHONE, anna.sequence[MICROPHONE] - 1, red(b"two", (960, b"one")))
        anna.send_red(b"three", (960, b"two"))
        assert anna.publishing is not None
        anna.publishing.send(late[:1] + bytes((63,)) + late[2:])
        anna.send_red(b"four", (960, b"three"))
        await eventually(lambda: len(self.came(ben)) == 4 and len(self.came(cleo)) == 4)
        self.assertEqual([payload for _, payload in self.came(cleo)], [b"one", b"two", b"three", b"four"])
        self.assertEqual([kind for kind, _ in self.came(ben)], [63, 111, 63, 63])
        headers = [header for header, _ in cleo.packets_of(*SOUND)]
        for before, after in itertools.pairwise(headers):
            self.assertEqual((after.sequence - before.sequence) & 0xFFFF, 1)
            self.assertEqual((after.timestamp - before.timestamp) & 0xFFFFFFFF, 960)
        self.assertEqual([item for item in anna.publishing.reports if isinstance(item, rtcp.Nack)], [])
        (inbound,) = (entry for entry in self.engine.report("session", "anna") if entry["type"] == "inbound-rtp")
        self.assertEqual((inbound["packetsLost"], inbound["fecPacketsReceived"]), (0, 2))

    async def test_a_block_that_can_not_be_of_the_packet_before_stands_in_for_nothing(self) -> None:
        anna = await self.sender()
        cleo = await self.receiver("cleo", knows_red=False)
        await self.flows(anna, "cleo")
        for ticks in (0, 1920, 3840):
            anna.send_red(b"one")
            anna.sequence[MICROPHONE] += 1
            anna.timestamp += 960
            anna.send_red(b"three", (ticks, b"two"))
        await eventually(lambda: len(self.came(cleo)) == 6)
        self.assertNotIn(b"two", [payload for _, payload in self.came(cleo)])

    async def test_malformed_redundancy_is_dropped_counted_and_asked_for_as_if_it_had_not_come(self) -> None:
        anna = await self.sender()
        cleo = await self.receiver("cleo", knows_red=False)
        await self.flows(anna, "cleo")
        assert anna.publishing is not None
        wrong = (b"", b"\xef", red(b"x", (960, b"y"), carried=0), red(b"", (960, b"y")))
        numbers = [anna._send(MICROPHONE, payload, marker=False, payload_type=63) for payload in wrong]
        anna.send_red(b"good")
        await eventually(lambda: self.came(cleo))
        self.assertEqual(self.came(cleo), [(111, b"good")])
        self.assertEqual(self.engine.stats("session")["anna"]["links"]["publish"]["dropped"]["rtp"], 4)
        await anna.publishing.check()
        (asked,) = (item for item in anna.publishing.reports if isinstance(item, rtcp.Nack))
        self.assertEqual(list(asked.sequences), numbers)

    async def test_a_number_stands_for_the_same_bytes_before_and_after_a_change_of_form(self) -> None:
        anna = await self.sender()
        ben = await self.receiver("ben", knows_red=True)
        await self.receiver("cleo", knows_red=True)  # so that there is redundancy to be had at all times
        await self.flows(anna, "ben", "cleo")
        (down,) = self.downs("ben")
        said = [b"one", b"two", b"three"]
        for is_red in (True, False, True):
            down.takes_red = is_red
            ben.grant(publish=frozenset({MICROPHONE}) if is_red else frozenset())  # its connections are made anew
            sent = len(self.came(ben))
            anna.send_red(said[0])
            for before, now in itertools.pairwise(said):
                anna.send_red(now, (960, before))
            await eventually(lambda sent=sent: len(self.came(ben)) == sent + 3)  # type: ignore[misc]
        self.assertEqual([kind for kind, _ in self.came(ben)], [63, 63, 63, 111, 111, 111, 63, 63, 63])
        before = self.sealed(ben)
        self.clock.advance(0.7)
        await self.ask_again(ben, [header.sequence for header, _ in ben.packets_of(*SOUND)])
        await eventually(lambda: len(self.sealed(ben)) == 18)
        self.assertEqual(self.sealed(ben), before * 2)
        self.assertEqual(len({packet[2:4] for packet in before}), 9)

    async def test_what_was_restored_comes_again_as_the_same_bytes_though_the_packet_has_come(self) -> None:
        anna = await self.sender()
        ben = await self.receiver("ben", knows_red=True)
        await self.flows(anna, "ben")
        anna.send_red(b"one")
        anna.sequence[MICROPHONE] += 1
        anna.timestamp += 960
        late = anna.rtp(MICROPHONE, anna.sequence[MICROPHONE] - 1, red(b"two", (960, b"one")), marker=True)
        anna.send_red(b"three", (960, b"two"))
        assert anna.publishing is not None
        anna.publishing.send(late[:1] + bytes((63 | 0x80,)) + late[2:])
        await anna.publishing.check()
        await eventually(lambda: len(self.came(ben)) == 3)
        before = self.sealed(ben)
        await self.ask_again(ben, [header.sequence for header, _ in ben.packets_of(*SOUND)])
        await eventually(lambda: len(self.sealed(ben)) == 6)
        self.assertEqual(self.sealed(ben), before * 2)

    async def test_redundancy_counts_as_sound_makes_second_copies_needless_and_ends_on_a_full_way(
        self,
    ) -> None:
        anna = await self.sender()
        ben = await self.receiver("ben", knows_red=True)
        await self.flows(anna, "ben")
        (down,) = self.downs("ben")
        up, link = down.up, self.engine._sessions["session"].peers["ben"].subscribe
        assert up is not None and link is not None

        async def talk(until: int) -> None:
            """Half a second of sound, until so many packets have come in all."""
            for _ in range(until - len(self.came(ben))):
                anna.send_red(bytes(100), (960, bytes(100)))
            await eventually(lambda: len(self.came(ben)) == until)
            self.clock.advance(0.6)

        await talk(10)
        await eventually(lambda: up.redundant_bits_per_second and link._sound > up.bits_per_second)
        self.assertAlmostEqual(link._sound, up.bits_per_second + up.redundant_bits_per_second)
        link.doubling.on_lost(0.2, self.clock())
        sent = len(self.sealed(ben))
        anna.send_red(b"once", (960, bytes(100)))
        await eventually(lambda: down.doubled == down.forwarder.last_sequence and len(self.sealed(ben)) > sent)
        self.assertEqual(len(self.sealed(ben)), sent + 1)
        link.downlink.on_loss(0.5, self.clock())
        await talk(22)
        self.assertTrue(down.is_red)  # lossy is not full
        for estimate in (200_000, 100_000):
            link.downlink.on_estimate(estimate, self.clock())
        await talk(33)
        await eventually(lambda: not down.is_red)
        anna.send_red(b"alone", (960, b"once"))
        await eventually(lambda: self.came(ben)[-1] == (111, b"alone"))
        self.assertLess(link._sound, up.bits_per_second + up.redundant_bits_per_second)


class SealedTests(RedCase):
    """Where frames are sealed, nothing but one of them is in a packet, whatever a client offers, answers or sends."""

    async def test_nobody_is_asked_for_redundancy_and_what_comes_all_the_same_is_dropped(self) -> None:
        self.engine.seal("session")
        anna = await self.sender()
        ben = await self.receiver("ben", knows_red=True)
        self.assertIn("m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n", self.answer)
        self.assertNotIn("red/", self.answer)
        await self.flows(anna, "ben")
        anna.send_red(b"redundant", (960, b"before"))
        anna.send_audio(b"plain")
        await eventually(lambda: self.came(ben))
        self.assertEqual(self.came(ben), [(111, b"plain")])
        self.assertEqual(self.engine.stats("session")["anna"]["links"]["publish"]["dropped"]["rtp"], 1)

    async def test_nobody_is_offered_any_and_an_answer_makes_none(self) -> None:
        self.engine.seal("session")
        anna = await self.sender()
        ben = await self.receiver("ben", knows_red=True)
        ben.answer_automatically = False
        anna.send_audio()
        await eventually(lambda: ben.offers)
        offer = ben.offers[-1]
        self.assertNotIn("red/", offer.sdp)
        ben.answer(replace(offer, sdp=with_red(offer.sdp)))
        (down,) = self.downs("ben")
        self.assertEqual((down.takes_red, down.is_red), (False, False))

    async def test_what_was_agreed_before_flows_no_more(self) -> None:
        anna = await self.sender()
        ben = await self.receiver("ben", knows_red=True)
        await self.flows(anna, "ben")
        self.engine.seal("session")
        anna.send_red(b"redundant")
        anna.send_audio(b"plain")
        await eventually(lambda: self.came(ben))
        self.assertEqual(self.came(ben), [(111, b"plain")])


class WithoutTests(RedCase):
    config = EngineConfig(port=0, redundancy=False)

    async def test_it_can_be_left_out(self) -> None:
        anna = await self.sender()
        ben = await self.receiver("ben", knows_red=True)
        await self.flows(anna, "ben")
        self.assertNotIn("red/", self.answer + ben.offers[-1].sdp)
