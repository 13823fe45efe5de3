"""`./run bench`: what forwarding costs, beside aiortc's own relay in the same run.

Prints tables and writes benchmarks/results/latest.json with the machine described. The generator runs
in this process, every server in one of its own, all on 127.0.0.1. Choose parts by name:
`python -m benchmarks.run engine relay memory`; `--seconds` and `--rounds` make it longer.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import channel, machine
from benchmarks.control import Server
from benchmarks.load import Load, Measured, measure
from benchmarks.memory import measure_memory
from benchmarks.relay_load import measure_relay
from benchmarks.tables import print_engine, print_memory, print_product, print_relay

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "latest.json"
PORT = 18821

# Equal work for the sender of datagrams in every row: sixteen listeners in all, split over as many
# meetings as the fan-out allows, so that rows differ in how often a received packet is sent on.
FAN_OUTS = [
    Load(f"fan-out {n}", sessions=16 // n, publishers=1, listeners=n, packets_per_frame=10) for n in (1, 2, 4, 8, 16)
]
MEETING_OF_8 = Load("meeting of 8", sessions=1, publishers=8, listeners=0, packets_per_frame=3)
ENGINE_LOADS = [*FAN_OUTS, MEETING_OF_8]
PARTS = ("engine", "relay", "memory", "product")


async def run(parts: Sequence[str], seconds: float, rounds: int, port: int) -> dict[str, Any]:
    results: dict[str, Any] = {"machine": machine.describe()}
    if "engine" in parts:
        results["engine"] = await run_engine(seconds, rounds, port)
    if "relay" in parts:
        measured = [await measure_relay(fan_out, seconds) for fan_out in (1, 2)]
        print_relay(measured)
        results["relay"] = [asdict(row) for row in measured]
    if "memory" in parts:
        async with Server("benchmarks.server", str(port)) as server:
            memory = await measure_memory(server)
        print_memory(memory)
        results["memory"] = asdict(memory)
    if "product" in parts:
        results["product"] = await run_product()
    if "engine" in results and "relay" in results:
        results["relay_to_engine_ratio"] = ratio = compare(results)
        print(f"\naiortc's relay costs {ratio:.0f} times as much per forwarded packet as the engine (meeting of 8).")
    results["machine"]["load_average_after"] = [round(value, 2) for value in os.getloadavg()]
    return results


async def run_engine(seconds: float, rounds: int, port: int) -> list[dict[str, Any]]:
    """Every load in every round, in turn, so that a busy minute of the machine does not hit one row only."""
    taken: dict[str, list[Measured]] = {load.name: [] for load in ENGINE_LOADS}
    loop_name = ""
    for number in range(rounds):
        for load in ENGINE_LOADS:
            async with Server("benchmarks.server", str(port)) as server:
                taken[load.name].append(await measure(server, load, seconds, f"r{number}"))
                loop_name = server.loop_name
    rows = []
    for measured in taken.values():
        costs = [row.cpu_us_per_packet for row in measured]
        rows.append((min(measured, key=lambda row: abs(row.cpu_us_per_packet - statistics.median(costs))), costs))
    print_engine(rows, loop_name)
    return [{**asdict(row), "cpu_us_per_packet_rounds": costs} for row, costs in rows]


async def run_product() -> dict[str, Any] | None:
    """The whole product in a process of its own, because Playwright keeps a loop. None without a browser."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.product", cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    if process.returncode:
        print("\nThe whole product was NOT measured; the reason is above.")
        return None
    measured: dict[str, Any] = json.loads(output.splitlines()[-1])
    print_product(measured)
    return measured


def compare(results: dict[str, Any]) -> float:
    ours = next(row for row in results["engine"] if row["name"] == MEETING_OF_8.name)
    theirs = statistics.median(row["cpu_us_per_packet"] for row in results["relay"])
    return round(theirs / ours["cpu_us_per_packet"], 1)


def main() -> None:
    parser = argparse.ArgumentParser(prog="./run bench", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"any of {', '.join(PARTS)}; all when left out")
    parser.add_argument("--seconds", type=float, default=5.0, help="length of each measuring window")
    parser.add_argument("--rounds", type=int, default=3, help="how often each engine load is measured")
    parser.add_argument("--port", type=int, default=PORT, help="UDP port for the engine on 127.0.0.1")
    parser.add_argument("--dry", action="store_true", help="print only, leave latest.json alone")
    chosen = parser.parse_args()
    parts = chosen.parts or PARTS
    if unknown := set(parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    results: dict[str, Any] = {}

    async def body() -> None:
        results.update(await run(parts, chosen.seconds, chosen.rounds, chosen.port))

    channel.run(body)
    if not chosen.dry:
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps(results, indent=2, ensure_ascii=False) + "\n")
        print(f"\nWritten to {RESULTS}")


if __name__ == "__main__":
    main()
