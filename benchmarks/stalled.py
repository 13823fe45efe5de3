"""An authorization service takes questions and says nothing for a minute: whom does it hold up, whom does it let in?

Starts a portal with data of its own. A host and a guest speak with leases that outlast the minute, a second guest has a
short one. Before the stall and during it: how many sound packets come through, the longest pause between two, and how
long the socket takes to answer. Every five seconds somebody new comes. Run as `python -m benchmarks.stalled`; prints
one JSON object.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks import process
from benchmarks.load import percentile
from meetings.tests.answering_service import Request, answer, serving
from tests.support.client import Closed, Socket
from tests.support.member import Member
from tests.support.portal import PASSWORD, REAL, Portal

HOST = "host@bench.example"
PACKET_SECONDS = 0.02
LONG_LEASE, SHORT_LEASE = 300, 15
NEWCOMER_EVERY_SECONDS = 5.0


@dataclass(frozen=True)
class Stretch:
    """A stretch of time as those inside had it. Pauses are between two packets that a listener received."""

    seconds: float
    sent: int
    heard: int
    pause_ms_p99: float
    pause_ms_longest: float
    ping_ms_median: float
    ping_ms_p99: float


@dataclass(frozen=True)
class StalledMeasured:
    before: Stretch
    during: Stretch
    questions_held: int
    newcomers: int
    let_in: int
    short_lease_s: int
    short_lease_ended_after_s: float
    in_again_after_s: float

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


class Says:
    """The service: yes at once, for as long as the name asks for, until it is held."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.gate.set()
        self.held = 0

    async def __call__(self, request: Request, writer: asyncio.StreamWriter) -> None:
        if not self.gate.is_set():
            self.held += 1
            await self.gate.wait()
        lease = SHORT_LEASE if request.json.get("token") == "short" else LONG_LEASE
        said = {"result": True, "ttl": lease, "grants": ["audio", "video", "screen", "data"]}
        await answer(200, said)(request, writer)


class Meeting:
    """The people in it, and those who come while the service says nothing."""

    def __init__(self, portal: Portal, code: str) -> None:
        self.portal = portal
        self.code = code
        self.sockets: list[Socket] = []

    async def arrive(self, name: str, *, host: bool = False, number: int = 0, **more: str) -> Socket:
        client = self.portal.client(f"127.0.{number // 250 + 1}.{number % 250 + 1}")
        if host:
            await client.sign_in(HOST, PASSWORD)
        reply = (await client.arrive(self.code, name, **more)).json
        socket = await client.open_socket(reply["socket"])
        self.sockets.append(socket)
        await socket.send("hello", protocol=1, ticket=reply["ticket"])
        return socket

    async def inside(self, name: str, **more: Any) -> Member:
        socket = await self.arrive(name, **more)
        member = Member(socket, (await socket.message("room"))["you"])
        await member.speak()
        return member


async def listen(speakers: list[Member], seconds: float) -> Stretch:
    """The first two speak to each other; what came through."""
    first, second = speakers[:2]
    begun = time.monotonic()
    counts = {first: first.heard(second), second: second.heard(first)}
    start, last = dict(counts), dict.fromkeys(counts, begun)
    pings: list[float] = []
    pauses: list[float] = []
    sent, ping_at = 0, begun
    while (now := time.monotonic()) - begun < seconds:
        for member in speakers:
            member.say()
        sent += 2
        if now >= ping_at:
            ping_at = now + 0.25
            await first.socket.ask("ping")
            pings.append((time.monotonic() - now) * 1000)
        await asyncio.sleep(PACKET_SECONDS)
        for listener, speaker in ((first, second), (second, first)):
            if listener.heard(speaker) > counts[listener]:
                counts[listener] = listener.heard(speaker)
                pauses.append((time.monotonic() - last[listener]) * 1000)
                last[listener] = time.monotonic()
    pauses += [(time.monotonic() - at) * 1000 for at in last.values()]
    return Stretch(
        seconds=round(time.monotonic() - begun, 1),
        sent=sent,
        heard=sum(counts[one] - start[one] for one in counts),
        pause_ms_p99=round(percentile(sorted(pauses), 0.99), 1),
        pause_ms_longest=round(max(pauses), 1),
        ping_ms_median=round(statistics.median(pings), 2),
        ping_ms_p99=round(percentile(sorted(pings), 0.99), 2),
    )


async def newcomers(meeting: Meeting, until: float) -> list[Socket]:
    """Somebody new every few seconds, from a network of their own."""
    came: list[Socket] = []
    while time.monotonic() < until:
        came.append(await meeting.arrive(f"Newcomer {len(came)}", number=len(came) + 10))
        await asyncio.sleep(NEWCOMER_EVERY_SECONDS)
    return came


async def measure_stalled(seconds: float) -> StalledMeasured:
    says = Says()
    async with serving(says) as service:
        with tempfile.TemporaryDirectory(prefix="lintel-bench-") as directory:
            portal = await asyncio.to_thread(
                Portal, Path(directory) / "data", LINTEL_OUTGOING_ALLOW=service.url, **(REAL | process.AS_RUN_STARTS_IT)
            )
            try:
                return await _measure(portal, service.url, says, seconds)
            finally:
                says.gate.set()
                await asyncio.to_thread(portal.close)


async def _measure(portal: Portal, url: str, says: Says, seconds: float) -> StalledMeasured:
    await asyncio.to_thread(portal.create_people, (HOST, "Host", "admin"), tokens=[HOST])
    await asyncio.to_thread(portal.manage, "authorization", "set", url)
    meeting = Meeting(portal, (await portal.schedule(HOST, door="anyone_with_link"))["code"])
    members = [
        await meeting.inside("Host", host=True),
        await meeting.inside("Long", number=1),
        await meeting.inside("Short", number=2, authorization="short"),
    ]
    try:
        before = await listen(members, min(seconds, 15.0))
        says.gate.clear()
        began = time.monotonic()
        coming = asyncio.create_task(newcomers(meeting, began + seconds - 1))
        ended = asyncio.create_task(_back_at_the_door(members[2].socket, began))
        during = await listen(members, seconds)
        came = await coming
        let_in = sum(socket.count("room") for socket in came)
        after = await asyncio.wait_for(ended, 1)
        says.gate.set()
        again = time.monotonic()
        await came[0].message("room")
        return StalledMeasured(
            before=before,
            during=during,
            questions_held=says.held,
            newcomers=len(came),
            let_in=let_in,
            short_lease_s=SHORT_LEASE,
            short_lease_ended_after_s=round(after, 1),
            in_again_after_s=round(time.monotonic() - again, 1),
        )
    finally:
        for member in members:
            member.close()
        for socket in meeting.sockets:
            await socket.close()


async def _back_at_the_door(socket: Socket, began: float) -> float:
    """When the one with the short lease is put back."""
    known = [id(message) for message in socket.messages]
    try:
        await socket.until(lambda message: message["type"] == "door" and id(message) not in known, seconds=600)
    except Closed:
        return -1.0
    return time.monotonic() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long the service says nothing")
    print(json.dumps(asyncio.run(measure_stalled(parser.parse_args().seconds)).as_json()))


if __name__ == "__main__":
    main()
