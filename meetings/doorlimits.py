"""What an organisation settles for the doors of all its meetings: how a new one starts, and how far hosts may go.

Pure. A limit only ever closes: it acts on meetings that exist already, at the decision itself, and never opens a door
wider than its host set it. So a limit that is tightened holds at once, and one that is loosened changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final

from meetings.domains import domain_of, is_within
from meetings.doorfacts import NOBODY_SAID, Settled
from meetings.doortable import (
    BELOW,
    COLUMN,
    EASE,
    MOST_INSIDE,
    PRESETS,
    AskedAddress,
    Row,
    Rules,
    Way,
    WithoutHost,
    is_open_to_anyone,
    with_preset,
)
from meetings.rights import Right, narrower

RIGHTS: Final = tuple(right.value for right in Right)

OPTIONS: Final = (
    "opens_minutes",
    "without_host",
    *RIGHTS,
    "mics_start_off",
    "lock_after_minutes",
    "capacity",
)
"""The fields of `Rules` beside the table, which an organisation can settle too."""

SETTLEABLE: Final = (*COLUMN.values(), *OPTIONS)

USUAL: Final = Rules()
"""The door of a new meeting where nobody settled another."""

ALL_OPEN: Final = with_preset(Rules(), "anyone_with_link")

ABOVE: Final[Mapping[Row, tuple[Row, ...]]] = MappingProxyType(
    {row: tuple(better for better in COLUMN if row in BELOW[better]) for row in COLUMN}
)


@dataclass(frozen=True, slots=True)
class GuestAddresses:
    """From which domains guests are taken: from `any`, `only` from these, or from all `except` these, each with what is
    below it.
    """

    rule: str = "any"
    domains: tuple[str, ...] = ()

    def take(self, address: str) -> bool:
        """Whether a guest may be known by this address. An address that can't be read is known by nobody."""
        if self.rule == "any":
            return True
        domain = domain_of(address)
        return bool(domain) and is_within(domain, self.domains) == (self.rule == "only")


ANY_ADDRESS: Final = GuestAddresses()


@dataclass(frozen=True, slots=True)
class Limits:
    """`defaults`: the door of a new meeting. `most`: the most open answer per row; of its other fields only two count:
    with `guests_verified` guests type a code, whatever the host says, and `capacity` bounds how many may be
    inside. `fixed`: the fields of `Rules` that hosts may not change. `guest_addresses`: whose addresses
    are taken as guests'. `settled`: who said so, and since when.
    """

    defaults: Rules = USUAL
    most: Rules = ALL_OPEN
    fixed: frozenset[str] = frozenset()
    guest_addresses: GuestAddresses = ANY_ADDRESS
    settled: Settled = field(default=NOBODY_SAID, compare=False)

    @property
    def start(self) -> Rules:
        """The door of a new meeting, as far as the limits let it."""
        return within(self.defaults, self)

    def ceiling(self, row: Row) -> Way:
        """The most open answer that this row can have, with what holds for those who are better known."""
        return min((self._most(one) for one in (row, *ABOVE[row])), key=EASE.__getitem__)

    def _most(self, row: Row) -> Way:
        way = self.most.way(row)
        return _stricter(way, self.defaults.way(row)) if COLUMN[row] in self.fixed else way

    def choices(self, row: Row, kept: Way | None = None) -> frozenset[Way]:
        """What a host may choose for this row. `kept`: what the meeting has now, which can stay if it is within."""
        ceiling = self.ceiling(row)
        start = self.start
        if COLUMN[row] in self.fixed:
            open_to = {start.way(row)}
        else:
            held = [start.way(one) for one in BELOW[row] if COLUMN[one] in self.fixed]
            floor = max((EASE[way] for way in held), default=0)
            open_to = {way for way in Way if floor <= EASE[way] <= EASE[ceiling]}
        if kept is not None and EASE[kept] <= EASE[ceiling]:
            open_to.add(kept)
        return frozenset(open_to)

    def offers(self, preset: str) -> bool:
        """Whether hosts may choose a preset."""
        return not broken(with_preset(self.start, preset), self)

    def least_asked(self) -> AskedAddress:
        """What others with the link show at least, where hosts may not change their row."""
        return self.defaults.anyone_verified if "anyone" in self.fixed else AskedAddress.NONE

    def must_verify(self) -> bool:
        """Guests always type a code first, whatever the host says."""
        return self.most.guests_verified or ("guests" in self.fixed and self.defaults.guests_verified)


