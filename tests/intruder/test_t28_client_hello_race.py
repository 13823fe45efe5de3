"""T28: a ClientHello that arrives before the honest one's."""

from __future__ import annotations

import struct

from media_engine import Source
from tests.intruder.engine_case import MICROPHONE, EngineCase, hears
from tests.support.engine_room import settle
from tests.support.rtc_client import Client
from tests.support.rtc_transport import Transport, open_socket


class T28ClientHelloRace(EngineCase):
    async def test_repeating_the_handshake_of_another_does_not_take_their_place(self) -> None:
        """Guard: DTLS only from the validated address. A ClientHello from elsewhere changes nothing."""
        mallory = Transport()
        self.addCleanup(mallory.close)
        assert self.alice.publish is not None
        mallory.server = self.room.address
        mallory.remote = self.alice.publish.remote
        mallory._start_dtls()
        await self.room.talk_until([self.alice], hears(self.bob, "alice"))
        await settle()
        self.assertFalse(mallory.is_connected)
        self.assertEqual(mallory.count["dtls"], 0)

    async def test_a_storm_of_client_hellos_before_the_honest_one_does_not_keep_it_out(self) -> None:
        """Guards: DTLS only from the validated address, and the bounded queue of early datagrams."""
        carol = Client("carol")
        self.room.clients["room", "carol"] = carol
        self.room.grant("carol", MICROPHONE, subscribe=False)
        sdp, mids = carol.offer_publish(MICROPHONE)
        answer = self.room.engine.answer_publish(
            "room", "carol", sdp, {mid: Source(name) for mid, name in mids.items()}
        )
        storm = open_socket()
        self.addCleanup(storm.close)
        hello = bytes((22, 254, 253)) + bytes(8) + struct.pack("!H", 120) + b"\x01" + bytes(119)
        for _ in range(500):
            storm.sendto(hello, self.room.address)
        carol.accept_publish_answer(answer)
        for _ in range(500):
            storm.sendto(hello, self.room.address)
        assert carol.publish is not None
        await carol.publish.connected()
        await self.room.talk_until([carol], hears(self.bob, "carol"))
        with self.assertRaises(BlockingIOError):
            storm.recv(2048)
