"""How much somebody may have done for them: so many per second, with a burst. Pure.

Refilled by a tick and not by a clock: the hot path only counts down.
"""


class Allowance:
    """So many per second, with a burst of a quarter of a second's worth where nothing else is said."""

    __slots__ = ("_burst", "_per_second", "left")

    def __init__(self, per_second: int, burst: int = 0) -> None:
        self._per_second = per_second
        self._burst = burst or max(1, per_second // 4)
        self.left = self._burst

    def take(self) -> bool:
        """Use one up; False when none is left."""
        self.left -= 1
        return self.left >= 0

    def refill(self, seconds: float) -> None:
        """Add what `seconds` are worth."""
        self.left = min(self._burst, max(0, self.left) + max(1, int(self._per_second * seconds)))
