"""Traffic like a meeting's, at a steady rate, and what became of it.

`Talker` plays one participant's camera and microphone: 30 frames a second, each frame's packets back
to back as a browser's pacer lets them go, and an Opus packet every 20 ms. `measure` counts over a
window: CPU of the server's process per packet that arrived, loss by the stamps in the payloads, delay
from the call to `sendto` until the kernel took the packet in for the subscriber.
"""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.control import Room, Server
from tests.support.dtls_srtp import Identity
from tests.support.rtc_client import Client, DownStream

FRAMES_PER_SECOND = 30
OPUS_PACKETS_PER_SECOND = 50
OPUS_BYTES = 100
VIDEO_PACKET_BYTES = 1100
WARM_UP_SECONDS = 1.5
PICTURE_DEADLINE_SECONDS = 10.0
DRAIN_SECONDS = 0.3


@dataclass(frozen=True)
class Load:
    """Who sends what to whom: `sessions` meetings of the same shape side by side."""

    name: str
    sessions: int
    publishers: int
    listeners: int
    packets_per_frame: int

    @property
    def fan_out(self) -> int:
        return self.publishers - 1 + self.listeners

    @property
    def offered_per_second(self) -> int:
        """Packets that subscribers should get each second."""
        up = FRAMES_PER_SECOND * self.packets_per_frame + OPUS_PACKETS_PER_SECOND
        return self.sessions * self.publishers * self.fan_out * up


@dataclass(frozen=True)
class Measured:
    name: str
    fan_out: int
    seconds: float
    offered_per_second: int
    forwarded_per_second: float
    cpu_us_per_packet: float
    cpu_share_of_a_core: float
    loss_ratio: float
    delay_ms_p50: float
    delay_ms_p95: float
    delay_ms_p99: float
    retransmitted: int
    rss_mb: float
    generator_core_share: float


class Talker:
    """Keeps one client's streams going until stopped. `phase` (0..1) spreads frames over the frame time."""

    def __init__(self, client: Client, packets_per_frame: int, phase: float) -> None:
        self.client = client
        self.packets_per_frame = packets_per_frame
        self.loop = asyncio.get_running_loop()
        self.stopped = False
        begin = self.loop.time() + phase / FRAMES_PER_SECOND
        if "camera" in client.up:
            self._arm(begin, 1 / FRAMES_PER_SECOND, self._frame)
        if "microphone" in client.up:
            self._arm(begin + 0.004, 1 / OPUS_PACKETS_PER_SECOND, self._opus)

    def _arm(self, when: float, interval: float, send: object) -> None:
        def tick(due: float) -> None:
            if self.stopped:
                return
            send()  # type: ignore[operator]
            # A late tick catches up rather than slowing the rate down, but not by more than a burst.
            following = max(due + interval, self.loop.time() - 5 * interval)
            self.loop.call_at(following, tick, following)

        self.loop.call_at(when, tick, when)

    def _frame(self) -> None:
        self.client.up["camera"].send_frame(self.packets_per_frame, VIDEO_PACKET_BYTES, FRAMES_PER_SECOND)

    def _opus(self) -> None:
        self.client.up["microphone"].send_opus(OPUS_BYTES)


