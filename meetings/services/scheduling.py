"""Scheduling, changing, cancelling and starting meetings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from meetings import audit, changes, codes, lifecycle, selectors, tasks
from meetings.door import COLUMN, Rules, Way
from meetings.doorlimits import OPTIONS, within
from meetings.models import Encryption, Meeting, Occurrence, RetiredCode
from meetings.register import blocks_in
from meetings.selectors import limits_now, rules_of
from meetings.services import hosting, invitations, occurrences, retiming, series, values
from meetings.services.copied_links import end_hosting
from meetings.services.doorrules import check_choice, set_rules
from meetings.services.errors import NotAHost, Wrong
from meetings.services.exceptions import change_exceptions
from meetings.services.lists import Wanted, change_lists, tell_members
from meetings.services.roles import require_host_of
from meetings.text import clean_text

__all__ = ["NotAHost", "Wrong", "cancel_meeting", "change_meeting", "schedule_meeting", "start_now"]

NOTES_LENGTH = 2000
INSTANT_MINUTES = 60
CODE_ATTEMPTS = 5


def schedule_meeting(
    by: Any,
    *,
    title: str,
    starts_at: datetime,
    duration_minutes: int,
    time_zone: str,
    hosts: Sequence[Any] = (),
    people: Sequence[Any] = (),
    rules: Rules | None = None,
    exceptions: Sequence[tuple[Any, Way]] = (),
    listed: Sequence[Wanted] = (),
    encryption: str = "transport",
    notes: str = "",
    recurrence: str | None = None,
    send: bool = True,
) -> Meeting:
    """A meeting. `by` always hosts. `people` are addresses, (address, name) pairs or accounts; `exceptions` say for
    some of them, or for others, what happens at the door whatever their row says. `listed` are groups and domains whose
    people are on the list too.

    recurrence: RRULE text of a meeting that repeats; `starts_at` is its first time. With `send` everybody asked gets a
    mail. Raises `ModeUnavailable` for an encryption that does not exist here, and `Wrong` for values that make no
    meeting; after either nothing is stored.
    """
    _check_encryption(encryption)
    if not by.is_active:
        raise NotAHost
    starts_at, ends_at = values.times(starts_at, duration_minutes)
    if ends_at <= timezone.now():
        raise Wrong("starts_at", "past", _("This time is over."))
    meeting = Meeting(
        title=values.title(title),
        notes=clean_text(notes, NOTES_LENGTH),
        created_by=by,
        time_zone=values.zone(time_zone),
        duration_minutes=duration_minutes,
        encryption=encryption,
    )
    rule = series.rule_from(recurrence, starts_at.astimezone(ZoneInfo(time_zone))) if recurrence is not None else None
    limits = limits_now()
    set_rules(meeting, check_choice(rules or limits.start, limits))
    with transaction.atomic():
        _save_with_code(meeting)
        meeting.hosts.set(values.accounts([by, *hosts]))
        occurrence = Occurrence.objects.create(meeting=meeting, starts_at=starts_at, ends_at=ends_at)
        audit.record("meeting.scheduled", actor=by, occurrence=occurrence, title=meeting.title, starts_at=starts_at)
        _invite_all(by, occurrence, values.people(people), send=send)
        change_exceptions(by, meeting, list(exceptions))
        if rule is not None:
            series.begin(meeting, occurrence, rule)
        change_lists(by, meeting, listed, tell=send)
        if send:
            _tell_hosts(by, occurrence, meeting.hosts.all(), "invitation")
        changes.touch(occurrence.pk)
    return meeting


def start_now(by: Any) -> Meeting:
    """A meeting that starts at once: an hour, the organisation's usual door, open as early as it may be."""
    limits = limits_now()
    return schedule_meeting(
        by,
        title=_("%(name)s’s meeting") % {"name": by.name[:80]},
        starts_at=timezone.now().replace(second=0, microsecond=0),
        duration_minutes=INSTANT_MINUTES,
        time_zone=by.time_zone or timezone.get_current_timezone_name(),
        rules=within(replace(limits.defaults, opens_minutes=None), limits),
        encryption=Encryption.E2EE,
        send=False,
    )


CALENDAR_FIELDS = frozenset({"title", "notes", "starts_at", "duration_minutes", "time_zone", "recurrence"})
CHANGEABLE = CALENDAR_FIELDS | {"hosts", "people", "rules", "exceptions", "listed"}


