"""Who holds which lease of an authorization service, what has to be asked next, and what follows from an answer. Pure.

A *claim* is one thing that somebody wants to do: be in the room, publish a track, receive one. It is permitted while a
lease for it runs, and a lease comes only from a yes. A no ends it at once and stands until the claim is made anew. No
answer changes nothing: the running lease runs out, and the question is asked again, less and less often.

Time is a parameter, in seconds. Nothing here waits, sends or tells.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from meetings.roundtrip.protocol import Kind, Outcome, Verdict

NO_STANDS_SECONDS: Final = 5.0
"""An answer is not asked for again sooner, however often the claim is made anew."""

FIRST_RETRY_SECONDS: Final = 1.0
LONGEST_RETRY_SECONDS: Final = 10.0
SHORTEST_LEAD_SECONDS: Final = 5.0
LONGEST_LEAD_SECONDS: Final = 60.0


class Purpose(IntEnum):
    """What a claim is for. The order is that in which new ones are asked."""

    ENTER = 1
    PUBLISH = 2
    RECEIVE = 3


@dataclass(frozen=True, slots=True)
class Claim:
    """`participant` wants the track of `owner`: their own for ENTER and PUBLISH, somebody else's for RECEIVE."""

    participant: str
    purpose: Purpose
    owner: str
    track: str

    @property
    def type(self) -> str:
        """As the protocol names it."""
        return "publisher" if self.purpose is Purpose.PUBLISH else "subscriber"


@dataclass(slots=True)
class Lease:
    """What is known about one claim. `until` is when the lease ends, in the past where there is none."""

    wanted: bool = True
    until: float = -math.inf
    ask_at: float = -math.inf
    in_flight: int = 0
    failures: int = 0
    refused: str | None = None
    answered_at: float = -math.inf
    grants: frozenset[Kind] | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """What the passing of time has brought: claims to ask about, the most urgent first, and leases that have ended."""

    due: tuple[Claim, ...]
    ended: tuple[Claim, ...]


