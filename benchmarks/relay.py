"""aiortc's own relay, for comparison: RTCPeerConnection and MediaRelay, which decode and re-encode.

This is what a media server on aiortc's high-level classes does with every stream and subscriber. It
forwards from the one publisher to every subscriber. Run as `python -m benchmarks.relay`.
"""

from __future__ import annotations

from typing import Any

import aioice.ice
from aiortc import RTCPeerConnection, RTCSessionDescription  # noqa: TID251 - the very thing that is measured
from aiortc.contrib.media import MediaRelay  # noqa: TID251

from benchmarks import channel


def stay_on_loopback() -> None:
    """aioice leaves 127.0.0.1 out; a benchmark talks to nothing else."""
    aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: ["127.0.0.1"]


class Commands(channel.Usage):
    def __init__(self) -> None:
        self.relay = MediaRelay()
        self.tracks: list[Any] = []
        self.publisher: RTCPeerConnection | None = None
        self.subscribers: list[RTCPeerConnection] = []

    async def publish(self, sdp: str) -> str:
        connection = self.publisher = RTCPeerConnection()
        connection.on("track", self.tracks.append)
        return await _answer(connection, sdp)

    async def subscribe(self, sdp: str) -> str:
        connection = RTCPeerConnection()
        self.subscribers.append(connection)
        await connection.setRemoteDescription(RTCSessionDescription(sdp, "offer"))
        for track in self.tracks:
            connection.addTrack(self.relay.subscribe(track))
        await connection.setLocalDescription(await connection.createAnswer())
        return connection.localDescription.sdp

    async def packets_sent(self) -> int:
        """Media packets sent to all subscribers so far."""
        total = 0
        for connection in self.subscribers:
            report = await connection.getStats()
            total += sum(entry.packetsSent for entry in report.values() if entry.type == "outbound-rtp")
        return total

    async def close(self) -> None:
        for connection in [self.publisher, *self.subscribers]:
            if connection is not None:
                await connection.close()


async def _answer(connection: RTCPeerConnection, sdp: str) -> str:
    await connection.setRemoteDescription(RTCSessionDescription(sdp, "offer"))
    await connection.setLocalDescription(await connection.createAnswer())
    return connection.localDescription.sdp


async def main() -> None:
    stay_on_loopback()
    await channel.serve(Commands(), lambda error: None)


if __name__ == "__main__":
    channel.run(main)
