"""Arrivals and hosts' answers at the door. Everything is stored, audited and announced before a function returns.

What hosts do to those inside, and to the meeting, is in `hosting.py`; its names can be used from here too.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from meetings import audit, lifecycle
from meetings.admission import Event
from meetings.audit import flush_refusals
from meetings.devices.models import RoomDevice
from meetings.door import Admit, Because, Decision, Refuse, Row, Wait
from meetings.doorwords import written
from meetings.models import Block, Encryption, Invitation, Occurrence, Participant
from meetings.services import moves
from meetings.services.errors import NotAHost, Wrong
from meetings.services.hosting import (
    end_for_everyone,
    end_forgotten,
    let_anyone_knock,
    lock,
    move_to_door,
    mute_recorded,
    remove,
    resume,
    stage,
    suspend,
    unlock,
    vouch,
)
from meetings.services.roles import require_host
from meetings.services.seats import answering, move, occurrence_locked, write

__all__ = [
    "NotAHost",
    "arrive",
    "end_for_everyone",
    "end_forgotten",
    "entered",
    "flush_refusals",
    "keep_waiting",
    "left",
    "let_in",
    "lock",
    "move_to_door",
    "mute_recorded",
    "put_out",
    "remove",
    "rename",
    "require_host",
    "resume",
    "suspend",
    "turn_away",
    "unlock",
    "vouch",
]

COOL_DOWN = timedelta(minutes=2)
NOTE_LENGTH = 300
NAME_LENGTH = 120


def arrive(
    occurrence: Occurrence,
    *,
    row: Row,
    user: Any,
    invitation: Invitation | None,
    device: str,
    name: str,
    network: str,
    session_key: str,
    decision: Decision,
    now: datetime,
    room_device: RoomDevice | None = None,
) -> Participant | None:
    """Record that somebody came to the door and what it said. `room_device`: it is no person, but this machine.

    Admit and Wait make or refresh the seat of this device and person: WAITING, or INSIDE where the seat is held
    already; `entered` makes it INSIDE once their program is in the room. Refuse makes no seat; it closes the one that
    there is, if any, and returns it or None.
    """
    name = name[:NAME_LENGTH]
    # Only a guest is known by a link; an account is known by itself, whatever link its browser also opened.
    shown = invitation if row == Row.GUEST else None
    if isinstance(decision, Refuse):
        return _refused(occurrence, user, shown, device, name, network, decision, row, now)
    with occurrence_locked(occurrence) as locked:
        seat = _seat(locked, user, shown, device)
        if seat is None:
            made = {"room_device": room_device, "state": "new", "name": name}
            seat = Participant(occurrence=locked, user=user, device=device, **made)
        before = seat.state
        move(seat, Event.ARRIVE)
        seat.kind = Participant.Kind(row)
        seat.invitation = shown
        if before != Participant.State.INSIDE and not seat.let_in_at:
            _take_name(seat, name, now)
        elif user is not None:
            # A host let in who was shown by a name: typing another would make somebody of them whom the host never saw.
            seat.name = name
        seat.network = network
        seat.session_key = session_key
        if seat.refused_until is None or seat.refused_until <= now:
            # A no that fell after this answer was given stands, and so does what the host said with it.
            seat.note = seat.refused_by = ""
            seat.refused_until = None
        if seat.state == Participant.State.WAITING and before != Participant.State.WAITING:
            seat.knocked_at = now
            seat.host_message = ""
        seat.save()
        kind = "door.admitted" if isinstance(decision, Admit) else "door.waits"
        if isinstance(decision, Wait) and decision.reason == "knock":
            kind = "door.knocked"
        write(kind, locked, seat, reason=decision.reason, because=written(decision.because))
    return seat


def _take_name(seat: Participant, name: str, now: datetime) -> None:
    """Hosts haven't seen them by another name: with it they knock anew, and a yes to an earlier revision is no yes."""
    if seat.name != name:
        seat.name = name
        seat.revision += 1
        seat.knocked_at = now
        seat.host_message = ""


def rename(user: Any, now: datetime) -> None:
    """An account has another name now. Where it waits that is a new knock, as if the name had been typed."""
    waiting = Participant.objects.filter(user=user, state=Participant.State.WAITING, let_in_at=None)
    for seat in waiting.order_by("occurrence_id"):
        with occurrence_locked(seat.occurrence_id):
            seat.refresh_from_db()
            if seat.state == Participant.State.WAITING and seat.let_in_at is None:
                _take_name(seat, user.name, now)
                seat.save(update_fields=["name", "revision", "knocked_at", "host_message"])


def _seat(occurrence: Occurrence, user: Any, invitation: Invitation | None, device: str) -> Participant | None:
    """The seat of this device and person, as the table's constraint knows it."""
    seats = occurrence.participants.filter(device=device)
    if user is not None:
        return seats.filter(user=user).first()
    return seats.filter(user=None, invitation=invitation).first()


def _refused(
    occurrence: Occurrence,
    user: Any,
    invitation: Invitation | None,
    device: str,
    name: str,
    network: str,
    decision: Refuse,
    row: Row,
    now: datetime,
) -> Participant | None:
    """Close the seat that there is. A flood of refusals must cost next to nothing: over budget, nothing is written."""
    seat = _seat(occurrence, user, invitation, device)
    if seat is not None and seat.state in {Participant.State.WAITING, Participant.State.INSIDE}:
        with occurrence_locked(occurrence):
            seat.refresh_from_db()
            move(seat, Event.SHUT_OUT)
            seat.left_at = now
            seat.save(update_fields=["state", "left_at"])
    known = {"invitation": invitation.pk, "email": invitation.email} if invitation is not None else {}
    audit.record_refusal(
        "door.refused",
        now=now,
        actor=user,
        actor_label=name,
        occurrence=occurrence,
        target=name,
        network=network,
        reason=decision.reason,
        row=row,
        because=written(decision.because),
        **known,
    )
    return seat


