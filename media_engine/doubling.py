"""Whether sound is sent twice to one receiver: within the next packet (RED), or a moment later by itself. Pure.

Sound can't wait for a request and its answer on a long way: a browser plays on, and asks only for what would still be
in time. Where some of it is lost, sending so little twice costs less than what it saves.
"""

_LOSSY = 0.03
_STILL_LOSSY = 0.004
"""With two copies a loss of 6 % looks like this."""
_CALM_SECONDS = 30.0
_MOST_OF_THE_WAY = 0.25
_MOST_OF_A_FULL_WAY = 0.125
_LITTLE_BITS_PER_SECOND = 100_000
"""Two voices. Where little is sent, little is known to get through; so little is what fills no way."""


class Doubling:
    """`is_on` once the way has lost packets, until it has lost next to none for half a minute."""

    __slots__ = ("_lossy_at", "is_on")

    def __init__(self) -> None:
        self.is_on = False
        self._lossy_at = 0.0

    def on_lost(self, fraction: float, now: float) -> bool:
        """A report of the receiver says that such a share of a stream's packets did not come, 0 to 1.

        Whether it is on only since now.
        """
        was_on = self.is_on
        if fraction > (_STILL_LOSSY if was_on else _LOSSY):
            self.is_on, self._lossy_at = True, now
        elif now > self._lossy_at + _CALM_SECONDS:
            self.is_on = False
        return self.is_on and not was_on

    def fits(self, sound: float, available: float, *, had_queue: bool) -> bool:
        """Whether there is room for as many bits per second again as `sound` takes, `available` being what may be sent.

        A way that had no queue lately has room for a little, however little is known of it.
        """
        room = available * _MOST_OF_THE_WAY
        if not had_queue:
            room = max(room, _LITTLE_BITS_PER_SECOND)
        return self.is_on and sound <= room


class Redundancy:
    """`is_on` for who takes redundancy, but for a way that had a queue lately, if sound would be much of it.

    A full way loses packets in rows, against which the next packet helps little, and what it costs pictures need.
    """

    __slots__ = ("is_on",)

    def __init__(self) -> None:
        self.is_on = True

    def weigh(self, sound: float, capacity: float, *, had_queue: bool) -> None:
        """`sound` with all redundancy, and what gets through without delay, in bits per second."""
        if not had_queue:
            self.is_on = True
        elif sound > capacity * _MOST_OF_A_FULL_WAY:
            self.is_on = False
