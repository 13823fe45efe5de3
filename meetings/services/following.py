"""People of a meeting that repeats: whoever is asked to one occurrence is asked to those that follow.

Each occurrence has an invitation of its own for them, whose link is made when that occurrence comes near.
"""

from __future__ import annotations

from django.db.models import QuerySet

from meetings import changes
from meetings.models import Invitation, Occurrence


def carry(previous: Occurrence, new: Occurrence) -> None:
    """The same people to an occurrence that has just been made; who was revoked stays revoked."""
    standing = previous.invitations.filter(standing=True).select_related("user")
    Invitation.objects.bulk_create(_again(one, new) for one in standing if not one.is_erased)


def add(invitation: Invitation) -> None:
    """This person to every later occurrence that is made already."""
    for occurrence in _later(invitation.occurrence).exclude(invitations__email=invitation.email):
        _again(invitation, occurrence).save(force_insert=True)
        changes.touch(occurrence.pk)


def invitations_of(invitation: Invitation) -> list[Invitation]:
    """The same person's invitations to the later occurrences."""
    later = Invitation.objects.filter(occurrence__in=_later(invitation.occurrence), email=invitation.email)
    return list(later.select_related("occurrence__meeting", "user"))


def _later(occurrence: Occurrence) -> QuerySet[Occurrence]:
    if occurrence.series_id is None:
        return Occurrence.objects.none()
    open_still = occurrence.meeting.occurrences.filter(ended_at=None, cancelled_at=None)
    return open_still.filter(starts_at__gt=occurrence.starts_at)


def _again(one: Invitation, occurrence: Occurrence) -> Invitation:
    return Invitation(
        occurrence=occurrence,
        email=one.email,
        name=one.name,
        user=one.user,
        revoked_at=one.revoked_at,
        by_mail=one.by_mail,
        awaits_link=one.by_mail and one.user_id is None,
    )
