"""The rules of a door as they hold now: what its host chose, within what the organisation allows. Reads only."""

from __future__ import annotations

from datetime import datetime, timedelta

from meetings.door import AskedAddress, Rules, Settled, Way, WithoutHost
from meetings.doorlimits import GuestAddresses, Limits, within
from meetings.doormodels import DoorColumns
from meetings.models import DoorPolicy, Meeting, Occurrence
from meetings.rights import Audience


def rules_of(meeting: Meeting, limits: Limits | None = None) -> Rules:
    """The door of a meeting as it holds now: what its host chose, within the limits of the organisation.

    `limits`: what has just been read, for callers who ask about many meetings.
    """
    return within(stored_rules(meeting), limits if limits is not None else limits_now())


def stored_rules(door: DoorColumns) -> Rules:
    """Stored columns as the rules that the decision takes, whatever the organisation allows by now."""
    return Rules(
        listed=Way(door.door_listed),
        colleagues=Way(door.door_colleagues),
        guests=Way(door.door_guests),
        anyone=Way(door.door_anyone),
        guests_verified=door.door_guests_verified,
        anyone_verified=AskedAddress(door.door_anyone_verified),
        opens_minutes=door.door_opens_minutes,
        without_host=WithoutHost(door.without_host),
        speak=Audience(door.may_speak),
        show=Audience(door.may_show),
        share=Audience(door.may_share),
        chat=Audience(door.may_chat),
        record=Audience(door.may_record),
        mics_start_off=door.mics_start_off,
        lock_after_minutes=door.lock_after_minutes,
        capacity=door.capacity,
    )


def locks_at(occurrence: Occurrence, rules: Rules) -> datetime | None:
    """When the door locks by itself; None when it never does, or has done so. What a host undid stays undone."""
    if rules.lock_after_minutes is None or occurrence.started_at is None:
        return None
    begun = max(occurrence.started_at, occurrence.starts_at)
    at = begun + timedelta(minutes=rules.lock_after_minutes)
    return None if occurrence.rule_locked_at is not None and occurrence.rule_locked_at >= at else at


def locked_since(occurrence: Occurrence, rules: Rules, now: datetime) -> datetime | None:
    """Since when the door is locked, by a host or by the rule, also where nobody was there to write that down."""
    at = occurrence.locked_at or locks_at(occurrence, rules)
    return at if at is not None and at <= now else None


def limits_now() -> Limits:
    """What the organisation settles for all doors. Where it has settled nothing, everything is allowed."""
    policy = DoorPolicy.objects.select_related("changed_by").first()
    if policy is None:
        return Limits()
    most = Rules(
        listed=Way(policy.most_listed),
        colleagues=Way(policy.most_colleagues),
        guests=Way(policy.most_guests),
        anyone=Way(policy.most_anyone),
        guests_verified=policy.most_guests_verified,
        capacity=policy.most_inside,
    )
    settled = Settled(policy.changed_at, policy.changed_by.name if policy.changed_by else "")
    addresses = GuestAddresses(policy.guest_addresses, tuple(policy.guest_domains))
    return Limits(stored_rules(policy), most, frozenset(policy.fixed), addresses, settled)
