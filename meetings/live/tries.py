"""Tries at the door that open nothing, questions to it, and knocks: how many of them somebody has left."""

from __future__ import annotations

import threading
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
        self.knocks = Budgets(budgets.KNOCKS.rate, clock)
        self.knocks_of_all = Budgets(budgets.KNOCKS_OF_ALL.rate, clock)
        self.entries = Budgets(budgets.ENTRIES.rate, clock)
        self.entries_of_all = Budgets(budgets.ENTRIES_OF_ALL.rate, clock)
        self.knocks_of_one = Budgets(budgets.KNOCKS_OF_ONE.rate, clock)
        self._knocking = threading.Lock()
        self.given_codes = Budgets(budgets.GIVEN_CODES.rate, clock)

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

    def come(self, meeting_id: object, visitor: Visitor, *, walks_in: bool) -> float:
        """Counts that somebody comes to stand at a meeting's door, or walks in through it; 0, or the seconds to wait
        where there were too many.

        People with an account or a personal link have a budget that no stranger uses up. Any thread may ask.
        """
        if visitor.brings_proof:
            who = f"account {visitor.user_id}" if visitor.user is not None else f"link {visitor.link}"
            asked = [(self.knocks_of_one, (meeting_id, who))]
        elif walks_in:
            asked = [(self.entries, (meeting_id, visitor.address)), (self.entries_of_all, (meeting_id, ""))]
        else:
            asked = [(self.knocks, (meeting_id, visitor.address)), (self.knocks_of_all, (meeting_id, ""))]
        with self._knocking:
            # A knock that one of them refuses costs nothing of the other.
            seconds = max(budget.seconds_until(key) for budget, key in asked)
            if seconds == 0:
                for budget, key in asked:
                    budget.take(key)
        return seconds

    def may_be_mailed(self, invitation_id: object, visitor: Visitor) -> bool:
        """Whether a code may be mailed for them: whoever holds a leaked link must not use up its owner's."""
        return self.mailed_codes.has((invitation_id, visitor.address))

    def seconds_to_give(self, address: str, visitor: Visitor) -> float:
        """0 while a code may be mailed to an address that they give: neither many to one, nor one each to many."""
        if not self.given_codes.has(visitor.address):
            return self.given_codes.seconds_until(visitor.address)
        key = (address, visitor.address)
        return 0.0 if self.mailed_codes.has(key) else self.mailed_codes.seconds_until(key)

    def gave(self, address: str, visitor: Visitor) -> None:
        self.mailed_codes.take((address, visitor.address))
        self.given_codes.take(visitor.address)

    def was_mailed(self, invitation_id: object, visitor: Visitor) -> None:
        self.mailed_codes.take((invitation_id, visitor.address))
