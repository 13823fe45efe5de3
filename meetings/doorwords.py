"""Why the door answered as it did, in a sentence: which rule, which fact, who settled it and since when.

The same sentence everywhere: in the preview of the schedule form, on the meeting's page, under "Why?" in the history,
and from `./run manage door explain`. Reads a `door.Because`, or what the audit log kept of one; decides nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from django.conf import settings
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from meetings.door import Because, Row, Settled, Way

PEOPLE: Final[Mapping[Row, Any]] = {
    Row.HOST: gettext_lazy("Hosts"),
    Row.LISTED: gettext_lazy("People on the list"),
    Row.COLLEAGUE: gettext_lazy("Others signed in at %(org)s"),
    Row.GUEST: gettext_lazy("Invited guests"),
    Row.ANYONE: gettext_lazy("Others with the link"),
}

DO: Final[Mapping[Way, Any]] = {
    Way.WALKS_IN: gettext_lazy("walk in"),
    Way.KNOCKS: gettext_lazy("knock"),
    Way.TURNED_AWAY: gettext_lazy("are turned away"),
}

ALONE: Final[Mapping[Way, Any]] = {
    Way.WALKS_IN: gettext_lazy("walks in"),
    Way.KNOCKS: gettext_lazy("knocks"),
    Way.TURNED_AWAY: gettext_lazy("is turned away"),
}

LIMITS: Final[Mapping[Way, Any]] = {
    Way.WALKS_IN: gettext_lazy("%(org)s allows it"),
    Way.KNOCKS: gettext_lazy("%(org)s lets nobody of this kind walk in: %(people)s knock"),
    Way.TURNED_AWAY: gettext_lazy("%(org)s doesn’t let them in: %(people)s are turned away in all meetings"),
}

RULES: Final[Mapping[str, Any]] = {
    "host": gettext_lazy("Hosts always walk in"),
    "table": gettext_lazy("%(people)s %(do)s at this door"),
    "limit": gettext_lazy("%(limit)s"),
    "exception": gettext_lazy("An exception for this person: whatever their row says, this person %(alone)s"),
    "must_knock": gettext_lazy("A host took them out without blocking them, so a host decides whether they come back"),
    "code": gettext_lazy("Guests first type a code that is mailed to the invited address"),
    "address_code": gettext_lazy("Others with the link first type a code that is mailed to an address that they give"),
    "invited_code": gettext_lazy("Others with the link first type a code that is mailed to the invited address"),
    "opening": gettext_lazy("The door isn’t open yet"),
    "without_host": gettext_lazy("No host is inside, and everyone waits until one comes"),
    "full": gettext_lazy(
        "%(inside)d of %(capacity)d people are inside, and places go to people in the order they came"
    ),
    "lock": gettext_lazy("The door is locked"),
    "seat": gettext_lazy("They have a seat inside and keep it"),
    "let_in": gettext_lazy("A host let them in"),
    "refusal": gettext_lazy("A host turned them away, and they may knock again after two minutes"),
    "link_in_use": gettext_lazy("Their personal link belongs to another device, which used it first"),
    "moving": gettext_lazy(
        "They asked to take over a personal link that another device holds, and wait for the answer"
    ),
    "move_refused": gettext_lazy("Whoever uses their personal link on the other device said no"),
    "replaced": gettext_lazy("Their personal link was replaced by a newer one"),
    "suspended": gettext_lazy("A host suspended the meeting, and nobody comes in until one resumes it"),
    "revoked": gettext_lazy("Their invitation was revoked"),
    "block": gettext_lazy("A host blocked them"),
    "account": gettext_lazy("Their account is switched off"),
    "ended": gettext_lazy("The meeting has ended"),
    "cancelled": gettext_lazy("The meeting was cancelled"),
}


def sentence(because: Because) -> str:
    """Which rule and which fact, and who settled it since when: "Invited guests knock at this door (since …)."."""
    words = {
        "org": settings.LINTEL.organisation,
        "do": DO.get(because.way, "") if because.way else "",
        "alone": ALONE.get(because.way, "") if because.way else "",
        "inside": because.inside or 0,
        "capacity": because.capacity or 0,
    }
    words["people"] = PEOPLE[because.row] % words
    words["limit"] = LIMITS[because.way or Way.TURNED_AWAY] % words
    told = str(RULES[because.rule]) % words
    settled = _settled(because.settled)
    if settled:
        told = f"{told} ({settled})"
    if because.known_by and because.row is Row.LISTED:
        return _("%(told)s. They are on the list through %(group)s.") % {"told": told, "group": because.known_by}
    return f"{told}."


def _settled(settled: Settled) -> str:
    when = date_format(timezone.localtime(settled.at), "j F Y, H:i") if settled.at is not None else ""
    if when and settled.by:
        return _("since %(when)s, by %(name)s") % {"when": when, "name": settled.by}
    if when:
        return _("since %(when)s") % {"when": when}
    return _("by %(name)s") % {"name": settled.by} if settled.by else ""


def written(because: Because | None) -> dict[str, Any]:
    """What the audit log keeps of it. Empty values are left out."""
    if because is None:
        return {}
    kept = {
        "rule": because.rule,
        "row": because.row,
        "way": because.way,
        "since": because.settled.at,
        "by": because.settled.by,
        "known_by": because.known_by,
        "inside": because.inside,
        "capacity": because.capacity,
    }
    return {name: value for name, value in kept.items() if value not in {None, ""}}


def read(kept: Any) -> Because | None:
    """What `written` wrote. None for anything else, as entries have that are older or come from elsewhere."""
    if not isinstance(kept, dict) or kept.get("rule") not in RULES or kept.get("row") not in set(Row):
        return None
    way, since = kept.get("way"), kept.get("since")
    return Because(
        kept["rule"],
        Row(kept["row"]),
        Way(way) if way in set(Way) else None,
        Settled(datetime.fromisoformat(since) if isinstance(since, str) else None, str(kept.get("by", ""))),
        str(kept.get("known_by", "")),
        kept.get("inside"),
        kept.get("capacity"),
    )
