"""Questions to the database about who may do what. Nothing here writes, and nothing is remembered between calls."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, TypeGuard
from uuid import UUID

from django.apps import apps
from django.db.models import Case, DateTimeField, Exists, F, IntegerField, OuterRef, Q, QuerySet, When
from django.utils import timezone
from django.utils.translation import gettext as _

from meetings.domains import domain_of
from meetings.door import EASE, Facts, Row, Rules, Way
from meetings.doorlist import DoorList
from meetings.doortable import MOST_INSIDE
from meetings.models import (
    Block,
    DoorException,
    EmailCode,
    Invitation,
    ListedTogether,
    Meeting,
    Occurrence,
    Participant,
    SecondDevice,
)
from meetings.register import Proofs, Register, accounts_of, blocks_in
from meetings.rights import Own, combined
from meetings.rulebook import limits_now, locked_since, rules_of, stored_rules
from meetings.settled import WITH_NAMES, settled_by

__all__ = ["limits_now", "rules_of", "stored_rules"]

OVERRUN = timedelta(hours=1)
"""How long after its end a meeting that nobody entered may still begin."""

REMEMBERED = timedelta(days=1)
"""How long a code still leads to an occurrence that is over, so that latecomers are told so."""


def occurrence_for_code(code: str, now: datetime | None = None) -> Occurrence | None:
    """What a meeting's code leads to now: the live occurrence, else the next, else one that was over within a day.

    `code` is normalised (codes.normalise_code). None for every other code.
    """
    now = now or timezone.now()
    meeting = Meeting.objects.filter(code=code).first()
    found = occurrence_now(meeting, now) if meeting is not None else None
    if found is None or (takes_place_no_more(found, now) and _ended(found) + REMEMBERED <= now):
        return None
    return found


def occurrence_now(meeting: Meeting, now: datetime | None = None) -> Occurrence:
    """The occurrence that a meeting is about: the live one, else the next, else the last."""
    occurrences = by_nearness(meeting.occurrences.all(), now or timezone.now())
    found = occurrences.select_related("meeting", "series", *WITH_NAMES).first()
    assert found is not None, "a meeting has an occurrence"  # noqa: S101 - for the type checker
    return found


def by_nearness(occurrences: QuerySet[Occurrence], now: datetime) -> QuerySet[Occurrence]:
    """The one on first that a meeting is about: whose time it is, else the live one, the next, the last.

    One that goes on after its time so makes room for the one that follows.
    """
    is_open = Q(ended_at=None, cancelled_at=None)
    to_come = is_open & Q(started_at=None, ends_at__gt=now - OVERRUN)
    rank = Case(
        When(is_open & Q(starts_at__lte=now, ends_at__gt=now), then=0),
        When(is_open & ~Q(started_at=None), then=1),
        When(to_come, then=2),
        When(cancelled_at=None, then=3),
        default=4,
        output_field=IntegerField(),
    )
    soonest = Case(When(to_come, then=F("starts_at")), default=None, output_field=DateTimeField())
    return occurrences.alias(rank=rank, soonest=soonest).order_by("rank", "soonest", "-starts_at")


def _ended(occurrence: Occurrence) -> datetime:
    return max(occurrence.ends_at, occurrence.ended_at or occurrence.ends_at)


def meeting_for(user: Any, meeting_id: UUID | str) -> Meeting | None:
    """The meeting if this account hosts it or is listed in it; None for every other, so that a page can answer 404."""
    try:
        key = UUID(str(meeting_id))
    except ValueError:
        return None
    meeting = Meeting.objects.filter(pk=key).first()
    if meeting is None or user is None or not user.is_active:
        return None
    invited = standing_invitations(user).filter(occurrence__meeting=meeting)
    theirs = is_host(user, meeting) or invited.exists() or meetings_listing(user).filter(pk=key).exists()
    return meeting if theirs else None


def meetings_listing(user: Any) -> QuerySet[Meeting]:
    """Meetings on whose list an active account is by a group or a domain, as `listing_of` says."""
    domains = {domain_of(address) for address in verified_addresses(user)} - {""}
    together = ListedTogether.objects.filter(Q(group__members=user) | Q(domain__in=domains))
    own = Invitation.objects.filter(_names(user)).values("occurrence__meeting")
    return Meeting.objects.filter(listed_together__in=together).exclude(pk__in=own)


def is_host(user: Any, meeting: Meeting) -> bool:
    """Whether the database names this account as a host, now."""
    return user is not None and user.is_active and meeting.hosts.filter(pk=user.pk).exists()


def standing_invitations(user: Any) -> QuerySet[Invitation]:
    """Invitations by which an account knows of meetings. In a meeting that repeats, one to a date that is over tells
    nothing any more once the person was revoked at a later one.
    """
    later = Invitation.objects.exclude(revoked_at=None).filter(
        occurrence__meeting=OuterRef("occurrence__meeting"),
        occurrence__starts_at__gt=OuterRef("occurrence__starts_at"),
        email=OuterRef("email"),
    )
    return Invitation.objects.filter(_names(user), ~Exists(later), revoked_at=None)


def _names(user: Any) -> Q:
    """Invitations to this account: by name of the account, or to an address proved to be its own."""
    return Q(user=user) | Q(user=None, email__in=verified_addresses(user))


def verified_addresses(user: Any) -> list[str]:
    """Addresses proved to be this account's, in lower case. Never one that was only typed."""
    if user is None or not user.is_active:
        return []
    if not apps.is_installed("allauth.account"):
        return [user.email.lower()]
    from allauth.account.models import EmailAddress

    return [
        address.lower()
        for address in EmailAddress.objects.filter(user=user, verified=True).values_list("email", flat=True)
    ]


