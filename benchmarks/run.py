"""`./run bench`: what forwarding costs, beside Janus and beside aiortc's own relay in the same run.

Prints tables and writes benchmarks/results/latest.json with the machine described. The generator runs
in this process, every server in one of its own, on a core of its own where there are two. Choose parts by name:
`python -m benchmarks.run growth steady capacity`; `--seconds` and `--rounds` make it longer.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import channel, machine, peers, process
from benchmarks.camera import LARGE
from benchmarks.control import Server
from benchmarks.decision import measure_decision
from benchmarks.load import Load
from benchmarks.memory import measure_memory
from benchmarks.relay_load import measure_relay
from benchmarks.tables import (
    print_capacity,
    print_decision,
    print_growth,
    print_memory,
    print_product,
    print_relay,
    print_stalled,
    print_steady,
)

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "latest.json"
PORT = 18821

FAN_OUT_16 = Load("fan-out 16", publishers=1, listeners=16, camera=LARGE)
MEETING_OF_8 = Load("meeting of 8", publishers=8, listeners=0)
# Small meetings side by side, so that the port is about as busy as in the meeting of 8. In large ones eight talk.
SEALED_MEETING_OF_8 = Load("meeting of 8, sealed", publishers=8, listeners=0, sealed=True)
GROWTH = [
    Load("meeting of 2", publishers=2, listeners=0, meetings=28),
    Load("meeting of 4", publishers=4, listeners=0, meetings=5),
    MEETING_OF_8,
    *(Load(f"meeting of {members}", publishers=8, listeners=members - 8) for members in (16, 32, 64)),
    FAN_OUT_16,
]
COMPARED = [FAN_OUT_16, MEETING_OF_8]
PARTS = ("growth", "steady", "capacity", "relay", "memory", "product", "decision", "stalled", "sealed")


async def run(parts: Sequence[str], seconds: float, rounds: int, port: int) -> dict[str, Any]:
    results: dict[str, Any] = {"machine": machine.describe()}
    if "growth" in parts:
        results["growth"] = await run_growth(GROWTH, seconds, rounds, port)
    if "sealed" in parts:
        results["sealed"] = await run_growth([MEETING_OF_8, SEALED_MEETING_OF_8], seconds, rounds, port)
    steady: dict[str, peers.Row] = {}
    if "steady" in parts or "capacity" in parts:
        steady = await peers.measure_steady(COMPARED, seconds, rounds if "steady" in parts else 1, port)
    if "steady" in parts:
        print_steady(steady.values())
        results["steady"] = [row.as_json() for row in steady.values()]
    if "capacity" in parts:
        found = await peers.measure_capacity(COMPARED, seconds, steady, port)
        print_capacity(found)
        results["capacity"] = [row.as_json() for row in found]
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
        results["product"] = await run_apart("product")
        if results["product"] is not None:
            print_product(results["product"])
    if "decision" in parts:
        decision = measure_decision()
        print_decision(decision)
        results["decision"] = decision.as_json()
    if "stalled" in parts:
        results["stalled"] = await run_apart("stalled")
        if results["stalled"] is not None:
            print_stalled(results["stalled"])
    results["machine"]["load_average_after"] = [round(value, 2) for value in os.getloadavg()]
    return results


async def run_growth(loads: Sequence[Load], seconds: float, rounds: int, port: int) -> list[dict[str, Any]]:
    """Every load in every round, in turn, so that a busy minute of the machine does not hit one row only."""
    rows = (await peers.measure_steady(loads, seconds, rounds, port, peers.OUR_SERVERS)).values()
    print_growth(rows)
    return [row.as_json() for row in rows]


async def run_apart(part: str) -> dict[str, Any] | None:
    """A part in a process of its own, as a person meets the product. None if it failed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", f"benchmarks.{part}", cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    if process.returncode:
        print(f"\n{part} was NOT measured; the reason is above.")
        return None
    measured: dict[str, Any] = json.loads(output.splitlines()[-1])
    return measured


def main() -> None:
    parser = argparse.ArgumentParser(prog="./run bench", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"any of {', '.join(PARTS)}; all when left out")
    parser.add_argument("--seconds", type=float, default=5.0, help="length of each measuring window")
    parser.add_argument("--rounds", type=int, default=3, help="how often each steady load is measured")
    parser.add_argument("--port", type=int, default=PORT, help="UDP port for the engine on 127.0.0.1")
    parser.add_argument("--dry", action="store_true", help="print only, leave latest.json alone")
    chosen = parser.parse_args()
    parts = chosen.parts or PARTS
    if unknown := set(parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    results: dict[str, Any] = {}
    process.leave_the_last_core()

    async def body() -> None:
        results.update(await run(parts, chosen.seconds, chosen.rounds, chosen.port))

    channel.run(body)
    if not chosen.dry:
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps(results, indent=2, ensure_ascii=False) + "\n")
        print(f"\nWritten to {RESULTS}")


if __name__ == "__main__":
    main()
