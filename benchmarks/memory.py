"""Resident memory of the engine per participant who is connected both ways and mostly listens."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from benchmarks.control import Room, Server
from benchmarks.load import PICTURE_DEADLINE_SECONDS
from tests.support.dtls_srtp import Identity
from tests.support.rtc_client import Client

SETTLE_SECONDS = 1.0


@dataclass(frozen=True)
class MemoryMeasured:
    """Megabytes are 2**20 bytes. The slope leaves out what the first participants cost once for all."""

    rss_mb: dict[int, float]
    mb_per_participant: float
    mb_per_participant_slope: float


async def measure_memory(server: Server, steps: tuple[int, ...] = (0, 20, 40)) -> MemoryMeasured:
    """Participants connect in steps; each has a publish and a subscribe transport and hears one speaker."""
    identity = Identity()
    room = Room(server, "memory")
    speaker = Client("speaker", identity=identity)
    rss: dict[int, float] = {}
    inside = 0
    await server.call("grant", session="warm-up", peer="nobody", publish=[], subscribe=False)
    rss[0] = await _rss_mb(server)
    await room.enter(speaker, "microphone", subscribe=False)
    for step in steps[1:]:
        while inside < step:
            await room.enter(Client(f"m{inside}", identity=identity), "microphone", "camera")
            inside += 1
        await _everybody_hears(room, speaker)
        rss[step] = await _rss_mb(server)
    await room.close()
    first, last = steps[1], steps[-1]
    return MemoryMeasured(
        rss_mb={members: round(megabytes, 1) for members, megabytes in rss.items()},
        mb_per_participant=round((rss[last] - rss[0]) / last, 3),
        mb_per_participant_slope=round((rss[last] - rss[first]) / (last - first), 3),
    )


async def _everybody_hears(room: Room, speaker: Client) -> None:
    listeners = [client for client in room.clients.values() if client is not speaker]
    async with asyncio.timeout(PICTURE_DEADLINE_SECONDS):
        while not all(client.packets_received for client in listeners):
            speaker.up["microphone"].send_opus()
            await asyncio.sleep(0.02)
    for _ in range(int(SETTLE_SECONDS / 0.02)):
        speaker.up["microphone"].send_opus()
        await asyncio.sleep(0.02)


async def _rss_mb(server: Server) -> float:
    return float((await server.call("usage"))["rss_bytes"]) / 2**20
