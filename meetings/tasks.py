"""Mail jobs. They carry ids only; links and codes are made when the mail is, so that no secret lies in a queue or log.

A job is queued in the transaction of what it tells about: stored together, or not at all. A mail that a server does not
take is tried again with growing pauses, then written down as failed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.utils import timezone
from django_tasks import task

from meetings import audit, changes, mail
from meetings.models import EmailCode, Invitation, Meeting, Occurrence
from meetings.readers import Reader
from meetings.selectors import takes_place_no_more
from meetings.seriesmodels import Series

log = logging.getLogger("lintel.mail")

PAUSES = (timedelta(seconds=30), timedelta(minutes=2), timedelta(minutes=10), timedelta(hours=1))


@task()
def send_invitation(invitation_id: str, attempt: int = 0) -> None:
    """Mail an invitation with a fresh link. Nothing to do where it was revoked or the meeting cancelled meanwhile."""
    _about_invitation("invitation", invitation_id, attempt)


@task()
def send_change(invitation_id: str, attempt: int = 0) -> None:
    """Mail the new state of a meeting, with a fresh link and a calendar entry that replaces the earlier one."""
    _about_invitation("change", invitation_id, attempt)


@task()
def send_new_link(invitation_id: str, attempt: int = 0) -> None:
    """Mail the link that replaces an earlier one, with a calendar entry that holds it."""
    _about_invitation("link", invitation_id, attempt)


@task()
def send_next_link(invitation_id: str, attempt: int = 0) -> None:
    """Mail a guest the link for the next occurrence of a meeting that repeats."""
    _about_invitation("next", invitation_id, attempt)


@task()
def send_cancellation(invitation_id: str, attempt: int = 0) -> None:
    """Mail that a meeting does not take place, or that somebody is no longer invited."""
    invitation = _invitation(invitation_id)
    if invitation is None or not _was_told(invitation):
        return
    reader = _reader(invitation, "")
    _try("cancellation", invitation, attempt, lambda: mail.send("cancellation", invitation.occurrence, reader))


@task()
def tell_invitee(invitation_id: str, what: str, series_id: str = "", attempt: int = 0) -> None:
    """Mail somebody that one occurrence is moved or called off ("moved", "called_off"), or that what repeats ends, or
    goes on differently ("ends", "replaced", with the series that it is about)."""
    invitation = _invitation(invitation_id)
    if invitation is None or invitation.revoked_at is not None or not _was_told(invitation):
        return
    if series_id and not invitation.standing:
        return
    series = Series.objects.filter(pk=series_id).first() if series_id else None
    reader = _reader(invitation, _link_for(invitation) if what == "moved" else "")
    if not _delivered(lambda: mail.send(what, invitation.occurrence, reader, series)) and attempt < len(PAUSES):
        _again(tell_invitee, attempt, invitation_id, what, series_id)


@task()
def tell_host(occurrence_id: str, user_id: str, what: str, series_id: str = "", attempt: int = 0) -> None:
    """Mail a host who did not act: invitation, change, cancellation, or what `tell_invitee` has."""
    told = _told_account(occurrence_id, user_id, what, series_id, hosting=True)
    if not told and attempt < len(PAUSES):
        _again(tell_host, attempt, occurrence_id, user_id, what, series_id)


@task()
def tell_member(occurrence_id: str, user_id: str, what: str, series_id: str = "", attempt: int = 0) -> None:
    """Mail somebody who is on the list by a group, as `tell_host` does. They come in by signing in."""
    told = _told_account(occurrence_id, user_id, what, series_id, hosting=False)
    if not told and attempt < len(PAUSES):
        _again(tell_member, attempt, occurrence_id, user_id, what, series_id)


def _told_account(occurrence_id: str, user_id: str, what: str, series_id: str, *, hosting: bool) -> bool:
    """Whether the mail went out, or is not needed any more."""
    found = Occurrence.objects.select_related("meeting__created_by", "series")
    occurrence = found.filter(pk=occurrence_id).first()
    account = get_user_model().objects.filter(pk=user_id, is_active=True).first()
    if occurrence is None or account is None:
        return True
    series = Series.objects.filter(pk=series_id).first() if series_id else None
    reader = Reader(account.email, account.name, _meeting_link(occurrence), hosting=hosting)
    return _delivered(lambda: mail.send(what, occurrence, reader, series))


@task()
def warn_of_link(occurrence_id: str, user_id: str, link: str, invitation_id: str, attempt: int = 0) -> None:
    """Mail a host that a link is being tried from many networks, with the one thing that helps."""
    from meetings.services.turned_away import report

    occurrence, host = _occurrence_of_host(occurrence_id, user_id)
    if occurrence is None or host is None:
        return
    found = [line for line in report(occurrence) if (line.link.kind, line.link.invitation) == (link, invitation_id)]
    if found and not _delivered(lambda: mail.warn_of_link(occurrence, host, found[0])) and attempt < len(PAUSES):
        _again(warn_of_link, attempt, occurrence_id, user_id, link, invitation_id)


@task()
def tell_turned_away(occurrence_id: str, attempt: int = 0) -> None:
    """After a meeting: mail whoever scheduled it what was turned away, if anything was."""
    from meetings.services.turned_away import report

    occurrence = Occurrence.objects.select_related("meeting__created_by").filter(pk=occurrence_id).first()
    if occurrence is None or not occurrence.meeting.created_by.is_active:
        return
    lines = report(occurrence)
    if lines and not _delivered(lambda: mail.tell_turned_away(occurrence, lines)) and attempt < len(PAUSES):
        _again(tell_turned_away, attempt, occurrence_id)


@task()
def tell_of_withdrawn_links(meeting_id: str, user_id: str, former_id: str, attempt: int = 0) -> None:
    """Mail a host that links ended with the role of another host, while guests have no other one."""
    meeting = Meeting.objects.filter(pk=meeting_id, cancelled_at=None).first()
    former = get_user_model().objects.filter(pk=former_id).first()
    host = meeting.hosts.filter(pk=user_id, is_active=True).first() if meeting is not None else None
    if meeting is None or former is None or host is None:
        return
    left = Invitation.objects.filter(occurrence__meeting=meeting, revoked_at=None).exclude(link_withdrawn_at=None)
    now = timezone.now()
    to_come = [
        one
        for one in left.select_related("user", "occurrence__meeting")
        if not takes_place_no_more(one.occurrence, now)
    ]
    guests = {one.email: _name(one) or one.email for one in to_come}
    told = not guests or _delivered(lambda: mail.tell_of_withdrawn_links(meeting, host, former, list(guests.values())))
    if not told and attempt < len(PAUSES):
        _again(tell_of_withdrawn_links, attempt, meeting_id, user_id, former_id)


def _occurrence_of_host(occurrence_id: str, user_id: str) -> tuple[Occurrence | None, Any]:
    """Both as they are now: whoever hosts no more is told nothing more."""
    occurrence = Occurrence.objects.select_related("meeting").filter(pk=occurrence_id).first()
    if occurrence is None:
        return None, None
    return occurrence, occurrence.meeting.hosts.filter(pk=user_id, is_active=True).first()


@task()
def send_asked_links(seal: str) -> None:
    """Mail new links to somebody who asked for them without having one that works. It may be nobody's address."""
    from meetings.services import asked_links

    asked_links.send(seal, timezone.now())


