"""Who may do what inside: by role, and by a host's word about one person. Pure; `door.py` asks it whenever it admits.

A right opens nothing by itself: it lets somebody switch something on. Hosts have every right, always.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Right(StrEnum):
    """What can be given and taken: to be heard, to be seen, to share a screen, to write, to record."""

    SPEAK = "speak"
    SHOW = "show"
    SHARE = "share"
    CHAT = "chat"
    RECORD = "record"


class Audience(StrEnum):
    """Whom a meeting gives a right."""

    EVERYONE = "everyone"
    SIGNED_IN = "signed_in"
    HOSTS = "hosts"


WIDTH: Final[Mapping[Audience, int]] = MappingProxyType(
    {Audience.HOSTS: 0, Audience.SIGNED_IN: 1, Audience.EVERYONE: 2}
)
"""How many people an audience covers; only the order matters."""


def narrower(one: Audience, other: Audience) -> Audience:
    return one if WIDTH[one] <= WIDTH[other] else other


@dataclass(frozen=True, slots=True)
class Own:
    """A host's word about one person: yes, no, or None where the meeting's rule holds."""

    speak: bool | None = None
    show: bool | None = None
    share: bool | None = None
    chat: bool | None = None
    record: bool | None = None

    def word(self, right: Right) -> bool | None:
        match right:
            case Right.SPEAK:
                return self.speak
            case Right.SHOW:
                return self.show
            case Right.SHARE:
                return self.share
            case Right.CHAT:
                return self.chat
            case Right.RECORD:
                return self.record


NOTHING_SAID: Final = Own()


def combined(surely: Iterable[Own], maybe: Iterable[Own]) -> Own:
    """One word about somebody with several seats. A no counts wherever it may be the same person, a yes only where it
    surely is: what a host took away does not come back with another device, and nobody borrows what was given.
    """
    certain, possible = list(surely), list(maybe)

    def word(right: Right) -> bool | None:
        if any(own.word(right) is False for own in (*certain, *possible)):
            return False
        return True if any(own.word(right) for own in certain) else None

    return Own(word(Right.SPEAK), word(Right.SHOW), word(Right.SHARE), word(Right.CHAT), word(Right.RECORD))


def may(audience: Audience, own: bool | None, *, host: bool, signed_in: bool) -> bool:
    """Whether somebody has a right. A host's word about the person outweighs the meeting's rule."""
    if host:
        return True
    if own is not None:
        return own
    return audience is Audience.EVERYONE or (audience is Audience.SIGNED_IN and signed_in)
