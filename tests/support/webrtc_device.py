"""A WHIP and WHEP client made of libwebrtc (the package `wrtc`), as encoders are: HTTP with a bearer token, no cookie.

Written from RFC 9725 and docs/whip-whep.md alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import time
from typing import Any

from tests.support.client import Answer, Client

try:
    import webrtc
except ImportError:  # pragma: no cover - development machines have it
    webrtc = None

WIDTH, HEIGHT, FRAMES_PER_SECOND = 160, 90, 20


class WebRtcDevice:
    """One device. `client` is where it comes from; nothing of its cookies is used."""

    def __init__(self, client: Client, token: str) -> None:
        self.client, self.token = client, token
        self.connection = webrtc.RTCPeerConnection()
        self.location = ""
        self.etag = ""
        self._pump: asyncio.Task[None] | None = None

    async def send(self, path: str) -> Answer:
        """Offers a microphone and a camera that make noise; they run until `close`."""
        sound, picture = webrtc.MediaStreamTrackGenerator("audio"), webrtc.VideoTrackGenerator()
        for track in (sound, picture.track):
            self.connection.add_transceiver(track, webrtc.RTCRtpTransceiverInit(direction="sendonly"))
        self._pump = asyncio.create_task(_make_noise(sound, picture))
        return await self._negotiate(path)

    async def watch(self, path: str) -> Answer:
        """Offers to receive one sound and one picture."""
        for kind in ("audio", "video"):
            self.connection.add_transceiver(kind, webrtc.RTCRtpTransceiverInit(direction="recvonly"))
        return await self._negotiate(path)

    async def _negotiate(self, path: str) -> Answer:
        await self.connection.set_local_description(await self.connection.create_offer())
        offer = self.connection.local_description.sdp.encode()
        answer = await self.request("POST", path, offer, {"Content-Type": "application/sdp"})
        if answer.status == 201:
            headers = {name.lower(): value for name, value in answer.headers.items()}
            self.etag, self.location = headers["etag"], headers["location"].partition(self.client.base)[2]
            description = webrtc.RTCSessionDescriptionInit(type="answer", sdp=answer.body.decode())
            await self.connection.set_remote_description(description)
        return answer

    async def request(self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None) -> Answer:
        return await self.client.request(
            method, path, body, {"Authorization": f"Bearer {self.token}", **(headers or {})}
        )

    async def stats(self, kind: str) -> list[dict[str, Any]]:
        found = []
        for entry in (await self.connection.get_stats()).values():
            if entry.type == kind:
                data = entry.to_json()
                found.append(json.loads(data) if isinstance(data, str) else data)
        return found

    async def close(self) -> None:
        if self._pump is not None:
            self._pump.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._pump
        self.connection.close()


async def _make_noise(sound: Any, picture: Any) -> None:
    pictures, sounds = picture.writable.get_writer(), sound.writable.get_writer()
    start, number = time.monotonic(), 0
    while True:
        stamp = int((time.monotonic() - start) * 1e6)
        shape = webrtc.VideoFrameBufferInit(format="I420", coded_width=WIDTH, coded_height=HEIGHT, timestamp=stamp)
        await pictures.write(webrtc.VideoFrame(os.urandom(WIDTH * HEIGHT * 3 // 2), shape))
        for part in range(100 // FRAMES_PER_SECOND):
            init = webrtc.AudioDataInit(
                format="s16",
                sample_rate=48000,
                number_of_frames=480,
                number_of_channels=1,
                timestamp=stamp + part * 10000,
                data=os.urandom(960),
            )
            await sounds.write(webrtc.AudioData(init))
        number += 1
        await asyncio.sleep(max(0.0, start + number / FRAMES_PER_SECOND - time.monotonic()))
