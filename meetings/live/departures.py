"""Stores who was turned out by the rules, beside the turns of their meeting.

They have lost everything by then. Whoever loses a right next does not wait until that is on the disk, which another
process may be writing to; only who comes back waits for it.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING

from meetings.door import Refuse
from meetings.live import storing

if TYPE_CHECKING:
    from meetings.live.office import Live


class Departures:
    """Those of one `Live` that are being stored, by meeting."""

    def __init__(self, live: Live) -> None:
        self.live = live
        self._storing: dict[str, set[asyncio.Task[None]]] = {}

    async def store(self, occurrence_id: str, out: Mapping[str, Refuse]) -> None:
        """Returns when it is stored; it goes on where nobody waits for it. Raises if the database fails."""
        if not out:
            return
        task = asyncio.get_running_loop().create_task(self.live.database(storing.put_out, occurrence_id, out))
        self._storing.setdefault(occurrence_id, set()).add(task)
        task.add_done_callback(functools.partial(self._is_done, occurrence_id))
        await asyncio.shield(task)

    def _is_done(self, occurrence_id: str, task: asyncio.Task[None]) -> None:
        left = self._storing[occurrence_id]
        left.discard(task)
        if not left:
            del self._storing[occurrence_id]

    def is_storing(self, occurrence_id: str) -> bool:
        return occurrence_id in self._storing

    async def are_stored(self, occurrence_id: str) -> None:
        """Returns when nothing is being stored: who comes back must not be taken for somebody who has not gone."""
        while tasks := self._storing.get(occurrence_id):
            await asyncio.wait(tasks)

    async def close(self) -> None:
        """Lets what has begun come to its end."""
        for tasks in list(self._storing.values()):
            await asyncio.wait(tasks, timeout=1.0)