def change_meeting(
    by: Any, meeting: Meeting, *, tell: bool, start_from: Occurrence | None = None, **wanted: Any
) -> Meeting:
    """Change what is given; what is not given stays. `people` is everybody to be invited: who is missing is revoked.
    `exceptions` and `listed` are all that there are afterwards. `rules` and `hosts` are given whole, or as a function
    of those that hold: then what somebody else closes in this moment stays closed, and whoever is removed stays out.

    start_from: the occurrence from which on times and `recurrence` change, of a meeting that repeats; else the next.
    With `tell`, people learn of it by mail (new ones are invited, revoked ones told, the others if the calendar
    entry changed). Raises `NotAHost`, `Wrong`, or `IllegalEvent` for a meeting that is over or a live one's time.
    """
    unknown = set(wanted) - CHANGEABLE
    if unknown:
        raise TypeError(f"change_meeting() cannot change {', '.join(sorted(unknown))}")
    with transaction.atomic():
        account = require_host_of(by, meeting)
        Meeting.objects.select_for_update().get(pk=meeting.pk)
        meeting.refresh_from_db()
        occurrence = _current(meeting)
        anchor = retiming.first_to_move(meeting, occurrence) if start_from is None else _locked(meeting, start_from.pk)
        before = list(anchor.invitations.filter(revoked_at=None))
        changed = _change_fields(meeting, wanted)
        retimed = retiming.change_times(account, meeting, anchor, wanted)
        changed |= retimed.changed
        if wanted.get("rules") is not None:
            changed |= _change_rules(account, meeting, wanted["rules"])
        if wanted.get("hosts") is not None:
            changed |= _change_hosts(account, meeting, occurrence, wanted["hosts"], tell=tell)
        in_calendar = bool(CALENDAR_FIELDS & set(changed))
        if in_calendar:
            meeting.calendar_sequence += 1
        meeting.save()
        if wanted.get("people") is not None:
            changed |= _change_people(account, occurrence, values.people(wanted["people"]), tell=tell)
        if wanted.get("exceptions") is not None and change_exceptions(account, meeting, wanted["exceptions"]):
            changed["exceptions"] = True
        if wanted.get("listed") is not None and change_lists(account, meeting, wanted["listed"], tell=tell):
            changed["listed_together"] = True
        if changed:
            audit.record("meeting.changed", actor=account, occurrence=occurrence, changes=changed)
            changes.touch_meeting(meeting)
        if tell and in_calendar:
            for ended in retimed.ended:
                occurrences.tell_all(account, anchor, "replaced", ended)
            for invitation in before:
                tasks.send_change.enqueue(str(invitation.pk))
            _tell_hosts(account, anchor, meeting.hosts.all(), "change")
            tell_members(account, anchor, "change")
    return meeting


def cancel_meeting(by: Any, meeting: Meeting, *, tell: bool = True) -> Meeting:
    """It does not take place. Who is inside is put out. Cancelling twice changes nothing."""
    with transaction.atomic():
        account = require_host_of(by, meeting)
        Meeting.objects.select_for_update().get(pk=meeting.pk)
        meeting.refresh_from_db()
        if meeting.cancelled_at is not None:
            return meeting
        now = timezone.now()
        open_still = [
            one for one in meeting.occurrences.select_related("meeting") if not selectors.takes_place_no_more(one, now)
        ]
        for occurrence in open_still:
            series.call_off(occurrence, account, now)
        if tell:
            _tell_cancelled(account, meeting, open_still)
        meeting.cancelled_at = now
        meeting.calendar_sequence += 1
        meeting.save(update_fields=["cancelled_at", "calendar_sequence"])
        audit.record("meeting.cancelled", actor=account, meeting=meeting)
    return meeting


def _current(meeting: Meeting) -> Occurrence:
    """The occurrence that a change is about. Raises `IllegalEvent` when there is none left to change."""
    occurrence = _locked(meeting, selectors.occurrence_now(meeting).pk)
    stage = lifecycle.Stage.CANCELLED if meeting.cancelled_at is not None else hosting.stage(occurrence)
    if stage is not lifecycle.Stage.LIVE:
        lifecycle.after(stage, lifecycle.Event.MOVE)
    return occurrence


def _locked(meeting: Meeting, key: Any) -> Occurrence:
    return meeting.occurrences.select_for_update(of=("self",)).select_related("meeting", "series").get(pk=key)


def _tell_cancelled(by: Any, meeting: Meeting, called_off: list[Occurrence]) -> None:
    """Everybody once for each entry in their calendar: a meeting that repeats is one, and so is a single occurrence."""
    told: set[tuple[Any, str]] = set()
    for occurrence in called_off:
        whole = occurrence.series_id or occurrence.pk
        for invitation in occurrence.invitations.filter(revoked_at=None):
            entry = (whole if invitation.standing else occurrence.pk, invitation.email)
            if entry not in told:
                tasks.send_cancellation.enqueue(str(invitation.pk))
            told.add(entry)
        if (whole, "") not in told:
            _tell_hosts(by, occurrence, meeting.hosts.all(), "cancellation")
            tell_members(by, occurrence, "cancellation")
        told.add((whole, ""))


