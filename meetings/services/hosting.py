"""What hosts do to those inside and to the meeting. Each time the role is read anew, inside the transaction."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from meetings import audit, lifecycle, tasks
from meetings.admission import Event
from meetings.door import Row, Way
from meetings.models import Block, Encryption, Meeting, Occurrence, Participant
from meetings.rulebook import locks_at, rules_of
from meetings.services import cohosts
from meetings.services.errors import Wrong
from meetings.services.roles import require_host
from meetings.services.seats import answering, move, occurrence_locked, write

NOTE_LENGTH = 300
SOURCES = frozenset({"microphone", "camera", "screen"})


def remove(by: Any, target: Participant, *, note: str = "", block: bool = True) -> Participant:
    """Take somebody out, and with that the host's role; the organiser is removed by nobody. With `block` account,
    invitation and device stay out; without, a host decides if they return.

    Where anyone with the link walks in, that becomes a knock: whoever is blocked, or came by the meeting link alone,
    would only need another browser to walk in again.
    """
    with answering(by, target) as (account, occurrence):
        _not_oneself(by, account, target)
        cohosts.refuse_organiser(occurrence.meeting, target, account)
        move(target, Event.REMOVE)
        hosted = cohosts.take_role(account, occurrence.meeting, target)
        target.left_at = timezone.now()
        target.let_in_at = None
        target.must_knock = True
        target.note = note[:NOTE_LENGTH]
        target.refused_by = account.name
        target.word = ""
        target.knows_link_key = occurrence.meeting.encryption == Encryption.SEALED
        changed = ["state", "left_at", "let_in_at", "must_knock", "note", "refused_by", "word", "knows_link_key"]
        target.save(update_fields=changed)
        _forget_let_in(target)
        if block:
            Block.objects.create(
                occurrence=occurrence,
                user=target.user,
                invitation=target.invitation,
                device=target.device,
                removed=True,
            )
        closed = (block or target.kind == Row.ANYONE) and let_anyone_knock(occurrence.meeting)
        facts = {"door_set_to_knock": True} if closed else {}
        facts |= {"hosts_no_longer": True} if hosted else {}
        kind = "door.removed_and_blocked" if block else "door.removed"
        write(kind, occurrence, target, by=account, note=target.note, **facts)
    return target


def _forget_let_in(target: Participant) -> None:
    """Earlier words for the same person on another device do not outlive their removal."""
    seats = Participant.objects.filter(occurrence=target.occurrence_id).exclude(state=Participant.State.INSIDE)
    if target.user_id is not None:
        seats.filter(user=target.user_id).update(let_in_at=None)
    if target.invitation_id is not None:
        seats.filter(invitation=target.invitation_id).update(let_in_at=None)


def let_anyone_knock(meeting: Meeting) -> bool:
    """Close the row that needs no proof; says whether it was open."""
    opened = Meeting.objects.filter(pk=meeting.pk, door_anyone=Way.WALKS_IN)
    return bool(opened.update(door_anyone=Way.KNOCKS, door_changed_at=timezone.now(), door_changed_by=None))


def move_to_door(by: Any, target: Participant) -> Participant:
    """Back to the door: they wait, and only a host's word lets them in again."""
    with answering(by, target) as (account, occurrence):
        _not_oneself(by, account, target)
        if occurrence.meeting.hosts.filter(pk=target.user_id).exists():
            raise Wrong("participant", "is_host", "hosts always walk in")
        move(target, Event.SEND_BACK)
        target.knocked_at = timezone.now()
        target.let_in_at = None
        target.must_knock = True
        target.host_message = target.word = ""
        target.save(update_fields=["state", "knocked_at", "let_in_at", "must_knock", "host_message", "word"])
        _forget_let_in(target)
        write("door.moved_to_door", occurrence, target, by=account)
    return target


def vouch(by: Any, target: Participant, *, word: str) -> Participant:
    """A host's word for somebody who is inside already: they were let in by the rules, by a program, or on another
    device.
    """
    with answering(by, target) as (account, occurrence):
        if target.state != Participant.State.INSIDE:
            raise Wrong("participant", "outside", "they are not inside")
        target.word = word
        target.save(update_fields=["word"])
        write("door.vouched", occurrence, target, by=account)
    return target


def _not_oneself(by: Any, account: Any, target: Participant) -> None:
    if (isinstance(by, Participant) and by.pk == target.pk) or target.user_id == account.pk:
        raise Wrong("participant", "yourself", "use Leave")


def lock(by: Any, occurrence: Occurrence) -> Occurrence:
    """Nobody else comes in; who is at the door keeps waiting.

    `by` None: the meeting's own rule, which acts once. Where a host undoes it, that stands, also after a restart.
    """
    with occurrence_locked(occurrence) as locked:
        account = require_host(by, locked) if by is not None else None
        _still_on(locked)
        now = timezone.now()
        if account is None:
            # As of its own time: whom a host let in since then is not locked out by when it is written down.
            at = locks_at(locked, rules_of(locked.meeting)) or now
            now = locked.rule_locked_at = min(at, now)
            locked.save(update_fields=["rule_locked_at"])
        if locked.locked_at is None:
            locked.locked_at, locked.locked_by = now, account
            locked.save(update_fields=["locked_at", "locked_by"])
            kind = "door.locked" if account is not None else "door.locked_by_rule"
            audit.record(kind, actor=account, occurrence=locked)
    return locked


