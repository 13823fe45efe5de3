"""How loud microphones are, and who of many takes one of few places. Pure.

Most of a large meeting is silence, and each silent microphone costs every receiver fifty packets a second. The level of
each packet stands in its header (RFC 6464), so nothing has to be decoded. Where it must not, as in encrypted meetings,
whoever has the microphone may say that they speak (`Said`).
"""

from collections.abc import Hashable, Mapping, Sequence
from typing import TypeVar

SILENCE = 127
SPEECH = 87.0
"""Decibels above silence from which on somebody speaks: -40 dBov, louder than rooms are by themselves."""
_RISE = 0.4
_FALL = 0.02
_PAUSE_SECONDS = 0.1
_LEFT_AFTER_A_SECOND = 0.36
"""Of the loudness of a microphone that sends nothing: as much as of one that sends silence, fifty packets a second."""
_LONG_AGO_SECONDS = 60.0
_HOLDS_SECONDS = 30.0
LEAST_LEAD = 6.0
"""Decibels by which somebody has to be louder to take another's place."""
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


class Said:
    """What a client says of its own microphone, where packets don't: that somebody speaks there, or no longer does."""

    __slots__ = ("at", "is_speaking", "since")

    def __init__(self, now: float) -> None:
        self.is_speaking = False
        self.since = now - _LONG_AGO_SECONDS
        self.at = now

    def say(self, speaking: bool, now: float) -> None:
        """Take the client's word, which it gives again and again."""
        self.at = now
        if speaking != self.is_speaking:
            self.is_speaking, self.since = speaking, now

    def holds(self, now: float) -> bool:
        """Whether it was said lately: a page that sleeps says nothing, and its person may speak all the same."""
        return now - self.at <= _HOLDS_SECONDS

    def loudness(self, now: float) -> float:
        """As loud as can be, whoever says so; afterwards as a microphone that is silent."""
        return float(SILENCE) if self.is_speaking else float(SPEECH * _LEFT_AFTER_A_SECOND ** (now - self.since))


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
            if leaving is None or loudness[voice] < loudness[leaving] + LEAST_LEAD:
                break
            kept.remove(leaving)
            kept.append(voice)
        self._since = {voice: self._since.get(voice, now) for voice in kept}
        return frozenset(kept)

    def _leaving(self, kept: Sequence[Voice], loudness: Mapping[Voice, float], now: float) -> Voice | None:
        """The quietest who has been heard long enough."""
        free = [voice for voice in kept if now >= self._since.get(voice, now) + _HOLD_SECONDS]
        return min(free, key=lambda voice: loudness[voice], default=None)
