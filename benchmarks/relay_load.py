"""aiortc clients with real VP8 and Opus towards `benchmarks.relay`, and the relay's cost per packet."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from typing import Any

import av  # noqa: TID251 - clients that encode are what the relay needs
from aiortc import AudioStreamTrack, RTCSessionDescription, VideoStreamTrack
from aiortc import RTCPeerConnection as Connection  # noqa: TID251
from aiortc.contrib.media import MediaBlackhole  # noqa: TID251

from benchmarks import process
from benchmarks.control import Server
from benchmarks.relay import stay_on_loopback

WIDTH, HEIGHT, BLOCK = 640, 360, 8
WARM_UP_SECONDS = 2.0


@dataclass(frozen=True)
class RelayMeasured:
    name: str
    fan_out: int
    seconds: float
    forwarded_per_second: float
    cpu_us_per_packet: float
    cpu_share_of_a_core: float


class MovingTexture(VideoStreamTrack):
    """640x360 at 30 frames a second: a random block texture that slides, so that encoders have work."""

    def __init__(self) -> None:
        super().__init__()
        chance = random.Random(1)
        self._rows = []
        for _ in range(HEIGHT // BLOCK):
            row = b"".join(bytes((chance.randrange(64, 192),)) * BLOCK for _ in range(2 * WIDTH // BLOCK))
            self._rows += [row] * BLOCK
        self._shift = 0

    async def recv(self) -> Any:
        pts, time_base = await self.next_timestamp()
        self._shift = (self._shift + 2) % WIDTH
        frame = av.VideoFrame(WIDTH, HEIGHT, "yuv420p")
        luma, *chroma = frame.planes
        padding = bytes(luma.line_size - WIDTH)
        luma.update(b"".join(row[self._shift : self._shift + WIDTH] + padding for row in self._rows))
        for plane in chroma:
            plane.update(b"\x80" * plane.buffer_size)
        frame.pts, frame.time_base = pts, time_base
        return frame


async def measure_relay(fan_out: int, seconds: float) -> RelayMeasured:
    """One publisher, `fan_out` subscribers; the relay's CPU per media packet it sent."""
    stay_on_loopback()
    async with Server("benchmarks.relay") as server:
        publisher = Connection()
        publisher.addTrack(MovingTexture())
        publisher.addTrack(AudioStreamTrack())
        await _negotiate(publisher, server, "publish")
        subscribers = []
        sinks = []
        for _ in range(fan_out):
            connection, sink = Connection(), MediaBlackhole()
            subscribers.append(connection)
            sinks.append(sink)
            connection.on("track", sink.addTrack)
            connection.addTransceiver("video", direction="recvonly")
            connection.addTransceiver("audio", direction="recvonly")
            await _negotiate(connection, server, "subscribe")
            await sink.start()
        await asyncio.sleep(WARM_UP_SECONDS)
        loop = asyncio.get_running_loop()
        began, cpu, sent = loop.time(), process.cpu_seconds(server.pid), await server.call("packets_sent")
        await asyncio.sleep(seconds)
        spent = process.cpu_seconds(server.pid) - cpu
        forwarded = await server.call("packets_sent") - sent
        took = loop.time() - began
        await server.call("close")
        for sink in sinks:
            await sink.stop()
        for connection in [publisher, *subscribers]:
            await connection.close()
    return RelayMeasured(
        name=f"aiortc relay, fan-out {fan_out}",
        fan_out=fan_out,
        seconds=round(took, 2),
        forwarded_per_second=round(forwarded / took),
        cpu_us_per_packet=round(1e6 * spent / forwarded, 1),
        cpu_share_of_a_core=round(spent / took, 3),
    )


async def _negotiate(connection: Connection, server: Server, command: str) -> None:
    await connection.setLocalDescription(await connection.createOffer())
    answer = await server.call(command, sdp=connection.localDescription.sdp)
    await connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))
