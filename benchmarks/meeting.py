"""A meeting of eight on a running portal: people who arrived at its door, with sockets and packets.

Four came by personal links or host it and stay; four are colleagues whose row of the door can put them out. Everybody
speaks fifty times a second, two have a camera; that is about 4,000 packets a second on their way out.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from collections.abc import AsyncIterator
from http import HTTPStatus
from itertools import count, permutations
from pathlib import Path

from benchmarks import process
from tests.support.client import Answer, Client, Json
from tests.support.member import MICROPHONE, Member
from tests.support.portal import PASSWORD, REAL, Portal

HOST = "host@bench.example"
COLLEAGUES = [f"colleague{number}@bench.example" for number in range(4)]
GUESTS = 3
TICK_SECONDS = 0.02
SETTLE_SECONDS = 1.0
NETWORKS = count(1)
DEADLINE_SECONDS = 30.0

OPEN = {"listed": "walks_in", "colleagues": "walks_in", "guests": "knocks", "anyone": "turned_away"}
INVITED_ONLY = {"listed": "walks_in", "colleagues": "turned_away", "guests": "knocks", "anyone": "turned_away"}
CLOSED = dict.fromkeys(OPEN, "turned_away")
"""Hosts are inside, and guests whom a host let in."""


class Meeting:
    """Use `running`. `members` are by name: the host, guests, colleagues."""

    def __init__(self, portal: PatientPortal, meeting: Json) -> None:
        self.portal = portal
        self.meeting = meeting
        self.members: dict[str, Member] = {}
        self.browsers: dict[str, PatientClient] = {}
        self._talking = asyncio.create_task(self._talk())

    @property
    def host(self) -> Member:
        return self.members[HOST]

    async def _talk(self) -> None:
        """Everybody speaks in turn, so that packets come evenly; it goes on until the meeting ends."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            members = list(self.members.values())
            for member in members or [None]:
                if member is not None:
                    with contextlib.suppress(OSError):  # somebody whose transports are being replaced
                        member.say()
                due += TICK_SECONDS / max(1, len(members))
                await asyncio.sleep(max(0.0, due - loop.time()))
            # After a stall, no burst: it would measure the generator.
            due = max(due, loop.time() - TICK_SECONDS)

    def network(self) -> str:
        number = next(NETWORKS)
        return f"127.{20 + number // 200}.{number % 200}.7"

    async def sign_in(self, email: str) -> None:
        browser = self.browsers[email] = self.portal.client(self.network())
        await browser.sign_in(email, PASSWORD)

    async def invite(self, name: str) -> None:
        invitation = await self.portal.invite(HOST, self.meeting, f"{name}@elsewhere.example")
        browser = self.browsers[name] = self.portal.client(self.network())
        await browser.open_link(invitation["join_url"])

    async def enter(self, name: str, *sources: str) -> Member:
        """Arrives, is let in by the host where the door says so, and opens both transports."""
        socket = await self.browsers[name].join(self.meeting["code"], name)
        if any(message["type"] == "door" for message in socket.messages):
            who = (await socket.message("door"))["participant"]
            await self.host.socket.ask("door.admit", participant=who)
        old = self.members.pop(name, None)
        if old is not None:
            old.close()
        member = Member(socket, (await socket.message("room"))["you"])
        await member.speak(*sources)
        self.members[name] = member
        return member

    async def everybody_hears(self) -> None:
        """Returns when each has had a packet of each other one. Raises TimeoutError."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            for listener, speaker in permutations(self.members.values(), 2):
                while not self.hears(listener, speaker):  # noqa: ASYNC110 - a packet is no event of the loop
                    await asyncio.sleep(TICK_SECONDS)

    @staticmethod
    def hears(listener: Member, speaker: Member) -> bool:
        stream = listener.media.down.get((speaker.id, MICROPHONE))
        return stream is not None and stream.packets > 0

    async def delays_ms(self, seconds: float) -> list[float]:
        """How long packets took from the sender to the receiver's kernel, sorted."""
        found: list[int] = []
        for member in self.members.values():
            member.media.latencies_ns = found
        await asyncio.sleep(seconds)
        for member in self.members.values():
            member.media.latencies_ns = None
        return sorted(delay / 1e6 for delay in found)

    async def close(self) -> None:
        self._talking.cancel()
        for member in self.members.values():
            member.close()
            await member.socket.close()


class PatientClient(Client):
    """Heeds Retry-After, as a good program does: a request that comes too often is sent again when its time has come.

    `sent_ns` is when the last one was sent that was not refused so, in nanoseconds on the real-time clock.
    """

    sent_ns = 0

    async def request(self, method: str, path: str, body: bytes | None = None, headers: Json | None = None) -> Answer:
        while True:
            begun = time.time_ns()
            answer = await super().request(method, path, body, headers)
            if answer.status != HTTPStatus.TOO_MANY_REQUESTS:
                self.sent_ns = begun
                return answer
            await asyncio.sleep(float(answer.headers["Retry-After"]))


class PatientPortal(Portal):
    """Its clients, and `api`, are patient."""

    def client(self, address: str = "127.0.0.1") -> PatientClient:
        return PatientClient(self.base, address)


def _started(data_dir: Path, settings: dict[str, str]) -> PatientPortal:
    with process.on_the_core_left():
        return PatientPortal(data_dir, **(REAL | process.AS_RUN_STARTS_IT | settings))


@contextlib.asynccontextmanager
async def portal_running(**settings: str) -> AsyncIterator[PatientPortal]:
    """A portal of its own with the accounts of everybody."""
    with tempfile.TemporaryDirectory(prefix="lintel-bench-") as directory:
        portal = await asyncio.to_thread(_started, Path(directory) / "data", settings)
        try:
            people = [(email, email.partition("@")[0], "admin") for email in (HOST, *COLLEAGUES)]
            await asyncio.to_thread(portal.create_people, *people, tokens=[HOST])
            yield portal
        finally:
            await asyncio.to_thread(portal.close)


@contextlib.asynccontextmanager
async def of_eight(portal: PatientPortal) -> AsyncIterator[Meeting]:
    """A new meeting there, in which everybody hears everybody."""
    meeting = Meeting(portal, await portal.schedule(HOST, door=OPEN))
    try:
        await meeting.sign_in(HOST)
        await meeting.enter(HOST, MICROPHONE, "camera")
        for number in range(GUESTS):
            await meeting.invite(f"guest{number}")
            await meeting.enter(f"guest{number}", *([MICROPHONE, "camera"] if number == 0 else []))
        for email in COLLEAGUES:
            await meeting.sign_in(email)
            await meeting.enter(email)
        await meeting.everybody_hears()
        await asyncio.sleep(SETTLE_SECONDS)
        yield meeting
    finally:
        await meeting.close()


@contextlib.asynccontextmanager
async def running() -> AsyncIterator[Meeting]:
    """A portal of its own with such a meeting."""
    async with portal_running() as portal, of_eight(portal) as meeting:
        yield meeting
