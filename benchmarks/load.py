"""Traffic like a meeting's, at a steady rate, and what became of it.

`Talker` plays one participant's camera and microphone as Chromium was seen to send them (`camera.py`). `Crowd.measure`
counts over a window: CPU of the server's process per packet that arrived, loss by what was sent and what arrived, delay
from the call to `sendto` until the kernel took the packet in for the subscriber.
"""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from benchmarks import process
from benchmarks.camera import OPUS_BYTES, OPUS_PACKETS_PER_SECOND, SMALL, Camera
from benchmarks.sink import EVERY_PACKET, ONE_IN_SIXTEEN, Listener
from tests.support.dtls_srtp import Identity

WARM_UP_SECONDS = 1.5
PICTURE_DEADLINE_SECONDS = 15.0
DRAIN_SECONDS = 0.3
GOLDEN_RATIO = 0.618034


@dataclass(frozen=True)
class Load:
    """Who sends what to whom: `meetings` of the same shape side by side. Whoever publishes also listens."""

    name: str
    publishers: int
    listeners: int
    camera: Camera = SMALL
    meetings: int = 1
    sealed: bool = False
    """End-to-end encrypted: the server looks whether streams are sealed."""

    @property
    def fan_out(self) -> int:
        return self.publishers - 1 + self.listeners

    @property
    def offered_per_second(self) -> float:
        """Packets that subscribers of one meeting should get each second."""
        return self.publishers * self.fan_out * self.camera.packets_per_second


class Room(Protocol):
    """One session on the server under test."""

    async def enter(self, client: Listener, *sources: str, subscribe: bool) -> object:
        """The client's publishing transport is connected when this returns."""

    async def seal(self) -> None:
        """Expect nothing but sealed streams."""

    async def settle(self) -> None:
        """Everybody has entered: let those who subscribe receive everybody else."""

    async def close(self) -> None:
        """End the session and the clients' transports."""


class MediaServer(Protocol):
    """A server under test, in a process of its own."""

    pid: int
    address: str
    """Of this host, where its clients' sockets are bound."""

    def room(self, name: str) -> Room:
        """A session that nobody has entered yet."""


@dataclass(frozen=True)
class Measured:
    name: str
    fan_out: int
    meetings: int
    seconds: float
    offered_per_second: int
    forwarded_per_second: int
    cpu_us_per_packet: float
    cpu_us_per_packet_handled: float
    cpu_share_of_a_core: float
    loss_ratio: float
    delay_ms_p50: float
    delay_ms_p95: float
    delay_ms_p99: float
    rss_mb: float
    generator_core_share: float


class Talker:
    """Keeps one client's streams going until stopped. `phase` (0..1) spreads pictures over the picture time."""

    def __init__(self, client: Listener, camera: Camera, phase: float) -> None:
        self.client = client
        self.loop = asyncio.get_running_loop()
        self.stopped = False
        self._rate = camera.pictures_per_second
        self._sizes = camera.sizes()
        begin = self.loop.time() + phase / self._rate
        if "camera" in client.up:
            self._arm(begin, 1 / self._rate, self._picture)
        if "microphone" in client.up:
            self._arm(begin + 0.004, 1 / OPUS_PACKETS_PER_SECOND, self._opus)

    def _arm(self, when: float, interval: float, send: Callable[[], None]) -> None:
        def tick(due: float) -> None:
            if self.stopped:
                return
            send()
            # A late tick catches up rather than slowing the rate down, but not by more than a burst.
            following = max(due + interval, self.loop.time() - 5 * interval)
            self.loop.call_at(following, tick, following)

        self.loop.call_at(when, tick, when)

    def _picture(self) -> None:
        self.client.up["camera"].send_frame_of(next(self._sizes), self._rate)

    def _opus(self) -> None:
        self.client.up["microphone"].send_opus(OPUS_BYTES)


