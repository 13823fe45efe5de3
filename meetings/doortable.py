"""The door's table: kinds of people, the three answers, the rules that a host settles, and the two orders they keep.

Pure. `door.py` decides by it, and gives these names to everybody else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from meetings.rights import Audience


class Row(StrEnum):
    """The five kinds of people, as the door's table lists them."""

    HOST = "host"
    LISTED = "listed"
    COLLEAGUE = "colleague"
    GUEST = "guest"
    ANYONE = "anyone"


class Way(StrEnum):
    """The three answers of the door. There are no others."""

    WALKS_IN = "walks_in"
    KNOCKS = "knocks"
    TURNED_AWAY = "turned_away"


class AskedAddress(StrEnum):
    """What people who have only the meeting's link show before they knock or walk in: that they read a mailbox."""

    NONE = "none"
    ANY_ADDRESS = "any_address"
    INVITED_ADDRESS = "invited_address"


MOST_INSIDE: Final = 100
"""How many people a room carries."""


class WithoutHost(StrEnum):
    """What holds while no host is inside."""

    WAIT = "wait"
    LISTED_START = "listed_start"


EASE: Final[Mapping[Way, int]] = MappingProxyType({Way.TURNED_AWAY: 0, Way.KNOCKS: 1, Way.WALKS_IN: 2})
"""How easily an answer lets somebody in; only the order matters."""

BELOW: Final[Mapping[Row, tuple[Row, ...]]] = MappingProxyType(
    {
        Row.HOST: (),
        Row.LISTED: (Row.COLLEAGUE, Row.GUEST, Row.ANYONE),
        Row.COLLEAGUE: (Row.ANYONE,),
        Row.GUEST: (Row.ANYONE,),
        Row.ANYONE: (),
    }
)
"""Who is less known than a row, and so never gets in more easily. Colleagues and invited guests are not ordered,
because "Named people only" lets a named guest in and a colleague not."""

ORDER: Final = tuple((row, less) for row, below in BELOW.items() for less in below)
"""The same as pairs (better known, less known)."""

COLUMN: Final[Mapping[Row, str]] = MappingProxyType(
    {Row.LISTED: "listed", Row.COLLEAGUE: "colleagues", Row.GUEST: "guests", Row.ANYONE: "anyone"}
)
"""The field of `Rules` that holds each editable row. Hosts always walk in and have none."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What the host settled beforehand. `opens_minutes` counts before the start; None means at any time.
    `guests_verified`: guests type a code mailed to the invited address before they knock or walk in; `anyone_verified`:
    so do others, with an address that they give, or with one that was invited.
    `lock_after_minutes` counts from the start; None means never. `capacity` is how many may be inside at once; None
    means as many as a room carries. `limited`: the fields that the organisation closed
    further than the host did; it belongs to the explanation, and is no rule.
    """

    listed: Way = Way.WALKS_IN
    colleagues: Way = Way.WALKS_IN
    guests: Way = Way.KNOCKS
    anyone: Way = Way.TURNED_AWAY
    guests_verified: bool = False
    anyone_verified: AskedAddress = AskedAddress.NONE
    opens_minutes: int | None = 10
    without_host: WithoutHost = WithoutHost.WAIT
    speak: Audience = Audience.EVERYONE
    show: Audience = Audience.EVERYONE
    share: Audience = Audience.EVERYONE
    chat: Audience = Audience.EVERYONE
    record: Audience = Audience.HOSTS
    mics_start_off: bool = False
    lock_after_minutes: int | None = None
    capacity: int | None = None
    limited: frozenset[str] = field(default=frozenset(), compare=False)

    def way(self, row: Row) -> Way:
        """The table's answer for this kind of person."""
        match row:
            case Row.HOST:
                return Way.WALKS_IN
            case Row.LISTED:
                return self.listed
            case Row.COLLEAGUE:
                return self.colleagues
            case Row.GUEST:
                return self.guests
            case Row.ANYONE:
                return self.anyone


