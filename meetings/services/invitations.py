"""Personal invitations: who is asked, and the links by which they come.

A link's secret exists in plain text only in the answer of `mint_link`. Whoever calls it shows or mails it once.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from meetings import audit, changes, codes, tasks
from meetings.domains import one_spelling
from meetings.door import Refuse
from meetings.models import Invitation, InvitationToken, Occurrence, Participant
from meetings.selectors import account_for, invitations_of, limits_now, takes_place_no_more
from meetings.services import door as door_services
from meetings.services import following
from meetings.services.errors import Wrong
from meetings.services.roles import require_host_of
from meetings.services.values import MAX_INVITED
from meetings.text import clean_line

MAX_LIVE_LINKS = 20
MAX_SECRET_LENGTH = 100
PAUSE_BETWEEN_LINKS = timedelta(minutes=5)


def public_url() -> str:
    """Where this portal is reached from outside, without a final slash."""
    return str(settings.LINTEL.public_url).rstrip("/")


def meeting_link(occurrence: Occurrence) -> str:
    """The link that everybody may have: it opens nothing by itself."""
    return f"{public_url()}/m/{occurrence.meeting.code}"


def invite(
    by: Any, occurrence: Occurrence, email: str, name: str = "", *, send: bool = True, and_later: bool = True
) -> Invitation:
    """Ask one person. The same address again gives the same invitation, restored if it had been revoked.

    `send` mails it. and_later: to the later occurrences of a meeting that repeats too. Raises `NotAHost`, or `Wrong`
    for what is no address and for too many people.
    """
    with transaction.atomic():
        account = require_host_of(by, occurrence.meeting)
        invitation = add(account, occurrence, email, name, send=send, and_later=and_later)
        changes.touch(occurrence.pk)
    return invitation


def add(
    by: Any,
    occurrence: Occurrence,
    email: str,
    name: str = "",
    *,
    user: Any = None,
    send: bool,
    and_later: bool = True,
) -> Invitation:
    """As `invite`, in the transaction of a caller that has checked who acts and announces the change itself."""
    address = address_of(email)
    user = user or account_for(address)
    if user is None:
        check_address(address)
    existing = occurrence.invitations.filter(email=address).first()
    if existing is not None:
        return _ask_again(by, existing, send=send, and_later=and_later)
    if occurrence.invitations.count() >= MAX_INVITED:
        raise Wrong("people", "too_many", _("At most %(count)d people can be invited.") % {"count": MAX_INVITED})
    invitation = Invitation.objects.create(
        occurrence=occurrence,
        email=address,
        name=clean_line(name, 120) or (user.name if user else ""),
        user=user,
        standing=and_later,
        by_mail=send,
    )
    _write("invitation.created", invitation, by=by)
    if and_later:
        following.add(invitation)
    if send:
        tasks.send_invitation.enqueue(str(invitation.pk))
    return invitation


def check_address(address: str) -> None:
    """Raises `Wrong` for a guest's address that the organisation doesn't take."""
    if account_for(address) is None and not limits_now().guest_addresses.take(address):
        told = _("Turned off by your administrator: no guests with an address at %(domain)s. Use another address.")
        raise Wrong("email", "not_taken", told % {"domain": address.rpartition("@")[2]})


def _ask_again(by: Any, invitation: Invitation, *, send: bool, and_later: bool) -> Invitation:
    if and_later and not invitation.standing:
        invitation.standing = True
        invitation.save(update_fields=["standing"])
        if invitation.revoked_at is None:
            following.add(invitation)
    return reinstate(by, invitation, send=send) if invitation.revoked_at is not None else invitation


def address_of(email: str) -> str:
    """What was typed as an address, as it is stored. Raises `Wrong`."""
    address = email.strip().lower()
    try:
        validate_email(address)
        address = one_spelling(address)
    except (ValidationError, ValueError):
        raise Wrong(
            "email", "not_an_address", _("“%(text)s” is not an email address.") % {"text": email[:80]}
        ) from None
    if len(address) > 254:
        raise Wrong("email", "too_long", _("This address is too long."))
    return address


def mint_link(invitation: Invitation, *, by: Any = None, via: str = "copy") -> str:
    """A new personal link, whole. It works beside earlier ones until one of them is used for the first time.

    `by` None: the portal itself, for a mail. Raises `NotAHost`, or `Wrong` when the invitation is revoked.
    """
    with transaction.atomic():
        locked = (
            Invitation.objects.select_for_update(of=("self",))
            .select_related("occurrence__meeting")
            .get(pk=invitation.pk)
        )
        account = require_host_of(by, locked.occurrence.meeting) if by is not None else None
        if locked.revoked_at is not None:
            raise Wrong("invitation", "revoked", _("This invitation is revoked. Restore it first."))
        secret = codes.new_secret()
        InvitationToken.objects.create(invitation=locked, digest=codes.digest(secret), made_by=account)
        Invitation.objects.filter(pk=locked.pk).update(link_withdrawn_at=None)
        _keep_newest(locked)
        _write("invitation.link_made", locked, by=account, reason=via)
    return f"{public_url()}/i/{secret}"


def _keep_newest(invitation: Invitation) -> None:
    """Bound the number of secrets that open one invitation."""
    live = invitation.tokens.filter(killed_at=None).order_by("-pk")
    spare = list(live.values_list("pk", flat=True)[MAX_LIVE_LINKS:])
    if spare:
        invitation.tokens.filter(pk__in=spare).update(killed_at=timezone.now())


def send_again(by: Any, invitation: Invitation) -> None:
    """Mail the invitation once more, with a link of its own. Raises `NotAHost` or `Wrong`."""
    with transaction.atomic():
        account = require_host_of(by, invitation.occurrence.meeting)
        invitation.refresh_from_db()
        if invitation.revoked_at is not None:
            raise Wrong("invitation", "revoked", _("This invitation is revoked. Restore it first."))
        _write("invitation.sent_again", invitation, by=account)
        _has_link(invitation, by_mail=True)
        tasks.send_invitation.enqueue(str(invitation.pk))


def _has_link(invitation: Invitation, *, by_mail: bool) -> None:
    """A link for this occurrence is on its way, and the later ones bring theirs as well if that is `by_mail`."""
    invitation.awaits_link, invitation.by_mail = False, by_mail
    invitation.save(update_fields=["awaits_link", "by_mail"])
    if by_mail:
        keys = [one.pk for one in following.invitations_of(invitation) if not one.by_mail and one.user_id is None]
        Invitation.objects.filter(pk__in=keys).update(by_mail=True, awaits_link=True)


def own_invitation(occurrence: Occurrence, user: Any, invitation: Invitation | None) -> Invitation | None:
    """The invitation to whose address a newer link may be mailed: the guest's, else that of the account."""
    if invitation is not None:
        return invitation
    return next((own for own in invitations_of(occurrence, user) if own.revoked_at is None), None)


