"""How long pictures wait at a receiver before they are shown, so that what was lost can come again in time. Pure.

A browser waits one round trip by itself, once something had to be repaired. Where the repair, or the request for it, is
lost as well, the picture stands still for another one: the longer the way, the longer. So on lossy ways we ask for two
(the playout-delay header extension), on the publisher's way and on the receiver's. Sound is held back as long by the
browser, to stay with the lips.
"""

from media_engine.sdp_write import PLAYOUT_DELAY_ID

_LOSSY = 0.015
_ROUND_TRIPS = 2.0
_MARGIN_SECONDS = 0.02
_MOST_SECONDS = 0.4
"""People who wait longer for each other begin to talk at once (ITU-T G.114)."""
_CALM_SECONDS = 20.0
_UNIT_SECONDS = 0.01
_NO_LIMIT = 1000


def element(seconds: float) -> bytes:
    """The header extension that asks to show pictures so much later than they could be, 0.4 s at most."""
    least = round(min(_MOST_SECONDS, seconds) / _UNIT_SECONDS)
    return bytes((PLAYOUT_DELAY_ID << 4 | 2,)) + (least << 12 | _NO_LIMIT).to_bytes(3)


class Waiting:
    """What the losses on one way are worth waiting for: `seconds`."""

    __slots__ = ("_lossy_at", "_lost", "seconds")

    def __init__(self) -> None:
        self._lost = 0.0
        self._lossy_at = 0.0
        self.seconds = 0.0

    def on_lost(self, fraction: float, round_trip: float, now: float) -> None:
        """Such a share of the pictures' packets was asked for again lately. `round_trip` in seconds, 0 if unknown."""
        self._lost += (fraction - self._lost) / 2
        if self._lost > _LOSSY and round_trip:
            self._lossy_at = now
            self.seconds = max(self.seconds, min(_MOST_SECONDS, _ROUND_TRIPS * round_trip + _MARGIN_SECONDS))
        elif self.seconds and now > self._lossy_at + _CALM_SECONDS:
            self.seconds = 0.0
