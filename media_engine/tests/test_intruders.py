"""Strangers and dishonest members at the UDP port. Each test names the guard whose removal would make it fail."""

import asyncio
import logging
import os
import re
import socket
import struct
from unittest.mock import patch

from media_engine import EngineConfig, OfferRejected, Source, TransportState, rtcp, stun
from media_engine.fanout import FanOut
from media_engine.tests.client import ClientTransport, EngineTestCase, eventually, publish_offer
from media_engine.tests.interpreted import interpreted
from media_engine.tests.test_formats import SHORT_ATTRIBUTE


class StrangerTests(EngineTestCase):
    def setUp(self) -> None:
        self.stranger = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.stranger.bind(("127.0.0.1", 0))
        self.stranger.setblocking(False)
        self.addCleanup(self.stranger.close)

    def shout(self, datagram: bytes) -> None:
        self.stranger.sendto(datagram, ("127.0.0.1", self.engine.port))

    async def test_media_from_another_address_is_dropped_though_its_keys_are_right(self) -> None:
        """Guard: `UdpMux._drain` takes SRTP from validated addresses only."""
        anna, ben = await self.pair()
        assert anna.publishing is not None
        self.shout(anna.publishing.protect(anna.rtp(Source.MICROPHONE, 200, b"from elsewhere")))
        anna.send_audio(b"from home")
        await eventually(lambda: [p for p in ben.received if b"from home" in p])
        self.assertFalse([p for p in ben.received if b"from elsewhere" in p])
        self.assertEqual(self.engine.dropped["stranger"], 1)

    async def test_a_replayed_packet_is_forwarded_once(self) -> None:
        """Guard: libsrtp's replay window, and `ReceiveLog.add` behind it."""
        anna, ben = await self.pair()
        assert anna.publishing is not None
        datagram = anna.publishing.protect(anna.rtp(Source.MICROPHONE, 500, b"once"))
        for _ in range(50):
            anna.publishing.send_raw(datagram)
        anna.sequence[Source.MICROPHONE] = 501
        anna.send_audio(b"after")
        await eventually(lambda: [p for p in ben.received if b"after" in p])
        self.assertEqual(len([p for p in ben.received if b"once" in p]), 1)

    async def test_a_packet_that_was_changed_on_the_way_is_dropped(self) -> None:
        """Guard: `Link.on_srtp` forwards only what libsrtp authenticated."""
        anna, ben = await self.pair()
        assert anna.publishing is not None
        for position in range(40):
            datagram = bytearray(anna.publishing.protect(anna.rtp(Source.MICROPHONE, 500 + position, b"changed")))
            datagram[max(2, position % len(datagram))] ^= 0x10
            anna.publishing.send_raw(bytes(datagram))
        anna.sequence[Source.MICROPHONE] = 600
        anna.send_audio(b"after")
        await eventually(lambda: [p for p in ben.received if b"after" in p])
        self.assertFalse([p for p in ben.received if b"changed" in p])

    async def test_a_certificate_that_does_not_match_the_offer_gets_no_keys(self) -> None:
        """Guard: aiortc's `_validate_peer_identity`, called with the fingerprints of the offer."""
        honest = self.client("honest")
        honest.grant()
        honest.publishing = ClientTransport(self.engine.port)
        thief = ClientTransport(self.engine.port)
        offer = publish_offer(honest.publishing, {"0": Source.MICROPHONE})
        answer = self.engine.answer_publish("session", "honest", offer, {"0": Source.MICROPHONE})
        thief.follow(answer)
        await thief.check()
        thief.start_dtls()
        await eventually(lambda: [e for e in self.events if isinstance(e, TransportState) and e.state == "closed"])
        await eventually(lambda: thief.dtls.srtp is None)
        self.assertFalse([e for e in self.events if isinstance(e, TransportState) and e.state == "connected"])
        await thief.close()

    async def test_another_peers_fingerprint_is_worthless_without_its_key(self) -> None:
        """Guard: the same; an offer that copies somebody's fingerprint connects nobody."""
        anna, _ = await self.pair()
        assert anna.publishing is not None
        mallory = self.client("mallory")
        mallory.grant()
        mallory.publishing = ClientTransport(self.engine.port)
        offer = publish_offer(mallory.publishing, {"0": Source.MICROPHONE}).replace(
            mallory.publishing.dtls.fingerprint, anna.publishing.dtls.fingerprint
        )
        answer = self.engine.answer_publish("session", "mallory", offer, {"0": Source.MICROPHONE})
        mallory.publishing.follow(answer)
        await mallory.publishing.check()
        mallory.publishing.start_dtls()
        closed = TransportState("session", "mallory", "publish", "closed")
        await eventually(lambda: closed in self.events)

    async def test_a_check_without_the_password_is_not_answered(self) -> None:
        """Guard: `stun.integrity_holds` in `UdpMux._on_stun`."""
        anna, _ = await self.pair()
        assert anna.publishing is not None
        self.shout(anna.publishing.binding_request(password="x" * 24))
        self.shout(stun.encode(stun.BINDING_REQUEST, os.urandom(12), [], None))
        before = len(anna.publishing.stun_answers)
        anna.publishing.send_raw(anna.publishing.binding_request())
        await eventually(lambda: len(anna.publishing.stun_answers) > before)
        with self.assertRaises(BlockingIOError):
            self.stranger.recv(1500)

    async def test_a_check_copied_off_the_wire_does_not_move_the_media(self) -> None:
        """Guard: `IceTransport.is_replay`."""
        anna, ben = await self.pair()
        assert ben.subscribing is not None
        request = ben.subscribing.binding_request()
        ben.subscribing.send_raw(request)
        for _ in range(80):
            ben.subscribing.send_raw(ben.subscribing.binding_request())
        await eventually(lambda: len(ben.subscribing.stun_answers) >= 82)
        self.shout(request)
        anna.send_audio(b"for ben")
        await eventually(lambda: [p for p in ben.received if b"for ben" in p])
        with self.assertRaises(BlockingIOError):
            self.stranger.recv(1500)

    async def test_a_member_cannot_take_over_the_address_of_another(self) -> None:
        """Guard: `UdpMux._may_take`. The forged source address is played by the victim's own socket."""
        anna, ben = await self.pair()
        assert anna.publishing is not None and ben.subscribing is not None
        forged = ben.subscribing.binding_request()
        anna.publishing.send_raw(forged)
        anna.send_audio(b"still anna")
        await eventually(lambda: [p for p in ben.received if b"still anna" in p])
        self.assertEqual(self.engine.dropped["stun_replayed"], 1)

    async def test_numbers_that_leap_while_nothing_is_sent_stand_for_nothing_that_was_sent(self) -> None:
        """Guard: `FanOut._leap`. A turn of 65,536 further, libsrtp takes a number for one that it has sealed before."""
        anna, ben = await self.pair()
        link = self.engine._sessions["session"].peers["ben"].subscribe
        published = self.engine._sessions["session"].peers["anna"].publish
        assert (
            link is not None and published is not None and anna.publishing is not None and ben.subscribing is not None
        )
        transport = ben.subscribing
        turns = dict(anna.sequence)
        anna.send_audio(b"before")
        anna.send_video(b"before")
        await eventually(lambda: len(transport.sealed) == 4)
        there, link.ice.destination = link.ice.destination, None
        for leap in (0x7FFF, 0xFFFE):
            anna.sequence = {source: (number + leap) & 0xFFFF for source, number in turns.items()}
            anna.send_audio(b"to nobody")
            anna.send_video(b"to nobody")
        await eventually(lambda: [track.packets for track in published.tracks.values()] == [5, 5])
        link.ice.destination, anna.sequence = there, turns
        asked = len(anna.publishing.reports)
        self.clock.advance(1.0)  # key frames are asked for no sooner
        anna.send_video(b"middle", key=False)
        anna.send_audio(b"after")
        await eventually(lambda: any(p.endswith(b"after") for p in ben.received), "sound is refused as seen before")
        wanted = lambda: [one for one in anna.publishing.reports[asked:] if isinstance(one, rtcp.KeyFrameRequest)]  # noqa: E731
        await eventually(wanted, "nobody asks for a key frame")
        anna.send_video(b"after", key=True)
        await eventually(lambda: len(ben.received) == 6, "a picture is refused as seen before")
        self.assertEqual(len({packet[2:4] + packet[8:12] for packet in transport.sealed}), len(transport.sealed))
        self.assertFalse([packet for packet in ben.received if b"nobody" in packet or b"middle" in packet])

    async def test_a_leap_to_a_key_frame_begins_there_and_fails_for_nobody(self) -> None:
        anna, ben = await self.pair()
        link = self.engine._sessions["session"].peers["ben"].subscribe
        assert link is not None and anna.publishing is not None
        number = anna.sequence[Source.CAMERA]
        there, link.ice.destination = link.ice.destination, None
        for leap in (0x7FFE, 0xFFFC):
            anna.sequence[Source.CAMERA] = (number + leap) & 0xFFFF
            anna.send_video(b"to nobody")
        await anna.publishing.check()
        link.ice.destination, anna.sequence[Source.CAMERA] = there, number
        anna.send_video(b"whole", key=True)
        await eventually(lambda: any(p.endswith(b"whole") for p in ben.received))
        self.assertEqual(self.engine.figures().dropped["send_failed"], 0)

    async def test_what_is_to_be_repeated_where_an_answer_has_since_taken_no_repeats_stops_nobody(self) -> None:
        """Guard: `FanOut._retransmit`, the payload type. What is due for everybody comes after it in the same tick."""
        _, ben = await self.pair()
        link = self.engine._sessions["session"].peers["ben"].subscribe
        assert link is not None
        (down,) = (down for down in link.downs if down.video)
        fan_out = self.engine._wiring.fan_out
        link.pace.left = 0.0
        fan_out.retransmit(down, [down.forwarder.last_sequence & 0xFFFF], self.clock())
        self.assertTrue(link.pace.is_waiting)
        self.engine.open_subscribe("session", "ben", fresh=False)
        offers = len(ben.offers)
        ben.answer_automatically = False
        await eventually(lambda: len(ben.offers) > offers)
        transport = ben.subscribing
        assert transport is not None
        answer = re.sub(r"a=rtpmap:97 rtx[^\r]*\r\n", "", ben._answer_to(ben.offers[-1].sdp))
        self.engine.accept_answer("session", "ben", ben.offers[-1].offer_id, answer)
        self.assertEqual(down.rtx_payload_type, -1)
        fan_out.release(self.clock() + 1)
        self.assertEqual((link.pace.is_waiting, down.retransmitted), (False, 0))

    async def test_a_client_hello_from_elsewhere_does_not_disturb_the_real_one(self) -> None:
        """Guard: `UdpMux._drain` takes DTLS from validated addresses only."""
        for index in range(5):
            peer = self.client(f"peer-{index}")
            peer.grant()
            peer.publishing = ClientTransport(self.engine.port)
            peer.publishing.follow(peer.offer_publish(Source.MICROPHONE))
            racer = ClientTransport(self.engine.port)
            racer.follow(peer.offer_publish(Source.MICROPHONE))
            racer.start_dtls()
            await peer.publishing.connect()
            self.assertIsNone(racer.dtls.srtp)
            await racer.close()

    async def test_a_flood_of_noise_disturbs_nobody_and_writes_no_log(self) -> None:
        """Guard: the parsers' ValueErrors are caught in `UdpMux` and `Link`; nothing is logged per datagram."""
        anna, ben = await self.pair()
        assert anna.publishing is not None
        with self.assertNoLogs("media_engine", logging.WARNING), self.assertNoLogs("aiortc", logging.WARNING):
            for round_number in range(40):
                for datagram in (
                    SHORT_ATTRIBUTE,
                    b"",
                    b"\x00",
                    b"\x16\xfe\xfd" + os.urandom(60),
                    b"\x80" + os.urandom(100),
                    b"\x80\xc8" + os.urandom(40),
                    os.urandom(1900),
                    bytes(5000),
                ):
                    self.shout(datagram)
                    anna.publishing.send_raw(datagram)
                anna.send_audio(b"%d" % round_number)
                await asyncio.sleep(0)
            await eventually(lambda: len(ben.packets_of("anna", Source.MICROPHONE)) == 41)

    async def test_strangers_who_ask_without_end_are_counted_and_members_are_still_answered(self) -> None:
        """Guard: the allowance of strangers in `UdpMux._on_other`, which no proved address draws from."""
        anna, _ = await self.pair()
        assert anna.publishing is not None
        wrong = anna.publishing.binding_request(password="x" * 24)
        for number in range(3000):
            self.shout(wrong)
            if number % 50 == 0:
                await asyncio.sleep(0)
        await eventually(lambda: self.engine.dropped["stun_rate"] > 100)
        answered = len(anna.publishing.stun_answers)
        anna.publishing.send_raw(anna.publishing.binding_request())
        await eventually(lambda: len(anna.publishing.stun_answers) > answered)


