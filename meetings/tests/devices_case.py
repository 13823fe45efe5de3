"""Devices in tests: requests as WHIP and WHEP clients send them, with transports that shake hands and carry packets."""

from __future__ import annotations

from typing import Any

from asgiref.sync import sync_to_async

from media_engine import Source
from media_engine.tests.client import Client, ClientTransport, in_codec, publish_offer
from meetings.devices import services
from meetings.live import Live
from meetings.models import Occurrence, Participant
from meetings.tests.live_case import Browser, LiveCase, Talk
from meetings.views import whip

SDP = "application/sdp"
FRAGMENT = "application/trickle-ice-sdpfrag"


def section(kind: str, mid: str, *lines: str, formats: str) -> str:
    head = f"m={kind} 9 UDP/TLS/RTP/SAVPF {formats}\r\nc=IN IP4 0.0.0.0\r\na=mid:{mid}\r\na=rtcp-mux\r\n"
    return head + "".join(f"{line}\r\n" for line in lines)


def offer_of(*sections: str) -> str:
    """An offer that nobody stands behind: for what is refused before a packet flows."""
    mids = [line[6:] for text in sections for line in text.split("\r\n") if line.startswith("a=mid:")]
    return (
        f"v=0\r\no=- 5 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE {' '.join(mids)}\r\n"
        f"a=ice-ufrag:abcd\r\na=ice-pwd:{'p' * 24}\r\na=fingerprint:sha-256 {':'.join(['AB'] * 32)}\r\n"
        f"a=setup:actpass\r\n{''.join(sections)}"
    )


OPUS = section("audio", "0", "a=sendonly", "a=rtpmap:111 opus/48000/2", formats="111")
VP8 = section("video", "1", "a=sendonly", "a=rtpmap:96 VP8/90000", formats="96")
OFFER = offer_of(OPUS, VP8)


class DeviceCase(LiveCase):
    """A meeting that anybody's device may come to once a host is inside."""

    def setUp(self) -> None:
        super().setUp()
        whip.limits = whip.Limits()
        self.address = f"/whip/{self.occurrence.meeting_id}"
        self.watching = f"/whep/{self.occurrence.meeting_id}"

    @sync_to_async
    def token(self, name: str = "Board room 3", *, publish: bool = True, watch: bool = False, **more: Any) -> str:
        occurrence: Occurrence = more.get("occurrence", self.occurrence)
        screen = more.get("screen", False)
        made = services.make(self.host, occurrence, name, may_publish=publish, may_watch=watch, is_screen=screen)
        self.device = made.device
        return made.token

    async def ask(self, method: str, path: str, token: str | None, body: str | bytes = "", **more: Any) -> Any:
        """One request; `headers` and `content_type` as they are wanted."""
        headers = dict(more.pop("headers", {}))
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        browser = Browser(None, network=more.pop("network", "127.0.0.1"))  # type: ignore[arg-type]
        content_type = more.pop("content_type", SDP)
        return await browser.http.generic(method, path, body, content_type=content_type, headers=headers)

    async def post(self, token: str | None, offer: str | bytes = OFFER, **more: Any) -> Any:
        return await self.ask("POST", more.pop("path", self.address), token, offer, **more)

    async def seat(self) -> Participant:
        return await Participant.objects.aget(room_device=self.device)


class Encoder:
    """A device whose transport is there: it sends sound and picture once its offer is answered."""

    def __init__(self, case: DeviceCase, live: Live, token: str) -> None:
        self.case, self.token = case, token
        self.sender = Client(live.engine, "", "")
        self.transport = self.sender.publishing = ClientTransport(live.engine.port)
        self.answer: Any = None
        self.codec = "vp8"

    async def start(self) -> Any:
        sources = {"0": Source.MICROPHONE, "1": Source.CAMERA}
        offer = in_codec(publish_offer(self.transport, sources, 77), self.codec)
        self.answer = await self.case.post(self.token, offer)
        if self.answer.status_code == 201:
            self.transport.follow(self.answer.content.decode())
            await self.transport.connect()
        return self.answer

    @property
    def location(self) -> str:
        return str(self.answer["Location"]).replace("http://testserver", "")

    async def restart(self, etag: str = "*") -> Any:
        self.transport.ice.restart()
        ice = self.transport.ice
        body = f"a=ice-ufrag:{ice.ufrag}\r\na=ice-pwd:{ice.password}\r\n"
        headers = {"If-Match": etag}
        return await self.case.ask("PATCH", self.location, self.token, body, headers=headers, content_type=FRAGMENT)

    async def close(self) -> None:
        await self.transport.close()


async def person_told(talk: Talk, name: str) -> Any:
    """The next `person` message about somebody of this name."""
    while True:
        message = await talk.message("person")
        if message["person"]["name"] == name:
            return message["person"]
