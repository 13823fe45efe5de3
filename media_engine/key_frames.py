"""How often one receiver may have one publisher make key frames. Pure.

A key frame is many times as large as another picture, and everybody who sees its publisher is sent it. Browsers ask for
one when they begin, and when repair has failed; one that asks without end would have everybody pay for it. Each request
that has a new key frame made counts; while one is on its way already, asking again is free.
"""

_AT_ONCE = 8
"""Three encodings, one after the other, as a picture becomes larger, and what is asked again as one was lost."""
_AGAIN_AFTER_SECONDS = 3.0


class KeyFrameBudget:
    """Of one receiver and one source."""

    __slots__ = ("_at", "_left")

    def __init__(self, now: float) -> None:
        self._left = float(_AT_ONCE)
        self._at = now

    def take(self, now: float) -> bool:
        """Use one up; False when none is left."""
        self._left = min(_AT_ONCE, self._left + max(0.0, now - self._at) / _AGAIN_AFTER_SECONDS)
        self._at = max(self._at, now)
        if self._left < 1:
            return False
        self._left -= 1
        return True