@task()
def send_email_code(code_id: int, attempt: int = 0) -> None:
    """Make a guest's digits and mail them. Not tried again: they ask for another."""
    from meetings.services import given_addresses, mailed_codes

    found = EmailCode.objects.select_related("invitation", "occurrence__meeting")
    code = found.filter(pk=code_id, used_at=None).first()
    if code is None or code.created_at + mailed_codes.LIVES <= timezone.now():
        return
    # Digits are made for every address: whether one was mailed must not show in what a wrong one is answered.
    digits = mailed_codes.mint(code)
    if code.email and not given_addresses.may_be_mailed(code):
        return
    if _delivered(lambda: mail.send_code(code.occurrence, code.address, digits, knows=code.invitation is not None)):
        return
    if given_addresses.is_failure_told(code):
        EmailCode.objects.filter(pk=code.pk).update(failed_at=timezone.now())
    if code.invitation is not None:
        _write("invitation.mail_failed", code.invitation)
    changes.touch(code.occurrence_id)


def _about_invitation(what: str, invitation_id: str, attempt: int) -> None:
    invitation = _invitation(invitation_id)
    if invitation is None or invitation.revoked_at is not None:
        return
    occurrence = invitation.occurrence
    if occurrence.cancelled_at is not None or occurrence.ended_at is not None:
        return
    reader = _reader(invitation, _link_for(invitation))
    _try(what, invitation, attempt, lambda: mail.send(what, occurrence, reader))