@dataclass
class Ledger:
    """The leases of one room. `lease_seconds` is what a yes without `ttl` gives; `spread` draws from 0 to 1."""

    lease_seconds: int
    spread: Callable[[], float]
    _leases: dict[Claim, Lease] = field(default_factory=dict)
    _times: list[tuple[float, int, Claim]] = field(default_factory=list)
    _ready: dict[Claim, None] = field(default_factory=dict)
    _running_out: dict[Claim, float] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def __len__(self) -> int:
        return len(self._leases)

    # What is wanted

    def want(self, claim: Claim, now: float) -> None:
        """Somebody wants to do this from now on. A no from before is asked about again, after a while."""
        lease = self._leases.get(claim)
        if lease is None:
            lease = self._leases[claim] = Lease()
        elif lease.wanted and lease.refused is None:
            return
        lease.wanted = True
        if lease.refused is not None:
            lease.refused = None
            lease.ask_at = max(now, lease.answered_at + NO_STANDS_SECONDS)
        if not lease.in_flight:
            self._at(max(now, lease.ask_at), claim)

    def drop(self, claim: Claim, now: float) -> None:
        """Nobody wants this any more. A lease that runs is good for whoever wants it again before its end."""
        lease = self._leases.get(claim)
        if lease is not None:
            lease.wanted = False
            self._ready.pop(claim, None)
            self._forget_if_idle(claim, lease, now)

    def again(self, participant: str, now: float, *, early: bool) -> None:
        """They came anew: what was refused is asked again. `early`: what runs too, for they show another token now."""
        for claim, lease in self._leases.items():
            if claim.participant != participant or not lease.wanted:
                continue
            if lease.refused is not None:
                lease.refused = None
                lease.ask_at = max(now, lease.answered_at + NO_STANDS_SECONDS)
            elif early:
                lease.ask_at = min(lease.ask_at, max(now, lease.answered_at + NO_STANDS_SECONDS))
            if not lease.in_flight:
                self._at(lease.ask_at, claim)

    # What is permitted

    def permits(self, claim: Claim, now: float) -> bool:
        """Whether a lease for this runs at `now`."""
        lease = self._leases.get(claim)
        return lease is not None and lease.refused is None and now < lease.until

    def until(self, claim: Claim) -> float:
        """When the lease of this claim ends or ended; before all time where there was none."""
        lease = self._leases.get(claim)
        return lease.until if lease is not None else -math.inf

    def refusal(self, claim: Claim) -> str | None:
        """The service's words about a no that stands, "" where it gave none; None where none stands."""
        lease = self._leases.get(claim)
        return lease.refused if lease is not None else None

    def grants(self, claim: Claim) -> frozenset[Kind] | None:
        """The kinds that the last yes named; None where it named none."""
        lease = self._leases.get(claim)
        return lease.grants if lease is not None else None

    def claims(self) -> Iterable[Claim]:
        return self._leases.keys()

    # Time, questions and answers

    def next_at(self) -> float | None:
        """When `turn` should be called next; None while there is nothing to wait for."""
        return self._times[0][0] if self._times else None

    def turn(self, now: float) -> Turn:
        """Moves on to `now`. Claims in `due` stay due until `asked`."""
        ended = []
        while self._times and self._times[0][0] <= now:
            _, _, claim = heapq.heappop(self._times)
            lease = self._leases.get(claim)
            if lease is None:
                continue
            if self._running_out.get(claim, math.inf) <= now:
                del self._running_out[claim]
                ended.append(claim)
            if not lease.wanted:
                self._forget_if_idle(claim, lease, now)
            elif not lease.in_flight and lease.refused is None and lease.ask_at <= now:
                self._ready[claim] = None
        return Turn(tuple(sorted(self._ready, key=lambda claim: self._urgency(claim, now))), tuple(ended))

    def _urgency(self, claim: Claim, now: float) -> tuple[float, float]:
        until = self._leases[claim].until
        return (0, until) if until > now else (claim.purpose, 0)

    def asked(self, claim: Claim) -> int:
        """The question is on its way. Returns its number, which the answer must bring."""
        self._ready.pop(claim, None)
        number = next(self._numbers)
        self._leases[claim].in_flight = number
        return number

    def answered(self, claim: Claim, number: int, verdict: Verdict, now: float) -> bool:
        """Takes an answer. False, and nothing has changed, where the question is no longer open: the claim has been
        forgotten or revoked since, and a yes that was given before must not outlive that.
        """
        lease = self._leases.get(claim)
        if lease is None or lease.in_flight != number:
            return False
        lease.in_flight = 0
        match verdict.outcome:
            case Outcome.ALLOWED:
                self._allow(claim, lease, verdict, now)
            case Outcome.REFUSED:
                self._refuse(claim, lease, verdict.reason, now)
            case Outcome.UNANSWERED:
                lease.failures += 1
                pause = FIRST_RETRY_SECONDS * 2.0 ** min(lease.failures - 1, 10)
                lease.ask_at = now + min(pause, LONGEST_RETRY_SECONDS) * (1 + 0.25 * self.spread())
                self._at(lease.ask_at, claim)
        self._forget_if_idle(claim, lease, now)
        return True

    def _allow(self, claim: Claim, lease: Lease, verdict: Verdict, now: float) -> None:
        seconds = verdict.lease_seconds if verdict.lease_seconds is not None else self.lease_seconds
        lead = min(max(seconds / 3, SHORTEST_LEAD_SECONDS), LONGEST_LEAD_SECONDS)
        lease.failures = 0
        lease.answered_at = now
        lease.grants = verdict.grants
        lease.until = now + seconds
        # Somewhat earlier for some than for others: those who came together are not all asked about at once for ever.
        lease.ask_at = now + (seconds - lead) * (1 - 0.1 * self.spread())
        self._running_out[claim] = lease.until
        self._at(lease.until, claim)
        self._at(lease.ask_at, claim)

    def _refuse(self, claim: Claim, lease: Lease, reason: str, now: float) -> None:
        lease.failures = 0
        lease.until = -math.inf
        lease.refused = reason
        lease.answered_at = now
        lease.grants = None
        self._running_out.pop(claim, None)
        self._ready.pop(claim, None)

    def revoke(self, claims: Iterable[Claim], reason: str, now: float) -> None:
        """The service takes these back: as a no, also to questions that are on their way."""
        for claim in tuple(claims):
            lease = self._leases.get(claim)
            if lease is not None:
                lease.in_flight = 0
                self._refuse(claim, lease, reason, now)

    def _at(self, when: float, claim: Claim) -> None:
        heapq.heappush(self._times, (when, next(self._numbers), claim))

    def _forget_if_idle(self, claim: Claim, lease: Lease, now: float) -> None:
        """A claim that nobody makes is forgotten once nothing depends on it: no lease, no question, no fresh answer."""
        if lease.wanted or lease.in_flight or now < lease.until:
            return
        if now < lease.answered_at + NO_STANDS_SECONDS:
            self._at(lease.answered_at + NO_STANDS_SECONDS, claim)
        else:
            self._leases.pop(claim, None)
            self._ready.pop(claim, None)
            self._running_out.pop(claim, None)