class MemberTests(EngineTestCase):
    config = EngineConfig(port=0, max_ssrcs_per_transport=6, max_packets_per_second_per_transport=2000)

    async def test_unknown_ssrcs_and_payload_types_are_dropped_and_do_not_add_up(self) -> None:
        """Guard: `PublishLink._learn` and `Link._may_add_ssrc`."""
        anna, ben = await self.pair()
        assert anna.publishing is not None
        links = self.engine._sessions["session"].peers["anna"].links
        for number in range(50):
            wild = bytearray(anna.rtp(Source.MICROPHONE, number, b"wild"))
            wild[8:12] = struct.pack("!I", 70000 + number)
            anna.publishing.send(bytes(wild))
        other_type = bytearray(anna.rtp(Source.MICROPHONE, 200, b"wild"))
        other_type[1] = 100
        anna.publishing.send(bytes(other_type))
        await eventually(lambda: self.engine.stats("session")["anna"]["links"]["publish"]["dropped"]["ssrc"] == 50)
        self.assertEqual([len(link._ssrcs) for link in links], [6])
        anna.send_audio(b"tame")
        await eventually(lambda: [p for p in ben.received if b"tame" in p])
        self.assertFalse([p for p in ben.received if b"wild" in p])

    async def test_a_member_who_sends_too_fast_is_cut_to_the_limit_and_others_are_not(self) -> None:
        """Guard: the allowance in `Link.on_srtp`."""
        anna, ben = await self.pair()
        cleo = await self.publisher("cleo", Source.MICROPHONE)
        cleo.send_audio()
        await eventually(lambda: len(ben.offers[-1].tracks) == 3)
        for _ in range(3000):
            anna.send_audio(b"flood")
        cleo.send_audio(b"calm")
        await eventually(lambda: [p for p in ben.received if b"calm" in p])
        self.assertGreater(self.engine.stats("session")["anna"]["links"]["publish"]["dropped"]["rate"], 100)

    async def test_more_packets_at_once_than_leave_together_reach_everybody_and_nothing_stops(self) -> None:
        anna, ben = await self.pair()
        # Read in one go: no two of them make a run, or all of them are more than is gathered.
        for sizes in ([40 + 10 * (number % 30) for number in range(200)], [1400] * 150):
            due = self.sent_to("ben") + len(sizes)
            for size in sizes:
                anna.send_video(b"x" * size, key=False)
            await eventually(lambda due=due: self.sent_to("ben") == due)
        anna.send_audio(b"and on")
        await eventually(lambda: ben.received[-1].endswith(b"and on"))
        self.assertEqual(self.engine.figures().dropped["send_failed"], 0)

    @interpreted
    async def test_numbers_that_jump_with_every_packet_are_taken_apart_once_and_not_for_each_receiver(self) -> None:
        """Guard: `FanOut._send`. Else every packet costs each receiver a burst of its own."""
        anna, ben = await self.pair()
        with patch.object(FanOut, "_send_apart", autospec=True) as apart:
            for number in range(12):
                anna.sequence[Source.MICROPHONE] = anna.sequence[Source.MICROPHONE] + 0x4000 & 0xFFFF
                anna.send_audio(b"jump %d." % number)
            await eventually(lambda: ben.received[-1].endswith(b"jump 11."))
        apart.assert_not_called()
        heard = [packet.partition(b"jump ")[2] for packet in ben.received if b"jump " in packet]
        self.assertEqual(heard, [b"%d." % number for number in range(12)])

    @interpreted
    async def test_what_is_due_for_the_others_is_done_though_one_members_can_not_be(self) -> None:
        await self.pair()
        links = [link for peer in self.engine._sessions["session"].peers.values() for link in peer.links]
        with self.assertLogs("media_engine.mux") as logs:
            links[0]._checks = None  # type: ignore[assignment]  # what must not be
            links[1]._packets.left = 0
            await eventually(lambda: links[1]._packets.left > 200 and self.engine.dropped["failed"] > 1)
        self.assertEqual(len(logs.records), 1)

    def sent_to(self, name: str) -> int:
        return int(self.engine.stats("session")[name]["packets_out"])

    async def test_a_member_who_asks_or_shakes_hands_without_end_is_counted_alone(self) -> None:
        """Guard: the allowances in `Link.may_check` and `Link.on_dtls`."""
        anna, ben = await self.pair()
        assert anna.publishing is not None and ben.subscribing is not None
        wrong = anna.publishing.binding_request(password="x" * 24)
        for number in range(1000):
            anna.publishing.send_raw(wrong)
            anna.publishing.send_raw(b"\x16\xfe\xfd" + bytes(60))
            if number % 20 == 0:
                await asyncio.sleep(0)
        await eventually(lambda: self.engine.dropped["stun_rate"] > 100)
        await eventually(lambda: self.engine.stats("session")["anna"]["links"]["publish"]["dropped"]["rate"] > 100)
        answered = len(ben.subscribing.stun_answers)
        ben.subscribing.send_raw(ben.subscribing.binding_request())
        await eventually(lambda: len(ben.subscribing.stun_answers) > answered)

    async def test_malformed_rtcp_and_rtp_from_a_member_end_nowhere(self) -> None:
        """Guard: the ValueErrors caught in `Link.on_srtp` and `PublishLink.on_rtp`."""
        anna, ben = await self.pair()
        assert anna.publishing is not None and ben.subscribing is not None
        for size in range(8, 200, 7):
            noise = b"\x81\xcd" + os.urandom(size)
            anna.publishing.send_rtcp(noise)
            ben.subscribing.send_rtcp(noise)
        for number in range(30):
            packet = bytearray(anna.rtp(Source.CAMERA, 300 + number, os.urandom(number)))
            packet[0] = 0xBF
            anna.publishing.send_raw(anna.publishing.protect(bytes(packet[:12]) + os.urandom(70)))
        anna.send_audio(b"fine")
        await eventually(lambda: [p for p in ben.received if b"fine" in p])

    async def test_pictures_too_short_for_their_numbers_stop_nothing(self) -> None:
        """Guard: `move_picture` of `inner.c`, where that is compiled. A second stretch has numbers of its own."""
        anna, ben = await self.pair()
        link = self.engine._sessions["session"].peers["ben"].subscribe
        assert link is not None
        anna.send_video(b"not sent", key=False)
        for down in link.downs:
            down.forwarder.epoch = None
        before = len(ben.received)
        anna.send_video(b"again", key=True)
        short = (b"", b"\x22", b"\x80\x80\x7f", b"\x90\xe0\x81", b"\x90", b"\x80\xe0\x80\x01\x02\x03")
        for payload in short:
            anna._send(Source.CAMERA, payload, marker=False)
            anna._send(Source.CAMERA, bytes(99), marker=False)  # so much more that the short one is not padded
        await eventually(lambda: len(ben.received) == before + 1 + 2 * len(short))
        self.assertEqual(link.fan_out.failures, 0)

    async def test_a_receiver_may_not_ask_for_retransmissions_without_end(self) -> None:
        """Guard: the allowance in `SubscribeLink.on_rtcp`."""
        from media_engine import rtcp

        anna, ben = await self.pair()
        assert ben.subscribing is not None
        ssrc = ben.ssrc_of("anna", Source.CAMERA)
        number = ben.packets_of("anna", Source.CAMERA)[-1][0].sequence
        for _ in range(900):
            ben.subscribing.send_rtcp(rtcp.nack(1, ssrc, [number]))
            await asyncio.sleep(0)
        anna.send_audio(b"after")
        await eventually(lambda: [p for p in ben.received if b"after" in p])
        again = self.receives("ben")
        self.assertLess(sum(int(str(entry["retransmitted"])) for entry in again), 800)

    async def test_receivers_cannot_publish_on_their_transport(self) -> None:
        """Guard: `SubscribeLink.takes_rtp` is false."""
        anna, ben = await self.pair()
        cleo = await self.listener("cleo")
        await eventually(lambda: cleo.offers)
        await cleo.connected()
        assert ben.subscribing is not None
        ben.subscribing.send(anna.rtp(Source.MICROPHONE, 1, b"smuggled"))
        anna.send_audio(b"after")
        await eventually(lambda: [p for p in cleo.received if b"after" in p])
        self.assertFalse([p for p in cleo.received if b"smuggled" in p])


