"""How a meeting repeats, as rows. Changed in `services/series.py`."""

from __future__ import annotations

import uuid
from datetime import datetime

from django.db import models

from meetings.recurrence import Rule, parse


class Series(models.Model):
    """One rule by which a meeting repeats. A change from some day on ends it and begins another.

    Rows of `Occurrence` are made ahead of time; what has been made, moved or cancelled is told by those rows alone.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    meeting = models.ForeignKey("meetings.Meeting", on_delete=models.CASCADE, related_name="series")
    rule = models.CharField(max_length=120, help_text="RRULE text as meetings.recurrence writes it.")
    starts_on = models.DateField(help_text="Local day of the first time.")
    starts = models.TimeField(help_text="Local clock time.")
    time_zone = models.CharField(max_length=64)
    duration_minutes = models.PositiveSmallIntegerField()
    is_complete = models.BooleanField(default=False, help_text="Every occurrence that the rule has was made.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "series"
        ordering = ("created_at",)

    def __str__(self) -> str:
        return self.rule

    @property
    def first(self) -> datetime:
        """The first time, as clocks in the meeting's place show it."""
        return datetime.combine(self.starts_on, self.starts)

    @property
    def parsed(self) -> Rule:
        return parse(self.rule, self.first)
