"""A flood of knocks from one network, beside a meeting of eight: what it does to media, and to who knocks honestly.

Rounds without and with the flood take turns. While it lasts a guest from elsewhere knocks, the host is told and lets
them in: how long that took says whether the queue can be used.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks import channel, meeting, process
from benchmarks.load import percentile
from benchmarks.meeting import HOST, Meeting
from portal.tests.process import ROOT
from tests.support.client import Json

PER_SECOND = 1_000
SECONDS = 10.0
ROUNDS = 3
FLOODER = "127.9.9.9"


@dataclass(frozen=True)
class Flooded:
    """Milliseconds. `p99_*`: of media, median of the rounds. `knock_ms`: from a guest's knock to the host's screen;
    `let_in_ms`: from the host's answer to the room. `answers`: what the flood was told.
    """

    per_second: int
    p99_idle_ms: float
    p99_flooded_ms: float
    p99_rounds_ms: list[tuple[float, float]]
    knock_ms: list[float]
    let_in_ms: list[float]
    answers: dict[str, int]


async def measure_flood(rounds: int = ROUNDS, seconds: float = SECONDS) -> Flooded:
    p99s, knocks, let_ins, answers = [], [], [], dict[str, int]()
    async with meeting.running() as running:
        table = {"listed": "walks_in", "colleagues": "walks_in", "guests": "knocks", "anyone": "knocks"}
        await running.portal.api(HOST, "PATCH", f"/meetings/{running.meeting['id']}", {"door": table})
        for number in range(rounds):
            idle = await running.delays_ms(seconds / 2)
            flood = asyncio.create_task(_flood(running, seconds + 2))
            await asyncio.sleep(2)  # until it is at full strength
            flooded, took = await asyncio.gather(running.delays_ms(seconds - 2), _honest(running, f"honest{number}"))
            p99s.append((round(percentile(idle, 0.99), 1), round(percentile(flooded, 0.99), 1)))
            knocks.append(took[0])
            let_ins.append(took[1])
            for kind, count in (await flood).items():
                answers[kind] = answers.get(kind, 0) + count
    middle = [round(statistics.median(side), 1) for side in zip(*p99s, strict=True)]
    return Flooded(PER_SECOND, *middle, p99s, knocks, let_ins, answers)


async def _flood(running: Meeting, seconds: float) -> dict[str, int]:
    portal = running.portal
    knocker = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.knocker",
        portal.base, running.meeting["code"], str(PER_SECOND), str(seconds), FLOODER,
        cwd=ROOT, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    output, _ = await knocker.communicate()
    found: dict[str, int] = json.loads(output)
    return found


async def _honest(running: Meeting, name: str) -> tuple[float, float]:
    """Somebody from elsewhere with the meeting's link, and a host who lets them in. They leave again."""
    browser = running.portal.client(running.network())
    begun = time.perf_counter()
    socket = await browser.join(running.meeting["code"], name)
    who = (await socket.message("door"))["participant"]
    await running.host.socket.until(lambda message: _shows(message, who))
    knocked = time.perf_counter()
    await running.host.socket.ask("door.admit", participant=who)
    await socket.message("room")
    inside = time.perf_counter()
    await socket.close()
    return round((knocked - begun) * 1e3, 1), round((inside - knocked) * 1e3, 1)


def _shows(message: Json, participant: str) -> bool:
    return message["type"] == "waiting" and any(person["participant"] == participant for person in message["waiting"])


def as_json(measured: Flooded) -> dict[str, Any]:
    return asdict(measured)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.flood", description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    chosen = parser.parse_args()
    process.leave_the_last_core()

    async def body() -> None:
        print(json.dumps(as_json(await measure_flood(chosen.rounds, chosen.seconds))))

    with suppress(KeyboardInterrupt):
        channel.run(body)


if __name__ == "__main__":
    main()