class Meeting:
    """The sessions of one load, connected and talking. Use as an async context manager."""

    identity: Identity | None = None

    def __init__(self, server: Server, load: Load, tag: str = "") -> None:
        self.server = server
        self.load = load
        self.rooms = [Room(server, f"{load.name}-{tag}-{number}") for number in range(load.sessions)]
        self.talkers: list[Talker] = []

    @property
    def clients(self) -> list[Client]:
        return [client for room in self.rooms for client in room.clients.values()]

    async def __aenter__(self) -> Meeting:
        # One certificate for all: making one takes longer than a handshake and is not what we measure.
        identity = Meeting.identity = Meeting.identity or Identity()
        for room in self.rooms:
            for number in range(self.load.publishers):
                await room.enter(
                    Client(f"p{number}", identity=identity), "microphone", "camera", subscribe=self.load.publishers > 1
                )
            for number in range(self.load.listeners):
                await room.enter(Client(f"l{number}", identity=identity))
        senders = [client for client in self.clients if client.up]
        for index, client in enumerate(senders):
            self.talkers.append(Talker(client, self.load.packets_per_frame, index / len(senders)))
        self._reporting = asyncio.create_task(self._report())
        await self._everybody_sees_everybody()
        return self

    async def __aexit__(self, *_: object) -> None:
        for talker in self.talkers:
            talker.stopped = True
        self._reporting.cancel()
        for room in self.rooms:
            await room.close()

    async def _everybody_sees_everybody(self) -> None:
        expected = 2 * self.load.sessions * self.load.publishers * self.load.fan_out
        async with asyncio.timeout(PICTURE_DEADLINE_SECONDS):
            while sum(stream.packets > 0 for stream in self.streams()) < expected:  # noqa: ASYNC110
                await asyncio.sleep(0.05)

    def streams(self) -> Sequence[DownStream]:
        return [stream for client in self.clients for stream in client.down.values()]

    async def _report(self) -> None:
        while True:
            await asyncio.sleep(1)
            for client in self.clients:
                client.send_receiver_reports()
                for up in client.up.values():
                    up.report()


async def measure(server: Server, load: Load, seconds: float, tag: str = "") -> Measured:
    """Runs `load` for `seconds` after a warm-up. Raises TimeoutError when somebody never gets a stream."""
    async with Meeting(server, load, tag) as meeting:
        await asyncio.sleep(WARM_UP_SECONDS)
        for stream in meeting.streams():
            stream.packets, stream.first_stamp, stream.last_stamp = 0, -1, -1
        for client in meeting.clients:
            client.latencies_ns = []
        own = _own_cpu_seconds()
        began, cpu = asyncio.get_running_loop().time(), await server.cpu_seconds()
        await asyncio.sleep(seconds)
        spent = await server.cpu_seconds() - cpu
        took = asyncio.get_running_loop().time() - began
        forwarded = sum(stream.packets for stream in meeting.streams())
        own = _own_cpu_seconds() - own
        for talker in meeting.talkers:
            talker.stopped = True
        await asyncio.sleep(DRAIN_SECONDS)
        usage = await server.call("usage")
        return _summary(
            load,
            meeting=meeting,
            took=took,
            spent=spent,
            forwarded=forwarded,
            rss_bytes=usage["rss_bytes"],
            own_share=own / took,
        )


def _summary(
    load: Load, *, meeting: Meeting, took: float, spent: float, forwarded: int, rss_bytes: float, own_share: float
) -> Measured:
    arrived = sum(stream.packets for stream in meeting.streams())
    expected = sum(stream.last_stamp - stream.first_stamp + 1 for stream in meeting.streams())
    delays = sorted(ns for client in meeting.clients for ns in client.latencies_ns or ())
    again = sum(c.subscribe.count["rtp_of_no_stream"] for c in meeting.clients if c.subscribe is not None)
    return Measured(
        name=load.name,
        fan_out=load.fan_out,
        seconds=round(took, 2),
        offered_per_second=load.offered_per_second,
        forwarded_per_second=round(forwarded / took),
        cpu_us_per_packet=round(1e6 * spent / forwarded, 2),
        cpu_share_of_a_core=round(spent / took, 3),
        loss_ratio=round(max(0.0, 1 - arrived / expected), 5),
        delay_ms_p50=percentile_ms(delays, 0.50),
        delay_ms_p95=percentile_ms(delays, 0.95),
        delay_ms_p99=percentile_ms(delays, 0.99),
        retransmitted=again,
        rss_mb=round(rss_bytes / 2**20, 1),
        generator_core_share=round(own_share, 3),
    )


def percentile_ms(ordered_ns: Sequence[int], share: float) -> float:
    if not ordered_ns:
        return float("nan")
    return round(ordered_ns[min(len(ordered_ns) - 1, int(share * len(ordered_ns)))] / 1e6, 3)


def _own_cpu_seconds() -> float:
    spent = resource.getrusage(resource.RUSAGE_SELF)
    return spent.ru_utime + spent.ru_stime
