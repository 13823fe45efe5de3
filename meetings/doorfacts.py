"""What the door is told, and what it answers: facts about one person at one moment, three kinds of decision, the codes
of reasons and rules.

Pure. `door.py` makes one of the other, and gives these names to everybody else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Final

from meetings.doortable import Row, Rules, Way
from meetings.rights import NOTHING_SAID, Own

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
    record: bool = False
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