def account_for(email: str) -> Any:
    """The active account to which an invited address belongs, or None."""
    from django.contrib.auth import get_user_model

    people = get_user_model().objects.filter(is_active=True)
    found = people.filter(email__iexact=email).first()
    if found is None and apps.is_installed("allauth.account"):
        found = people.filter(emailaddress__email__iexact=email, emailaddress__verified=True).first()
    return found


def invitations_of(occurrence: Occurrence, user: Any) -> list[Invitation]:
    """Every invitation of this account to this occurrence, revoked ones too."""
    return list(occurrence.invitations.filter(_names(user))) if user is not None and user.is_active else []


def _own_invitations(occurrence: Occurrence, user: Any, register: Register | None) -> list[Invitation]:
    return register.own_invitations(user) if register is not None else invitations_of(occurrence, user)


def visitor_row(
    occurrence: Occurrence, *, user: Any, invitation: Invitation | None, register: Register | None = None
) -> Row:
    """The best row of several proofs: the account that is signed in (or None), and the personal link that is held.

    `register`: what has just been read about everybody, for callers who ask about many.
    """
    account = user if user is not None and user.is_active else None
    if account is not None:
        hosting = register.is_host(account) if register is not None else is_host(account, occurrence.meeting)
        if hosting:
            return Row.HOST
        own = _own_invitations(occurrence, account, register)
        if any(one.revoked_at is None for one in own) or listing_of(occurrence, account, register) is not None:
            return Row.LISTED
    limits = register.limits if register is not None else limits_now()
    is_guest = _is_of(invitation, occurrence) and limits.guest_addresses.take(invitation.email)
    is_guest = is_guest and not _is_of_ended_account(invitation)
    if account is None:
        return Row.GUEST if is_guest else Row.ANYONE
    rules = register.rules if register is not None else rules_of(occurrence.meeting, limits)
    # The two are not ordered: whichever gets in more easily here, and the account where that makes no difference.
    return Row.GUEST if is_guest and EASE[rules.guests] > EASE[rules.colleagues] else Row.COLLEAGUE


def listing_of(occurrence: Occurrence, user: Any, register: Register | None = None) -> ListedTogether | None:
    """The group or domain by which an account is on the list, looked up now: whoever has left is on it no more.

    A person's own invitation outweighs it: somebody whose invitation was revoked is not listed by a group.
    """
    if _own_invitations(occurrence, user, register):
        return None
    listed = register.door_list if register is not None else DoorList(occurrence.meeting)
    addresses = register.addresses_of(user) if register is not None else verified_addresses(user)
    return listed.listing(user, addresses)


def _is_of(invitation: Invitation | None, occurrence: Occurrence) -> TypeGuard[Invitation]:
    """Whether this is a live invitation to this very occurrence."""
    return invitation is not None and invitation.occurrence_id == occurrence.pk and invitation.revoked_at is None


