"""A meeting of eight beside somebody who means no good: what each way of attacking costs those who only talk.

`python -m benchmarks.hostile [WORD …]`. The engine is alone in its process, on one core; generator and attacker share
the other. Every way of attacking sends `PER_SECOND` datagrams a second for as long as the measuring lasts.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import repeat

from benchmarks import channel, process
from benchmarks.control import Server
from benchmarks.load import Crowd, Load, Measured
from benchmarks.run import MEETING_OF_8, PORT
from tests.support import wire
from tests.support.hostile import (
    changing_ssrcs,
    jumping_rtp,
    malformed_datagrams,
    malformed_rtcp,
    malformed_rtp,
    unproven_checks,
)
from tests.support.rtc_client import Client
from tests.support.rtc_transport import open_socket

PER_SECOND = 4_000
TURN_SECONDS = 0.005
SECONDS = 6.0
PICTURE_SECONDS = 10.0

Send = Callable[[bytes], None]
Attack = tuple[Iterator[bytes], Send]


@dataclass(frozen=True)
class Attacked:
    """Milliseconds of the delay of the others' media, without the attack and during it; what they lost; what it left
    in memory and log.
    """

    what: str
    p99_idle_ms: float
    p99_ms: float
    p50_idle_ms: float
    p50_ms: float
    loss_ratio: float
    cpu_share_of_a_core: float
    sent_per_second: int
    growth_mb: float
    log_bytes: int


class Mallory:
    """Finds a way in and attacks from there."""

    def __init__(self, crowd: Crowd, port: int) -> None:
        self.room = crowd.rooms[0]
        self.port = port
        self.clients: list[Client] = []

    def close(self) -> None:
        for client in self.clients:
            client.close(politely=False)

    async def _member(self, *sources: str, subscribe: bool = False) -> Client:
        client = Client(f"mallory{len(self.clients)}")
        self.clients.append(client)
        await self.room.enter(client, *sources, subscribe=subscribe)
        if subscribe:
            async with asyncio.timeout(PICTURE_SECONDS):
                while not any(stream.packets for stream in client.down.values()):  # noqa: ASYNC110 - a packet is no event
                    await asyncio.sleep(0.02)
        return client

    def _stranger(self) -> Send:
        socket, address = open_socket(), ("127.0.0.1", self.port)

        def send(datagram: bytes) -> None:
            with suppress(BlockingIOError):
                socket.sendto(datagram, address)

        return send

    async def nonsense_of_a_stranger(self) -> Attack:
        return malformed_datagrams(1), self._stranger()

    async def checks_of_a_stranger(self) -> Attack:
        return unproven_checks(2), self._stranger()

    async def nonsense_of_a_member(self) -> Attack:
        client = await self._member("microphone")
        assert client.publish is not None
        return malformed_datagrams(3), client.publish.send_datagram

    async def malformed_media(self) -> Attack:
        client = await self._member("microphone", "camera")
        assert client.publish is not None
        return malformed_rtp(4), client.publish.send_rtp

    async def replays(self) -> Attack:
        client = await self._member("microphone")
        assert client.publish is not None
        up = client.up["microphone"]
        once = client.publish.protect_rtp(up.packet(b"once" * 20))
        return repeat(once), client.publish.send_datagram

    async def numbers_that_jump(self) -> Attack:
        client = await self._member("microphone")
        assert client.publish is not None
        up = client.up["microphone"]
        up.send_opus()
        return jumping_rtp(5, up.packet(b"")[1] & 0x7F, up.ssrc), client.publish.send_rtp

    async def ssrcs_that_change(self) -> Attack:
        client = await self._member("microphone")
        assert client.publish is not None
        return changing_ssrcs(client.up["microphone"]), client.publish.send_rtp

    async def malformed_reports(self) -> Attack:
        client = await self._member(subscribe=True)
        assert client.subscribe is not None
        return malformed_rtcp(6), client.subscribe.send_rtcp

    async def requests_for_key_frames(self) -> Attack:
        client = await self._member(subscribe=True)
        assert client.subscribe is not None
        cameras = [stream.ssrc for stream in client.down.values() if stream.source == "camera"]
        asks = [wire.receiver_report(1) + wire.picture_loss_indication(1, ssrc) for ssrc in cameras]
        return (ask for _ in repeat(None) for ask in asks), client.subscribe.send_rtcp

    async def reads_nothing_and_asks_for_all_again(self) -> Attack:
        client = await self._member(subscribe=True)
        assert client.subscribe is not None
        ssrc = next(stream.ssrc for stream in client.down.values() if stream.source == "camera")
        client.subscribe.stop_reading()
        ask = wire.receiver_report(1) + wire.nack(1, ssrc, range(65000, 65500))
        return repeat(ask), client.subscribe.send_rtcp


WAYS: list[Callable[[Mallory], Awaitable[Attack]]] = [
    Mallory.nonsense_of_a_stranger,
    Mallory.checks_of_a_stranger,
    Mallory.nonsense_of_a_member,
    Mallory.malformed_media,
    Mallory.replays,
    Mallory.numbers_that_jump,
    Mallory.ssrcs_that_change,
    Mallory.malformed_reports,
    Mallory.requests_for_key_frames,
    Mallory.reads_nothing_and_asks_for_all_again,
]


async def measure_hostile(
    seconds: float, port: int, words: Sequence[str] = (), load: Load = MEETING_OF_8
) -> list[Attacked]:
    """Each way, or those with one of `words` in their names, on an engine of its own, so that none finds what another
    has left.
    """
    found = []
    for way in [way for way in WAYS if not words or any(word in way.__name__ for word in words)]:
        with tempfile.TemporaryFile() as log:
            async with Server("benchmarks.server", str(port), log=log) as server, Crowd(server, load) as crowd:
                idle = await crowd.measure(seconds)
                mallory = Mallory(crowd, port)
                flooding = asyncio.create_task(_flood(*await way(mallory)))
                attacked = await crowd.measure(seconds)
                flooding.cancel()
                sent = await flooding
                mallory.close()
            log.seek(0)
            written = len(log.read())
        found.append(_attacked(way.__name__, idle, attacked, sent, written))
        print(json.dumps(asdict(found[-1])), flush=True)
    return found


async def _flood(datagrams: Iterator[bytes], send: Send) -> float:
    """Sends until cancelled. How many there were each second."""
    loop = asyncio.get_running_loop()
    begun, sent = loop.time(), 0
    with suppress(asyncio.CancelledError):
        while True:
            due = int((loop.time() - begun) * PER_SECOND) - sent
            for datagram, _ in zip(datagrams, range(min(due, PER_SECOND // 10)), strict=False):
                send(datagram)
            sent += due
            await asyncio.sleep(TURN_SECONDS)
    return sent / (loop.time() - begun)


def _attacked(what: str, idle: Measured, during: Measured, sent: float, written: int) -> Attacked:
    return Attacked(
        what=what,
        p99_idle_ms=idle.delay_ms_p99,
        p99_ms=during.delay_ms_p99,
        p50_idle_ms=idle.delay_ms_p50,
        p50_ms=during.delay_ms_p50,
        loss_ratio=during.loss_ratio,
        cpu_share_of_a_core=during.cpu_share_of_a_core,
        sent_per_second=round(sent),
        growth_mb=round(during.rss_mb - idle.rss_mb, 1),
        log_bytes=written,
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.hostile", description=__doc__)
    parser.add_argument("words", nargs="*", help="only ways with one of these in their names")
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--port", type=int, default=PORT)
    chosen = parser.parse_args()
    process.leave_the_last_core()

    async def body() -> None:
        await measure_hostile(chosen.seconds, chosen.port, chosen.words)

    with suppress(KeyboardInterrupt):
        channel.run(body)


if __name__ == "__main__":
    main()