def send_to_invitee(invitation: Invitation, now: datetime) -> float:
    """Mail the newest link at the invitee's own wish. Returns 0, or after how many seconds they may ask again."""
    with transaction.atomic():
        locked = Invitation.objects.select_for_update(of=("self",)).get(pk=invitation.pk)
        if locked.asked_again_at is not None and locked.asked_again_at > now - PAUSE_BETWEEN_LINKS:
            return (locked.asked_again_at + PAUSE_BETWEEN_LINKS - now).total_seconds()
        locked.asked_again_at = now
        locked.save(update_fields=["asked_again_at"])
        _write("invitation.asked_again", locked)
        tasks.send_new_link.enqueue(str(locked.pk))
    return 0


def revoke(by: Any, invitation: Invitation) -> Invitation:
    """Their links stop working at once, also for somebody who is inside. Revoking twice changes nothing."""
    with transaction.atomic():
        account = require_host_of(by, invitation.occurrence.meeting)
        withdraw(account, invitation)
        changes.touch(invitation.occurrence_id)
    return invitation


def withdraw(by: Any, invitation: Invitation) -> None:
    """As `revoke`, in the transaction of a caller that has checked who acts and announces the change itself.

    In a meeting that repeats it holds for the later occurrences too.
    """
    invitation.refresh_from_db()
    if invitation.revoked_at is None:
        end(invitation)
        for one in following.invitations_of(invitation):
            if one.revoked_at is None:
                end(one)
                changes.touch(one.occurrence_id)
        _write("invitation.revoked", invitation, by=by)


def end(invitation: Invitation) -> None:
    """This one alone, without a word in the audit log."""
    invitation.revoked_at = timezone.now()
    invitation.save(update_fields=["revoked_at"])
    invitation.tokens.filter(killed_at=None).update(killed_at=invitation.revoked_at)


def restore(by: Any, invitation: Invitation, *, send: bool = True) -> Invitation:
    """They are invited again, as if for the first time: old links stay dead, any device may claim the new one."""
    with transaction.atomic():
        account = require_host_of(by, invitation.occurrence.meeting)
        invitation.refresh_from_db()
        if invitation.is_erased:
            raise Wrong("invitation", "erased", _("Who this was is erased. Invite them anew."))
        if invitation.revoked_at is not None:
            reinstate(account, invitation, send=send)
            changes.touch(invitation.occurrence_id)
    return invitation


