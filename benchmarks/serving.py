"""Pages beside media in one process: a meeting of eight, while colleagues read fifty pages a second.

Rounds without and with readers take turns. `visits` are first visits: a page, and then the style sheets, scripts and
fonts that it names. `pages` are pages alone, rendered from the database for somebody signed in, and the door of a
meeting; more of them than one interpreter can render. Each browser has a network of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import statistics
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass

from benchmarks import channel, meeting, process
from benchmarks.load import percentile
from benchmarks.meeting import COLLEAGUES, PASSWORD, Meeting
from portal.tests.process import ROOT
from tests.support.client import Json

PER_SECOND = 50
SECONDS = 12.0
ROUNDS = 3
BROWSERS = 10
RISE_SECONDS = 1.0
FILE = re.compile(r'"(/static/[^"#?]+)')


@dataclass(frozen=True)
class Served:
    """Milliseconds. `media_*`: of each round, without and with readers. `pages`: what became of their requests."""

    what: str
    per_second: int
    media_p50_rounds_ms: list[tuple[float, float]]
    media_p99_rounds_ms: list[tuple[float, float]]
    media_p99_idle_ms: float
    media_p99_serving_ms: float
    cpu_share_of_a_core: list[tuple[float, float]]
    pages: list[Json]


async def measure_serving(
    what: str = "visits", rounds: int = ROUNDS, seconds: float = SECONDS, per_second: int = PER_SECOND
) -> Served:
    p50s, p99s, shares, pages = [], [], [], []
    async with meeting.running() as running:
        browsers = await _browsers(running)
        paths = await _paths(running, with_files=what == "visits")
        pid = running.portal.server.process.pid
        for _ in range(rounds):
            spent = process.cpu_seconds(pid)
            idle = await running.delays_ms(seconds / 2)
            alone = (process.cpu_seconds(pid) - spent) / (seconds / 2)
            reading = asyncio.create_task(_read(running, browsers, paths, seconds + 2 * RISE_SECONDS, per_second))
            await asyncio.sleep(2 * RISE_SECONDS)  # the reader has to start
            spent = process.cpu_seconds(pid)
            serving = await running.delays_ms(seconds - RISE_SECONDS)
            beside = (process.cpu_seconds(pid) - spent) / (seconds - RISE_SECONDS)
            pages.append(await reading)
            for share, found in ((0.5, p50s), (0.99, p99s)):
                found.append((round(percentile(idle, share), 1), round(percentile(serving, share), 1)))
            shares.append((round(alone, 2), round(beside, 2)))
    middle = [round(statistics.median(side), 1) for side in zip(*p99s, strict=True)]
    return Served(what, per_second, p50s, p99s, *middle, shares, pages)


async def _browsers(running: Meeting) -> list[Json]:
    """Signed in, each from a network of its own."""
    found = []
    for number in range(BROWSERS):
        browser = running.portal.client(running.network())
        await browser.sign_in(COLLEAGUES[number % len(COLLEAGUES)], PASSWORD)
        found.append({"address": browser.address, "cookie": browser.cookie_header("/")})
    return found


async def _paths(running: Meeting, *, with_files: bool) -> list[str]:
    """What is read in turn."""
    browser = running.portal.client(running.network())
    await browser.sign_in(COLLEAGUES[0], PASSWORD)
    found = []
    for page in ("/meetings/", f"/m/{running.meeting['code']}", "/meetings/new/", "/account/"):
        found.append(page)
        if with_files:
            found += dict.fromkeys(FILE.findall((await browser.get(page)).body.decode()))
    return found


async def _read(running: Meeting, browsers: list[Json], paths: list[str], seconds: float, per_second: int) -> Json:
    order = {"base": running.portal.base, "paths": paths, "browsers": browsers}
    reader = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.reader",
        cwd=ROOT, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    line = json.dumps({**order, "per_second": per_second, "seconds": seconds}) + "\n"
    output, _ = await reader.communicate(line.encode())
    answers: Json = json.loads(output)
    return answers


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serving", description=__doc__)
    parser.add_argument("what", nargs="?", choices=["visits", "pages"], default="visits")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--per-second", type=int, default=PER_SECOND)
    chosen = parser.parse_args()
    process.leave_the_last_core()

    async def body() -> None:
        served = await measure_serving(chosen.what, chosen.rounds, chosen.seconds, chosen.per_second)
        print(json.dumps(asdict(served), indent=1))

    with suppress(KeyboardInterrupt):
        channel.run(body)


if __name__ == "__main__":
    main()
