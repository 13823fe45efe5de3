"""The rules of a door on their way into the database: are they rules at all, may a host choose them, which columns."""

from __future__ import annotations

from django.utils.translation import gettext as _

from meetings.door import COLUMN, Rules, Way, is_ordered
from meetings.doorlimits import Limits, broken
from meetings.doormodels import DoorColumns
from meetings.doortable import MOST_INSIDE
from meetings.services.errors import Wrong

LONGEST_MINUTES = 24 * 60


def check_rules(rules: Rules) -> None:
    """Raises `Wrong` for rules that no door can have, whoever chose them."""
    if not is_ordered(rules):
        raise Wrong("door", "order", _("Nobody less known may get in more easily than somebody better known."))
    if rules.opens_minutes is not None and not 0 <= rules.opens_minutes <= LONGEST_MINUTES:
        raise Wrong("door_opens_minutes", "range", _("The door opens at most a day before the start."))
    if rules.lock_after_minutes is not None and not 0 <= rules.lock_after_minutes <= LONGEST_MINUTES:
        raise Wrong("lock_after_minutes", "range", _("The door locks at most a day after the start."))
    if rules.capacity is not None and not 1 <= rules.capacity <= MOST_INSIDE:
        raise Wrong("capacity", "range", _("A room takes 1 to %(most)d people.") % {"most": MOST_INSIDE})


def check_choice(rules: Rules, limits: Limits, kept: Rules | None = None) -> Rules:
    """Rules that may be chosen within the limits. Raises `Wrong`, with every field. `kept`: those that held until
    now."""
    check_rules(rules)
    wrong = [beyond(name, limits) for name in broken(rules, limits, kept)]
    if wrong:
        (field, message), *more = wrong
        raise Wrong(field, "limited", message, more=more)
    return rules


def set_rules(door: DoorColumns, rules: Rules) -> None:
    """Put rules into the columns of a row. The caller saves it."""
    door.door_listed = rules.listed
    door.door_colleagues = rules.colleagues
    door.door_guests = rules.guests
    door.door_guests_verified = rules.guests_verified
    door.door_anyone = rules.anyone
    door.door_anyone_verified = rules.anyone_verified
    door.door_opens_minutes = rules.opens_minutes
    door.without_host = rules.without_host
    door.may_speak = rules.speak
    door.may_show = rules.show
    door.may_share = rules.share
    door.may_chat = rules.chat
    door.may_record = rules.record
    door.mics_start_off = rules.mics_start_off
    door.lock_after_minutes = rules.lock_after_minutes
    door.capacity = rules.capacity


FIELDS = {
    "opens_minutes": "door_opens_minutes",
    "without_host": "options.without_host",
    "speak": "options.speak",
    "show": "options.show",
    "share": "options.share",
    "chat": "options.chat",
    "record": "options.record",
    "mics_start_off": "options.mics_start_off",
    "lock_after_minutes": "options.lock_after_minutes",
    "capacity": "options.capacity",
}
"""Where a field of `Rules` stands in a request to the API; every other one is part of `door`."""


FORM_FIELDS = {
    "door_opens_minutes": "opens",
    "options.lock_after_minutes": "lock_after",
    "lock_after_minutes": "lock_after",
}
"""Fields of `DoorForm` that are called otherwise in a request to the API or by a service."""


def beyond(name: str, limits: Limits) -> tuple[str, str]:
    """What to tell a host who chose a field beyond the limits: the field, and a sentence with limit and fix."""
    field = FIELDS.get(name, f"door.{name}")
    start = getattr(limits.start, name)
    if name in limits.fixed:
        told = _("Your administrator settled this for all meetings. Keep “%(value)s”.") % {"value": _said(start)}
    elif name == "capacity":
        told = _("Your administrator lets at most %(most)d people in. Choose that or fewer.") % {
            "most": limits.most.capacity
        }
    elif name == "guests_verified":
        told = _("Your administrator asks guests for a code, whatever the host says. Set it to true.")
    else:
        row = next(row for row, column in COLUMN.items() if column == name)
        most = " / ".join(f"“{way}”" for way in Way if way in limits.choices(row))
        told = _("Turned off by your administrator. Choose %(most)s.") % {"most": most}
    return field, told


def _said(value: object) -> str:
    return {None: "null", True: "true", False: "false"}.get(value, str(value))  # type: ignore[call-overload]
