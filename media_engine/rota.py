"""Whose turn it is: much that is due once in an interval, spread over it. Pure.

What is due for many at once holds up everybody's media as long as it takes. So the interval has parts, each member
belongs to one of them, and each part is taken once in every interval: a member's turns are one interval apart.
"""

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

PARTS = 10
"""Of an interval."""

Member = TypeVar("Member", bound=Hashable)


class Rota(Generic[Member]):
    """The parts, which are taken one after the other, round and round.

    The first is always taken; of the others those to which somebody belongs. `weigh` says how much a member's turn is
    beside others'.
    """

    def __init__(self, weigh: Callable[[Member], int]) -> None:
        self._weigh = weigh
        self._parts: list[dict[Member, None]] = [{} for _ in range(PARTS)]
        self._at = 0

    @property
    def is_first(self) -> bool:
        """Whether the part taken last is the one in which an interval begins."""
        return self._at == 0

    def join(self, member: Member) -> None:
        """Give `member` turns, in the part in which the least is due; the first of them within an interval."""
        min(self._parts, key=lambda part: sum(map(self._weigh, part)))[member] = None

    def leave(self, member: Member) -> None:
        """No more turns for `member`."""
        for part in self._parts:
            part.pop(member, None)

    def parts_to_go(self) -> int:
        """How many parts of an interval after the part taken last the next one is due: 1 to `PARTS`."""
        return next(
            n for n in range(1, PARTS + 1) if (self._at + n) % PARTS == 0 or self._parts[(self._at + n) % PARTS]
        )

    def take(self) -> tuple[Member, ...]:
        """Go on to the next part. Whose turn it is there."""
        self._at = (self._at + self.parts_to_go()) % PARTS
        return tuple(self._parts[self._at])
