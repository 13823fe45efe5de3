"""T29: floods of datagrams, malformed and well-formed, from strangers and from a member, while two others talk.

The engine runs in a process of its own, so that the flood costs it and not the victims' own code. Each
flood is a number of bursts at a bounded rate. The victims lose nothing, the process answers, its memory and
its log stay bounded.
"""

from __future__ import annotations

import asyncio
import socket
import tempfile
import time
import unittest
from collections.abc import Callable, Iterator

from benchmarks.control import Room, Server
from media_engine.tests.client import eventually
from portal.tests.process import free_port
from tests.intruder.engine_case import MICROPHONE, EngineCase, heard, hears
from tests.support import wire
from tests.support.engine_room import DEADLINE_SECONDS, settle
from tests.support.hostile import malformed_datagrams, malformed_rtcp, malformed_rtp
from tests.support.rtc_client import Client
from tests.support.rtc_transport import open_socket

BURSTS = 160  # counted, not timed: on a busy machine the flood lasts longer and is the same flood
DATAGRAMS_PER_BURST = 40
BURST_INTERVAL_SECONDS = 0.01
MOST_UNDER_WAY = 30  # packets; where more are, what is next in the flood waits for a server that gets no turn
LARGEST_LOSS = 0.01
LARGEST_GROWTH_MB = 24.0
LARGEST_LOG_BYTES = 16 * 1024

Send = Callable[[bytes], None]


class T29Floods(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self) -> None:
        self.port = free_port(socket.SOCK_DGRAM)
        self.log = self.enterContext(tempfile.TemporaryFile())
        self.server = await self.enterAsyncContext(Server("benchmarks.server", str(self.port), log=self.log))
        self.room = Room(self.server, "room")
        self.alice = await self.room.enter(Client("alice"), "microphone", "camera", subscribe=False)
        self.bob = await self.room.enter(Client("bob"))
        self.addCleanup(self._close_clients)
        await self._talk_until(lambda: len(self.bob.down) == 2 and all(s.packets for s in self.bob.down.values()))

    def _close_clients(self) -> None:
        for client in self.room.clients.values():
            client.close(politely=False)

    async def _talk_until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(DEADLINE_SECONDS):
            while not condition():
                self._talk()
                await asyncio.sleep(0.02)

    def _talk(self) -> None:
        self.alice.up["microphone"].send_opus()
        self.alice.up["camera"].send_frame(2)

    def _sent(self, source: str) -> int:
        return self.alice.up[source].packets

    async def _megabytes(self) -> float:
        return float((await self.server.call("usage"))["rss_bytes"]) / 2**20

    async def assert_victims_feel_nothing(self, flood: Iterator[bytes], send: Send) -> None:
        victims = [stream for stream in self.bob.down.values() if stream.publisher == "alice"]
        for stream in victims:
            stream.packets = 0
        sent_before = {source: up.packets for source, up in self.alice.up.items()}
        before = await self._megabytes()

        def missing() -> dict[str, int]:
            return {one.source: self._sent(one.source) - sent_before[one.source] - one.packets for one in victims}

        for turn in range(BURSTS):
            for _ in range(DATAGRAMS_PER_BURST):
                send(next(flood))
            if turn % 2 == 0:
                self._talk()
            await asyncio.sleep(BURST_INTERVAL_SECONDS)
            await eventually(lambda: sum(missing().values()) <= MOST_UNDER_WAY, "what the victims send is lost")
        most = {one.source: LARGEST_LOSS * (self._sent(one.source) - sent_before[one.source]) for one in victims}
        await eventually(lambda: all(count <= most[one] for one, count in missing().items()), f"{victims} of {most}")
        self.assertLess(await self._megabytes() - before, LARGEST_GROWTH_MB)
        self.log.seek(0)
        written = self.log.read()
        self.assertLess(len(written), LARGEST_LOG_BYTES, written[-2000:])
        self.assertNotIn(b"Traceback", written)

    def _few_key_frame_requests(self) -> Callable[[], int]:
        """Fails when called after more of them than one receiver may have made; returns how many there were."""
        before, begun = self.alice.up["camera"].key_frame_requests, time.monotonic()

        def count() -> int:
            asked = self.alice.up["camera"].key_frame_requests - before
            self.assertLess(asked, 10 + (time.monotonic() - begun) / 3)
            return asked

        return count

    async def test_a_stranger_who_sends_nonsense_disturbs_nobody(self) -> None:
        """Guards: the mux's dispatch by first byte and address; `stun` decoding."""
        stranger = open_socket()
        self.addCleanup(stranger.close)
        address = ("127.0.0.1", self.port)

        def send(datagram: bytes) -> None:
            try:
                stranger.sendto(datagram, address)
            except BlockingIOError:
                return

        await self.assert_victims_feel_nothing(malformed_datagrams(1), send)

    async def test_a_member_whose_plain_datagrams_are_nonsense_disturbs_nobody(self) -> None:
        """Guards: the bounded DTLS queue; SRTP that does not authenticate is dropped."""
        mallory = await self.room.enter(Client("mallory"), "microphone", subscribe=False)
        assert mallory.publish is not None
        await self.assert_victims_feel_nothing(malformed_datagrams(2), mallory.publish.send_datagram)

    async def test_a_member_who_sends_malformed_rtp_disturbs_nobody(self) -> None:
        """Guards: `rtp` decoding; the cap on SSRCs per peer."""
        mallory = await self.room.enter(Client("mallory"), "microphone", "camera", subscribe=False)
        assert mallory.publish is not None
        await self.assert_victims_feel_nothing(malformed_rtp(3), mallory.publish.send_rtp)

    async def test_a_member_who_sends_malformed_rtcp_disturbs_nobody(self) -> None:
        """Guards: `rtcp` decoding; coalesced key-frame requests; the cap on retransmissions."""
        mallory = await self.room.enter(Client("mallory"))
        await self._talk_until(lambda: mallory.packets_received > 0)
        assert mallory.subscribe is not None
        few = self._few_key_frame_requests()
        await self.assert_victims_feel_nothing(malformed_rtcp(4), mallory.subscribe.send_rtcp)
        few()

    async def test_endless_key_frame_requests_reach_the_speaker_as_few(self) -> None:
        """Guard: key-frame requests are coalesced per track."""
        camera = self.bob.down["alice", "camera"]
        assert self.bob.subscribe is not None
        request = wire.receiver_report(1) + wire.picture_loss_indication(1, camera.ssrc)
        few = self._few_key_frame_requests()

        def endless() -> Iterator[bytes]:
            while True:
                yield request

        await self.assert_victims_feel_nothing(endless(), self.bob.subscribe.send_rtcp)
        self.assertGreaterEqual(few(), 1)

    async def test_a_member_who_reads_nothing_disturbs_nobody(self) -> None:
        """Guard: a send that would block is counted and dropped, never waited for."""
        mallory = await self.room.enter(Client("mallory"))
        await self._talk_until(lambda: mallory.packets_received > 0)
        assert mallory.subscribe is not None
        mallory.subscribe.stop_reading()
        request = wire.receiver_report(1) + wire.nack(1, mallory.down["alice", "camera"].ssrc, range(65000, 65500))

        def endless() -> Iterator[bytes]:
            while True:
                yield request

        await self.assert_victims_feel_nothing(endless(), mallory.subscribe.send_rtcp)


