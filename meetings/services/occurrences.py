"""One occurrence of a meeting that repeats: moved or called off alone, or with all that follow; and what is due when.

Raises `NotAHost` for whoever doesn't host the meeting, and `IllegalEvent` for what is over or has begun.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from meetings import audit, changes, lifecycle, tasks
from meetings.linkmodels import Invitation
from meetings.models import Meeting, Occurrence
from meetings.seriesmodels import Series
from meetings.services import hosting, series
from meetings.services.errors import Wrong
from meetings.services.lists import tell_members
from meetings.services.roles import require_host_of
from meetings.services.values import times

LINKS_AHEAD = timedelta(days=2)
"""How long before an occurrence its personal links are mailed, if the one before is over then."""


def move(by: Any, occurrence: Occurrence, starts_at: datetime, minutes: int, *, tell: bool) -> Occurrence:
    """Another time or length for this occurrence alone. Raises `Wrong` for a time that is none, or over."""
    with transaction.atomic():
        account, locked = _locked(by, occurrence)
        starts_at, ends_at = times(starts_at, minutes)
        if (starts_at, ends_at) == (locked.starts_at, locked.ends_at):
            return locked
        lifecycle.after(hosting.stage(locked), lifecycle.Event.MOVE)
        if ends_at <= timezone.now():
            raise Wrong("starts_at", "past", _("This time is over."))
        locked.starts_at, locked.ends_at = starts_at, ends_at
        locked.save(update_fields=["starts_at", "ends_at"])
        _renumber(locked.meeting)
        audit.record("meeting.occurrence_moved", actor=account, occurrence=locked, starts_at=starts_at)
        if tell:
            tell_all(account, locked, "moved")
        changes.touch(locked.pk)
    return locked


def cancel(by: Any, occurrence: Occurrence, *, tell: bool) -> Occurrence:
    """This occurrence does not take place; the others do. Who is inside is put out. Twice changes nothing."""
    with transaction.atomic():
        account, locked = _locked(by, occurrence)
        if locked.cancelled_at is None:
            series.call_off(locked, account, timezone.now())
            _renumber(locked.meeting)
            audit.record("meeting.occurrence_cancelled", actor=account, occurrence=locked)
            if tell:
                tell_all(account, locked, "called_off")
    return locked


def cancel_following(by: Any, occurrence: Occurrence, *, tell: bool) -> None:
    """This occurrence and all that follow do not take place."""
    with transaction.atomic():
        account, locked = _locked(by, occurrence)
        earlier = locked.meeting.occurrences.filter(starts_at__lt=locked.starts_at)
        if locked.series is None or not earlier.exists():
            raise Wrong("occurrence", "first", _("Nothing comes before it: cancel the whole meeting."))
        ended = series.stop_at(locked, account, inclusive=True)
        _renumber(locked.meeting)
        audit.record("meeting.series_ended", actor=account, occurrence=locked)
        if tell:
            for one in ended:
                tell_all(account, locked, "ends", one)


def tell_all(by: Any, occurrence: Occurrence, what: str, about: Series | None = None) -> None:
    """Mail everybody invited to this occurrence, listed groups and the other hosts. `about`: the series that it is
    about, if one."""
    key = str(about.pk) if about is not None else ""
    for invitation in occurrence.invitations.filter(revoked_at=None):
        tasks.tell_invitee.enqueue(str(invitation.pk), what, key)
    for host in occurrence.meeting.hosts.exclude(pk=by.pk):
        tasks.tell_host.enqueue(str(occurrence.pk), str(host.pk), what, key)
    tell_members(by, occurrence, what, key)


def make_ahead(now: datetime) -> None:
    """Make the occurrences that come within the horizon, of everything that repeats."""
    for one in Series.objects.filter(is_complete=False, meeting__cancelled_at=None):
        series.top_up(one, now)


def mail_next_links(now: datetime) -> None:
    """Mail guests their link for the occurrence that comes next."""
    for invitation in _due_links(now):
        with transaction.atomic():
            if Invitation.objects.filter(pk=invitation.pk, awaits_link=True).update(awaits_link=False):
                tasks.send_next_link.enqueue(str(invitation.pk))


def _due_links(now: datetime) -> list[Invitation]:
    open_still = Q(ended_at=None, cancelled_at=None, ends_at__gt=now)
    before = Occurrence.objects.filter(
        open_still, meeting=OuterRef("occurrence__meeting"), starts_at__lt=OuterRef("occurrence__starts_at")
    )
    awaiting = Invitation.objects.filter(
        awaits_link=True,
        revoked_at=None,
        occurrence__in=Occurrence.objects.filter(
            open_still, starts_at__lte=now + LINKS_AHEAD, meeting__cancelled_at=None
        ),
    )
    return list(awaiting.filter(~Exists(before)))


def _locked(by: Any, occurrence: Occurrence) -> tuple[Any, Occurrence]:
    account = require_host_of(by, occurrence.meeting)
    Meeting.objects.select_for_update().get(pk=occurrence.meeting_id)
    found = Occurrence.objects.select_for_update(of=("self",)).select_related("meeting", "series")
    return account, found.get(pk=occurrence.pk)


def _renumber(meeting: Meeting) -> None:
    """Calendars take a change only with a higher number."""
    meeting.calendar_sequence += 1
    meeting.save(update_fields=["calendar_sequence"])
