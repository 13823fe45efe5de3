"""Webhooks to a small program of the test's own, and a clock that is moved by moving what is stored."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from django.db.models import F
from django.test import TestCase
from django_tasks_db.models import DBTaskResult

from meetings import audit
from meetings.models import Meeting
from meetings.outgoing.models import AllowedDestination
from meetings.tests.answering_service import Service
from meetings.tests.domain_case import DomainCase
from meetings.webhooks import services
from meetings.webhooks.delivery import QUEUE, push
from meetings.webhooks.models import Webhook, WebhookDelivery


class WebhookCase(DomainCase, TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.trial = self.meeting()

    def hook(self, service: Service | None = None, by: Any = None, **choices: Any) -> tuple[Webhook, str]:
        """A webhook to the service, which the organisation allows, or to an address where nobody is."""
        url = "https://hooks.invalid/lintel"
        if service is not None:
            AllowedDestination.objects.get_or_create(text=service.url, for_everybody=True)
            url = f"{service.url}/lintel"
        return services.make(by or self.ingrid, url=url, **choices)

    def happen(self, kind: str = "door.locked", meeting: Meeting | None = None, **facts: Any) -> None:
        audit.record(kind, actor=self.ingrid, meeting=meeting or self.trial, **facts)

    def told(self, hook: Webhook) -> list[Any]:
        """What is on its way to it or has been sent, the oldest first."""
        return [json.loads(one.event.body) for one in hook.deliveries.select_related("event").order_by("pk")]

    def turn(self, hook: Webhook) -> Webhook:
        """A turn now, as a worker takes it. Returns the webhook as it is stored then."""
        push.call(str(hook.pk))
        return Webhook.objects.get(pk=hook.pk)

    def pass_by(self, time: timedelta) -> None:
        """So much time goes by: everything stored moves into the past."""
        for name in ("rotated_at", "failing_since", "next_try_at", "busy_until", "queued_for"):
            Webhook.objects.exclude(**{name: None}).update(**{name: F(name) - time})
        WebhookDelivery.objects.update(next_at=F("next_at") - time)
        jobs().update(run_after=F("run_after") - time)


def jobs() -> Any:
    """Turns that are queued."""
    return DBTaskResult.objects.filter(queue_name=QUEUE, status="READY")
