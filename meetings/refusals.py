"""Keeps refusals from filling the audit log: the first of a source in a minute get an entry each, the rest are counted.

Pure: time is a parameter. Counts live in memory; a process that is killed loses those of its last minute.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from meetings import budgets

MOST: Final = 10_000


@dataclass(frozen=True, slots=True)
class Counted:
    """So many refusals of `source`, about `about`, in the minute that began at `minute` have no entry of their own."""

    source: str
    about: Hashable
    minute: datetime
    count: int


@dataclass(slots=True)
class Tally:
    """One process's budget: entries for each source and minute, whatever they are about. Not thread-safe: callers hold
    a lock.
    """

    each_minute: int = budgets.REFUSALS.most
    _within: OrderedDict[tuple[str, datetime], int] = field(default_factory=OrderedDict)
    _beyond: OrderedDict[tuple[str, Hashable, datetime], int] = field(default_factory=OrderedDict)

    def note(self, source: str, now: datetime, about: Hashable = None) -> bool:
        """Count one refusal; says whether it gets an entry of its own."""
        minute = now.replace(second=0, microsecond=0)
        self._within[source, minute] = self._within.get((source, minute), 0) + 1
        if self._within[source, minute] <= self.each_minute:
            return True
        self._beyond[source, about, minute] = self._beyond.get((source, about, minute), 0) + 1
        return False

    def due(self, now: datetime) -> list[Counted]:
        """What was counted in minutes that are over (or is the oldest, when there is too much); forgets it."""
        this_minute = now.replace(second=0, microsecond=0)
        spare = max(0, len(self._within) - MOST)
        for key in [key for place, key in enumerate(self._within) if key[1] < this_minute or place < spare]:
            del self._within[key]
        spare = max(0, len(self._beyond) - MOST)
        return self._take([key for place, key in enumerate(self._beyond) if key[2] < this_minute or place < spare])

    def everything(self) -> list[Counted]:
        """All that is counted and not yet told, for the moment in which the process stops."""
        self._within.clear()
        return self._take(list(self._beyond))

    def _take(self, keys: list[tuple[str, Hashable, datetime]]) -> list[Counted]:
        return [Counted(*key, self._beyond.pop(key)) for key in keys]