class Crowd:
    """Meetings of one shape on one server, connected and talking. Use as an async context manager."""

    identity: Identity | None = None

    def __init__(self, server: MediaServer, load: Load, tag: str = "") -> None:
        self.server = server
        self.load = load
        self.tag = tag
        self.rooms: list[Room] = []
        self.clients: list[Listener] = []
        self.talkers: list[Talker] = []

    async def __aenter__(self) -> Crowd:
        self._reporting = asyncio.create_task(self._report())
        await self.grow(self.load.meetings)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.stop()
        self._reporting.cancel()
        for room in self.rooms:
            await room.close()

    async def grow(self, meetings: int) -> None:
        """Open meetings until there are so many. Raises TimeoutError when somebody never gets a stream."""
        while len(self.rooms) < meetings:
            await self._open()

    async def _open(self) -> None:
        # One certificate for all: making one takes longer than a handshake and is not what we measure.
        identity = Crowd.identity = Crowd.identity or Identity()
        load = self.load
        room = self.server.room(f"{load.name}-{self.tag}-{len(self.rooms)}".replace(" ", "-"))
        self.rooms.append(room)
        if load.sealed:
            await room.seal()
        inside = []
        for number in range(load.publishers + load.listeners):
            talks = number < load.publishers
            client = Listener(f"p{number}", identity=identity, address=self.server.address)
            inside.append(client)
            sources = ("microphone", "camera") if talks else ()
            await room.enter(client, *sources, subscribe=load.publishers > 1 or not talks)
        await room.settle()
        for client in inside:
            for up in client.up.values():
                up.sealed = load.sealed
            if client.up:
                self.talkers.append(Talker(client, load.camera, len(self.talkers) * GOLDEN_RATIO % 1))
        self.clients += inside
        await self._everybody_sees_everybody(inside)
        for client in inside:
            client.sample(ONE_IN_SIXTEEN)

    async def _everybody_sees_everybody(self, inside: Sequence[Listener]) -> None:
        expected = 2 * self.load.publishers * self.load.fan_out
        for client in inside:
            client.sample(EVERY_PACKET)
        async with asyncio.timeout(PICTURE_DEADLINE_SECONDS):
            while sum(stream.packets > 0 for c in inside for stream in c.down.values()) < expected:  # noqa: ASYNC110
                await asyncio.sleep(0.05)

    def stop(self) -> None:
        """Nobody talks any more."""
        for talker in self.talkers:
            talker.stopped = True

    def _sent(self) -> int:
        return self.load.fan_out * sum(up.packets for client in self.clients for up in client.up.values())

    def _arrived(self) -> int:
        return sum(client.packets_received for client in self.clients)

    async def _report(self) -> None:
        while True:
            await asyncio.sleep(1)
            for client in self.clients:
                client.send_receiver_reports()
                for up in client.up.values():
                    up.report()

    async def measure(self, seconds: float) -> Measured:
        """What `seconds` cost, after a warm-up."""
        await asyncio.sleep(WARM_UP_SECONDS)
        loop, pid = asyncio.get_running_loop(), self.server.pid
        for client in self.clients:
            client.latencies_ns = []
        sent, arrived = self._sent(), self._arrived()
        own, began, cpu = _own_cpu_seconds(), loop.time(), process.cpu_seconds(pid)
        await asyncio.sleep(seconds)
        spent, took, own = process.cpu_seconds(pid) - cpu, loop.time() - began, _own_cpu_seconds() - own
        offered, forwarded = self._sent() - sent, self._arrived() - arrived
        # What was under way at the end has not been lost; what arrives after this pause was late beyond any use.
        await asyncio.sleep(DRAIN_SECONDS)
        lost = 1 - (self._arrived() - arrived) / max(1, self._sent() - sent)
        delays = sorted(ns for client in self.clients for ns in client.latencies_ns or ())
        handled = forwarded + offered / self.load.fan_out
        return Measured(
            name=self.load.name,
            fan_out=self.load.fan_out,
            meetings=len(self.rooms),
            seconds=round(took, 2),
            offered_per_second=round(offered / took),
            forwarded_per_second=round(forwarded / took),
            cpu_us_per_packet=round(1e6 * spent / max(1, forwarded), 2),
            cpu_us_per_packet_handled=round(1e6 * spent / max(1, handled), 2),
            cpu_share_of_a_core=round(spent / took, 3),
            loss_ratio=round(max(0.0, lost), 5),
            delay_ms_p50=percentile_ms(delays, 0.50),
            delay_ms_p95=percentile_ms(delays, 0.95),
            delay_ms_p99=percentile_ms(delays, 0.99),
            rss_mb=round(process.resident_bytes(pid) / 2**20, 1),
            generator_core_share=round(own / took, 3),
        )


async def measure(server: MediaServer, load: Load, seconds: float, tag: str = "") -> Measured:
    """Runs `load` for `seconds` after a warm-up."""
    async with Crowd(server, load, tag) as crowd:
        return await crowd.measure(seconds)


def percentile_ms(ordered_ns: Sequence[int], share: float) -> float:
    if not ordered_ns:
        return float("nan")
    return round(percentile(ordered_ns, share) / 1e6, 3)


def percentile(ordered: Sequence[float], share: float) -> float:
    """The value below which `share` (0 to 1) of the sorted values lie. There must be one."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _own_cpu_seconds() -> float:
    spent = resource.getrusage(resource.RUSAGE_SELF)
    return spent.ru_utime + spent.ru_stime
