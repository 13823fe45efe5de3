"""What the server does in time: each minute what meetings that repeat need, and once a day what is kept too long.

The worker asks every few minutes whether a day has gone by; the day's job is queued, so that a process that is killed
in the middle takes it up again. The minute's work is done at once: what it misses is due in the next minute too.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from django.contrib.sessions.models import Session
from django_tasks_db.models import DBTaskResult

from meetings.models import Retention
from meetings.services import given_addresses, occurrences, retention
from meetings.webhooks import delivery

A_DAY: Final = timedelta(days=1)
JOBS_KEPT: Final = timedelta(days=14)
ASKED_EVERY_S: Final = 600.0
MINUTE_S: Final = 60.0


def queue_if_due(now: datetime) -> bool:
    """Queue the day's work unless it was done within a day or is queued already; says whether it was."""
    from portal.tasks import daily

    row = Retention.objects.first()
    if row is not None and row.applied_at is not None and now - row.applied_at < A_DAY:
        return False
    waiting = DBTaskResult.objects.exclude(pk__in=DBTaskResult.objects.finished().values("pk"))
    if waiting.filter(task_path=daily.module_path).exists():
        return False
    daily.enqueue()
    return True


def do_the_minutes_work(now: datetime, *, make_ahead: bool) -> None:
    """Guests get their link for the next occurrence; with `make_ahead`, occurrences to come are made too."""
    if make_ahead:
        occurrences.make_ahead(now)
    occurrences.mail_next_links(now)


def do(now: datetime) -> None:
    """The day's work."""
    retention.apply(now)
    given_addresses.forget(now)
    Session.objects.filter(expire_date__lt=now).delete()
    delivery.tidy(now)
    DBTaskResult.objects.finished().filter(finished_at__lt=now - JOBS_KEPT).delete()