def _change_fields(meeting: Meeting, wanted: dict[str, Any]) -> dict[str, Any]:
    checks = {
        "title": values.title,
        "notes": lambda text: clean_text(text, NOTES_LENGTH),
        "time_zone": values.zone,
    }
    changed: dict[str, Any] = {}
    for name, check in checks.items():
        if name in wanted:
            value = check(wanted[name])
            if value != getattr(meeting, name):
                setattr(meeting, name, value)
                changed[name] = True
    return changed


def _change_rules(by: Any, meeting: Meeting, wanted: Rules | Callable[[Rules], Rules]) -> dict[str, Any]:
    limits = limits_now()
    before = rules_of(meeting, limits)
    rules = check_choice(wanted(before) if callable(wanted) else wanted, limits, before)
    changed: dict[str, Any] = {
        column: rules.way(row) for row, column in COLUMN.items() if rules.way(row) is not before.way(row)
    }
    others = ("guests_verified", "anyone_verified", *OPTIONS)
    changed |= {name: True for name in others if getattr(rules, name) != getattr(before, name)}
    if changed:
        set_rules(meeting, rules)
        meeting.door_changed_at, meeting.door_changed_by = timezone.now(), by
    return changed


def _change_hosts(
    by: Any, meeting: Meeting, occurrence: Occurrence, wanted: Iterable[Any] | Callable[[set[Any]], Any], *, tell: bool
) -> dict[str, Any]:
    """Whoever changes a meeting stays its host, and so does the organiser: nobody leaves it without one by mistake, and
    no other host takes it from who made it.
    """
    before = set(meeting.hosts.all())
    hosts = list(wanted(before) if callable(wanted) else wanted)
    _refuse_blocked(meeting, set(hosts) - before)
    after = set(values.accounts([by, *hosts])) | {host for host in before if host.pk == meeting.created_by_id}
    if before == after:
        return {}
    end_hosting(by, meeting, before - after)
    meeting.hosts.add(*(after - before))
    if tell:
        _tell_hosts(by, occurrence, after - before, "invitation")
    return {"hosts": True}


def _refuse_blocked(meeting: Meeting, new: set[Any]) -> None:
    """Whoever was removed for good does not host again because somebody saves a form that was opened before."""
    block = blocks_in(meeting.pk).filter(user__in=new).select_related("user").first()
    if block is not None:
        told = _("%(name)s was removed from this meeting and blocked, and can’t host it. Take them off this list.")
        raise Wrong("hosts", "blocked", told % {"name": block.user.name})


def _change_people(by: Any, occurrence: Occurrence, people: list[values.Person], *, tell: bool) -> dict[str, Any]:
    wanted = {person.email.lower() for person in people}
    accounts = {person.user.pk for person in people if person.user is not None}
    present = list(occurrence.invitations.filter(revoked_at=None))
    gone = [one for one in present if one.email not in wanted and one.user_id not in accounts]
    for invitation in gone:
        invitations.withdraw(by, invitation)
        if tell:
            tasks.send_cancellation.enqueue(str(invitation.pk))
    known = {one.email for one in present}
    known_accounts = {one.user_id for one in present if one.user_id is not None}
    new = [
        person
        for person in people
        if person.email.lower() not in known and (person.user is None or person.user.pk not in known_accounts)
    ]
    _invite_all(by, occurrence, new, send=tell)
    return {"people": True} if gone or new else {}


def _invite_all(by: Any, occurrence: Occurrence, people: list[values.Person], *, send: bool) -> None:
    hosts = {host.email.lower() for host in occurrence.meeting.hosts.all()}
    for person in people:
        if person.email.lower() not in hosts:
            invitations.add(by, occurrence, person.email, person.name, user=person.user, send=send)


def _tell_hosts(by: Any, occurrence: Occurrence, hosts: Iterable[Any], what: str) -> None:
    """Mail the other hosts; whoever acts knows."""
    for host in hosts:
        if host.pk != by.pk:
            tasks.tell_host.enqueue(str(occurrence.pk), str(host.pk), what)


def _save_with_code(meeting: Meeting) -> None:
    """Codes are drawn at random; one that exists is drawn again."""
    for _attempt in range(CODE_ATTEMPTS):
        meeting.code = codes.new_meeting_code()
        if RetiredCode.objects.filter(code=meeting.code).exists():
            continue
        try:
            with transaction.atomic():
                meeting.save(force_insert=True)
        except IntegrityError:
            if not Meeting.objects.filter(code=meeting.code).exists():
                raise
        else:
            return
    raise RuntimeError("no free meeting code was drawn")


def _check_encryption(encryption: str) -> None:
    if encryption not in Encryption.values:
        raise Wrong("encryption", "unknown", _("There is no such kind of encryption."))
