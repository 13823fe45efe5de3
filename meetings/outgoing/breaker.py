"""When not to ask somebody who does not answer. Pure; the caller brings the clock.

Closed: everybody asks. After some failures in a row it opens: nobody asks for a while, which doubles with every failed
try, so that a dead service costs one request now and then. Half-open: one asks for all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

FAILURES: Final = 5
FIRST_PAUSE_SECONDS: Final = 2.0
LONGEST_PAUSE_SECONDS: Final = 10.0


@dataclass(slots=True)
class Breaker:
    """Ask `may_ask` before every request, and tell `succeeded` or `failed` after each that was let through."""

    failures: int = 0
    open_until: float = float("-inf")
    probing: bool = False

    @property
    def is_open(self) -> bool:
        """Whether the last requests failed, so that at most one at a time is let through."""
        return self.failures >= FAILURES

    def may_ask(self, now: float) -> bool:
        """Whether a request may be sent at `now`. While open, a yes makes its caller the one that tries for all."""
        if not self.is_open:
            return True
        if self.probing or now < self.open_until:
            return False
        self.probing = True
        return True

    def asks_again_at(self, now: float) -> float:
        """The earliest time at which `may_ask` can say yes, if nothing is told meanwhile."""
        return max(now, self.open_until) if self.is_open else now

    def succeeded(self) -> None:
        self.failures = 0
        self.probing = False

    def failed(self, now: float) -> None:
        """Of the requests that were on their way when it opened, none counts: only what was tried since does."""
        if self.is_open and not self.probing:
            return
        self.probing = False
        self.failures += 1
        if self.is_open:
            pause = FIRST_PAUSE_SECONDS * 2.0 ** min(self.failures - FAILURES, 10)
            self.open_until = now + min(pause, LONGEST_PAUSE_SECONDS)
