"""Keeps refusals from filling the audit log: the first of a source in a minute get an entry each, the rest are counted.

Pure: time is a parameter. Counts live in memory; a process that is killed loses those of its last minute.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from meetings import budgets

SOURCES: Final = 10_000


@dataclass(frozen=True, slots=True)
class Counted:
    """So many refusals of `source` in the minute that began at `minute` have no entry of their own."""

    source: str
    minute: datetime
    count: int


@dataclass(slots=True)
class Tally:
    """One process's budget. Not thread-safe: callers hold a lock."""

    each_minute: int = budgets.REFUSALS.most
    _seen: OrderedDict[tuple[str, datetime], int] = field(default_factory=OrderedDict)

    def note(self, source: str, now: datetime) -> bool:
        """Count one refusal; says whether it gets an entry of its own."""
        key = (source, now.replace(second=0, microsecond=0))
        self._seen[key] = self._seen.get(key, 0) + 1
        return self._seen[key] <= self.each_minute

    def due(self, now: datetime) -> list[Counted]:
        """What was counted in minutes that are over (or is the oldest, when there are too many sources); forgets it."""
        this_minute = now.replace(second=0, microsecond=0)
        spare = max(0, len(self._seen) - SOURCES)
        gone = [key for position, key in enumerate(self._seen) if key[1] < this_minute or position < spare]
        counts = [(key, self._seen.pop(key)) for key in gone]
        return [
            Counted(source, minute, count - self.each_minute)
            for (source, minute), count in counts
            if count > self.each_minute
        ]

    def everything(self) -> list[Counted]:
        """All that is counted and not yet told, for the moment in which the process stops."""
        counts, self._seen = self._seen, OrderedDict()
        return [
            Counted(source, minute, count - self.each_minute)
            for (source, minute), count in counts.items()
            if count > self.each_minute
        ]
