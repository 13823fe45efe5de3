"""What is stored about how long personal data are kept. Rows and constraints only: `services/retention.py` acts."""

from __future__ import annotations

from typing import Final

from django.conf import settings
from django.db import models
from django.db.models import Q

LEAST_DAYS: Final = {"details": 30, "networks": 7, "attendance": 7, "addresses": 7}
"""Nobody can set less: what has just happened must stay explainable, whoever would like it gone."""

MOST_DAYS: Final = 3650

ERASED_DOMAIN: Final = "erased.invalid"
"""Addresses that were erased end in it; RFC 2606 keeps `.invalid` from ever being somebody's."""


class Retention(models.Model):
    """How many days each kind of personal data is kept; empty: for good. One row for the organisation.

    `details` and `networks` count from the entry of the audit log, `attendance` and `addresses` from the end of the
    meeting.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    details = models.PositiveSmallIntegerField(null=True, blank=True, default=730)
    networks = models.PositiveSmallIntegerField(null=True, blank=True, default=90)
    attendance = models.PositiveSmallIntegerField(null=True, blank=True, default=365)
    addresses = models.PositiveSmallIntegerField(null=True, blank=True, default=365)
    applied_at = models.DateTimeField(null=True, blank=True, help_text="When it was last acted on.")
    changed_at = models.DateTimeField(null=True, blank=True)
    changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        constraints = (
            models.CheckConstraint(condition=Q(pk=1), name="one_retention"),
            *(
                models.CheckConstraint(
                    condition=Q(**{name: None}) | Q(**{f"{name}__gte": least, f"{name}__lte": MOST_DAYS}),
                    name=f"{name}_kept_long_enough",
                )
                for name, least in LEAST_DAYS.items()
            ),
        )

    def __str__(self) -> str:
        return "retention"
