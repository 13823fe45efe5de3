"""Whose voices are passed on where many microphones are open: the loudest few. Pure.

Most of a large meeting is silence, and each silent microphone costs every receiver fifty packets a second. The level of
each packet stands in its header (RFC 6464), so nothing has to be decoded. Where it does not, as in encrypted meetings,
everything is passed on: nobody is muted for what they don't say about themselves.
"""

from collections.abc import Hashable, Mapping, Sequence
from typing import TypeVar

SILENCE = 127
_RISE = 0.4
_FALL = 0.02
_PAUSE_SECONDS = 0.1
_LEFT_AFTER_A_SECOND = 0.36
"""Of the loudness of a microphone that sends nothing: as much as of one that sends silence, fifty packets a second."""
_LEAST_LEAD = 6.0
_HOLD_SECONDS = 2.0

Voice = TypeVar("Voice", bound=Hashable)


class Loudness:
    """How loud one microphone is, in decibels above silence: quick to rise and slow to fall, as pauses don't count."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = -1.0
        """Below 0 while nothing is known."""

    def hear(self, level: int, after: float = 0.0) -> None:
        """A packet's level as RFC 6464 has it: 0 is the loudest, 127 silence. It comes `after` so many seconds."""
        loud = float(SILENCE - (level & SILENCE))
        if after > _PAUSE_SECONDS:
            self.value = self.faded(after)
        self.value += (loud - self.value) * (_RISE if loud > self.value else _FALL)

    def faded(self, seconds: float) -> float:
        """What is left of it so many seconds after the last packet: who pauses (DTX) sends hardly any."""
        if self.value <= 0 or seconds <= _PAUSE_SECONDS:
            return self.value
        return float(self.value * _LEFT_AFTER_A_SECOND**seconds)


class Stage:
    """The `places` voices that are heard. Asked a few times a second."""

    def __init__(self, places: int) -> None:
        self._places = places
        self._since: dict[Hashable, float] = {}

    def choose(self, loudness: Mapping[Voice, float], now: float) -> frozenset[Voice]:
        """Who is heard, of those whose loudness is known.

        Who is heard stays for two seconds, and until somebody is six decibels louder.
        """
        kept = [voice for voice in loudness if voice in self._since]
        kept.sort(key=lambda voice: loudness[voice], reverse=True)
        del kept[self._places :]
        others = sorted(
            (voice for voice in loudness if voice not in kept), key=lambda voice: loudness[voice], reverse=True
        )
        for voice in others:
            if len(kept) < self._places:
                kept.append(voice)
                continue
            leaving = self._leaving(kept, loudness, now)
            if leaving is None or loudness[voice] < loudness[leaving] + _LEAST_LEAD:
                break
            kept.remove(leaving)
            kept.append(voice)
        self._since = {voice: self._since.get(voice, now) for voice in kept}
        return frozenset(kept)

    def _leaving(self, kept: Sequence[Voice], loudness: Mapping[Voice, float], now: float) -> Voice | None:
        """The quietest who has been heard long enough."""
        free = [voice for voice in kept if now >= self._since.get(voice, now) + _HOLD_SECONDS]
        return min(free, key=lambda voice: loudness[voice], default=None)
