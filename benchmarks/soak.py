"""Half an hour of coming and going on one portal, and whether anything is left behind.

People leave and come back, publish anew, meetings begin and end beside the one that lasts, strangers send junk. Noted
are the server's memory, descriptors, threads and tasks: every `SAMPLE_SECONDS`, for the slope of the memory after a
warm-up, and with nobody there before and after.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import re
import socket
import statistics
import time
import urllib.request
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from benchmarks import channel, meeting, process
from benchmarks.meeting import COLLEAGUES, HOST, OPEN, Meeting, PatientPortal
from portal.tests.process import free_port
from tests.support.client import Closed, Refused
from tests.support.member import MICROPHONE

MINUTES = 30.0
WARM_UP_MINUTES = 22.0
"""As long as it takes to fill what is bounded by number, such as the traces of the last fifty meetings."""
SAMPLE_SECONDS = 10.0
PAUSE_SECONDS = 0.5
"""Between two changes."""
ASIDE_SECONDS = 3.0
SETTLE_SECONDS = 40.0
"""Longer than anything is kept for somebody who may come back."""


@dataclass(frozen=True)
class Sample:
    """Seconds since the start; memory in MB."""

    at: float
    rss_mb: float
    descriptors: int
    threads: int
    tasks: int


@dataclass
class Soaked:
    """`empty`: nobody is there, before and after. The slope is that of the median line (Theil and Sen)."""

    minutes: float
    changes: dict[str, int] = field(default_factory=dict)
    problems: dict[str, int] = field(default_factory=dict)
    empty: list[Sample] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    slope_mb_per_hour: float = 0.0


class Churn:
    """Changes one thing after the other, in an order that `seed` decides."""

    def __init__(self, portal: PatientPortal, seed: int) -> None:
        self.portal = portal
        self.random = random.Random(seed)
        self.changes: dict[str, int] = {}
        self.problems: dict[str, int] = {}
        self.junk = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    async def go_on(self, lasting: Meeting, until: float) -> None:
        ways = [self.come_back] * 8 + [self.publish_anew] * 4 + [self.meet_aside] + [self.send_junk] * 2
        while time.monotonic() < until:
            way = self.random.choice(ways)
            try:
                async with asyncio.timeout(60):
                    await way(lasting)
                self.changes[way.__name__] = self.changes.get(way.__name__, 0) + 1
            except (TimeoutError, Refused, Closed, AssertionError, OSError) as problem:
                name = f"{way.__name__}: {type(problem).__name__} {problem}"[:120]
                self.problems[name] = self.problems.get(name, 0) + 1
            await asyncio.sleep(PAUSE_SECONDS)

    async def come_back(self, lasting: Meeting) -> None:
        """Somebody leaves, politely or not, and comes again."""
        name = self.random.choice([name for name in lasting.members if name != HOST])
        member = lasting.members.pop(name)
        member.close()
        if self.random.random() < 0.5:
            await member.socket.close()
        await lasting.enter(name)
        if not member.is_out:
            await member.socket.close()

    async def publish_anew(self, lasting: Meeting) -> None:
        """Somebody's publishing transport is replaced, with or without a camera."""
        member = self.random.choice(list(lasting.members.values()))
        sources = self.random.choice([(MICROPHONE,), (MICROPHONE, "camera")])
        await member.publish(*sources)

    async def meet_aside(self, lasting: Meeting) -> None:
        """Another meeting, from its beginning to its end."""
        del lasting
        aside = Meeting(self.portal, await self.portal.schedule(HOST, door=OPEN))
        try:
            for email in (HOST, COLLEAGUES[0]):
                await aside.sign_in(email)
                await aside.enter(email)
            await asyncio.sleep(ASIDE_SECONDS)
            with suppress(Closed):  # it ends for the host, too
                await aside.host.socket.ask("host.end")
        finally:
            await aside.close()

    async def send_junk(self, lasting: Meeting) -> None:
        """What is no protocol of ours, to both ports."""
        del lasting
        for _ in range(200):
            first = bytes([self.random.choice([0, 1, 22, 128, 200])])
            datagram = first + self.random.randbytes(self.random.randrange(1200))
            self.junk.sendto(datagram, ("127.0.0.1", self.portal.server.media_port))
        reader, writer = await asyncio.open_connection("127.0.0.1", self.portal.server.port)
        writer.write(self.random.randbytes(300))
        with suppress(OSError):
            await reader.read(1000)
        writer.close()


async def measure_soak(minutes: float, warm_up: float, seed: int = 1) -> Soaked:
    soaked = Soaked(minutes)
    begun = time.monotonic()
    metrics = free_port()
    async with meeting.portal_running(LINTEL_METRICS_PORT=str(metrics)) as portal:
        pid, churn = portal.server.process.pid, Churn(portal, seed)
        async with meeting.of_eight(portal) as first:
            await churn.go_on(first, time.monotonic() + 30)
        await asyncio.sleep(SETTLE_SECONDS)
        soaked.empty.append(await _sample(pid, metrics, begun))
        churn.changes.clear()
        async with meeting.of_eight(portal) as lasting:
            until = time.monotonic() + (warm_up + minutes) * 60
            sampling = asyncio.create_task(_keep_sampling(soaked, pid, metrics, begun))
            await churn.go_on(lasting, until)
            sampling.cancel()
        await asyncio.sleep(SETTLE_SECONDS)
        soaked.empty.append(await _sample(pid, metrics, begun))
    soaked.changes, soaked.problems = churn.changes, churn.problems
    warm = [sample for sample in soaked.samples if sample.at - soaked.samples[0].at >= warm_up * 60]
    soaked.slope_mb_per_hour = round(slope(warm), 2)
    return soaked


async def _keep_sampling(soaked: Soaked, pid: int, metrics: int, begun: float) -> None:
    while True:
        soaked.samples.append(await _sample(pid, metrics, begun))
        await asyncio.sleep(SAMPLE_SECONDS)


async def _sample(pid: int, metrics: int, begun: float) -> Sample:
    return await asyncio.to_thread(_sample_now, pid, metrics, begun)


def _sample_now(pid: int, metrics: int, begun: float) -> Sample:
    with urllib.request.urlopen(f"http://127.0.0.1:{metrics}/metrics", timeout=30) as answer:
        page = answer.read().decode()
    found = re.search(r"^lintel_loop_tasks ([0-9.]+)", page, re.MULTILINE)
    assert found is not None
    return Sample(
        at=round(time.monotonic() - begun, 1),
        rss_mb=round(process.resident_bytes(pid) / 2**20, 2),
        descriptors=len(list(Path(f"/proc/{pid}/fd").iterdir())),
        threads=len(list(Path(f"/proc/{pid}/task").iterdir())),
        tasks=int(float(found[1])),
    )


def slope(samples: list[Sample]) -> float:
    """MB per hour: the median of the slopes of all pairs, which a few outliers do not move."""
    pairs = [
        (later.rss_mb - earlier.rss_mb) / (later.at - earlier.at) * 3600
        for number, earlier in enumerate(samples)
        for later in samples[number + 1 :]
    ]
    return statistics.median(pairs) if pairs else float("nan")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=MINUTES)
    parser.add_argument("--warm-up", type=float, default=WARM_UP_MINUTES)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()

    async def body() -> None:
        print(json.dumps(asdict(await measure_soak(chosen.minutes, chosen.warm_up, chosen.seed))))

    with suppress(KeyboardInterrupt):
        channel.run(body)


if __name__ == "__main__":
    main()
