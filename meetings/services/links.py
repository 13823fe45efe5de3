"""Taking links back: replaced one by one or all at once, the meeting's own link too, and an address that was wrong.

Whatever is taken back stops working in the transaction that says so, also for somebody who is inside with it. `breaks`
tells beforehand who that is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from meetings import audit, changes, codes, selectors, tasks
from meetings.models import EmailCode, Invitation, Meeting, Occurrence, Participant, RetiredCode
from meetings.services import following, invitations
from meetings.services.errors import Wrong
from meetings.services.exceptions import follow_address
from meetings.services.roles import require_host_of
from meetings.text import clean_line


@dataclass(frozen=True)
class Breaks:
    """Who is affected by a change of links, before it is made.

    out: names of those who are inside with what stops working, and are taken out. listed, guests: how many people with
    an account, and how many guests, get a new link by email. keep: how many personal links go on working. kept_inside:
    how many of these because their owner is inside with it.
    """

    out: tuple[str, ...] = ()
    listed: int = 0
    guests: int = 0
    keep: int = 0
    kept_inside: int = 0


def replace_link(by: Any, invitation: Invitation, *, send: bool = True) -> Invitation:
    """A new secret: every earlier link of this person is dead, no device has it yet, and who is inside is put out.

    `send` mails the new one. Raises `NotAHost`, or `Wrong` for a revoked invitation.
    """
    with transaction.atomic():
        account = require_host_of(by, invitation.occurrence.meeting)
        locked = _locked(invitation)
        _replace(account, locked, send=send)
        changes.touch(locked.occurrence_id)
    return locked


def replace_all_links(by: Any, occurrence: Occurrence) -> int:
    """New secrets for every guest who isn't inside: a link in use is bound to its device, and stays. Returns how
    many."""
    with transaction.atomic():
        account = require_host_of(by, occurrence.meeting)
        found = [one for one in _guests(occurrence) if not _is_inside(one)]
        for invitation in found:
            _replace(account, invitation, send=True)
        changes.touch(occurrence.pk)
    return len(found)


def _replace(by: Any, invitation: Invitation, *, send: bool) -> None:
    invitations.start_afresh(invitation)
    for later in following.invitations_of(invitation):
        if later.tokens.filter(killed_at=None).exists():
            invitations.start_afresh(later)
            later.awaits_link = later.by_mail and later.user_id is None
            later.save(update_fields=["awaits_link"])
            changes.touch(later.occurrence_id)
    _write("invitation.link_replaced", invitation, by=by)
    if send:
        tasks.send_new_link.enqueue(str(invitation.pk))


def replace_meeting_link(by: Any, meeting: Meeting) -> Meeting:
    """A new code: the old one opens nothing any more. Personal links go on, and so does who is inside.

    Listed people and the other hosts get the new link by mail, as a change of their calendar entry.
    """
    with transaction.atomic():
        account = require_host_of(by, meeting)
        Meeting.objects.select_for_update().get(pk=meeting.pk)
        meeting.refresh_from_db()
        RetiredCode.objects.create(code=meeting.code, meeting=meeting)
        meeting.code = _free_code()
        meeting.calendar_sequence += 1
        meeting.save(update_fields=["code", "calendar_sequence"])
        audit.record("meeting.link_replaced", actor=account, meeting=meeting)
        occurrence = selectors.occurrence_now(meeting)
        if not selectors.takes_place_no_more(occurrence, timezone.now()):
            for invitation in occurrence.invitations.filter(revoked_at=None).exclude(user=None):
                tasks.send_change.enqueue(str(invitation.pk))
            for host in meeting.hosts.exclude(pk=account.pk):
                tasks.tell_host.enqueue(str(occurrence.pk), str(host.pk), "change")
        changes.touch(occurrence.pk)
    return meeting


def _free_code() -> str:
    while True:
        code = codes.new_meeting_code()
        taken = Meeting.objects.filter(code=code).exists() or RetiredCode.objects.filter(code=code).exists()
        if not taken:
            return code


def revoke_all(by: Any, occurrence: Occurrence) -> int:
    """Every invitation at once. Hosts stay hosts. Returns how many."""
    with transaction.atomic():
        account = require_host_of(by, occurrence.meeting)
        found = list(occurrence.invitations.filter(revoked_at=None))
        for invitation in found:
            invitations.withdraw(account, invitation)
        changes.touch(occurrence.pk)
    return len(found)


def restore_all(by: Any, occurrence: Occurrence) -> int:
    """Everybody who had been invited, each with a new link by mail. Returns how many."""
    with transaction.atomic():
        account = require_host_of(by, occurrence.meeting)
        found = [one for one in occurrence.invitations.exclude(revoked_at=None) if not one.is_erased]
        for invitation in found:
            invitations.reinstate(account, invitation, send=True)
        changes.touch(occurrence.pk)
    return len(found)


def change_person(
    by: Any, invitation: Invitation, *, email: str | None = None, name: str | None = None, send: bool = True
) -> Invitation:
    """Another name, or another address: the old one loses access at once, and the new one gets a link of its own.

    Raises `NotAHost`, or `Wrong` for what is no address, one that is invited already, and a revoked invitation.
    """
    with transaction.atomic():
        account = require_host_of(by, invitation.occurrence.meeting)
        locked = _locked(invitation)
        later = following.invitations_of(locked)
        if name is not None and clean_line(name, 120) != locked.name:
            locked.name = clean_line(name, 120)
            Invitation.objects.filter(pk__in=[one.pk for one in (locked, *later)]).update(name=locked.name)
            _write("invitation.renamed", locked, by=account)
        address = invitations.address_of(email) if email is not None else locked.email
        if address != locked.email:
            if locked.occurrence.invitations.filter(email=address).exists():
                raise Wrong("email", "already_invited", _("This address is invited already."))
            for one in later:
                _change_later_address(one, address)
            _change_address(account, locked, address, send=send)
        changes.touch(locked.occurrence_id)
    return locked


def _change_later_address(invitation: Invitation, address: str) -> None:
    """To a later occurrence of a meeting that repeats. Its link is mailed when that comes near."""
    if invitation.occurrence.invitations.filter(email=address).exists():
        invitations.end(invitation)
    else:
        _put_address(invitation, address)
        invitation.awaits_link = invitation.by_mail and invitation.user_id is None
        invitation.save(update_fields=["awaits_link"])
    changes.touch(invitation.occurrence_id)


def _change_address(by: Any, invitation: Invitation, address: str, *, send: bool) -> None:
    invitations.check_address(address)
    follow_address(by, invitation.occurrence.meeting, invitation, address)
    old = _put_address(invitation, address)
    _write("invitation.address_changed", invitation, by=by)
    if old.sent_at is not None and send:
        tasks.send_cancellation.enqueue(str(old.pk))
    if send:
        tasks.send_invitation.enqueue(str(invitation.pk))


def _put_address(invitation: Invitation, address: str) -> Invitation:
    """Returns the old address's invitation, which is revoked."""
    old = Invitation(
        occurrence=invitation.occurrence,
        email=invitation.email,
        name=invitation.name,
        user=invitation.user,
        sent_at=invitation.sent_at,
        standing=invitation.standing,
        revoked_at=timezone.now(),
    )
    invitation.email, invitation.user, invitation.sent_at = address, selectors.account_for(address), None
    invitation.save(update_fields=["email", "user", "sent_at"])
    invitations.start_afresh(invitation)
    Participant.objects.filter(invitation=invitation).update(verified_at=None)
    EmailCode.objects.filter(invitation=invitation).delete()
    # The old address stays on the list as revoked: an account of that address is refused like everybody revoked.
    old.save(force_insert=True)
    Participant.objects.filter(invitation=invitation).update(invitation=old)
    return old


