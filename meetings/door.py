"""The door: what happens when this kind of person arrives, now, and why.

One pure function answers for the page, the socket, the API and every entrance to come. It knows no database, no
clock and no request: callers bring `Facts`, and must ask again at every entry, on every change and on a tick,
because the answer is only true for the moment in which it was given.

Every answer carries its reason along (`because`), made in the branch that decided: nobody works out a second time, and
maybe otherwise, why the door said what it said. `doorwords.py` has the sentences.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Final

from meetings.doortable import (
    BELOW,
    COLUMN,
    EASE,
    ORDER,
    PRESETS,
    AskedAddress,
    Row,
    Rules,
    Table,
    Way,
    WithoutHost,
    is_open_to_anyone,
    is_ordered,
    ordered,
    preset_of,
    with_preset,
)
from meetings.rights import NOTHING_SAID, Own, may

__all__ = [
    "BELOW",
    "COLUMN",
    "EASE",
    "ORDER",
    "PRESETS",
    "REASONS",
    "RULES",
    "Admit",
    "AskedAddress",
    "Because",
    "Capabilities",
    "Decision",
    "Facts",
    "Refuse",
    "Row",
    "Rules",
    "Settled",
    "Table",
    "Wait",
    "Way",
    "WithoutHost",
    "capabilities",
    "decide",
    "is_ordered",
    "ordered",
    "preset_of",
    "with_preset",
]

RULES: Final = frozenset(
    {
        "host",
        "table",
        "limit",
        "exception",
        "must_knock",
        "code",
        "address_code",
        "invited_code",
        "opening",
        "without_host",
        "full",
        "lock",
        "seat",
    }
    | {"let_in", "refusal", "link_in_use", "moving", "move_refused", "replaced", "revoked", "block", "account", "ended"}
    | {"cancelled", "suspended"}
)
"""What can decide at the door. Codes are stable: the audit log keeps them."""


@dataclass(frozen=True, slots=True)
class Settled:
    """Who settled something, and since when it holds. None and "" where nobody wrote it down."""

    at: datetime | None = None
    by: str = ""


NOBODY_SAID: Final = Settled()


@dataclass(frozen=True, slots=True)
class Because:
    """Which rule decided, about which kind of people, and who settled it since when.

    way: the answer that the rule gives, where it gives one of the three. known_by: the group or domain that lists them.
    inside, capacity: how many are inside, and how many may be, where that decided.
    """

    rule: str
    row: Row
    way: Way | None = None
    settled: Settled = NOBODY_SAID
    known_by: str = ""
    inside: int | None = None
    capacity: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything that a decision depends on, true at `now`. Build it with `selectors.facts_for`.

    seat: is inside according to the database (the seat outlives its socket by two minutes).
    let_in_at: when a host let this person in; holds for the occurrence.
    waiting: already stands at the door.
    own: what hosts said about this person's rights.
    suspended: a host stopped everything; only hosts and those who have a seat come in until it goes on.
    must_knock: a host removed or sent them back without blocking; a host decides, whatever the table says.
    blocked: by account, invitation or device key; removed: the block came with a removal from inside.
    revoked: the invitation by which they are known was revoked, or the link they hold no longer lives.
    replaced: the link they hold was replaced by a newer one, and they have proved that the invited address is theirs.
    link_in_use: their personal link belongs to another device. Nothing else lets them in before it is moved to theirs.
    asking: they asked to take it over, and nobody has answered; came_second: they once did, on this device.
    move_refused_until: whoever uses it on the other device said no to that.
    exception: what a host settled for this person alone; most: the most open answer that the organisation allows for
    this kind of people, exceptions included.
    unwanted_address: they hold a personal link that was sent to an address which the organisation doesn't take guests
    from, and so are no guest.
    capacity: how many may be inside at once, None for any number; inside: how many are; ahead: how many came earlier
    and wait for a place.
    known_by: the group or domain that lists them; settled: who settled which rule, by the codes of `RULES`. Both belong
    to the explanation only.
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
    own: Own = NOTHING_SAID
    active_account: bool = True
    may_receive_mail: bool = True
    exception: Way | None = None
    most: Way = Way.WALKS_IN
    unwanted_address: bool = False
    capacity: int | None = None
    inside: int = 0
    ahead: int = 0
    known_by: str = ""
    settled: Mapping[str, Settled] = field(default_factory=dict)

    @property
    def let_in(self) -> bool:
        """A host's word that still holds: given at all, and not overtaken by a lock."""
        return self.let_in_at is not None and (self.locked_at is None or self.let_in_at >= self.locked_at)

    @property
    def is_full(self) -> bool:
        """No place is free. Hosts are counted among those inside, and never kept out."""
        return self.capacity is not None and self.inside >= self.capacity

    def because(self, rule: str, way: Way | None = None) -> Because:
        full = (self.inside, self.capacity) if rule == "full" else (None, None)
        return Because(rule, self.row, way, self.settled.get(rule, NOBODY_SAID), self.known_by, *full)


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
    because: Because | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Wait:
    """At the door. Reasons: knock (a host decides), early (opens at `until`), no_host, suspended, moving (asked to take
    over a personal link that another device holds), full (`place` in the queue).
    """

    reason: str
    until: datetime | None = None
    place: int | None = None
    because: Because | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Refuse:
    """Outside. `unknown`: show the uniform page, which a code that names no meeting shows too.

    Reasons: sign_in, not_listed, closed, revoked, link_replaced, link_in_use, link_moved, move_refused (until),
    verify_email, not_let_in (until), blocked, removed, locked, ended, cancelled, inactive.
    """

    reason: str
    until: datetime | None = None
    unknown: bool = False
    because: Because | None = field(default=None, compare=False, repr=False)


