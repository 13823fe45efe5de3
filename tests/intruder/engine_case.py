"""Somebody who wants media they may not have, at the level of datagrams, against an engine in the test's process.

Alice speaks, Bob may listen, Mallory may not (or not any more). Every test first shows that the honest path works, so
that silence means a guard and not a broken client.
"""

from __future__ import annotations

import socket
import unittest
from collections.abc import Callable

from media_engine import SubscribeOffer
from tests.support.engine_room import EngineRoom, settle
from tests.support.rtc_client import Client

MICROPHONE, CAMERA = "microphone", "camera"


def hears(listener: Client, speaker: str, source: str = MICROPHONE) -> Callable[[], bool]:
    """A condition: another packet of this stream has reached the listener since now."""
    before = heard(listener, speaker, source)
    return lambda: heard(listener, speaker, source) > before


def heard(listener: Client, speaker: str, source: str = MICROPHONE) -> int:
    stream = listener.down.get((speaker, source))
    return stream.packets if stream is not None else 0


def read_now(sock: socket.socket) -> bytes | None:
    """The next datagram that is there already."""
    try:
        return sock.recv(2048)
    except BlockingIOError:
        return None


class EngineCase(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self) -> None:
        self.room = await self.enterAsyncContext(EngineRoom())
        self.alice = await self.room.enter("alice", MICROPHONE, CAMERA, subscribe=False)
        self.bob = await self.room.enter("bob")
        await self.room.talk_until([self.alice], hears(self.bob, "alice"))

    async def all_has_come(self) -> None:
        """Waits until Bob has what Alice has sent: it is one way, in its order. What comes later was sent later."""
        microphone = self.alice.up[MICROPHONE]
        microphone.send_opus()
        last = microphone.packets - 1
        await self.room.talk_until([], lambda: self.bob.down["alice", MICROPHONE].last_stamp == last)

    def offers_to(self, peer: str) -> list[SubscribeOffer]:
        return [e for e in self.room.events if isinstance(e, SubscribeOffer) and e.peer_id == peer]

    async def assert_hears_nothing_from(self, listener: Client, speaker: str, source: str = MICROPHONE) -> None:
        before = heard(listener, speaker, source)
        await settle()
        self.assertEqual(heard(listener, speaker, source), before)