def breaks_of_link(invitation: Invitation) -> Breaks:
    """What replacing or revoking one link breaks."""
    others = sum(1 for one in _guests(invitation.occurrence) if one.pk != invitation.pk)
    guest = invitation.user_id is None
    return Breaks(out=_names_inside([invitation]), listed=int(not guest), guests=int(guest), keep=others)


def breaks_of_all_links(occurrence: Occurrence) -> Breaks:
    """What replacing every guest's link breaks."""
    guests = _guests(occurrence)
    inside = sum(1 for one in guests if _is_inside(one))
    return Breaks(guests=len(guests) - inside, keep=inside, kept_inside=inside)


def breaks_of_revoking_all(occurrence: Occurrence) -> Breaks:
    return Breaks(out=_names_inside(list(occurrence.invitations.filter(revoked_at=None).select_related("user"))))


def breaks_of_meeting_link(by: Any, meeting: Meeting, occurrence: Occurrence) -> Breaks:
    """What replacing the meeting's own link breaks. The other hosts count as people who get the new one."""
    listed = set(occurrence.invitations.filter(revoked_at=None).exclude(user=None).values_list("user", flat=True))
    hosts = set(meeting.hosts.values_list("pk", flat=True))
    return Breaks(listed=len((listed | hosts) - {by.pk}), keep=len(_guests(occurrence)))


def _locked(invitation: Invitation) -> Invitation:
    found = (
        Invitation.objects.select_for_update(of=("self",)).select_related("occurrence__meeting").get(pk=invitation.pk)
    )
    if found.revoked_at is not None:
        raise Wrong("invitation", "revoked", _("This invitation is revoked. Restore it first."))
    return found


def _guests(occurrence: Occurrence) -> list[Invitation]:
    return list(occurrence.invitations.filter(revoked_at=None, user=None))


def _is_inside(invitation: Invitation) -> bool:
    return invitation.participant_set.filter(state=Participant.State.INSIDE).exists()


def _names_inside(of: list[Invitation]) -> tuple[str, ...]:
    """Seats are known by the link, or by the account that is invited."""
    inside = Participant.objects.filter(
        state=Participant.State.INSIDE, occurrence__in={one.occurrence_id for one in of}
    )
    links, accounts = {one.pk for one in of}, {one.user_id for one in of if one.user_id is not None}
    return tuple(seat.name for seat in inside if seat.invitation_id in links or seat.user_id in accounts)


def _write(kind: str, invitation: Invitation, *, by: Any) -> None:
    audit.record(
        kind,
        actor=by,
        occurrence=invitation.occurrence,
        target=invitation.name or invitation.email,
        invitation=invitation.pk,
        email=invitation.email,
    )