class LimitTests(EngineTestCase):
    config = EngineConfig(port=0, max_sessions=2, max_peers_per_session=3, tick_seconds=0.01)

    async def test_sessions_and_peers_have_a_maximum(self) -> None:
        """Guard: the limits in `Engine.set_grants` and `MediaSession.set_grants`."""
        for name in ("one", "two"):
            for peer in ("a", "b", "c"):
                self.client(peer, name).grant()
        for session, peer in (("one", "d"), ("three", "a")):
            with self.assertRaises(OfferRejected) as refusal:
                self.client(peer, session).grant()
            self.assertEqual(refusal.exception.code, "busy")

    async def test_a_transport_without_consent_is_closed(self) -> None:
        """Guard: `Link.tick` (RFC 7675)."""
        anna, ben = await self.pair()
        anna.grant(seconds=600)
        ben.grant(publish=frozenset(), seconds=600)
        self.clock.advance(8)
        disconnected = TransportState("session", "ben", "subscribe", "disconnected")
        await eventually(lambda: disconnected in self.events)
        assert ben.subscribing is not None
        await ben.subscribing.check()
        await eventually(lambda: TransportState("session", "ben", "subscribe", "connected") in self.events[-3:])
        self.clock.advance(31)
        link = self.engine._sessions["session"].peers["ben"].subscribe
        assert link is not None
        await eventually(lambda: link.ice.destination is None, "media went on without consent")
        self.clock.advance(30)
        for peer, transport in (("ben", "subscribe"), ("anna", "publish")):
            closed = TransportState("session", peer, transport, "closed")  # type: ignore[arg-type]
            await eventually(lambda closed=closed: closed in self.events)  # type: ignore[misc]

    async def test_a_transport_that_never_connects_is_closed(self) -> None:
        """Guard: the set-up deadline in `Link.tick`."""
        anna = self.client("anna")
        anna.grant(seconds=600)
        anna.publishing = ClientTransport(self.engine.port)
        anna.offer_publish(Source.MICROPHONE)
        self.clock.advance(31)
        await eventually(lambda: TransportState("session", "anna", "publish", "closed") in self.events)

    async def test_a_peer_whose_lease_is_long_over_is_forgotten(self) -> None:
        """Guard: `MediaSession.tick`."""
        await self.pair()
        self.clock.advance(121)
        await eventually(lambda: not self.engine.stats("session"))

    async def test_after_a_rebinding_media_follows_the_authenticated_check(self) -> None:
        """Guard: `IceTransport.validate` moves on USE-CANDIDATE."""
        anna, ben = await self.pair()
        transport = ben.subscribing
        assert transport is not None
        loop = asyncio.get_running_loop()
        loop.remove_reader(transport.socket.fileno())
        transport.socket.close()
        transport.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        transport.socket.bind(("127.0.0.1", 0))
        transport.socket.setblocking(False)
        loop.add_reader(transport.socket.fileno(), transport._drain)
        await transport.check()
        anna.send_audio(b"followed")
        await eventually(lambda: [p for p in ben.received if b"followed" in p])

    async def test_a_port_in_use_is_told_in_one_sentence(self) -> None:
        """Guard: `UdpMux.open`."""
        from media_engine import Engine

        second = Engine(EngineConfig(port=self.engine.port))
        with self.assertRaisesRegex(OSError, f"Cannot open UDP port {self.engine.port} on 127.0.0.1 for media: .*use"):
            await second.start()
