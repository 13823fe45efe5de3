"""How much a server on one core carries: meetings are added until people would notice."""

from __future__ import annotations

from benchmarks.load import Crowd, Load, Measured, MediaServer

LOSS_LIMIT = 0.01
DELAY_LIMIT_MS = 50.0
FIRST_SHARE = 0.5
STEP = 1.12
GENERATOR_LIMIT = 0.92
MOST_MEETINGS = 60


async def find_capacity(server: MediaServer, load: Load, seconds: float, steady: Measured) -> tuple[Measured, str]:
    """The last measurement with less than 1 % of loss and a p95 below 50 ms, and what ended the search.

    `steady` is a measurement of one meeting; the first step is what would take half a core at its cost.
    """
    meetings = max(1, int(FIRST_SHARE / max(0.001, steady.cpu_share_of_a_core)))
    best = steady
    async with Crowd(server, load, "capacity") as crowd:
        while meetings <= MOST_MEETINGS:
            try:
                await crowd.grow(meetings)
            except (TimeoutError, ConnectionError):
                return best, "somebody could not join any more"
            measured = await crowd.measure(seconds)
            if measured.loss_ratio >= LOSS_LIMIT:
                return best, f"{100 * measured.loss_ratio:.1f} % lost in {meetings} meetings"
            if measured.delay_ms_p95 >= DELAY_LIMIT_MS:
                return best, f"p95 {measured.delay_ms_p95:.0f} ms in {meetings} meetings"
            best = measured
            if measured.generator_core_share >= GENERATOR_LIMIT:
                return best, "the generator's own core is full"
            meetings = max(meetings + 1, int(meetings * STEP))
    return best, "enough meetings"
