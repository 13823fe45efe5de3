"""The same loads on our engine and on Janus, in turn, and how much each carries.

Ours runs as Python reads it and as `./run compile` makes it. Janus runs as Debian ships it and once more with the
OpenSSL build of libsrtp that the engine uses itself. What cannot run here is named and left out.
"""

from __future__ import annotations

import contextlib
import statistics
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.capacity import find_capacity
from benchmarks.control import Server
from benchmarks.janus import JanusServer, Unavailable, openssl_libsrtp
from benchmarks.load import Load, Measured, MediaServer, measure
from media_engine import compiled

OURS = "Lintel"
Start = Callable[[int], AbstractAsyncContextManager[MediaServer]]


@dataclass(frozen=True)
class Row:
    """One server under one load: all rounds, of which the median by cost is shown. `ended` is why a search ended."""

    server: str
    rounds: list[Measured]
    ended: str = ""

    @property
    def median(self) -> Measured:
        costs = [measured.cpu_us_per_packet for measured in self.rounds]
        middle = statistics.median_low(costs)
        return next(measured for measured in self.rounds if measured.cpu_us_per_packet == middle)

    @property
    def costs(self) -> list[float]:
        return [measured.cpu_us_per_packet for measured in self.rounds]

    def as_json(self) -> dict[str, Any]:
        more = {"ended": self.ended} if self.ended else {}
        delays = [measured.delay_ms_p99 for measured in self.rounds]
        return {
            "server": self.server,
            **asdict(self.median),
            "cpu_us_per_packet_rounds": self.costs,
            "delay_ms_p99_rounds": delays,
            **more,
        }


@asynccontextmanager
async def _ours(port: int) -> AsyncIterator[MediaServer]:
    async with Server("benchmarks.server", str(port)) as server:
        yield server


@asynccontextmanager
async def _ours_compiled(port: int) -> AsyncIterator[MediaServer]:
    if compiled.state() != "compiled":
        raise Unavailable("./run compile has not been called since the engine's source changed")
    async with Server("benchmarks.server", str(port), MEDIA_ENGINE_COMPILED="yes") as server:
        yield server


@asynccontextmanager
async def _janus(_: int) -> AsyncIterator[MediaServer]:
    async with JanusServer() as server:
        yield server


@asynccontextmanager
async def _janus_with_openssl(_: int) -> AsyncIterator[MediaServer]:
    async with JanusServer(preload=openssl_libsrtp()) as server:
        yield server


SERVERS: dict[str, Start] = {
    OURS: _ours,
    f"{OURS}, compiled": _ours_compiled,
    "Janus": _janus,
    "Janus, OpenSSL": _janus_with_openssl,
}


OUR_SERVERS: dict[str, Start] = {name: start for name, start in SERVERS.items() if name.startswith(OURS)}


async def measure_steady(
    loads: Iterable[Load], seconds: float, rounds: int, port: int, servers: Mapping[str, Start] = SERVERS
) -> dict[str, Row]:
    """Every load on every server in every round, in turn. Keys are server and load."""
    taken: dict[str, Row] = {}
    missing: set[str] = set()
    loads = list(loads)
    for number in range(rounds):
        for load in loads:
            for name, start in servers.items():
                if name in missing:
                    continue
                try:
                    async with start(port) as server:
                        measured = await measure(server, load, seconds, f"r{number}")
                except Unavailable as reason:
                    print(f"\n{name} is NOT measured: {reason}")
                    missing.add(name)
                    continue
                except (TimeoutError, ConnectionError, RuntimeError) as problem:
                    print(f"\n{name}, {load.name}: a round has failed ({problem or type(problem).__name__})")
                    continue
                taken.setdefault(_key(name, load), Row(name, [])).rounds.append(measured)
    return taken


async def measure_capacity(loads: Iterable[Load], seconds: float, steady: Mapping[str, Row], port: int) -> list[Row]:
    """For every server that has a steady measurement: the most meetings that it carries on its core."""
    found = []
    for load in loads:
        for name, start in SERVERS.items():
            row = steady.get(_key(name, load))
            if row is None:
                continue
            with contextlib.suppress(Unavailable):
                async with start(port) as server:
                    best, ended = await find_capacity(server, load, seconds, row.median)
                    found.append(Row(name, [best], ended))
    return found


def _key(server: str, load: Load) -> str:
    return f"{server}: {load.name}"
