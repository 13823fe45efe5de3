"""What the server does once a day: act on retention, and forget sessions and jobs that are over.

The worker asks every few minutes whether a day has gone by; the job itself is queued, so that a process that is killed
in the middle takes it up again.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from django.contrib.sessions.models import Session
from django_tasks_db.models import DBTaskResult

from meetings.models import Retention
from meetings.services import retention

A_DAY: Final = timedelta(days=1)
JOBS_KEPT: Final = timedelta(days=14)
ASKED_EVERY_S: Final = 600.0


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


def do(now: datetime) -> None:
    """The day's work."""
    retention.apply(now)
    Session.objects.filter(expire_date__lt=now).delete()
    DBTaskResult.objects.finished().filter(finished_at__lt=now - JOBS_KEPT).delete()