def reinstate(by: Any, invitation: Invitation, *, send: bool) -> Invitation:
    """As `restore`, in the transaction of a caller that has checked who acts and announces the change itself."""
    _begin_anew(invitation, by_mail=send, awaits_link=False)
    for one in following.invitations_of(invitation):
        if one.revoked_at is not None:
            _begin_anew(one, by_mail=send, awaits_link=send and one.user_id is None)
            changes.touch(one.occurrence_id)
    if invitation.standing:
        following.add(invitation)
    _write("invitation.restored", invitation, by=by)
    if send:
        tasks.send_invitation.enqueue(str(invitation.pk))
    return invitation


def _begin_anew(invitation: Invitation, *, by_mail: bool, awaits_link: bool) -> None:
    start_afresh(invitation)
    invitation.revoked_at, invitation.by_mail, invitation.awaits_link = None, by_mail, awaits_link
    invitation.save(update_fields=["revoked_at", "by_mail", "awaits_link"])


def start_afresh(invitation: Invitation) -> None:
    """As if for the first time: links dead, no device, no host's earlier word, and nobody inside or waiting with it."""
    invitation.tokens.filter(killed_at=None).update(killed_at=timezone.now())
    invitation.codes.exclude(email="").delete()  # by which they came without a link
    invitation.claimed_at = invitation.opened_at = None
    invitation.claimed_device = invitation.claimed_network = ""
    invitation.save(update_fields=["claimed_at", "opened_at", "claimed_device", "claimed_network"])
    invitation.second_devices.all().delete()
    seats = Participant.objects.filter(invitation=invitation)
    seats.update(let_in_at=None)
    for seat in seats.filter(state__in=(Participant.State.INSIDE, Participant.State.WAITING)):
        door_services.put_out(seat, Refuse("revoked", unknown=True))


def open_link(secret: str) -> InvitationToken | None:
    """The link that this secret opens, or None. Claims nothing: programs fetch links before people do.

    Links end with the occurrence that they are for.
    """
    if not secret or len(secret) > MAX_SECRET_LENGTH:
        return None
    token = (
        InvitationToken.objects.filter(digest=codes.digest(secret), killed_at=None, invitation__revoked_at=None)
        .select_related("invitation__user", "invitation__occurrence__meeting")
        .first()
    )
    if token is not None and takes_place_no_more(token.invitation.occurrence, timezone.now()):
        return None
    if token is not None:
        Invitation.objects.filter(pk=token.invitation_id, opened_at=None).update(opened_at=timezone.now())
    return token


def dead_link(secret: str) -> InvitationToken | None:
    """The link that this secret opened once, where `open_link` says None."""
    if not secret or len(secret) > MAX_SECRET_LENGTH:
        return None
    return InvitationToken.objects.filter(digest=codes.digest(secret)).select_related("invitation").first()


def claim(
    invitation: Invitation, device: str, now: datetime, *, token: InvitationToken | None = None, network: str = ""
) -> bool:
    """The first Join or Knock with a personal link: it belongs to this device from now on, and its other links die.

    True when this device has it (already, or now); False when another device was first, or the link is dead. Of two
    devices that try in the same moment exactly one gets it.
    """
    if not device:
        return False
    with transaction.atomic():
        links = invitation.tokens.filter(killed_at=None)
        if token is not None and not links.filter(pk=token.pk).exists():
            return False
        free = Invitation.objects.filter(pk=invitation.pk, claimed_device="", revoked_at=None)
        # One statement decides the race: the database lets only one of them match the empty device.
        if free.update(claimed_device=device, claimed_at=now, claimed_network=network, link_withdrawn_at=None):
            links.exclude(pk=token.pk if token is not None else None).update(killed_at=now)
            invitation.refresh_from_db()
            _write("invitation.claimed", invitation, network=network)
            changes.touch(invitation.occurrence_id)
            return True
        invitation.refresh_from_db()
        return invitation.claimed_device == device and invitation.revoked_at is None


def _write(kind: str, invitation: Invitation, *, by: Any = None, **facts: Any) -> None:
    audit.record(
        kind,
        actor=by,
        occurrence=invitation.occurrence,
        target=invitation.name or invitation.email,
        invitation=invitation.pk,
        email=invitation.email,
        **facts,
    )