Decision = Admit | Wait | Refuse
"""`because` is not compared: two answers are the same answer, whoever settled the rule behind them."""

REASONS: Final[Mapping[type[Decision], frozenset[str]]] = MappingProxyType(
    {
        Admit: frozenset({"host", "walks_in", "let_in", "seat"}),
        Wait: frozenset({"knock", "early", "no_host", "moving", "suspended", "full"}),
        Refuse: frozenset(
            {"sign_in", "not_listed", "closed", "revoked", "link_in_use", "verify_email", "not_let_in", "blocked"}
            | {"link_replaced", "link_moved", "move_refused", "removed", "locked", "ended", "cancelled", "inactive"}
        ),
    }
)
"""Every reason code there is. They are stable: the protocol, the API and the audit log use them."""


def capabilities(facts: Facts) -> Capabilities:
    """What this person may do once inside."""
    rules, own, host = facts.rules, facts.own, facts.row is Row.HOST
    return Capabilities(
        speak=may(rules.speak, own.speak, host=host, signed_in=facts.signed_in),
        show=may(rules.show, own.show, host=host, signed_in=facts.signed_in),
        share=may(rules.share, own.share, host=host, signed_in=facts.signed_in),
        chat=may(rules.chat, own.chat, host=host, signed_in=facts.signed_in),
        host=host,
    )


def decide(facts: Facts) -> Decision:
    """The door's answer, with the reason for it. Total: every combination of facts has exactly one, and doubt is a
    no.
    """
    stranger = _as_stranger(facts)
    if stranger is not None:
        return stranger
    if facts.ended:
        return Refuse("ended", because=facts.because("ended"))
    if facts.cancelled:
        return Refuse("cancelled", because=facts.because("cancelled"))
    if facts.blocked:
        return Refuse("removed" if facts.removed else "blocked", because=facts.because("block"))
    if facts.row is Row.HOST:
        return Admit(capabilities(facts), "host", facts.because("host", Way.WALKS_IN))
    return _refused_for_now(facts) or _as_member(facts)


def _way(facts: Facts) -> tuple[Way, str]:
    """What is settled for this person: the answer, and the rule that gives it. An exception stays within the limits."""
    way, rule = facts.rules.way(facts.row), "table"
    if facts.row is Row.HOST:
        return way, "host"
    if COLUMN[facts.row] in facts.rules.limited:
        rule = "limit"
    if facts.exception is not None:
        way, rule = facts.exception, "exception"
        if EASE[way] > EASE[facts.most]:
            way, rule = facts.most, "limit"
    return way, rule


def _as_stranger(facts: Facts) -> Refuse | None:
    """Refusals that must not tell that the meeting exists. They come first, or *ended* would give it away."""
    if not facts.active_account:
        known = facts.seat or facts.let_in_at is not None
        return Refuse("inactive", unknown=not known, because=facts.because("account"))
    if facts.row is Row.HOST:
        return None
    if facts.revoked:
        return Refuse("revoked", unknown=True, because=facts.because("revoked"))
    way, rule = _way(facts)
    return _turned_away(facts, rule) if way is Way.TURNED_AWAY else None


