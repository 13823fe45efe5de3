"""Puts events into the outbox, in the transaction of what happened: stored together, or not at all."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from django.db.models import F
from django.dispatch import receiver

from meetings.audit.log import recorded
from meetings.models import Meeting
from meetings.webhooks.audience import listening
from meetings.webhooks.delivery import push_soon
from meetings.webhooks.events import EVENT_OF, payload
from meetings.webhooks.models import Webhook, WebhookDelivery, WebhookEvent
from meetings.webhooks.outcome import pending

MOST_PENDING: Final = 5_000
"""Events that may wait for one webhook. What comes after is counted as missed: nobody reads so far behind."""


@receiver(recorded)
def on_recorded(
    *, kind: str, meeting: Meeting | None, occurrence: Any, facts: dict[str, Any], at: datetime, **_: Any
) -> None:
    """An audit entry was written: whoever is to be told of it gets it into their outbox."""
    event = EVENT_OF.get(kind)
    if event is not None and meeting is not None:
        put(event, meeting, occurrence, facts, at)


def put(event: str, meeting: Meeting, occurrence: Any, facts: dict[str, Any], at: datetime) -> None:
    """Stores one event for every webhook that is on, wants it, and whose owner may know of this meeting now."""
    wanting = [hook for hook in listening(meeting) if not hook.events or event in hook.events]
    told = [hook for hook in wanting if _has_room(hook)]
    if full := {hook.pk for hook in wanting} - {hook.pk for hook in told}:
        Webhook.objects.filter(pk__in=full).update(missed=F("missed") + 1)
    if not told:
        return
    body = payload(
        event,
        at,
        meeting=str(meeting.pk),
        occurrence=str(occurrence.pk) if occurrence is not None else None,
        facts=facts,
    )
    row = WebhookEvent.objects.create(kind=event, at=at, body=body, meeting=meeting)
    WebhookDelivery.objects.bulk_create(WebhookDelivery(webhook=hook, event=row, next_at=at) for hook in told)
    for hook in told:
        push_soon(hook.pk, at)


def _has_room(hook: Webhook) -> bool:
    return pending(hook)[:MOST_PENDING].count() < MOST_PENDING
