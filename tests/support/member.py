"""A scripted participant inside a meeting of a running portal, with a socket and transports."""

from __future__ import annotations

import asyncio

from tests.support import rtc_client
from tests.support.client import Json, Socket

MICROPHONE = "microphone"


class Member:
    """Somebody inside with a socket and two transports. Answers every offer."""

    def __init__(self, socket: Socket, who: str) -> None:
        self.socket = socket
        self.id = who
        self.media = rtc_client.Client(who)
        self._answered = 0
        self._answering = asyncio.create_task(self._answer_offers())

    @property
    def is_out(self) -> bool:
        """The socket is closed, whoever closed it."""
        return self.socket.close_code is not None

    async def _answer_offers(self) -> None:
        while True:
            offer = await self.socket.until(self._is_next_offer, seconds=600)
            self._answered = offer["offer"]
            sdp = self.media.answer_subscribe(offer["sdp"])
            await self.socket.send("media.answer", offer=offer["offer"], sdp=sdp)

    def _is_next_offer(self, message: Json) -> bool:
        return message["type"] == "media.offer" and message["offer"] > self._answered

    async def speak(self, *sources: str) -> None:
        """Starts media and publishes, the microphone if nothing is named."""
        await self.socket.ask("media.start", fresh=True)
        await self.publish(*sources)
        await self.switch(True, camera="camera" in sources)

    async def publish(self, *sources: str) -> None:
        sdp, mids = self.media.offer_publish(*(sources or (MICROPHONE,)))
        answer = await self.socket.ask("media.publish", sdp=sdp, sources=mids)
        self.media.accept_publish_answer(answer["sdp"])
        assert self.media.publish is not None
        await self.media.publish.connected()

    async def switch(self, on: bool, *, camera: bool = False) -> None:
        await self.socket.ask("media.state", microphone=on, camera=camera)

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