def _turned_away(facts: Facts, rule: str) -> Refuse | None:
    """A host's own Let in outweighs what hosts settle, but not the organisation. A seat that only the table gave
    outweighs neither.
    """
    by_the_organisation = facts.most is Way.TURNED_AWAY or facts.unwanted_address
    if facts.let_in_at is not None and not by_the_organisation:
        return None
    because = facts.because("limit" if by_the_organisation else rule, Way.TURNED_AWAY)
    if facts.row is Row.GUEST and because.rule == "table":
        # They hold a live personal link and may know of the meeting; another account may be the one that is listed.
        return Refuse("not_listed" if facts.signed_in else "sign_in", because=because)
    if facts.replaced:
        return Refuse("link_replaced", because=facts.because("replaced"))
    return Refuse("closed", unknown=True, because=because)


def _refused_for_now(facts: Facts) -> Decision | None:
    """What stands against somebody for whom the table has an answer: their link, a host's no, the lock."""
    if facts.refused_until is not None and facts.now < facts.refused_until and not facts.let_in:
        return Refuse("not_let_in", until=facts.refused_until, because=facts.because("refusal"))
    if facts.link_in_use:
        return _with_anothers_link(facts)
    if facts.locked_at is not None and not facts.seat and not facts.let_in:
        # Who stood at the door when it was locked keeps standing there: a host may still let them in one by one.
        because = facts.because("lock")
        return Wait("knock", because=because) if facts.waiting else Refuse("locked", because=because)
    return None


def _with_anothers_link(facts: Facts) -> Decision:
    """Holding a link is not enough where it belongs to another device: it has to be moved first."""
    if facts.asking:
        return Wait("moving", because=facts.because("moving"))
    if facts.move_refused_until is not None and facts.now < facts.move_refused_until:
        return Refuse("move_refused", until=facts.move_refused_until, because=facts.because("move_refused"))
    had_it = facts.seat or (facts.waiting and not facts.came_second)
    return Refuse("link_moved" if had_it else "link_in_use", because=facts.because("link_in_use"))


def _as_member(facts: Facts) -> Decision:
    """A held seat, a host's word, or what is settled for them; nobody new while everything is suspended."""
    if facts.seat:
        return Admit(capabilities(facts), "seat", facts.because("seat"))
    by_word = facts.because("let_in")
    decision = _if_there_is_a_place(facts, "let_in", by_word) if facts.let_in else _by_table(facts)
    if facts.suspended and not isinstance(decision, Refuse) and decision.reason != "early":
        return Wait("suspended", because=facts.because("suspended"))
    return decision


def _by_table(facts: Facts) -> Decision:
    """What is settled for them, the opening time, the host's presence, and whether there is a place."""
    way, rule = _way(facts)
    asked = _code_asked(facts, way)
    if asked:
        if facts.may_receive_mail or facts.row is Row.ANYONE:
            return Refuse("verify_email", because=facts.because(asked, way))
        way, rule = Way.KNOCKS, asked
    if facts.must_knock:
        way, rule = Way.KNOCKS, "must_knock"
    if facts.opens_at is not None and facts.now < facts.opens_at:
        return Wait("early", until=facts.opens_at, because=facts.because("opening"))
    if not facts.host_inside:
        starts = facts.row is Row.LISTED and facts.rules.without_host is WithoutHost.LISTED_START
        if not (starts and way is Way.WALKS_IN):
            return Wait("no_host", because=facts.because("without_host"))
    because = facts.because(rule, way)
    return _if_there_is_a_place(facts, "walks_in", because) if way is Way.WALKS_IN else Wait("knock", because=because)


def _if_there_is_a_place(facts: Facts, reason: str, because: Because) -> Decision:
    if facts.is_full:
        return Wait("full", place=facts.ahead + 1, because=facts.because("full"))
    return Admit(capabilities(facts), reason, because)


def _code_asked(facts: Facts, way: Way) -> str:
    """The rule by which a mailed code is typed first, or "". Whoever proves an invited address is a guest from then on,
    so nobody who has only the meeting's link ever satisfies a door that asks for one.
    """
    rules = facts.rules
    if facts.row is Row.GUEST and rules.guests_verified:
        return "" if facts.verified or is_open_to_anyone(rules, way) else "code"
    if facts.row is Row.ANYONE and way is not Way.TURNED_AWAY:
        if rules.anyone_verified is AskedAddress.INVITED_ADDRESS:
            return "invited_code"
        if rules.anyone_verified is AskedAddress.ANY_ADDRESS and not facts.verified:
            return "address_code"
    return ""
