"""Whether a stream of an encrypted session looks like SFrame (RFC 9605) or like something that a server could play.

Catches mistakes of clients, not attackers: who wants to can make anything look like this. Looks at a packet now and
then and never on a packet's way; reads the first bytes of sound and the last byte of a picture. docs/encryption.md
section 1 is the layout. Pure.
"""

from __future__ import annotations

from collections import deque

_WINDOW = 8
_MOST_STRIKES = 5
_LARGEST_KID = 0xFFFF
_TAG_BYTES = 16
_PICTURE_ENDS = (1, 10)
_ON_THE_WAY = 16
"""Frames that a sender may have sealed more than packets are numbered: a dropped one has a counter and no packet."""


def read_header(data: bytes, start: int) -> tuple[int, int] | None:
    """KID and counter of the SFrame header at `start`; None where there is none, or none that our senders write."""
    at = start + 1
    numbers = []
    for bits in (data[start] >> 4, data[start] & 15):
        size = (bits & 7) + 1 if bits & 8 else 0
        value = int.from_bytes(data[at : at + size], "big") if size else bits
        if size and (value < 8 or value >> 8 * (size - 1) == 0):
            return None  # longer than it has to be
        numbers.append(value)
        at += size
    kid, counter = numbers
    return (kid, counter) if kid <= _LARGEST_KID and len(data) - at >= _TAG_BYTES else None


class Tripwire:
    """Watches one stream. Samples may be far apart, repeated or missing."""

    __slots__ = ("_counter", "_kid", "_sequence", "_strikes", "video")

    def __init__(self, *, video: bool) -> None:
        self.video = video
        self._strikes: deque[bool] = deque(maxlen=_WINDOW)
        self._sequence = self._kid = self._counter = -1

    def look(self, sequence: int, data: bytes, start: int) -> bool:
        """Takes one packet: its extended sequence number, its bytes and where the payload begins. False: tripped.

        Of pictures only packets that end a frame say anything; others are passed over.
        """
        if sequence == self._sequence or start >= len(data):
            return True
        if self.video:
            if data[1] & 0x80:
                self._strikes.append(data[-1] not in _PICTURE_ENDS)
                self._sequence = sequence
        else:
            self._strikes.append(not self._is_sealed_sound(sequence, data, start))
            self._sequence = sequence
        return sum(self._strikes) < _MOST_STRIKES

    def _is_sealed_sound(self, sequence: int, data: bytes, start: int) -> bool:
        """Plain Opus begins with bytes that may be a header too; but then its numbers don't go with the packets.

        A new KID comes with a new epoch: one strike, far from enough.
        """
        kid, counter = read_header(data, start) or (-1, -1)
        packets, frames = sequence - self._sequence, counter - self._counter
        goes_on = kid >= 0 and kid == self._kid and 0 < frames <= packets + _ON_THE_WAY
        self._kid, self._counter = kid, counter
        return goes_on
