"""Meetings: schedule, read, change, cancel."""

from __future__ import annotations

import zoneinfo
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Router

from meetings import door_templates, selectors
from meetings.door import AskedAddress, Rules, Way, WithoutHost, is_ordered, preset_of, with_preset
from meetings.doorlimits import RIGHTS
from meetings.doortable import without_idle_codes
from meetings.lifecycle import stage_of
from meetings.models import Meeting, Occurrence, PeopleGroup
from meetings.rights import Audience
from meetings.services import scheduling
from meetings.services.lists import Wanted
from portal.api import access
from portal.api.operations import operation
from portal.api.paging import PageQuery, cut, moment, position
from portal.api.problems import Problem, invalid
from portal.api.schemas.doors import DoorTable, DoorTemplateChange, DoorTemplateIn, DoorTemplateRef, OptionsIn
from portal.api.schemas.fields import Moment
from portal.api.schemas.meetings import MeetingChange, MeetingIn, MeetingOut, Meetings
from portal.api.schemas.organisation import DoorPolicyIn

router = Router()
TAG: Final = "Meetings"
PAST_GRACE: Final = timedelta(minutes=5)
FURTHEST: Final = timedelta(days=5 * 366)


@operation(router, "GET", "/meetings", scope="read", answer=Meetings, tag=TAG)
def list_meetings(
    request: HttpRequest,
    page: PageQuery,
    starts_from: Moment | None = None,
    starts_before: Moment | None = None,
) -> dict[str, Any]:
    """Meetings that the token's owner hosts or is invited to

    In the order of their start; cancelled and ended ones too. Of a meeting that repeats, `starts_at` is that of the
    occurrence that goes on, comes next, or was the last.
    """
    user = request.auth.user  # type: ignore[attr-defined]
    rows = access.meetings_of(user, timezone.now())
    if starts_from is not None:
        rows = rows.filter(starts__gte=starts_from)
    if starts_before is not None:
        rows = rows.filter(starts__lt=starts_before)
    after = position(page.cursor, moment, UUID)
    if after is not None:
        rows = rows.filter(Q(starts__gt=after[0]) | Q(starts=after[0], pk__gt=after[1]))
    found, following = cut(
        rows[: page.limit + 1],
        page.limit,
        lambda one: (one.starts.isoformat(), one.pk),  # type: ignore[attr-defined]
    )
    current = Occurrence.objects.select_related("series").in_bulk([one.current for one in found])  # type: ignore[attr-defined]
    return {"items": [shown(one, current[one.current], user) for one in found], "next": following}  # type: ignore[attr-defined]


@operation(
    router,
    "POST",
    "/meetings",
    scope="write",
    answer=MeetingOut,
    status=201,
    tag=TAG,
)
def schedule_meeting(request: HttpRequest, data: MeetingIn) -> dict[str, Any]:
    """Schedule a meeting

    The token's owner hosts it. Nobody is invited by this: add invitations afterwards. With `recurrence` it repeats, and
    `starts_at` is its first time.
    """
    user = request.auth.user  # type: ignore[attr-defined]
    check_start(data.starts_at)
    zone = data.time_zone or user.time_zone or "UTC"
    _check_zone(zone)
    rules = rules_from(selectors.limits_now().start, data)
    meeting = scheduling.schedule_meeting(
        user,
        title=data.title,
        starts_at=data.starts_at,
        duration_minutes=data.duration_minutes,
        time_zone=zone,
        hosts=_accounts(data.hosts),
        rules=rules,
        listed=_listed(data.listed),
        encryption=data.encryption,
        notes=data.notes,
        recurrence=data.recurrence,
    )
    return shown(meeting, selectors.occurrence_now(meeting), user)


@operation(router, "GET", "/meetings/{meeting_id}", scope="read", answer=MeetingOut, problems=("not_found",), tag=TAG)
def read_meeting(request: HttpRequest, meeting_id: UUID) -> dict[str, Any]:
    """One meeting"""
    user = request.auth.user  # type: ignore[attr-defined]
    return shown_to(user, access.seen_by(user, meeting_id))


