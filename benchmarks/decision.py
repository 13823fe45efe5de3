"""What one answer of the door costs: `meetings.door.decide`, with its reason, for every kind of person."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import product
from statistics import median
from typing import Any

from meetings.door import COLUMN, PRESETS, Facts, Row, Rules, Settled, Way, decide, with_preset
from meetings.doorlimits import ALL_OPEN, Limits, within

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
SETTLED = {rule: Settled(NOON, "Ingrid Sæther") for rule in ("table", "limit", "exception", "lock", "let_in")}
SITUATIONS: Mapping[str, Mapping[str, Any]] = {
    "open": {},
    "early": {"opens_at": NOON + timedelta(minutes=10)},
    "without a host": {"host_inside": False},
    "locked": {"locked_at": NOON - timedelta(minutes=5)},
    "full": {"capacity": 50, "inside": 50, "ahead": 3},
    "let in": {"let_in_at": NOON, "waiting": True},
    "inside": {"seat": True},
    "exception": {"exception": Way.WALKS_IN, "most": Way.KNOCKS},
    "blocked": {"blocked": True},
}
CALLS = 2_000


@dataclass(frozen=True)
class DecisionMeasured:
    """Microseconds of CPU for one decision: over all cases, and for reading rules within an organisation's limits."""

    cases: int
    us_median: float
    us_slowest: float
    slowest: str
    us_within_limits: float

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def measure_decision(calls: int = CALLS) -> DecisionMeasured:
    """Every row × preset × situation, each asked `calls` times."""
    costs = {
        f"{row}, {preset}, {name}": _cost(replace(_somebody(row, preset), **more), calls)
        for row, preset, (name, more) in product(Row, PRESETS, SITUATIONS.items())
    }
    slowest = max(costs, key=costs.__getitem__)
    limits = Limits(most=replace(ALL_OPEN, anyone=Way.KNOCKS), fixed=frozenset(COLUMN.values()))
    rules = [with_preset(Rules(), preset) for preset in PRESETS]
    begun = time.process_time()
    for _ in range(calls):
        for one in rules:
            within(one, limits)
    spent = (time.process_time() - begun) / calls / len(rules) * 1e6
    return DecisionMeasured(
        len(costs), round(median(costs.values()), 2), round(costs[slowest], 2), slowest, round(spent, 2)
    )


def _somebody(row: Row, preset: str) -> Facts:
    return Facts(now=NOON, row=row, rules=with_preset(Rules(), preset), host_inside=True, settled=SETTLED)


def _cost(facts: Facts, calls: int) -> float:
    begun = time.process_time()
    for _ in range(calls):
        decide(facts)
    return (time.process_time() - begun) / calls * 1e6
