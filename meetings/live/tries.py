"""Tries at the door that open nothing, and questions to it: how many of them somebody has left."""

from __future__ import annotations

from collections.abc import Callable

from meetings import budgets
from meetings.signaling.rates import Budgets
from meetings.visitors import Visitor


class Tries:
    """Keeps the budgets of one process. `clock` counts seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.refused = Budgets(budgets.TRIES.rate, clock)
        self.refused_of_a_site = Budgets(budgets.TRIES_OF_A_SITE.rate, clock)
        self.requests = Budgets(budgets.REQUESTS.rate, clock)
        self.mailed_codes = Budgets(budgets.MAILED_CODES.rate, clock)

    def seconds_to_wait(self, visitor: Visitor) -> float:
        """0 while the visitor may try. Ask it before anything is looked at, so that the answer tells nothing."""
        own = 0.0 if self.refused.has(visitor.budget) else self.refused.seconds_until(visitor.budget)
        if visitor.brings_proof or not visitor.site or self.refused_of_a_site.has(visitor.site):
            return own
        return max(own, self.refused_of_a_site.seconds_until(visitor.site))

    def refuse(self, visitor: Visitor) -> None:
        """Counts a try that opened nothing."""
        self.refused.take(visitor.budget)
        if visitor.site and not visitor.brings_proof:
            self.refused_of_a_site.take(visitor.site)

    def ask(self, visitor: Visitor) -> float:
        """Counts a question to the door; 0, or the seconds to wait where there were too many."""
        return 0.0 if self.requests.take(visitor.budget) else self.requests.seconds_until(visitor.budget)

    def may_be_mailed(self, invitation_id: object, visitor: Visitor) -> bool:
        """Whether a code may be mailed for them: whoever holds a leaked link must not use up its owner's."""
        return self.mailed_codes.has((invitation_id, visitor.address))

    def was_mailed(self, invitation_id: object, visitor: Visitor) -> None:
        self.mailed_codes.take((invitation_id, visitor.address))
