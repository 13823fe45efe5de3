"""Tries with links that open nothing, held back for a moment before they are told to anybody.

Whoever opens a meeting's link before signing in, or their own link with the wrong browser, is turned away first and
comes in a minute later: that is no news for hosts. What stays turned away is. Pure: time is a parameter.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

HELD: Final = timedelta(minutes=2)
SAME_TRY: Final = timedelta(seconds=2)
"""A page asks the door twice when it opens, and programs ask before they knock."""

MOST: Final = 10_000
MANY_NETWORKS: Final = {"meeting": 5, "former": 5, "personal": 3}
"""From how many networks a link has to be tried within an hour until hosts are warned. People who are invited come
from one or two; a meeting's link is opened by many before they sign in.
"""


@dataclass(frozen=True)
class Attempt:
    """link: `meeting`, `former` (the meeting's link before it was replaced) or `personal`, then with `invitation`, the
    key. `reason` is the door's. `is_recorded`: the audit log has it already, and only a warning may still follow.
    """

    occurrence: str
    link: str
    invitation: str = ""
    reason: str = "closed"
    is_recorded: bool = False


@dataclass(frozen=True)
class Turned:
    """So many tries of one source stayed turned away, since `first_at`. `network` is as it may be stored; "": many."""

    attempt: Attempt
    network: str
    count: int
    first_at: datetime


@dataclass
class _Held:
    network: str
    first_at: datetime
    last_at: datetime
    count: int = 1


@dataclass
class Attempts:
    """Those of one process. Not thread-safe: one loop uses it."""

    _held: OrderedDict[tuple[Attempt, str], _Held] = field(default_factory=OrderedDict)

    def __len__(self) -> int:
        return len(self._held)

    def note(self, attempt: Attempt, source: str, network: str, now: datetime) -> None:
        """Somebody from `source` was turned away."""
        if (attempt, source) not in self._held and len(self._held) >= MOST:
            source = network = ""  # so many sources at once are told as one
        held = self._held.get((attempt, source))
        if held is None:
            self._held[attempt, source] = _Held(network, now, now)
            return
        if now - held.last_at >= SAME_TRY:
            held.count += 1
        held.last_at = now

    def forgive(self, occurrence: str, source: str, invitation: str = "") -> None:
        """The same source was answered otherwise: it has signed in, or opened the right link. invitation: the one that
        it came by. What was tried with a link of somebody else is told all the same.
        """
        for key in [key for key in self._held if key[0].occurrence == occurrence and key[1] == source]:
            if key[0].invitation in {"", invitation}:
                del self._held[key]

    def due(self, now: datetime) -> list[Turned]:
        """What has been held long enough; forgets it."""
        return self._take([key for key, held in self._held.items() if now - held.first_at >= HELD])

    def everything(self) -> list[Turned]:
        """All of it, for the moment in which the process stops."""
        return self._take(list(self._held))

    def _take(self, keys: list[tuple[Attempt, str]]) -> list[Turned]:
        found = [(key[0], self._held.pop(key)) for key in keys]
        return [Turned(attempt, held.network, held.count, held.first_at) for attempt, held in found]