def _is_of_ended_account(invitation: Invitation | None) -> bool:
    """Whether the account that was invited is deactivated: it would come back signed out, by the link that it was
    sent."""
    return invitation is not None and invitation.user is not None and not invitation.user.is_active


def facts_of(
    occurrence: Occurrence,
    *,
    row: Row,
    user: Any,
    invitation: Invitation | None,
    seat: Participant | None,
    host_inside: bool,
    now: datetime,
) -> Facts:
    """The facts about somebody who is not asking here: with the device that holds their seat, so that a host's word
    and a place count.
    """
    return facts_for(
        occurrence,
        row=row,
        user=user,
        invitation=invitation,
        participant=seat,
        device=seat.device if seat is not None else "",
        host_inside=host_inside,
        now=now,
    )


def facts_for(
    occurrence: Occurrence,
    *,
    row: Row,
    user: Any,
    invitation: Invitation | None,
    participant: Participant | None,
    device: str,
    host_inside: bool,
    now: datetime,
    register: Register | None = None,
) -> Facts:
    """What the door needs to know about this visitor, read now. `device` is "" while it is not known (a page looks).

    `register`: what has just been read about everybody, for callers who ask about many.
    """
    meeting = occurrence.meeting
    limits = register.limits if register is not None else limits_now()
    rules = register.rules if register is not None else rules_of(meeting, limits)
    seat = participant if participant is not None and _is_theirs(participant, user, invitation, device) else None
    proofs = _proofs(occurrence, user, invitation, device, register)
    others = _same_person(occurrence, proofs, register)
    refusals = [one.refused_until for one in others if one.refused_until is not None]
    second = _second_device(row, invitation, device, register)
    if second is not None and second.answer == SecondDevice.Answer.TURNED_AWAY and second.refused_until is not None:
        refusals.append(second.refused_until)
    blocks = _blocks(occurrence, row, user, proofs, register)
    given = _given_address(occurrence, row, device, register)
    exception = _exception(occurrence, rules, row, user, invitation, given, register)
    opens_at = None
    if rules.opens_minutes is not None:
        opens_at = occurrence.starts_at - timedelta(minutes=rules.opens_minutes)
    return Facts(
        now=now,
        row=row,
        rules=rules,
        opens_at=opens_at,
        starts_at=occurrence.starts_at,
        ended=is_over(occurrence, now),
        cancelled=occurrence.cancelled_at is not None or meeting.cancelled_at is not None,
        locked_at=locked_since(occurrence, rules, now),
        suspended=occurrence.suspended_at is not None,
        host_inside=host_inside,
        blocked=bool(blocks),
        removed=any(block.removed for block in blocks),
        must_knock=any(one.must_knock for one in others),
        let_in_at=seat.let_in_at if seat is not None else None,
        seat=seat is not None and seat.state == Participant.State.INSIDE and seat.entered_at is not None,
        waiting=seat is not None and seat.state == Participant.State.WAITING,
        verified=bool(given) and limits.guest_addresses.take(given)
        if row is Row.ANYONE
        else _is_verified(occurrence, row, seat, invitation, device, register),
        refused_until=max(refusals, default=None),
        revoked=_is_revoked(occurrence, row, user, invitation, register),
        link_in_use=_is_in_use(row, invitation, device),
        asking=second is not None and second.is_asking(now),
        came_second=second is not None,
        move_refused_until=second.refused_until
        if second is not None and second.answer == SecondDevice.Answer.NO
        else None,
        signed_in=user is not None,
        own=_own_rights(others, user, invitation, device),
        active_account=user.is_active if user is not None else not _is_of_ended_account(invitation),
        may_receive_mail=invitation is not None and not _has_failed_mail(invitation, device, register),
        most=limits.ceiling(row) if row is not Row.HOST else Way.WALKS_IN,
        capacity=min(rules.capacity or MOST_INSIDE, MOST_INSIDE),
        inside=register.inside if register is not None else inside_now(occurrence),
        exception=Way(exception.way) if exception is not None else None,
        unwanted_address=user is None
        and row is Row.ANYONE
        and _is_of(invitation, occurrence)
        and not limits.guest_addresses.take(invitation.email),
        known_by=_known_by(occurrence, row, user, register),
        settled=settled_by(
            occurrence,
            limits,
            seat=seat,
            same_person=others,
            blocks=blocks,
            invitation=invitation,
            exception=exception,
        ),
    )


