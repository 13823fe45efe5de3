"""Who has the floor: whose voices are passed on where many microphones are open, and who is said to speak. Pure.

Knows nothing of packets, grants or receivers: it is told how loud the microphones are that may be heard, and who may
hear them is asked elsewhere.
"""

import math
from collections.abc import Hashable, Mapping
from typing import Generic, TypeVar

from media_engine.voices import LEAST_LEAD, SILENCE, SPEECH, Stage

MOST_NAMED = 16
"""So many are said to speak at once."""
_PAUSE_SECONDS = 0.7
_REMEMBERED_SECONDS = 30.0
_FORGOTTEN_SHARE = 0.02
_HANDICAP = SILENCE - SPEECH
"""Decibels that whoever has spoken all the time is behind somebody who hasn't yet."""
_LOOK_SECONDS = 0.2

Voice = TypeVar("Voice", bound=Hashable)


class Turn:
    """How one microphone takes part. `share` of the last half minute it has spoken; `since` when, without a pause."""

    __slots__ = ("_looked_at", "_spoke_at", "share", "since")

    def __init__(self, now: float) -> None:
        self._looked_at = now
        self._spoke_at = -math.inf
        self.share = 0.0
        self.since = math.inf

    @property
    def is_speaking(self) -> bool:
        """Whether it spoke when it was looked at."""
        return self.since < math.inf

    def look(self, loudness: float, now: float) -> float:
        """Take how loud it is. Returns what it is worth beside others: who speaks is before everybody who doesn't, and
        who has spoken less is ahead of who has spoken more, so that nobody keeps a place by being loud for ever.
        """
        speaks = self.is_speaking
        weight = 1 - math.exp(-max(0.0, now - self._looked_at) / _REMEMBERED_SECONDS)
        self.share += (speaks - self.share) * weight
        self._looked_at = now
        if loudness >= SPEECH:
            self._spoke_at = now
        if now - self._spoke_at > _PAUSE_SECONDS:
            self.since = math.inf
            return min(loudness, SPEECH - LEAST_LEAD)
        if not speaks:
            self.since = now
        return max(loudness - _HANDICAP * self.share, SPEECH)


class Floor(Generic[Voice]):
    """`heard` are the `places` voices that are passed on; None while there are no more than that, and all are."""

    def __init__(self, places: int) -> None:
        self._places = places
        self._turns: dict[Voice, Turn] = {}
        self._stage, self._named, self._lead = Stage(places), Stage(MOST_NAMED), Stage(1)
        self._look_at = -math.inf
        self.heard: frozenset[Voice] | None = None
        self.speakers: tuple[Voice, ...] = ()
        """Who speaks: first whoever has the lead, which changes as seldom as a place does, then who began first."""

    def is_due(self, most: int, now: float) -> bool:
        """Whether `listen` wants to know how loud everybody is, who are `most` at most: while all are heard, seldom."""
        return most > self._places or self.heard is not None or now >= self._look_at

    def listen(self, loudness: Mapping[Voice, float], now: float) -> bool:
        """Take how loud everybody is who may be heard, many times a second. Whether others are `heard` than before."""
        if not self.is_due(len(loudness), now):
            return False
        is_crowded = len(loudness) > self._places
        self._look_at = now + _LOOK_SECONDS
        worth = self._look(loudness, now)
        speaking = {voice: worth[voice] for voice in loudness if self._turns[voice].is_speaking}
        lead, named = self._lead.choose(speaking, now), self._named.choose(speaking, now)
        others = sorted(named - lead, key=lambda voice: (self._turns[voice].since, str(voice)))
        self.speakers = (*lead, *others)
        before, self.heard = self.heard, self._stage.choose(worth, now) if is_crowded else None
        return self.heard != before

    def _look(self, loudness: Mapping[Voice, float], now: float) -> dict[Voice, float]:
        """What each voice is worth. Who is switched off is remembered: switching on again makes nobody a new voice."""
        for voice in [voice for voice in self._turns if voice not in loudness]:
            turn = self._turns[voice]
            turn.look(0.0, now)
            if turn.share < _FORGOTTEN_SHARE and not turn.is_speaking:
                del self._turns[voice]
        worth = {}
        for voice, level in loudness.items():
            if voice not in self._turns:
                self._turns[voice] = Turn(now)
            worth[voice] = self._turns[voice].look(level, now)
        return worth