def let_in(by: Any, target: Participant, *, revision: int = 0, word: str | None = None) -> Participant:
    """A host's yes. Holds for this occurrence, until a lock, a removal or a block. Raises `Wrong` while all is
    suspended, and where the host saw somebody else: `revision` is of what was seen.

    `word`: in an encrypted meeting, what the host's device signed about the other's; kept for whoever adds them.
    """
    with answering(by, target) as (account, occurrence):
        if occurrence.suspended_at is not None:
            raise Wrong("participant", "suspended", "nobody comes in while the meeting is suspended")
        move(target, Event.LET_IN)
        if target.revision != revision:
            raise Wrong("participant", "changed", "they gave another name since: look who it is now")
        now = timezone.now()
        moves.by_host(account, occurrence, target, now)
        target.let_in_at = now
        target.let_in_by = by if isinstance(by, Participant) else None
        target.must_knock = False
        target.refused_until = None
        target.word = word or target.word
        target.knows_link_key = False
        changed = ["state", "let_in_at", "let_in_by", "must_knock", "refused_until", "word", "knows_link_key"]
        target.save(update_fields=changed)
        write("door.let_in", occurrence, target, by=account)
    return target


def keep_waiting(by: Any, target: Participant, message: str) -> Participant:
    """A host's words to somebody who keeps waiting."""
    with answering(by, target) as (account, occurrence):
        move(target, Event.MESSAGE)
        target.host_message = message[:NOTE_LENGTH]
        target.save(update_fields=["state", "host_message"])
        write("door.message", occurrence, target, by=account)
    return target


def turn_away(by: Any, target: Participant, *, note: str = "", block: bool = False) -> Participant:
    """A host's no: they may knock again in two minutes, or with `block` not at all."""
    with answering(by, target) as (account, occurrence):
        move(target, Event.TURN_AWAY)
        now = timezone.now()
        is_second = moves.is_second(target)
        if is_second:
            moves.turned_away(target, now + COOL_DOWN)
        else:
            target.refused_until = now + COOL_DOWN
        target.left_at = now
        target.let_in_at = None
        target.note = note[:NOTE_LENGTH]
        target.refused_by = account.name
        target.save(update_fields=["state", "refused_until", "left_at", "let_in_at", "note", "refused_by"])
        if block:
            # A second device's block is its own: the guest on the first one has done nothing.
            shown = None if is_second else target.invitation
            Block.objects.create(occurrence=occurrence, user=target.user, invitation=shown, device=target.device)
        facts = {"door_set_to_knock": True} if block and let_anyone_knock(occurrence.meeting) else {}
        kind = "door.blocked" if block else "door.turned_away"
        write(kind, occurrence, target, by=account, note=target.note, **facts)
    return target


def put_out(target: Participant, decision: Refuse) -> Participant:
    """The rules, not a host, refuse somebody who had a seat: revoked, deactivated, their row is turned away now …"""
    with occurrence_locked(target.occurrence_id) as occurrence:
        target.refresh_from_db()
        move(target, Event.SHUT_OUT)
        target.left_at = timezone.now()
        target.knows_link_key = target.entered_at is not None and occurrence.meeting.encryption == Encryption.SEALED
        target.save(update_fields=["state", "left_at", "knows_link_key"])
        write("door.put_out", occurrence, target, reason=decision.reason, because=written(decision.because))
    return target


def entered(participant: Participant, *, reason: str = "", because: Because | None = None) -> Participant:
    """They are in the room. The first one starts the occurrence. Coming back to a seat that is held changes nothing.

    Raises `IllegalEvent` when the occurrence is over or the seat was closed meanwhile.
    """
    with occurrence_locked(participant.occurrence_id) as occurrence:
        participant.refresh_from_db()
        before = stage(occurrence)
        lifecycle.after(before, lifecycle.Event.START)
        already = participant.state == Participant.State.INSIDE and participant.entered_at is not None
        move(participant, Event.ENTER)
        if already:
            return participant
        now = timezone.now()
        participant.entered_at = now
        participant.left_at = None
        participant.host_message = ""
        participant.save(update_fields=["state", "entered_at", "left_at", "host_message"])
        if before is lifecycle.Stage.SCHEDULED:
            occurrence.started_at = now
            occurrence.save(update_fields=["started_at"])
            write("meeting.started", occurrence, participant)
        how = reason or _how(participant)
        write("door.entered", occurrence, participant, reason=how, because=written(because))
    return participant


def _how(seat: Participant) -> str:
    """Why somebody came in, where the caller does not say: their row, or a host's word."""
    if seat.kind == Row.HOST:
        return "host"
    return "let_in" if seat.let_in_at is not None else "walks_in"


def left(participant: Participant, reason: str) -> Participant:
    """Their seat ended. reason: left (pressed Leave), lost (stayed away after a cut), stopped (stopped waiting)."""
    with occurrence_locked(participant.occurrence_id) as occurrence:
        participant.refresh_from_db()
        was_waiting = participant.state == Participant.State.WAITING
        already = participant.state == Participant.State.LEFT
        move(participant, Event.LEAVE)
        if already:
            return participant
        participant.left_at = timezone.now()
        participant.save(update_fields=["state", "left_at"])
        moves.withdraw(participant, participant.left_at)
        write("door.stopped" if was_waiting else "door.left", occurrence, participant, reason=reason)
    return participant
