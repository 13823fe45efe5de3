"""Tries at the door that open nothing, questions to it, and knocks: how many of them somebody has left."""

from __future__ import annotations

import threading
from collections.abc import Callable

from meetings import budgets
from meetings.signaling.rates import AddressBudgets, Budgets
from meetings.visitors import Visitor


class Tries:
    """Keeps the budgets of one process. `clock` counts seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.refused = AddressBudgets(budgets.TRIES.rate, clock)
        self.requests = AddressBudgets(budgets.REQUESTS.rate, clock)
        self.mailed_codes = AddressBudgets(budgets.MAILED_CODES.rate, clock)
        self.knocks = AddressBudgets(budgets.KNOCKS.rate, clock)
        self.knocks_of_all = Budgets(budgets.KNOCKS_OF_ALL.rate, clock)
        self.entries = AddressBudgets(budgets.ENTRIES.rate, clock)
        self.entries_of_all = Budgets(budgets.ENTRIES_OF_ALL.rate, clock)
        self.knocks_of_one = Budgets(budgets.KNOCKS_OF_ONE.rate, clock)
        self._knocking = threading.Lock()
        self.given_codes = AddressBudgets(budgets.GIVEN_CODES.rate, clock)

    def seconds_to_wait(self, visitor: Visitor) -> float:
        """0 while the visitor may try. Ask it before anything is looked at, so that the answer tells nothing."""
        return 0.0 if self.refused.has(*visitor.budget) else self.refused.seconds_until(*visitor.budget)

    def refuse(self, visitor: Visitor) -> None:
        """Counts a try that opened nothing."""
        self.refused.take(*visitor.budget)

    def ask(self, visitor: Visitor) -> float:
        """Counts a question to the door; 0, or the seconds to wait where there were too many."""
        return 0.0 if self.requests.take(*visitor.budget) else self.requests.seconds_until(*visitor.budget)

    def come(self, meeting_id: object, visitor: Visitor, *, walks_in: bool) -> float:
        """Counts that somebody comes to stand at a meeting's door, or walks in through it; 0, or the seconds to wait
        where there were too many.

        People with an account or a personal link have a budget that no stranger uses up. Any thread may ask.
        """
        if visitor.brings_proof:
            who = f"account {visitor.user_id}" if visitor.user is not None else f"link {visitor.link}"
            with self._knocking:
                own = self.knocks_of_one
                return 0.0 if own.take((meeting_id, who)) else own.seconds_until((meeting_id, who))
        here, everywhere = (self.entries, self.entries_of_all) if walks_in else (self.knocks, self.knocks_of_all)
        with self._knocking:
            # A knock that one of them refuses costs nothing of the other.
            seconds = max(here.seconds_until(visitor.address, meeting_id), everywhere.seconds_until(meeting_id))
            if seconds == 0:
                here.take(visitor.address, meeting_id)
                everywhere.take(meeting_id)
        return seconds

    def may_be_mailed(self, invitation_id: object, visitor: Visitor) -> bool:
        """Whether a code may be mailed for them: whoever holds a leaked link must not use up its owner's."""
        return self.mailed_codes.has(visitor.address, invitation_id)

    def seconds_to_give(self, address: str, visitor: Visitor) -> float:
        """0 while a code may be mailed to an address that they give: neither many to one, nor one each to many."""
        if not self.given_codes.has(visitor.address):
            return self.given_codes.seconds_until(visitor.address)
        key = (visitor.address, address)
        return 0.0 if self.mailed_codes.has(*key) else self.mailed_codes.seconds_until(*key)

    def gave(self, address: str, visitor: Visitor) -> None:
        self.mailed_codes.take(visitor.address, address)
        self.given_codes.take(visitor.address)

    def was_mailed(self, invitation_id: object, visitor: Visitor) -> None:
        self.mailed_codes.take(visitor.address, invitation_id)