def unlock(by: Any, occurrence: Occurrence) -> Occurrence:
    """The table decides again."""
    with occurrence_locked(occurrence) as locked:
        account = require_host(by, locked)
        _still_on(locked)
        at = locks_at(locked, rules_of(locked.meeting))
        is_due = at is not None and at <= timezone.now()
        if is_due:
            locked.rule_locked_at = at  # it has had its turn, though nobody wrote that down
        if locked.locked_at is not None or is_due:
            locked.locked_at = locked.locked_by = None
            locked.save(update_fields=["locked_at", "locked_by", "rule_locked_at"])
            audit.record("door.unlocked", actor=account, occurrence=locked)
    return locked


def suspend(by: Any, occurrence: Occurrence) -> Occurrence:
    """Everything stops until a host resumes: media, chat, and coming in. Raises `IllegalEvent` unless it is live."""
    with occurrence_locked(occurrence) as locked:
        account = require_host(by, locked)
        _going_on(locked)
        if locked.suspended_at is None:
            locked.suspended_at = timezone.now()
            locked.suspended_by = account
            locked.save(update_fields=["suspended_at", "suspended_by"])
            audit.record("meeting.suspended", actor=account, occurrence=locked)
    return locked


def resume(by: Any, occurrence: Occurrence, *, quiet: bool = False) -> Occurrence:
    """Everything goes on as it was allowed before. `quiet`: with everybody's microphone, camera and screen off."""
    with occurrence_locked(occurrence) as locked:
        account = require_host(by, locked)
        _going_on(locked)
        if locked.suspended_at is not None:
            locked.suspended_at = locked.suspended_by = None
            locked.save(update_fields=["suspended_at", "suspended_by"])
            audit.record("meeting.resumed", actor=account, occurrence=locked, quiet=quiet)
    return locked


def _going_on(occurrence: Occurrence) -> None:
    """Raises `IllegalEvent` unless somebody came in and it has not ended: only what goes on can end or be stopped."""
    lifecycle.after(stage(occurrence), lifecycle.Event.END)


def _still_on(occurrence: Occurrence) -> None:
    """Raises `IllegalEvent` when the occurrence is over."""
    lifecycle.after(stage(occurrence), lifecycle.Event.START)


def stage(occurrence: Occurrence) -> lifecycle.Stage:
    """Where in its life the occurrence is."""
    return lifecycle.stage_of(
        started=occurrence.started_at is not None,
        ended=occurrence.ended_at is not None,
        cancelled=occurrence.cancelled_at is not None,
    )


def end_for_everyone(by: Any, occurrence: Occurrence) -> Occurrence:
    """The meeting is over for all. Raises `IllegalEvent` when nobody ever came in, or it is over already."""
    with occurrence_locked(occurrence) as locked:
        account = require_host(by, locked)
        close(locked, account, timezone.now())
        audit.record("meeting.ended", actor=account, occurrence=locked)
    return locked


def end_forgotten(occurrence: Occurrence) -> Occurrence:
    """Its time is over and nobody is left. Nothing to do where somebody is inside again, or it has ended meanwhile."""
    with occurrence_locked(occurrence) as locked:
        inside = locked.participants.filter(state=Participant.State.INSIDE).exists()
        if not inside and stage(locked) is lifecycle.Stage.LIVE:
            close(locked, None, timezone.now())
            audit.record("meeting.ended_empty", occurrence=locked)
    return locked


TOLD_AFTER = timedelta(minutes=5)
"""When a meeting is over, what is still being tried is waited for until its creator is told."""


def close(occurrence: Occurrence, account: Any, now: datetime) -> None:
    """End a live occurrence and every seat in it. The caller holds its lock and writes the audit entry."""
    lifecycle.after(stage(occurrence), lifecycle.Event.END)
    occurrence.ended_at = now
    occurrence.ended_by = account
    occurrence.save(update_fields=["ended_at", "ended_by"])
    for seat in occurrence.participants.filter(state__in=(Participant.State.INSIDE, Participant.State.WAITING)):
        move(seat, Event.END)
        seat.left_at = now
        seat.save(update_fields=["state", "left_at"])
    tasks.tell_turned_away.using(run_after=now + TOLD_AFTER).enqueue(str(occurrence.pk))


def ask_recorded(by: Any, target: Participant, source: str) -> None:
    """Write down that a host asked somebody to switch something on."""
    if source not in SOURCES:
        raise Wrong("source", "unknown_source", f"{source[:20]!r} is none of microphone, camera and screen")
    with answering(by, target) as (account, occurrence):
        write("host.asked", occurrence, target, by=account, source=source)


def mute_recorded(by: Any, target: Participant, source: str) -> None:
    """Write down that a host stopped somebody's microphone, camera or screen; the engine has done it already."""
    if source not in SOURCES:
        raise Wrong("source", "unknown_source", f"{source[:20]!r} is none of microphone, camera and screen")
    with answering(by, target) as (account, occurrence):
        write("host.muted", occurrence, target, by=account, source=source)


def spotlight_recorded(by: Any, target: Participant, *, on: bool) -> None:
    """Write down that a host made somebody large for everybody, or no longer does."""
    with answering(by, target) as (account, occurrence):
        write("host.spotlight_on" if on else "host.spotlight_off", occurrence, target, by=account)