def _known_by(occurrence: Occurrence, row: Row, user: Any, register: Register | None) -> str:
    """How the explanation names the group or domain that lists somebody."""
    listing = listing_of(occurrence, user, register) if row is Row.LISTED else None
    if listing is None:
        return ""
    return f"@{listing.domain}" if listing.domain else _("the group “%(name)s”") % {"name": str(listing.group)}


def _exception(
    occurrence: Occurrence,
    rules: Rules,
    row: Row,
    user: Any,
    invitation: Invitation | None,
    given: str,
    register: Register | None,
) -> DoorException | None:
    """What a host settled for this person alone. given: the address that they showed to be theirs, if that is all
    they have."""
    listed = register.door_list if register is not None else DoorList(occurrence.meeting)
    if row is Row.HOST or not listed.has_exceptions:
        return None
    own = _own_invitations(occurrence, user, register)
    return listed.exception(
        rules,
        row=row,
        user=user if user is not None and user.is_active else None,
        addresses=register.addresses_of(user) if register is not None else verified_addresses(user),
        shown=invitation,
        accounts=_proofs(occurrence, user, invitation, "", register).accounts,
        links=[*own, *([invitation] if invitation is not None else [])],
        given=given,
    )


def inside_now(occurrence: Occurrence) -> int:
    """How many people have a seat inside, those included who have lost the line and may come back to it."""
    return occurrence.participants.filter(state=Participant.State.INSIDE).exclude(entered_at=None).count()


def _own(seat: Participant) -> Own:
    return Own(seat.may_speak, seat.may_show, seat.may_share, seat.may_chat, seat.may_record)


def _own_rights(others: list[Participant], user: Any, invitation: Invitation | None, device: str) -> Own:
    """What hosts said about this person's rights, on whatever device they said it."""

    def is_theirs(seat: Participant) -> bool:
        # An account and a personal link are the same person on every device; without either only this device is.
        return _is_theirs(seat, user, invitation, device if user is None and invitation is None else "")

    words = [(is_theirs(seat), _own(seat)) for seat in others]
    return combined((own for theirs, own in words if theirs), (own for theirs, own in words if not theirs))


def is_over(occurrence: Occurrence, now: datetime) -> bool:
    """Ended, or never begun long after its time."""
    return occurrence.ended_at is not None or (occurrence.started_at is None and occurrence.ends_at + OVERRUN <= now)


def takes_place_no_more(occurrence: Occurrence, now: datetime) -> bool:
    """Over or cancelled: personal links for it open nothing any more."""
    cancelled = occurrence.cancelled_at is not None or occurrence.meeting.cancelled_at is not None
    return cancelled or is_over(occurrence, now)


def _is_theirs(seat: Participant, user: Any, invitation: Invitation | None, device: str) -> bool:
    """Whether a seat belongs to who shows these proofs: the account, or else the same link, on the same device."""
    if device and seat.device != device:
        return False
    if user is not None or seat.user_id is not None:
        return user is not None and seat.user_id == user.pk
    return seat.invitation_id == (invitation.pk if invitation is not None else None)


def _same_person(occurrence: Occurrence, proofs: Proofs, register: Register | None) -> list[Participant]:
    """Seats of whoever may be the same person: a host's no must not end with another device or a dropped link."""
    if register is not None:
        return register.same_person(proofs)
    return list(Participant.objects.filter(proofs.query(), occurrence=occurrence))


def _proofs(
    occurrence: Occurrence, user: Any, invitation: Invitation | None, device: str, register: Register | None
) -> Proofs:
    """What is shown, and what it leads to: an account's own invitations, and the account that an invitation names.

    Otherwise somebody who was put out would come back signed out, by their own link, or signed in instead of by it.
    """
    own = _own_invitations(occurrence, user, register)
    links = [*own, *([invitation] if invitation is not None else [])]
    accounts = {link.user_id for link in links if link.user_id is not None}
    # An account that was made after its address had been invited is the same person as the guest.
    unnamed = [link.email for link in links if link.user_id is None]
    if unnamed:
        accounts |= set((register.accounts_of(unnamed) if register is not None else accounts_of(unnamed)).values())
    if user is not None:
        accounts.add(user.pk)
    addresses = frozenset(link.email for link in links)
    alike = frozenset[str]()
    if device and user is None and not addresses:
        alike = register.devices_alike(device) if register is not None else _devices_alike(occurrence, device)
    return Proofs(frozenset(accounts), addresses, device, alike)