class T29WrongSource(EngineCase):
    async def test_media_from_an_address_that_never_connected_goes_nowhere_and_is_not_answered(self) -> None:
        """Guard: the lookup of the sender's address in the mux."""
        stranger = open_socket()
        self.addCleanup(stranger.close)
        rtp = wire.encode_rtp(payload_type=111, sequence=1, timestamp=1, ssrc=7, payload=b"x" * 100)
        await self.all_has_come()
        before = self.bob.media_datagrams_received()
        for _ in range(200):
            stranger.sendto(rtp, self.room.address)
            stranger.sendto(wire.receiver_report(7), self.room.address)
        await settle()
        self.assertEqual(self.bob.media_datagrams_received(), before)
        with self.assertRaises(BlockingIOError):
            stranger.recv(2048)

    async def test_genuine_media_sent_from_another_address_is_dropped(self) -> None:
        """Guard: SRTP only from the validated address (the mux's address table)."""
        assert self.alice.publish is not None
        up = self.alice.up[MICROPHONE]
        thief = open_socket()
        self.addCleanup(thief.close)
        await self.all_has_come()
        before = heard(self.bob, "alice")
        for _ in range(10):
            stolen = self.alice.publish.protect_rtp(up.packet(b"stolen" * 10))
            up.sequence += 1
            self.alice.publish.send_datagram(stolen, sender=thief)
        await settle()
        self.assertEqual(heard(self.bob, "alice"), before)
        await self.room.talk_until([self.alice], hears(self.bob, "alice"))

    async def test_a_replayed_packet_is_forwarded_once(self) -> None:
        """Guards: libsrtp's replay window and the receive log's dedupe."""
        assert self.alice.publish is not None
        up = self.alice.up[MICROPHONE]
        await self.all_has_come()
        before = heard(self.bob, "alice")
        once = self.alice.publish.protect_rtp(up.packet(b"once" * 10))
        up.sequence += 1
        for _ in range(10):
            self.alice.publish.send_datagram(once)
        await self.room.talk_until([], lambda: heard(self.bob, "alice") > before)
        await settle()
        self.assertEqual(heard(self.bob, "alice"), before + 1)
