"""What it spares an encrypted meeting of open microphones that only those who speak are passed on.

python -m benchmarks.voices [MEMBERS]

Everybody's microphone is on, first without a word about who speaks, then with it. The clients run beside the engine:
only its own work is counted.
"""

from __future__ import annotations

import asyncio
import sys
import time
from dataclasses import dataclass

from tests.support.engine_room import DEADLINE_SECONDS, EngineRoom
from tests.support.rtc_client import Client

MEMBERS = 16
SPEAKING = 3
SECONDS = 5.0
PACKET_SECONDS = 0.02


@dataclass(frozen=True)
class Measured:
    """Packets that each member was sent in a second, and the part of a core that the engine's work took."""

    packets: float
    core: float


async def talk(room: EngineRoom, members: list[Client], seconds: float) -> Measured:
    """Fifty packets a second of each."""
    before, begun = room.engine.figures(), time.monotonic()
    due = begun
    while due < begun + seconds:
        for client in members:
            client.up["microphone"].send_opus()
        due += PACKET_SECONDS
        await asyncio.sleep(max(0.0, due - time.monotonic()))
    after, took = room.engine.figures(), time.monotonic() - begun
    sent = after.counted["packets_out"] - before.counted["packets_out"]
    return Measured(sent / took / len(members), (after.busy_seconds - before.busy_seconds) / took)


async def measure(count: int) -> tuple[Measured, Measured]:
    """Without and with the members' word."""
    async with EngineRoom() as room:
        room.engine.seal("room")
        members = [await room.enter(f"m{number}", "microphone") for number in range(count)]
        for client in members:
            client.up["microphone"].sealed = True
        async with asyncio.timeout(DEADLINE_SECONDS * count):
            while any(sum(one.packets > 0 for one in client.down.values()) < count - 1 for client in members):
                await talk(room, members, 0.2)
        without = await talk(room, members, SECONDS)
        for number, client in enumerate(members):
            room.engine.set_speaking("room", client.peer, number < SPEAKING)
        await talk(room, members, 0.5)
        return without, await talk(room, members, SECONDS)


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else MEMBERS
    without, told = asyncio.run(measure(count))
    for name, one in (("everybody is passed on", without), ("those who speak", told)):
        sys.stdout.write(f"{name}: {one.packets:.0f} packets a second to each of {count}, {one.core:.2f} of a core\n")
    sys.stdout.write(
        f"ratio: {told.packets / without.packets:.2f} of the packets, {told.core / without.core:.2f} of the work\n"
    )


if __name__ == "__main__":
    main()