@operation(
    router,
    "PATCH",
    "/meetings/{meeting_id}",
    scope="write",
    answer=MeetingOut,
    problems=("not_found", "not_a_host", "wrong_state"),
    tag=TAG,
)
def change_meeting(request: HttpRequest, meeting_id: UUID, data: MeetingChange) -> dict[str, Any]:
    """Change a meeting

    Fields that are absent stay as they are. A change of the door acts at once, on people inside too. Hosts only.

    Of a meeting that repeats, `starts_at`, `duration_minutes`, `time_zone` and `recurrence` change from the occurrence
    `from_occurrence` on, else from the next one that has not begun; `recurrence` null ends it after that one. What
    comes before stays as it is. Everything else changes for the whole meeting.
    """
    user = request.auth.user  # type: ignore[attr-defined]
    seen = access.hosted_by(user, meeting_id)
    given = data.model_fields_set - {"notify", "from_occurrence"}
    if not given:
        raise invalid("", "Name at least one field to change.")
    if "encryption" in given and data.encryption != seen.meeting.encryption:
        raise invalid("encryption", "The encryption of a meeting can’t be changed.")
    start_from = access.occurrence_named(seen, data.from_occurrence) if data.from_occurrence is not None else None
    changes: dict[str, Any] = {
        name: getattr(data, name) for name in ("title", "notes", "duration_minutes", "recurrence") if name in given
    }
    if "time_zone" in given:
        _check_zone(data.time_zone)
        changes["time_zone"] = data.time_zone
    if "starts_at" in given and data.starts_at != (start_from or seen.occurrence).starts_at:
        check_start(data.starts_at)
        changes["starts_at"] = data.starts_at
    if "hosts" in given:
        changes["hosts"] = _accounts(data.hosts)
    if "listed" in given:
        changes["listed"] = _listed(data.listed)
    before = selectors.rules_of(seen.meeting)
    if rules_from(before, data) != before:
        changes["rules"] = partial(rules_from, data=data)
    if changes:
        scheduling.change_meeting(user, seen.meeting, tell=data.notify, start_from=start_from, **changes)
    return shown_to(user, access.seen_by(user, meeting_id))


@operation(
    router,
    "DELETE",
    "/meetings/{meeting_id}",
    scope="write",
    status=204,
    problems=("not_found", "not_a_host", "wrong_state"),
    tag=TAG,
)
def cancel_meeting(request: HttpRequest, meeting_id: UUID) -> HttpResponse:
    """Cancel a meeting

    Its links open nothing from then on, invited people are told, and its history stays. Cancelling twice is no error.
    Hosts only.
    """
    user = request.auth.user  # type: ignore[attr-defined]
    seen = access.hosted_by(user, meeting_id)
    if seen.meeting.cancelled_at is None:
        if status_of(seen.meeting, seen.occurrence) == "ended":
            raise Problem("wrong_state", "The meeting is over.")
        scheduling.cancel_meeting(user, seen.meeting)
    return HttpResponse(status=204)


def shown_to(user: Any, seen: access.Seen) -> dict[str, Any]:
    return shown(seen.meeting, seen.occurrence, user)


