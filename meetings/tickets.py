"""Tickets: the door's answer on its way from the arrive request to the socket.

A ticket lives 30 s in the memory of the process that issued it, works once, and only for the person, meeting,
device and browser for which it was made. It never travels in an address, so no log or history keeps it. Holding
one proves that the door was asked; the socket asks the door again.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

LIFE_SECONDS = 30.0
MOST_TICKETS = 5_000


@dataclass(frozen=True)
class Bearer:
    """Whom a ticket is for. Ids are text; `user_id` and `session_key` are empty for people who are not signed in.

    browser: digest of the random cookie that came with the arrive request: an overheard ticket alone opens nothing.
    account: who made the meeting. is_host: whether the bearer is a host of it.
    """

    occurrence_id: str
    participant_id: str
    device: str
    user_id: str
    session_key: str
    browser: str
    network: str
    account: str = ""
    is_host: bool = False


@dataclass(frozen=True)
class _Issued:
    bearer: Bearer
    expires_at: float


class Tickets:
    """Issues and redeems the tickets of one node. `clock` counts seconds and never goes back."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._issued: OrderedDict[str, _Issued] = OrderedDict()

    def issue(self, bearer: Bearer) -> str:
        """Returns a new ticket. The oldest are dropped when there are too many to remember."""
        now = self._clock()
        while self._issued:
            oldest = next(iter(self._issued.values()))
            if oldest.expires_at > now and len(self._issued) < MOST_TICKETS:
                break
            self._issued.popitem(last=False)
        ticket = secrets.token_urlsafe(24)
        self._issued[_digest(ticket)] = _Issued(bearer, now + LIFE_SECONDS)
        return ticket

    def redeem(self, ticket: str, *, user_id: str, session_key: str, browser: str) -> Bearer | None:
        """Returns whom the ticket is for and forgets it; None if there is no such ticket, it is old, or it is
        another's.

        A ticket that is shown by somebody else is used up by that: whoever leaked it arrives again.
        """
        issued = self._issued.pop(_digest(ticket), None)
        if issued is None or issued.expires_at <= self._clock():
            return None
        bearer = issued.bearer
        same_person = bearer.user_id == user_id and bearer.session_key == session_key
        same_browser = bool(browser) and hmac.compare_digest(bearer.browser, browser_digest(browser))
        return bearer if same_person and same_browser else None

    def forget(self, participant_id: str) -> None:
        """Makes every ticket of a seat worthless; call it when the person is removed or turned away."""
        for key in [key for key, issued in self._issued.items() if issued.bearer.participant_id == participant_id]:
            del self._issued[key]

    def __len__(self) -> int:
        return len(self._issued)


def new_browser() -> str:
    """Returns a random name for a browser profile; it travels only in an HttpOnly cookie."""
    return secrets.token_urlsafe(24)


def browser_digest(browser: str) -> str:
    return hashlib.sha256(browser.encode()).hexdigest()


def _digest(ticket: str) -> str:
    return hashlib.sha256(ticket.encode()).hexdigest()


class Nonces:
    """Remembers the proofs that were used, for as long as their time stamp would be accepted again.

    `most` of strangers, and as many of people with an account or a personal link: a crowd keeps off nobody who is
    known. Any thread may ask: the door is asked in several.
    """

    def __init__(self, clock: Callable[[], float], *, life_seconds: float = 300.0, most: int = 50_000) -> None:
        self._clock = clock
        self._life_seconds = life_seconds
        self._most = most
        self._used: OrderedDict[tuple[str, str], tuple[float, bool]] = OrderedDict()
        self._count = {True: 0, False: 0}
        self._using = threading.Lock()

    def use(self, device: str, nonce: str, *, known: bool) -> bool:
        """Returns True the first time. Refuses everything while too many are remembered: forgetting early would allow
        a replay. known: by an account or a personal link.
        """
        with self._using:
            now = self._clock()
            while self._used and next(iter(self._used.values()))[0] <= now:
                _, (_, was_known) = self._used.popitem(last=False)
                self._count[was_known] -= 1
            if (device, nonce) in self._used or self._count[known] >= self._most:
                return False
            self._used[(device, nonce)] = (now + self._life_seconds, known)
            self._count[known] += 1
            return True
