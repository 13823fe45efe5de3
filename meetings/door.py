"""The door: what happens when this kind of person arrives, now.

One pure function answers for the page, the socket, the API and every entrance to come. It knows no database, no
clock and no request: callers bring `Facts`, and must ask again at every entry, on every change and on a tick,
because the answer is only true for the moment in which it was given.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final


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
    `lock_after_minutes` counts from the start; None means never."""

    listed: Way = Way.WALKS_IN
    colleagues: Way = Way.WALKS_IN
    guests: Way = Way.KNOCKS
    anyone: Way = Way.TURNED_AWAY
    guests_verified: bool = False
    opens_minutes: int | None = 10
    without_host: WithoutHost = WithoutHost.WAIT
    allow_share: bool = True
    allow_chat: bool = True
    mics_start_off: bool = False
    lock_after_minutes: int | None = None

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
    )


def preset_of(rules: Rules) -> str:
    """The name of the preset whose table this is, or "custom". A code for guests who don't walk in is none."""
    verified = rules.guests_verified and rules.guests is Way.WALKS_IN
    table = Table(rules.listed, rules.colleagues, rules.guests, rules.anyone, verified)
    return next((name for name, preset in PRESETS.items() if preset == table), "custom")


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything that a decision depends on, true at `now`. Build it with `selectors.facts_for`.

    seat: is inside according to the database (the seat outlives its socket by two minutes).
    let_in_at: when a host let this person in; holds for the occurrence.
    waiting: already stands at the door.
    suspended: a host stopped everything; only hosts and those who have a seat come in until it goes on.
    must_knock: a host removed or sent them back without blocking; a host decides, whatever the table says.
    blocked: by account, invitation or device key; removed: the block came with a removal from inside.
    revoked: the invitation by which they are known was revoked, or the link they hold no longer lives.
    replaced: the link they hold was replaced by a newer one, and they have proved that the invited address is theirs.
    link_in_use: their personal link belongs to another device. Nothing else lets them in before it is moved to theirs.
    asking: they asked to take it over, and nobody has answered; came_second: they once did, on this device.
    move_refused_until: whoever uses it on the other device said no to that.
    """

    now: datetime
    row: Row
    rules: Rules
    opens_at: datetime | None = None
    starts_at: datetime | None = None
    ended: bool = False
    cancelled: bool = False
    locked_at: datetime | None = None
    suspended: bool = False
    host_inside: bool = False
    blocked: bool = False
    removed: bool = False
    must_knock: bool = False
    let_in_at: datetime | None = None
    seat: bool = False
    waiting: bool = False
    verified: bool = False
    refused_until: datetime | None = None
    revoked: bool = False
    replaced: bool = False
    link_in_use: bool = False
    asking: bool = False
    came_second: bool = False
    move_refused_until: datetime | None = None
    signed_in: bool = False
    active_account: bool = True
    may_receive_mail: bool = True

    @property
    def let_in(self) -> bool:
        """A host's word that still holds: given at all, and not overtaken by a lock."""
        return self.let_in_at is not None and (self.locked_at is None or self.let_in_at >= self.locked_at)


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What somebody inside may do. Absent means no."""

    speak: bool = False
    show: bool = False
    share: bool = False
    chat: bool = False
    host: bool = False


@dataclass(frozen=True, slots=True)
class Admit:
    """Inside, with these capabilities. Reasons: host, walks_in, let_in, seat."""

    capabilities: Capabilities
    reason: str


@dataclass(frozen=True, slots=True)
class Wait:
    """At the door. Reasons: knock (a host decides), early (opens at `until`), no_host, suspended, moving (asked to take
    over a personal link that another device holds)."""

    reason: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Refuse:
    """Outside. `unknown`: show the uniform page, which a code that names no meeting shows too.

    Reasons: sign_in, not_listed, closed, revoked, link_replaced, link_in_use, link_moved, move_refused (until),
    verify_email, not_let_in (until), blocked, removed, locked, ended, cancelled, inactive.
    """

    reason: str
    until: datetime | None = None
    unknown: bool = False


Decision = Admit | Wait | Refuse

REASONS: Final[Mapping[type[Decision], frozenset[str]]] = MappingProxyType(
    {
        Admit: frozenset({"host", "walks_in", "let_in", "seat"}),
        Wait: frozenset({"knock", "early", "no_host", "moving", "suspended"}),
        Refuse: frozenset(
            {"sign_in", "not_listed", "closed", "revoked", "link_in_use", "verify_email", "not_let_in", "blocked"}
            | {"link_replaced", "link_moved", "move_refused", "removed", "locked", "ended", "cancelled", "inactive"}
        ),
    }
)
"""Every reason code there is. They are stable: the protocol, the API and the audit log use them."""


def capabilities(rules: Rules, row: Row) -> Capabilities:
    """What this kind of person may do once inside."""
    host = row is Row.HOST
    return Capabilities(
        speak=True, show=True, share=host or rules.allow_share, chat=host or rules.allow_chat, host=host
    )


def decide(facts: Facts) -> Decision:
    """The door's answer. Total: every combination of facts has exactly one, and doubt is a no."""
    stranger = _as_stranger(facts)
    if stranger is not None:
        return stranger
    if facts.ended:
        return Refuse("ended")
    if facts.cancelled:
        return Refuse("cancelled")
    if facts.blocked:
        return Refuse("removed" if facts.removed else "blocked")
    if facts.row is Row.HOST:
        return Admit(capabilities(facts.rules, facts.row), "host")
    return _refused_for_now(facts) or _as_member(facts)


