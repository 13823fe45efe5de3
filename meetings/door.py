"""The door: what happens when this kind of person arrives, now, and why.

One pure function answers for the page, the socket, the API and every entrance to come. It knows no database, no
clock and no request: callers bring `Facts`, and must ask again at every entry, on every change and on a tick,
because the answer is only true for the moment in which it was given.

Every answer carries its reason along (`because`), made in the branch that decided: nobody works out a second time, and
maybe otherwise, why the door said what it said. `doorwords.py` has the sentences.
"""

from __future__ import annotations

from meetings.doorfacts import (
    REASONS,
    RULES,
    Admit,
    Because,
    Capabilities,
    Decision,
    Facts,
    Refuse,
    Settled,
    Wait,
)
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
from meetings.rights import may

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


def capabilities(facts: Facts) -> Capabilities:
    """What this person may do once inside."""
    rules, own, host = facts.rules, facts.own, facts.row is Row.HOST
    return Capabilities(
        speak=may(rules.speak, own.speak, host=host, signed_in=facts.signed_in),
        show=may(rules.show, own.show, host=host, signed_in=facts.signed_in),
        share=may(rules.share, own.share, host=host, signed_in=facts.signed_in),
        chat=may(rules.chat, own.chat, host=host, signed_in=facts.signed_in),
        record=may(rules.record, own.record, host=host, signed_in=facts.signed_in),
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