@dataclass(frozen=True, slots=True)
class Table:
    """The part of the rules that a preset sets."""

    listed: Way
    colleagues: Way
    guests: Way
    anyone: Way
    guests_verified: bool = False
    anyone_verified: AskedAddress = AskedAddress.NONE


PRESETS: Final[Mapping[str, Table]] = MappingProxyType(
    {
        "named_people": Table(Way.WALKS_IN, Way.TURNED_AWAY, Way.WALKS_IN, Way.TURNED_AWAY, guests_verified=True),
        "guests_knock": Table(Way.WALKS_IN, Way.WALKS_IN, Way.KNOCKS, Way.TURNED_AWAY),
        "everyone_knocks": Table(Way.KNOCKS, Way.KNOCKS, Way.KNOCKS, Way.TURNED_AWAY),
        "anyone_with_link": Table(Way.WALKS_IN, Way.WALKS_IN, Way.WALKS_IN, Way.WALKS_IN),
    }
)


def with_preset(rules: Rules, preset: str) -> Rules:
    """These rules with the table of a preset. Raises KeyError for a name that is none."""
    table = PRESETS[preset]
    return replace(
        rules,
        listed=table.listed,
        colleagues=table.colleagues,
        guests=table.guests,
        anyone=table.anyone,
        guests_verified=table.guests_verified,
        anyone_verified=table.anyone_verified,
    )


def preset_of(rules: Rules) -> str:
    """The name of the preset whose table this is, or "custom"."""
    rules = without_idle_codes(rules)
    table = Table(
        rules.listed, rules.colleagues, rules.guests, rules.anyone, rules.guests_verified, rules.anyone_verified
    )
    return next((name for name, preset in PRESETS.items() if preset == table), "custom")


def without_idle_codes(rules: Rules) -> Rules:
    """These rules without codes for people who are turned away anyway: nobody is ever asked for those."""
    return replace(
        rules,
        guests_verified=rules.guests_verified and rules.guests is not Way.TURNED_AWAY,
        anyone_verified=AskedAddress.NONE if rules.anyone is Way.TURNED_AWAY else rules.anyone_verified,
    )


def is_open_to_anyone(rules: Rules, way: Way) -> bool:
    """Whether somebody with the meeting's link alone gets as far as `way`, and shows nothing for it. Then a code asked
    of guests would only make them use that link."""
    return EASE[rules.anyone] >= EASE[way] and rules.anyone_verified is AskedAddress.NONE


def is_ordered(rules: Rules) -> bool:
    """Whether nobody less known gets in more easily than somebody better known."""
    return all(EASE[rules.way(row)] >= EASE[rules.way(less)] for row in COLUMN for less in BELOW[row])


def ordered(rules: Rules, changed: Row) -> tuple[Rules, tuple[Row, ...]]:
    """Keep both orders after the row `changed` was edited: raises what must be above it, lowers what must be below.

    Returns the rules and the rows that moved beside the edited one, so that the form can say "Also changed".
    """
    before, way = rules, rules.way(changed)
    for row in COLUMN:
        too_low = changed in BELOW[row] and EASE[rules.way(row)] < EASE[way]
        too_high = row in BELOW[changed] and EASE[rules.way(row)] > EASE[way]
        if too_low or too_high:
            rules = _with_way(rules, row, way)
    # Tables that contradicted themselves before the edit (they can come from a program) are settled towards no.
    for better in COLUMN:
        for lesser in BELOW[better]:
            if EASE[rules.way(lesser)] > EASE[rules.way(better)]:
                rules = _with_way(rules, lesser, rules.way(better))
    return rules, tuple(row for row in COLUMN if row != changed and rules.way(row) is not before.way(row))


def _with_way(rules: Rules, row: Row, way: Way) -> Rules:
    match row:
        case Row.LISTED:
            return replace(rules, listed=way)
        case Row.COLLEAGUE:
            return replace(rules, colleagues=way)
        case Row.GUEST:
            return replace(rules, guests=way)
        case Row.ANYONE:
            return replace(rules, anyone=way)
        case Row.HOST:
            raise ValueError("hosts always walk in")
