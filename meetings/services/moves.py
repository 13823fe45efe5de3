"""A personal link on a second device: who asks to take it over, who may say yes, and what moves with it.

A link belongs to the device that used it first, and holding the link is never enough to change that. Three words do:
whoever uses it on the first device agrees, the digits mailed to the invited address are typed, or a host lets the
second device in. Seat and place at the door go along; the first device loses them in the same transaction.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.utils.translation import gettext as _

from meetings import audit, budgets, changes
from meetings.admission import Event
from meetings.linkmodels import Invitation, SecondDevice
from meetings.models import Occurrence, Participant
from meetings.services.errors import Wrong
from meetings.services.seats import move, occurrence_locked

PAUSE_AFTER_NO = timedelta(minutes=10)
PAUSE_AFTER_WITHDRAWING = timedelta(minutes=1)
REMEMBERED = 20
NOTED_EVERY = timedelta(minutes=1)


class Busy(Exception):
    """No wish is taken now: another one is open, or there were too many. `until`: when to try again."""

    def __init__(self, until: datetime) -> None:
        super().__init__("try again later")
        self.until = until


def came_second(invitation: Invitation, device: str, network: str, now: datetime) -> SecondDevice:
    """Remember that a link was tried on a device which it does not belong to, so that hosts are shown both networks."""
    with occurrence_locked(invitation.occurrence_id):
        return _remember(invitation, device, network, now)


def is_news(invitation: Invitation, device: str, network: str, now: datetime) -> bool:
    """Whether `came_second` would tell anything new: a flood of tries must cost next to nothing."""
    known = SecondDevice.objects.filter(invitation=invitation, device=device, network=network)
    return not known.filter(seen_at__gt=now - NOTED_EVERY).exists()


def _remember(invitation: Invitation, device: str, network: str, now: datetime) -> SecondDevice:
    known, is_new = SecondDevice.objects.update_or_create(
        invitation=invitation, device=device, defaults={"network": network, "seen_at": now}
    )
    if is_new:
        older = invitation.second_devices.exclude(pk=known.pk).order_by("-seen_at")
        spare = [one.pk for one in older[REMEMBERED - 1 :] if not one.is_asking(now)]
        SecondDevice.objects.filter(pk__in=spare).delete()
        _write("invitation.link_in_use", invitation, network=network)
    return known


def ask(invitation: Invitation, device: str, network: str, now: datetime) -> SecondDevice:
    """The second device asks to take the link over; asking again while that is open changes nothing.

    Raises `Busy` while another device asks, after a no, or after too many. Nothing else may stand against it: see
    `arrivals`.
    """
    with occurrence_locked(invitation.occurrence_id):
        mine = _remember(invitation, device, network, now)
        if mine.is_asking(now):
            return mine
        _check_budget(invitation, now)
        mine.asked_at, mine.answer, mine.refused_until = now, "", None
        mine.save(update_fields=["asked_at", "answer", "refused_until"])
        _write("invitation.move_asked", invitation, network=network)
    return mine


def _check_budget(invitation: Invitation, now: datetime) -> None:
    others = list(invitation.second_devices.all())
    ends = [one.ends_at for one in others if one.is_asking(now)]
    ends += [one.refused_until for one in others if one.refused_until is not None and one.refused_until > now]
    if ends:
        raise Busy(max(ends))
    asked = sorted(one.asked_at for one in others if one.asked_at and one.asked_at > now - timedelta(hours=1))
    if len(asked) >= budgets.MOVES.most:
        raise Busy(asked[-budgets.MOVES.most] + timedelta(hours=1))


def answer(by: Participant, wish_id: int, now: datetime, *, allow: bool) -> None:
    """The word of whoever uses the link on the first device, from their place inside or at the door.

    Raises `Wrong` where their device does not hold that link (any more), or nobody asks (any more).
    """
    with occurrence_locked(by.occurrence_id) as occurrence:
        by.refresh_from_db()
        wish = SecondDevice.objects.select_related("invitation").filter(pk=wish_id).first()
        present = by.state in {Participant.State.INSIDE, Participant.State.WAITING}
        if wish is None or not present or not wish.is_asking(now) or not _holds(by, wish.invitation):
            raise Wrong("wish", "nothing_asked", _("Nobody asks for this link any more."))
        if allow:
            _move(
                occurrence, wish.invitation, wish.device, wish.network, now, way="moved_by_device", actor_label=by.name
            )
            return
        wish.answer, wish.refused_until = SecondDevice.Answer.NO, now + PAUSE_AFTER_NO
        wish.save(update_fields=["answer", "refused_until"])
        _write("invitation.move_refused", wish.invitation, network=wish.network, actor_label=by.name)


def _holds(seat: Participant, invitation: Invitation) -> bool:
    return seat.invitation_id == invitation.pk and seat.device == invitation.claimed_device


def by_code(invitation: Invitation, device: str, network: str, now: datetime, *, user: Any = None) -> None:
    """The digits that were mailed to the invited address have just been typed on this device: the link is its own."""
    with occurrence_locked(invitation.occurrence_id) as occurrence:
        invitation.refresh_from_db()
        if invitation.claimed_device not in {"", device}:
            _move(occurrence, invitation, device, network, now, way="moved_by_code", user=user)


def by_host(account: Any, occurrence: Occurrence, target: Participant, now: datetime) -> None:
    """A host lets in who waits with a link of another device: the link moves. The caller holds the occurrence's
    lock."""
    if is_second(target):
        invitation = target.invitation
        assert invitation is not None  # noqa: S101 - for the type checker
        _move(occurrence, invitation, target.device, target.network, now, way="moved_by_host", actor=account)
        target.refresh_from_db()


def turned_away(target: Participant, until: datetime) -> None:
    """A host's no to a second device is about that device, not about the guest on the first one."""
    wishes = SecondDevice.objects.filter(invitation=target.invitation_id, device=target.device)
    wishes.update(answer=SecondDevice.Answer.TURNED_AWAY, refused_until=until)


