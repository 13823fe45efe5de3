"""What is stored about webhooks: who is told, what happened, and how far telling has come."""

from __future__ import annotations

import secrets
import uuid

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


def new_message_id() -> str:
    """As the Standard Webhooks specification writes ids."""
    return f"msg_{secrets.token_urlsafe(18)}"


class Webhook(models.Model):
    """An address that is told about meetings, as far as its owner may know them at that moment."""

    class Covers(models.TextChoices):
        OWN = "own", _("meetings that its owner hosts")
        ORGANISATION = "organisation", _("every meeting")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="webhooks")
    url = models.CharField(max_length=500)
    covers = models.CharField(max_length=12, choices=Covers, default=Covers.OWN)
    events = models.JSONField(default=list, help_text="Names of events; empty: all.")
    sealed_secret = models.TextField()
    sealed_previous = models.TextField(blank=True, help_text="Signs for a day more.")
    rotated_at = models.DateTimeField(null=True, blank=True)
    is_on = models.BooleanField(default=True)
    off_because = models.CharField(max_length=200, blank=True, help_text="Why it was switched off by itself.")
    failures = models.PositiveIntegerField(default=0, help_text="In a row.")
    failing_since = models.DateTimeField(null=True, blank=True)
    next_try_at = models.DateTimeField(null=True, blank=True, help_text="Nothing is sent before.")
    busy_until = models.DateTimeField(null=True, blank=True, help_text="A worker sends for it now.")
    queued_for = models.DateTimeField(null=True, blank=True, help_text="When its next turn is due.")
    missed = models.PositiveIntegerField(default=0, help_text="Not stored: too many waited.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("created_at",)

    def __str__(self) -> str:
        return f"webhook {self.pk}"


class WebhookEvent(models.Model):
    """One thing that happened, as it is told to everybody."""

    id = models.CharField(primary_key=True, max_length=40, default=new_message_id, editable=False)
    kind = models.CharField(max_length=40)
    at = models.DateTimeField(db_index=True)
    body = models.TextField()
    meeting = models.ForeignKey("meetings.Meeting", null=True, blank=True, on_delete=models.CASCADE)

    def __str__(self) -> str:
        return self.id


class WebhookDelivery(models.Model):
    """One event on its way to one webhook."""

    class State(models.TextChoices):
        PENDING = "pending", _("on its way")
        DELIVERED = "delivered", _("delivered")
        GIVEN_UP = "given_up", _("given up")

    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="deliveries")
    event = models.ForeignKey(WebhookEvent, on_delete=models.CASCADE, related_name="deliveries")
    state = models.CharField(max_length=9, choices=State, default=State.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_at = models.DateTimeField()
    status = models.PositiveSmallIntegerField(null=True, blank=True, help_text="Of the last answer.")
    problem = models.CharField(max_length=200, blank=True, help_text="Why the last try failed.")
    tried_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("pk",)
        constraints = (models.UniqueConstraint(fields=("webhook", "event"), name="one_delivery_of_an_event"),)
        indexes = (models.Index(fields=("webhook", "state", "next_at"), name="due_deliveries"),)

    def __str__(self) -> str:
        return f"delivery {self.pk}"
