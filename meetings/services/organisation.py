"""What administrators settle for the whole organisation. Each change is stored, audited and acts at once."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from meetings import audit, changes
from meetings.door import COLUMN, EASE
from meetings.doorlimits import OPTIONS, SETTLEABLE, Limits
from meetings.doormodels import Addresses
from meetings.doortable import MOST_INSIDE
from meetings.models import DoorPolicy
from meetings.selectors import limits_now
from meetings.services.doorrules import check_rules, set_rules
from meetings.services.errors import NotAnAdministrator, Wrong

MAX_DOMAINS = 500


def require_administrator(by: Any) -> Any:
    """The account that acts, as the database has it now. Raises `NotAnAdministrator`."""
    found = get_user_model().objects.filter(pk=by.pk, is_active=True).first() if by is not None else None
    if found is None or not found.is_admin:
        raise NotAnAdministrator
    return found


def change_door_policy(by: Any, limits: Limits) -> Limits:
    """How new doors start, and how far hosts may go. Meetings that exist follow at once, live ones too.

    Raises `Wrong` for tables that contradict themselves or each other; nothing is stored then.
    """
    _check(limits)
    with transaction.atomic():
        account = require_administrator(by)
        before = limits_now()
        changed = _differences(before, limits)
        if changed:
            policy = DoorPolicy.objects.first() or DoorPolicy()
            set_rules(policy, limits.defaults)
            most = limits.most
            policy.most_listed, policy.most_colleagues = most.listed, most.colleagues
            policy.most_guests, policy.most_guests_verified = most.guests, most.guests_verified
            policy.most_anyone = most.anyone
            policy.most_inside = most.capacity
            policy.fixed = sorted(limits.fixed)
            policy.guest_addresses = limits.guest_addresses.rule
            policy.guest_domains = list(limits.guest_addresses.domains)
            policy.changed_at, policy.changed_by = timezone.now(), account
            policy.save()
            audit.record("organisation.door_changed", actor=account, changes=changed)
            changes.touch(None)
    return limits


def _check(limits: Limits) -> None:
    check_rules(limits.defaults)
    check_rules(limits.most)
    for row, column in COLUMN.items():
        if EASE[limits.defaults.way(row)] > EASE[limits.most.way(row)]:
            raise Wrong(
                f"most.{column}",
                "beyond",
                _("New meetings would start more open than this. Allow more, or start with less."),
            )
    if (limits.defaults.capacity or 0) > (limits.most.capacity or MOST_INSIDE):
        raise Wrong("most.capacity", "beyond", _("New meetings would start with more people than this."))
    addresses = limits.guest_addresses
    if addresses.rule not in Addresses.values:
        raise Wrong("guest_addresses", "unknown", _("There is no such rule."))
    if addresses.rule != Addresses.ANY and not addresses.domains:
        raise Wrong("guest_domains", "required", _("Enter at least one domain."))
    if len(addresses.domains) > MAX_DOMAINS:
        raise Wrong("guest_domains", "too_many", _("At most %(count)d domains.") % {"count": MAX_DOMAINS})
    for name in limits.fixed - set(SETTLEABLE):
        raise Wrong("fixed", "unknown", _("There is no rule called “%(name)s”.") % {"name": name})


def _differences(before: Limits, after: Limits) -> dict[str, Any]:
    """What a change changes, as the audit log keeps it: `default …`, `most …` and `hosts may change …` by field."""
    found: dict[str, Any] = {}
    for name in (*COLUMN.values(), "guests_verified", "anyone_verified", *OPTIONS):
        if getattr(before.defaults, name) != getattr(after.defaults, name):
            found[f"default.{name}"] = getattr(after.defaults, name)
    for name in (*COLUMN.values(), "guests_verified", "capacity"):
        if getattr(before.most, name) != getattr(after.most, name):
            found[f"most.{name}"] = getattr(after.most, name)
    if before.guest_addresses != after.guest_addresses:
        found["guest_addresses"] = after.guest_addresses.rule
    for name in sorted(before.fixed ^ after.fixed):
        found[f"hosts_may_change.{name}"] = name not in after.fixed
    return found
