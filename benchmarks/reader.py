"""Colleagues who read pages: so many requests a second in all, each from a browser and a network of its own.

Run with one JSON line: `base`, `per_second`, `seconds`, `paths` (read in turn) and `browsers`, of which each has an
`address` to come from and a `cookie` header. Prints how many answers of which status there were, how many were due and
not sent as every browser still waited, and how long answers took, as JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from urllib.parse import urlsplit

from benchmarks.knocker import read_answer
from benchmarks.load import percentile
from tests.support.client import Json


class Reader:
    """Sends requests over one kept connection of each browser, whichever is free."""

    def __init__(self, base: str, paths: list[str]) -> None:
        self.where = urlsplit(base)
        self.paths = paths
        self.statuses: Counter[str] = Counter()
        self.took_ms: list[float] = []
        self.due: asyncio.Queue[int] = asyncio.Queue()

    async def browse(self, browser: Json) -> None:
        """Reads what is due until cancelled."""
        reader, writer = await asyncio.open_connection(
            self.where.hostname, self.where.port, local_addr=(browser["address"], 0)
        )
        while True:
            path = self.paths[await self.due.get() % len(self.paths)]
            begun = time.perf_counter()
            head = f"GET {path} HTTP/1.1\r\nHost: {self.where.netloc}\r\nCookie: {browser['cookie']}\r\n\r\n"
            writer.write(head.encode())
            self.statuses[await read_answer(reader)] += 1
            self.took_ms.append((time.perf_counter() - begun) * 1e3)

    async def read(self, browsers: list[Json], per_second: float, seconds: float) -> None:
        browsing = [asyncio.create_task(self.browse(browser)) for browser in browsers]
        loop = asyncio.get_running_loop()
        begun = loop.time()
        for number in range(int(per_second * seconds)):
            await asyncio.sleep(max(0.0, begun + number / per_second - loop.time()))
            self.due.put_nowait(number)
        for task in browsing:
            task.cancel()


async def main() -> None:
    order = json.loads(sys.stdin.readline())
    reader = Reader(order["base"], order["paths"])
    await reader.read(order["browsers"], order["per_second"], order["seconds"])
    took = sorted(reader.took_ms)
    found = {
        "statuses": reader.statuses,
        "unsent": reader.due.qsize(),
        "took_ms_p50": round(percentile(took, 0.5), 1),
        "took_ms_p99": round(percentile(took, 0.99), 1),
    }
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    asyncio.run(main())
