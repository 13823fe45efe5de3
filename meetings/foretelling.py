"""What the door will do to somebody once it is open and a host is inside: told beforehand, by the decision itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from meetings.door import Admit, Decision, Facts, Refuse, Row, Rules, Settled, Wait, Way, decide
from meetings.doorlimits import Limits, within
from meetings.doorwords import sentence

SOME_TIME: Final = datetime(2000, 1, 1, tzinfo=UTC)
"""Nothing that is foretold depends on the clock."""


@dataclass(frozen=True)
class Foretold:
    """One of the three answers, whether a mailed code has to be typed first, and why, in a sentence."""

    way: Way
    after_code: bool
    why: str


@dataclass(frozen=True)
class Foreteller:
    """`rules` as a host chose them, `limits` of the organisation, and who settled what."""

    rules: Rules
    limits: Limits
    settled: Mapping[str, Settled] = field(default_factory=dict)

    def tell(
        self,
        row: Row,
        *,
        exception: Way | None = None,
        settled: Settled | None = None,
        revoked: bool = False,
        known_by: str = "",
    ) -> Foretold:
        """`settled`: who made the exception, since when; or who revoked the invitation."""
        facts = Facts(
            now=SOME_TIME,
            row=row,
            rules=within(self.rules, self.limits),
            host_inside=True,
            exception=exception,
            most=self.limits.ceiling(row) if row is not Row.HOST else Way.WALKS_IN,
            revoked=revoked,
            known_by=known_by,
            settled={**self.settled, **({"exception": settled, "revoked": settled} if settled is not None else {})},
        )
        decision = decide(facts)
        assert decision.because is not None, "every decision has a reason"  # noqa: S101 - for the type checker
        return Foretold(way_of(decision), decision == Refuse("verify_email"), sentence(decision.because))


def way_of(decision: Decision) -> Way:
    """The answer as one of the three. Who only has to type a code is told what comes after it."""
    match decision:
        case Admit():
            return Way.WALKS_IN
        case Wait():
            return Way.KNOCKS
        case Refuse(reason="verify_email", because=because):
            return because.way or Way.WALKS_IN if because is not None else Way.WALKS_IN
    return Way.TURNED_AWAY
