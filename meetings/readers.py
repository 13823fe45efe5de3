"""To whom a mail or a calendar goes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Reader:
    """Who reads, and the link they get: a guest's is theirs alone (or still to come, ""), others sign in.

    standing: asked to every occurrence of a meeting that repeats, not to one alone.
    """

    email: str
    name: str
    link: str
    is_guest: bool = False
    hosting: bool = False
    standing: bool = True

    @property
    def personal(self) -> bool:
        """Whether the link is theirs alone."""
        return self.is_guest and bool(self.link)