def _devices_alike(occurrence: Occurrence, device: str) -> frozenset[str]:
    """Where whoever proved an address here has proved it too: another browser makes nobody another person."""
    last = _given_addresses(occurrence).filter(device=device).last()
    if last is None:
        return frozenset()
    latest = dict(_given_addresses(occurrence).values_list("device", "email"))
    return frozenset(one for one, email in latest.items() if email == last.email)


def _given_addresses(occurrence: Occurrence) -> QuerySet[EmailCode]:
    """Addresses that people without an invitation have shown to be theirs, the latest last."""
    proved = EmailCode.objects.filter(occurrence=occurrence, invitation=None).exclude(used_at=None)
    return proved.order_by("created_at", "pk")


def _given_address(occurrence: Occurrence, row: Row, device: str, register: Register | None) -> str:
    """The address that somebody with nothing but the meeting's link has shown to be theirs, or ""."""
    if row is not Row.ANYONE or not device:
        return ""
    if register is not None:
        return register.given_address(device)
    last = _given_addresses(occurrence).filter(device=device).last()
    return last.email if last is not None else ""


def _blocks(occurrence: Occurrence, row: Row, user: Any, proofs: Proofs, register: Register | None) -> list[Block]:
    """Blocks that hold: any proof that is blocked blocks. Only an account's own block stands against a host, whose
    browser may have been somebody else's a moment ago."""
    if row is Row.HOST:
        proofs = Proofs(frozenset({user.pk}), frozenset(), "")
    if register is not None:
        return register.blocks(proofs)
    return list(blocks_in(occurrence.meeting_id).filter(proofs.query()))


def _is_verified(
    occurrence: Occurrence,
    row: Row,
    seat: Participant | None,
    invitation: Invitation | None,
    device: str,
    register: Register | None,
) -> bool:
    """The code that was mailed to the invited address has been typed on this device."""
    if seat is not None and seat.verified_at is not None:
        return True
    if not device or row is not Row.GUEST or invitation is None:
        return False
    if register is not None:
        return register.is_verified(invitation, device)
    typed = EmailCode.objects.filter(occurrence=occurrence, device=device, invitation=invitation)
    return typed.exclude(used_at=None).exists()


def _has_failed_mail(invitation: Invitation, device: str, register: Register | None) -> bool:
    """The code that was last meant for this device could not be mailed."""
    if register is not None:
        return register.has_failed_mail(invitation, device)
    last = EmailCode.objects.filter(invitation=invitation, device=device).order_by("created_at", "pk").last()
    return last is not None and last.failed_at is not None


def _is_revoked(
    occurrence: Occurrence, row: Row, user: Any, invitation: Invitation | None, register: Register | None
) -> bool:
    """Their invitation was revoked and nothing else lists them. A colleague is not harmed by a stranger's dead link."""
    if row in {Row.HOST, Row.LISTED}:
        return False
    if any(own.revoked_at is not None for own in _own_invitations(occurrence, user, register)):
        return True
    return row is Row.ANYONE and invitation is not None and invitation.revoked_at is not None


def _second_device(
    row: Row, invitation: Invitation | None, device: str, register: Register | None
) -> SecondDevice | None:
    """What is remembered of this device, where it once came with a link of another one."""
    if row is not Row.GUEST or invitation is None or not device:
        return None
    if register is not None:
        return register.second_device(invitation, device)
    return SecondDevice.objects.filter(invitation=invitation, device=device).first()


def _is_in_use(row: Row, invitation: Invitation | None, device: str) -> bool:
    """Their personal link belongs to another device. A device that is not known cannot be the claiming one, but a page
    that only looks must not say so before the device had a chance to prove itself."""
    if row is not Row.GUEST or invitation is None or not device:
        return False
    return bool(invitation.claimed_device) and invitation.claimed_device != device
