"""libwebrtc behind lossy and slow ways: what becomes of picture and sound in each cell of a grid.

One member films, another watches over a seeded relay that loses on both ways and delays. Counted by the watching
libwebrtc: the share of time in which the picture stood still, and the share of sound that was made up. Run as
`python -m benchmarks.impairment`; prints a table and one JSON object.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from dataclasses import asdict, dataclass
from typing import Any

from media_engine.tests.test_impaired import FRAMES_PER_SECOND, ImpairedTests

LOSSES = (0.0, 0.01, 0.05, 0.1, 0.2)
DELAYS_MS = (0, 50, 150)
SETTLE_SECONDS = 5.0
"""After this the ends know what the way is like."""


@dataclass(frozen=True)
class Cell:
    loss: float
    delay_ms: int
    frozen_percent: float
    pictures_per_second: float
    concealed_percent: float
    key_frames_asked: int


async def measure(loss: float, delay_ms: int, seconds: float) -> Cell:
    """One cell. `delay_ms` is that of the round trip; a fifth of it comes on top as jitter."""
    scene = ImpairedTests("watching")
    await scene.asyncSetUp()
    try:
        for lane in (scene.road.up, scene.road.down):
            lane.delay_seconds, lane.jitter_seconds = delay_ms / 2000, delay_ms / 10_000
        ben = await scene.watching(())
        scene.road.up.loss = scene.road.down.loss = loss
        await asyncio.sleep(SETTLE_SECONDS)
        before = (*await ben.inbound("video"), *await ben.inbound("audio"))
        await asyncio.sleep(seconds)
        after = (*await ben.inbound("video"), *await ben.inbound("audio"))
    finally:
        await scene.asyncTearDown()
        scene.doCleanups()

    def grown(which: int, name: str) -> float:
        return float(after[which].get(name, 0) - before[which].get(name, 0))

    return Cell(
        loss,
        delay_ms,
        frozen_percent=round(100 * grown(0, "totalFreezesDuration") / seconds, 1),
        pictures_per_second=round(grown(0, "framesDecoded") / seconds, 1),
        concealed_percent=round(100 * grown(1, "concealedSamples") / max(1.0, grown(1, "totalSamplesReceived")), 1),
        key_frames_asked=int(grown(0, "pliCount")),
    )


def table(cells: list[Cell]) -> str:
    """Markdown."""
    pictures = f"pictures a second of {FRAMES_PER_SECOND}"
    head = ("loss each way", "round trip", "picture stood still", pictures, "sound made up", "whole pictures asked for")
    lines = [f"| {' | '.join(head)} |", "| --- " * len(head) + "|"]
    lines += [
        f"| {cell.loss:.0%} | {cell.delay_ms} ms | {cell.frozen_percent} % | {cell.pictures_per_second} "
        f"| {cell.concealed_percent} % | {cell.key_frames_asked} |"
        for cell in cells
    ]
    return "\n".join(lines)


async def main(seconds: float, wanted: list[tuple[float, int]]) -> dict[str, Any]:
    """Every cell, one after the other."""
    cells = []
    for loss, delay_ms in wanted:
        cells.append(await measure(loss, delay_ms, seconds))
        print(table(cells[-1:]).splitlines()[-1], flush=True)
    print(table(cells))
    return {"seconds": seconds, "cells": [asdict(cell) for cell in cells]}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=8.0, help="how long each cell is watched")
    parser.add_argument("cells", nargs="*", metavar="LOSS:DELAY", help="such as 5:150, in percent and milliseconds")
    options = parser.parse_args()
    chosen = [(float(loss) / 100, int(delay)) for loss, _, delay in (cell.partition(":") for cell in options.cells)]
    every = [(loss, delay_ms) for delay_ms in DELAYS_MS for loss in LOSSES]
    print(json.dumps(asyncio.run(main(options.seconds, chosen or every))))