def _link_for(invitation: Invitation) -> str:
    """Whoever has an account comes in by signing in: a link in their mail would only be something to forward. A guest
    whose link is to come with a later mail has none yet."""
    from meetings.services.invitations import mint_link

    if invitation.user is not None:
        return _meeting_link(invitation.occurrence)
    return "" if invitation.awaits_link else mint_link(invitation, via="mail")


def _reader(invitation: Invitation, link: str) -> Reader:
    return Reader(
        invitation.email,
        _name(invitation),
        link,
        is_guest=invitation.user_id is None,
        standing=invitation.standing,
    )


def _was_told(invitation: Invitation) -> bool:
    """Whether a mail about this meeting ever reached them: by this invitation, or by one to another occurrence."""
    told = Invitation.objects.filter(occurrence__meeting=invitation.occurrence.meeting_id, email=invitation.email)
    return told.exclude(sent_at=None).exists()


def _try(what: str, invitation: Invitation, attempt: int, deliver: Callable[[], None]) -> None:
    jobs = {
        "invitation": send_invitation,
        "change": send_change,
        "link": send_new_link,
        "next": send_next_link,
        "cancellation": send_cancellation,
    }
    if _delivered(deliver):
        if what != "cancellation":
            Invitation.objects.filter(pk=invitation.pk).update(sent_at=timezone.now())
        _write("invitation.sent", invitation, what=what)
    elif attempt < len(PAUSES):
        _again(jobs[what], attempt, str(invitation.pk))
    else:
        _write("invitation.mail_failed", invitation, what=what)


def _delivered(deliver: Callable[[], None]) -> bool:
    """Whether the mail was taken. SMTP's errors are OSErrors; whatever else goes wrong is our fault and raises."""
    try:
        deliver()
    except OSError as error:
        log.warning("a mail was not taken: %s", type(error).__name__)
        return False
    return True


def _again(job: Any, attempt: int, *ids: str) -> None:
    job.using(run_after=timezone.now() + PAUSES[attempt]).enqueue(*ids, attempt=attempt + 1)


def _invitation(invitation_id: str) -> Invitation | None:
    related = ("user", "occurrence__meeting__created_by", "occurrence__series")
    return Invitation.objects.select_related(*related).filter(pk=invitation_id).first()


def _name(invitation: Invitation) -> str:
    return invitation.user.name if invitation.user is not None else invitation.name


def _meeting_link(occurrence: Occurrence) -> str:
    from meetings.services.invitations import meeting_link

    return meeting_link(occurrence)


def _write(kind: str, invitation: Invitation, **facts: Any) -> None:
    audit.record(
        kind,
        occurrence=invitation.occurrence,
        target=invitation.name or invitation.email,
        invitation=invitation.pk,
        email=invitation.email,
        **facts,
    )