def shown(meeting: Meeting, occurrence: Occurrence, user: Any) -> dict[str, Any]:
    """The meeting as `user` may see it. The options and the lock are the hosts' business."""
    hosts = list(meeting.hosts.all())
    is_host = any(host.pk == user.pk for host in hosts)
    rules = selectors.rules_of(meeting)
    return {
        "id": meeting.pk,
        "code": meeting.code,
        "url": f"{settings.LINTEL.public_url}/m/{meeting.code}",
        "title": meeting.title,
        "notes": meeting.notes,
        "occurrence_id": occurrence.pk,
        "starts_at": occurrence.starts_at,
        "ends_at": occurrence.ends_at,
        "duration_minutes": int((occurrence.ends_at - occurrence.starts_at).total_seconds() // 60),
        "time_zone": meeting.time_zone,
        "recurrence": occurrence.series.rule if occurrence.series is not None else None,
        "status": status_of(meeting, occurrence),
        "locked": (occurrence.locked_at is not None) if is_host else None,
        "suspended": (occurrence.suspended_at is not None) if is_host else None,
        "encryption": meeting.encryption,
        "door": shown_door(rules),
        "door_opens_minutes": rules.opens_minutes,
        "listed": [str(one) for one in meeting.listed_together.select_related("group")] if is_host else None,
        "options": shown_options(rules) if is_host else None,
        "hosts": [{"id": host.pk, "name": host.name, "email": host.email} for host in hosts],
        "you": "host" if is_host else "attendee",
        "created_at": meeting.created_at,
    }


def shown_door(rules: Rules) -> dict[str, Any]:
    rules = without_idle_codes(rules)
    return {
        "preset": preset_of(rules),
        "listed": rules.listed,
        "colleagues": rules.colleagues,
        "guests": rules.guests,
        "anyone": rules.anyone,
        "guests_verified": rules.guests_verified,
        "anyone_verified": rules.anyone_verified,
    }


def shown_options(rules: Rules) -> dict[str, Any]:
    return {
        "without_host": rules.without_host,
        **{name: getattr(rules, name) for name in (*RIGHTS, *OPTIONS)},
        **{older: getattr(rules, name) is not Audience.HOSTS for older, name in OLDER_FORMS.items()},
    }


def status_of(meeting: Meeting, occurrence: Occurrence) -> str:
    return stage_of(
        started=occurrence.started_at is not None,
        ended=occurrence.ended_at is not None,
        cancelled=bool(meeting.cancelled_at or occurrence.cancelled_at),
    )


DoorBody = MeetingIn | MeetingChange | DoorPolicyIn | DoorTemplateIn | DoorTemplateChange
"""Bodies that carry a door, its opening and its options."""

OPTIONS: Final = ("mics_start_off", "lock_after_minutes", "capacity")
OLDER_FORMS: Final = {"allow_share": "share", "allow_chat": "chat"}


def _listed(entries: list[str]) -> list[Wanted]:
    """Groups by name, and domains. Raises Problem for a name that no group has; the service checks the domains."""
    found: list[Wanted] = []
    for number, entry in enumerate(entries):
        if entry.startswith("@"):
            found.append(entry)
            continue
        group = PeopleGroup.objects.filter(name__iexact=entry).first()
        if group is None:
            raise invalid(f"listed.{number}", "There is no group of this name. A domain starts with “@”.")
        found.append(group)
    return found


def rules_from(
    rules: Rules, data: MeetingIn | MeetingChange | DoorPolicyIn | DoorTemplateIn | DoorTemplateChange
) -> Rules:
    """These rules with what a body names; what it does not name stays."""
    given = data.model_fields_set
    if "door" in given:
        rules = _with_door(rules, data.door)
    if "door_opens_minutes" in given:
        rules = replace(rules, opens_minutes=data.door_opens_minutes)
    if "options" in given:
        named = data.options.model_fields_set
        rules = replace(rules, **{name: getattr(data.options, name) for name in OPTIONS if name in named})
        rules = replace(rules, **_audiences(data.options))
        if "without_host" in named:
            rules = replace(rules, without_host=WithoutHost(data.options.without_host))
    return rules


def _audiences(options: OptionsIn) -> dict[str, Audience]:
    """Who may do what, of the options that are named; the older forms count where the newer ones are absent."""
    named = options.model_fields_set
    found = {name: Audience(getattr(options, name)) for name in RIGHTS if name in named}
    for older, name in OLDER_FORMS.items():
        if older in named and name in named:
            raise invalid(f"options.{older}", f"Name either this or `{name}`, not both.")
        if older in named:
            found[name] = Audience.EVERYONE if getattr(options, older) else Audience.HOSTS
    return found


def _with_door(rules: Rules, door: str | DoorTable | DoorTemplateRef) -> Rules:
    """The rules with a preset, a template or a table. A table that contradicts itself is refused, not put right in
    silence.
    """
    if isinstance(door, str):
        return with_preset(rules, door)
    if isinstance(door, DoorTemplateRef):
        offer = door_templates.named(door.template, selectors.limits_now())
        if offer is None:
            raise invalid("door.template", "There is no door template of this name.")
        if offer.is_off:
            raise invalid("door.template", "Turned off by your administrator. Choose another template or a preset.")
        return offer.rules
    rules = replace(
        rules,
        listed=Way(door.listed),
        colleagues=Way(door.colleagues),
        guests=Way(door.guests),
        anyone=Way(door.anyone),
        guests_verified=door.guests_verified,
        anyone_verified=AskedAddress(door.anyone_verified),
    )
    if not is_ordered(rules):
        raise invalid(
            "door",
            "Somebody less known would get in more easily than somebody better known: listed before colleagues and "
            "guests, and those before anyone.",
        )
    for name, way in (("guests_verified", rules.guests), ("anyone_verified", rules.anyone)):
        if way is Way.TURNED_AWAY and getattr(rules, name) != getattr(without_idle_codes(rules), name):
            raise invalid(f"door.{name}", "Nobody is asked for a code who is turned away.")
    return rules


def check_start(starts_at: datetime) -> None:
    now = timezone.now()
    if starts_at < now - PAST_GRACE:
        raise invalid("starts_at", "This time has passed.")
    if starts_at > now + FURTHEST:
        raise invalid("starts_at", "That is more than five years away.")


def _check_zone(name: str) -> None:
    if name not in zoneinfo.available_timezones():
        raise invalid("time_zone", "There is no such time zone.")


def _accounts(addresses: Iterable[str]) -> list[Any]:
    """The active accounts of these addresses; every one must have one."""
    wanted = list(dict.fromkeys(addresses))
    found = {user.email: user for user in get_user_model().objects.filter(email__in=wanted, is_active=True)}
    errors = [
        (f"hosts.{index}", "A host needs an account, and there is none with this address.")
        for index, address in enumerate(wanted)
        if address not in found
    ]
    if errors:
        raise Problem("invalid", errors=errors)
    return list(found.values())