def withdraw(seat: Participant, now: datetime) -> None:
    """They stopped waiting: nobody is asked any more. The caller holds the occurrence's lock."""
    if seat.invitation_id is not None:
        wishes = SecondDevice.objects.filter(invitation=seat.invitation_id, device=seat.device, answer="")
        wishes.exclude(asked_at=None).update(
            answer=SecondDevice.Answer.WITHDRAWN, refused_until=now + PAUSE_AFTER_WITHDRAWING
        )


def is_second(seat: Participant) -> bool:
    """Whether this seat was taken with a link that belongs to another device now."""
    invitation = seat.invitation
    return invitation is not None and invitation.claimed_device not in {"", seat.device}


def refused_until(seat: Participant) -> datetime | None:
    """When a second device may ask again after a host's no."""
    wish = SecondDevice.objects.filter(invitation=seat.invitation_id, device=seat.device).first()
    return wish.refused_until if wish is not None else None


def _move(
    occurrence: Occurrence,
    invitation: Invitation,
    device: str,
    network: str,
    now: datetime,
    *,
    way: str,
    user: Any = None,
    **who: Any,
) -> None:
    """One statement decides whether the link still belongs to whom we took it from; then the seat follows."""
    holder = invitation.claimed_device
    held = Invitation.objects.filter(pk=invitation.pk, claimed_device=holder, revoked_at=None)
    if not held.update(claimed_device=device, claimed_at=now, claimed_network=network):
        raise Wrong("invitation", "changed", _("This link is not what it was a moment ago."))
    invitation.refresh_from_db()
    _carry_seat(occurrence, invitation, holder, device, network, user)
    invitation.second_devices.filter(device=device).delete()
    _write("invitation.moved", invitation, network=network, reason=way, **who)
    changes.touch(occurrence.pk)


def _carry_seat(
    occurrence: Occurrence, invitation: Invitation, holder: str, device: str, network: str, user: Any
) -> None:
    """What a host said to the guest, and the seat they have, go to the new device. The old seat is refused by the door
    from now on: its link is in use."""
    seats = {seat.device: seat for seat in occurrence.participants.filter(invitation=invitation)}
    old = seats.get(holder)
    if old is None or not (old.state in {Participant.State.INSIDE, Participant.State.WAITING} or old.let_in_at):
        return
    new = seats.get(device) or Participant(
        occurrence=occurrence, invitation=invitation, device=device, user=user, kind=Participant.Kind.GUEST, state="new"
    )
    if new.state != Participant.State.WAITING:
        move(new, Event.ARRIVE)
    if old.state == Participant.State.INSIDE and old.entered_at is not None:
        move(new, Event.TAKE_OVER)
        new.entered_at, new.left_at = old.entered_at, None
    if old.entered_at is not None or old.let_in_at is not None or not new.name:
        new.name = old.name  # the name that hosts have seen
    new.network = network
    new.knocked_at = old.knocked_at or new.knocked_at
    new.let_in_at, new.let_in_by = old.let_in_at, old.let_in_by
    new.save()
    Participant.objects.filter(pk=old.pk).update(let_in_at=None)


def _write(kind: str, invitation: Invitation, *, network: str, **facts: Any) -> None:
    audit.record(
        kind,
        actor=facts.pop("actor", None),
        actor_label=facts.pop("actor_label", ""),
        occurrence=invitation.occurrence,
        target=invitation.name or invitation.email,
        network=network,
        invitation=invitation.pk,
        email=invitation.email,
        **facts,
    )