def _as_stranger(facts: Facts) -> Refuse | None:
    """Refusals that must not tell that the meeting exists. They come first, or *ended* would give it away."""
    known = facts.seat or facts.let_in_at is not None
    if not facts.active_account:
        return Refuse("inactive", unknown=not known)
    if facts.row is Row.HOST:
        return None
    if facts.revoked:
        return Refuse("revoked", unknown=True)
    # A host's own Let in outweighs the table; a seat that only the table gave does not.
    if facts.rules.way(facts.row) is not Way.TURNED_AWAY or facts.let_in_at is not None:
        return None
    if facts.row is Row.GUEST:
        # They hold a live personal link and may know of the meeting; another account may be the one that is listed.
        return Refuse("not_listed" if facts.signed_in else "sign_in")
    return Refuse("link_replaced") if facts.replaced else Refuse("closed", unknown=True)


def _refused_for_now(facts: Facts) -> Decision | None:
    """What stands against somebody for whom the table has an answer: their link, a host's no, the lock."""
    if facts.refused_until is not None and facts.now < facts.refused_until and not facts.let_in:
        return Refuse("not_let_in", until=facts.refused_until)
    if facts.link_in_use:
        return _with_anothers_link(facts)
    if facts.locked_at is not None and not facts.seat and not facts.let_in:
        # Who stood at the door when it was locked keeps standing there: a host may still let them in one by one.
        return Wait("knock") if facts.waiting else Refuse("locked")
    return None


def _with_anothers_link(facts: Facts) -> Decision:
    """Holding a link is not enough where it belongs to another device: it has to be moved first."""
    if facts.asking:
        return Wait("moving")
    if facts.move_refused_until is not None and facts.now < facts.move_refused_until:
        return Refuse("move_refused", until=facts.move_refused_until)
    had_it = facts.seat or (facts.waiting and not facts.came_second)
    return Refuse("link_moved" if had_it else "link_in_use")


def _as_member(facts: Facts) -> Decision:
    """A held seat, a host's word, or the table; nobody new while everything is suspended."""
    may = capabilities(facts.rules, facts.row)
    if facts.seat:
        return Admit(may, "seat")
    decision = Admit(may, "let_in") if facts.let_in else _by_table(facts)
    if facts.suspended and not isinstance(decision, Refuse) and decision.reason != "early":
        return Wait("suspended")
    return decision


def _by_table(facts: Facts) -> Decision:
    """The table, the opening time and the host's presence."""
    rules, row = facts.rules, facts.row
    way = rules.way(row)
    if _must_verify(facts):
        if facts.may_receive_mail:
            return Refuse("verify_email")
        way = Way.KNOCKS
    if facts.must_knock:
        way = Way.KNOCKS
    if facts.opens_at is not None and facts.now < facts.opens_at:
        return Wait("early", until=facts.opens_at)
    if not facts.host_inside:
        may_start = row is Row.LISTED and way is Way.WALKS_IN and rules.without_host is WithoutHost.LISTED_START
        if not may_start:
            return Wait("no_host")
    return Admit(capabilities(rules, row), "walks_in") if way is Way.WALKS_IN else Wait("knock")


def _must_verify(facts: Facts) -> bool:
    """A forwarded link is worth nothing where guests type a code first, unless anybody may walk in anyway."""
    rules = facts.rules
    return (
        facts.row is Row.GUEST
        and rules.guests_verified
        and rules.guests is Way.WALKS_IN
        and rules.anyone is not Way.WALKS_IN
        and not facts.verified
    )