def within(rules: Rules, limits: Limits) -> Rules:
    """These rules with everything closed that the organisation does not allow."""
    held = replace(
        rules,
        listed=_stricter(rules.listed, limits.ceiling(Row.LISTED)),
        colleagues=_stricter(rules.colleagues, limits.ceiling(Row.COLLEAGUE)),
        guests=_stricter(rules.guests, limits.ceiling(Row.GUEST)),
        anyone=_stricter(rules.anyone, limits.ceiling(Row.ANYONE)),
        guests_verified=rules.guests_verified or limits.must_verify(),
        anyone_verified=_more_asked(rules.anyone_verified, limits.least_asked()),
        capacity=_fewer((rules.capacity, limits.most.capacity)),
    )
    if not limits.fixed.isdisjoint(OPTIONS):
        held = _stricter_options(held, limits.defaults, limits.fixed)
    limited = frozenset(name for name in SETTLEABLE if getattr(held, name) != getattr(rules, name))
    return replace(held, limited=limited) if limited else held


def broken(rules: Rules, limits: Limits, kept: Rules | None = None) -> tuple[str, ...]:
    """The fields in which these rules are not what a host may choose. `kept`: the meeting's rules until now."""
    found = [
        COLUMN[row]
        for row in COLUMN
        if rules.way(row) not in limits.choices(row, kept.way(row) if kept is not None else None)
    ]
    # Of guests who knock, and of others, the code is asked without a word from the host: presets stay to be chosen.
    walk_in = rules.guests is Way.WALKS_IN and not is_open_to_anyone(rules, Way.WALKS_IN)
    if limits.must_verify() and walk_in and not rules.guests_verified:
        found.append("guests_verified")
    expected = {name: {_value(name, limits.start)} | ({_value(name, kept)} if kept else set()) for name in OPTIONS}
    found += [name for name in OPTIONS if name in limits.fixed and _value(name, rules) not in expected[name]]
    # None asks for as many as may be, which is no more than is allowed.
    if "capacity" not in found and rules.capacity and rules.capacity > (limits.most.capacity or MOST_INSIDE):
        found.append("capacity")
    return tuple(found)


def _stricter(one: Way, other: Way) -> Way:
    return one if EASE[one] <= EASE[other] else other


def _more_asked(one: AskedAddress, other: AskedAddress) -> AskedAddress:
    order = list(AskedAddress)
    return max(one, other, key=order.index)


def _value(name: str, rules: Rules) -> object:
    return getattr(rules, name)


def _stricter_options(rules: Rules, defaults: Rules, fixed: frozenset[str]) -> Rules:
    """Of every option that hosts may not change, the stricter of the meeting's and the organisation's."""
    if "opens_minutes" in fixed:
        rules = replace(rules, opens_minutes=_fewer((rules.opens_minutes, defaults.opens_minutes)))
    if "lock_after_minutes" in fixed:
        rules = replace(rules, lock_after_minutes=_fewer((rules.lock_after_minutes, defaults.lock_after_minutes)))
    if "capacity" in fixed:
        rules = replace(rules, capacity=_fewer((rules.capacity, defaults.capacity)))
    if "without_host" in fixed and defaults.without_host is WithoutHost.WAIT:
        rules = replace(rules, without_host=WithoutHost.WAIT)
    if "mics_start_off" in fixed:
        rules = replace(rules, mics_start_off=rules.mics_start_off or defaults.mics_start_off)
    return _stricter_rights(rules, defaults, fixed)


def _stricter_rights(rules: Rules, defaults: Rules, fixed: frozenset[str]) -> Rules:
    return replace(
        rules,
        speak=narrower(rules.speak, defaults.speak) if "speak" in fixed else rules.speak,
        show=narrower(rules.show, defaults.show) if "show" in fixed else rules.show,
        share=narrower(rules.share, defaults.share) if "share" in fixed else rules.share,
        chat=narrower(rules.chat, defaults.chat) if "chat" in fixed else rules.chat,
        record=narrower(rules.record, defaults.record) if "record" in fixed else rules.record,
    )


def _fewer(numbers: Iterable[int | None]) -> int | None:
    """The smaller number; None stands for no bound at all."""
    return min((number for number in numbers if number is not None), default=None)


def presets_offered(limits: Limits) -> frozenset[str]:
    """The presets that hosts may choose."""
    return frozenset(name for name in PRESETS if limits.offers(name))
