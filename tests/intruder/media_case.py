"""People inside who speak and hear, as docs/protocol.md section 4 has them, for tests that count packets."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from tests.intruder.case import HOST, IntruderCase
from tests.support import rtc_client
from tests.support.client import Json, Socket

MICROPHONE = "microphone"
DEADLINE_SECONDS = 20.0
SILENCE_SECONDS = 0.5
UNDER_WAY_SECONDS = 0.05  # datagrams that were sent before, in the kernel's queue


class Member:
    """Somebody inside with a socket and two transports. Answers every offer."""

    def __init__(self, socket: Socket, who: str) -> None:
        self.socket = socket
        self.id = who
        self.media = rtc_client.Client(who)
        self._answered = 0
        self._answering = asyncio.create_task(self._answer_offers())

    async def _answer_offers(self) -> None:
        while True:
            offer = await self.socket.until(self._is_next_offer, seconds=600)
            self._answered = offer["offer"]
            sdp = self.media.answer_subscribe(offer["sdp"])
            await self.socket.send("media.answer", offer=offer["offer"], sdp=sdp)

    def _is_next_offer(self, message: Json) -> bool:
        return message["type"] == "media.offer" and message["offer"] > self._answered

    async def speak(self) -> None:
        """Starts media and publishes the microphone."""
        await self.socket.ask("media.start", fresh=True)
        await self.publish()
        await self.switch(True)

    async def publish(self) -> None:
        sdp, sources = self.media.offer_publish(MICROPHONE)
        answer = await self.socket.ask("media.publish", sdp=sdp, sources=sources)
        self.media.accept_publish_answer(answer["sdp"])
        assert self.media.publish is not None
        await self.media.publish.connected()

    async def switch(self, on: bool) -> None:
        await self.socket.ask("media.state", microphone=on, camera=False)

    def say(self) -> None:
        """Sends a packet of everything that is published, if a transport is there to carry it."""
        if self.media.publish is not None and self.media.publish.is_connected:
            for up in self.media.up.values():
                up.send_something()

    def heard(self, speaker: Member) -> int:
        stream = self.media.down.get((speaker.id, MICROPHONE))
        return stream.packets if stream is not None else 0

    def close(self) -> None:
        self._answering.cancel()
        self.media.close(politely=False)


class MediaCase(IntruderCase):
    """Ingrid hosts, Peter came by his personal link; both speak and hear each other before a test begins."""

    async def asyncSetUp(self) -> None:
        await super().asyncSetUp()
        self.members: list[Member] = []
        self.meeting = await self.portal.schedule(HOST)
        host = await self.host_inside(self.meeting)
        self.ingrid = self.member(host, (await host.message("room"))["you"])
        await self.ingrid.speak()
        self.peters_browser, _ = await self.guest_with_link(self.meeting)
        socket = await self.join(self.peters_browser, self.meeting["code"], "Peter")
        self.peter = self.member(socket, await self.let_in(host, socket))
        await self.peter.speak()
        await self.until(lambda: self.peter.heard(self.ingrid) > 5 and self.ingrid.heard(self.peter) > 5)

    def member(self, socket: Socket, who: str) -> Member:
        member = Member(socket, who)
        self.members.append(member)
        self.addCleanup(member.close)
        return member

    async def until(self, condition: Callable[[], bool]) -> None:
        """All speak every 20 ms until the condition holds."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            while not condition():
                await self.speak_for(0.02)

    async def speak_for(self, seconds: float) -> None:
        """All speak every 20 ms for so long."""
        end = time.monotonic() + seconds
        while True:
            for member in self.members:
                member.say()
            await asyncio.sleep(0.02)
            if time.monotonic() >= end:
                return

    async def assert_silence(self, who: Member, *others: Member) -> None:
        """Everybody goes on speaking; nothing of it reaches `who`, and nothing of `who` reaches the others."""

        def heard() -> list[Any]:
            return [who.media.media_datagrams_received(), *(other.heard(who) for other in others)]

        await asyncio.sleep(UNDER_WAY_SECONDS)
        before = heard()
        await self.speak_for(SILENCE_SECONDS)
        self.assertEqual(heard(), before)
