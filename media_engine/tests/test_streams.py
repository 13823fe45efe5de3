"""Media over TCP (RFC 6544): the same doors as over UDP, and what a connection adds to what an intruder can try."""

import asyncio
import os
import socket
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from media_engine import EngineConfig, Source
from media_engine.native import DATAGRAM_BYTES
from media_engine.streams import whole_frames
from media_engine.tests.client import Client, ClientTransport, EngineTestCase, StreamTransport, eventually
from media_engine.tests.interpreted import interpreted

MICROPHONE = ("anna", Source.MICROPHONE)


@given(st.lists(st.binary(max_size=300), max_size=20), st.integers(0, 5000), st.integers(1, 30))
def test_frames_come_out_as_they_went_in_wherever_the_bytes_are_cut(sent: list[bytes], cut: int, most: int) -> None:
    data = b"".join(len(frame).to_bytes(2) + frame for frame in sent)[:cut]
    frames = [data[start:end] for start, end in whole_frames(data, most)]
    assert frames == sent[: len(frames)]
    if len(frames) < min(most, len(sent)):
        assert len(data) < sum(2 + len(frame) for frame in sent[: len(frames) + 1])


class StreamTests(EngineTestCase):
    config = EngineConfig(port=0, tcp_port=0, tick_seconds=0.01, max_unproven_tcp_connections=3)

    def transport(self) -> StreamTransport:
        return StreamTransport(self.engine.tcp_port)

    async def over_tcp(self) -> tuple[Client, Client]:
        """A publisher and a receiver, neither of whom has sent or got a datagram."""
        anna, ben = self.client("anna"), self.client("ben")
        anna.grant()
        ben.grant(publish=frozenset())
        await anna.publish(Source.MICROPHONE, transport=self.transport())
        ben.subscribing = self.transport()
        ben.open(fresh=False)
        anna.send_audio()
        await eventually(lambda: ben.offers and ben.offers[-1].tracks)
        await ben.connected()
        await eventually(lambda: self.receives("ben")[0]["flows"])
        return anna, ben

    async def test_media_pass_both_ways_over_tcp_alone(self) -> None:
        anna, ben = await self.over_tcp()
        for number in range(20):
            anna.send_audio(b"%d" % number)
        await eventually(lambda: len(ben.received) == 20)
        self.assertEqual([payload for _, payload in ben.packets_of(*MICROPHONE)], [b"%d" % n for n in range(20)])
        self.assertIn(f" 127.0.0.1 {self.engine.tcp_port} typ host tcptype passive\r\n", ben.offers[-1].sdp)
        self.assertEqual(self.engine.dropped["stranger"], 0)

    async def test_a_revoked_peer_is_hung_up_on_at_once(self) -> None:
        anna, ben = await self.over_tcp()
        assert isinstance(ben.subscribing, StreamTransport)
        self.engine.revoke("session", "ben")
        anna.send_audio(b"later")
        await eventually(lambda: ben.subscribing.is_closed)
        self.assertEqual(ben.received, [])

    async def test_who_authenticates_nothing_is_hung_up_on(self) -> None:
        """Guards: `Stream.may_go_on`, `Streams.tick`."""
        anna = await self.publisher("anna")
        silent, loud, forger = self.transport(), self.transport(), self.transport()
        await eventually(lambda: len(self.engine._mux.streams) == 3)
        for _ in range(20):
            loud.send_raw(os.urandom(100))
        forger.follow(anna.offer_publish(Source.MICROPHONE))
        for _ in range(20):
            forger.send_raw(forger.binding_request(password="x" * 24))
        await eventually(lambda: loud.is_closed and forger.is_closed)
        self.assertEqual(forger.stun_answers, [])
        self.assertFalse(silent.is_closed)
        self.clock.advance(11)
        await eventually(lambda: silent.is_closed)
        self.assertEqual(self.engine.dropped["tcp_unproven"], 3)
        await self.close(silent, loud, forger)

    async def test_a_frame_longer_than_a_datagram_ends_the_connection(self) -> None:
        """Guard: `whole_frames`: what is never whole would be kept for ever."""
        stranger = self.transport()
        stranger.send_bytes(DATAGRAM_BYTES.to_bytes(2))
        await eventually(lambda: stranger.is_closed)
        self.assertEqual(self.engine.dropped["tcp_oversized"], 1)
        await self.close(stranger)

    async def test_strangers_from_one_place_take_each_others_room_and_nobody_elses(self) -> None:
        """Guard: `Streams.add`: a flood of connections that say nothing."""
        anna, ben = await self.over_tcp()
        honest = self.transport()
        await eventually(lambda: len(self.engine._mux.streams) == 3)
        flood = [self.stranger("127.0.0.2") for _ in range(8)]
        await eventually(lambda: len(self.engine._mux.streams) == 5)
        self.assertFalse(honest.is_closed)
        anna.send_audio(b"still")
        await eventually(lambda: ben.received)
        for sock in flood:
            sock.close()
        await self.close(honest)

    def stranger(self, host: str) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.engine.tcp_port), source_address=(host, 0))

    async def test_who_reads_nothing_costs_no_more_than_so_much_memory_and_then_no_connection(self) -> None:
        """Guards: `Stream.send`, `Streams.tick`."""
        anna, ben = await self.over_tcp()
        assert isinstance(ben.subscribing, StreamTransport)
        link = self.engine._sessions["session"].peers["ben"].subscribe
        assert link is not None and link.ice.destination is not None
        stream = link.ice.destination.stream
        asyncio.get_running_loop().remove_reader(ben.subscribing.socket.fileno())
        for _ in range(20):  # until the kernel, whose buffers are its own business, takes no more
            for _ in range(300):
                stream.send(bytes(1200))
            await anna.publishing.check() if anna.publishing else None
        self.assertLess(stream._transport.get_write_buffer_size(), self.config.max_unsent_tcp_bytes + 2000)
        self.assertGreater(self.engine.dropped["send_full"], 0)
        self.clock.advance(4)
        await anna.publishing.check() if anna.publishing else None
        self.assertIsNotNone(link.ice.destination)
        self.clock.advance(2)
        await eventually(lambda: link.ice.destination is None)
        self.assertEqual(self.engine.dropped["tcp_slow"], 1)
        self.assertEqual(link.state, "connected")  # it may come again by another way

    @interpreted
    async def test_who_sends_without_end_is_read_no_faster(self) -> None:
        """Guard: `_FRAMES_A_TURN`: frames of a byte would hold up everybody."""
        anna, _ = await self.over_tcp()
        assert isinstance(anna.publishing, StreamTransport)
        turns: list[int] = []
        mux, count = self.engine._mux, self.engine._mux.after_frames

        def note() -> None:
            turns.append(link.packets_in)
            count()

        link = self.engine._sessions["session"].peers["anna"].publish
        assert link is not None
        mux.after_frames = note  # type: ignore[method-assign]
        anna.publishing.send_bytes(b"\0\1\x80" * 2_000)
        await eventually(lambda: len(turns) > 8)
        self.assertLessEqual(max(after - before for before, after in pairwise(turns)), 64)

    async def close(self, *transports: ClientTransport) -> None:
        for transport in transports:
            await transport.close()
