"""Works off what waits in the outbox, for one webhook at a time. Runs in a worker's thread.

A failure ends the turn: an address that doesn't answer is not asked about every event. So does a slow answer, for the
threads are everybody's.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django_tasks import task

from meetings.webhooks.audience import may_know
from meetings.webhooks.models import Webhook, WebhookDelivery, WebhookEvent
from meetings.webhooks.outcome import SLOW, State, give_up, note, pending
from meetings.webhooks.sending import DEADLINE_SECONDS, Sender

QUEUE: Final = "webhooks"
TURN: Final = timedelta(seconds=20)
CLAIM: Final = timedelta(seconds=2 * DEADLINE_SECONDS)
MOST_IN_A_TURN: Final = 100
LOST_AFTER: Final = timedelta(minutes=10)
"""A turn that is due for so long is taken for lost, with the server that should have had it."""

KEPT: Final = timedelta(days=30)


def push_soon(webhook_id: Any, at: datetime) -> None:
    """Queues a turn for this webhook in the caller's transaction, not before `at`, unless one as early is queued."""
    with transaction.atomic():
        # Locked, so that a turn that begins at this moment waits, and finds what this transaction stores.
        hook = Webhook.objects.select_for_update().filter(pk=webhook_id, is_on=True).first()
        if hook is None:
            return
        due = max(at, hook.next_try_at or at)
        if hook.queued_for is not None and timezone.now() - LOST_AFTER < hook.queued_for <= due:
            return
        Webhook.objects.filter(pk=hook.pk).update(queued_for=due)
        push.using(run_after=due).enqueue(str(hook.pk))


@task(queue_name=QUEUE)
def push(webhook_id: str) -> None:
    """One turn: everything that is due for one webhook, until something fails or takes long."""
    now = timezone.now()
    Webhook.objects.filter(pk=webhook_id, queued_for__lte=now).update(queued_for=None)
    hooks = Webhook.objects.filter(pk=webhook_id, is_on=True)
    # One worker at a time sends for a webhook. A claim ends by itself, for workers can be killed.
    free = Q(busy_until=None) | Q(busy_until__lt=now)
    rested = Q(next_try_at=None) | Q(next_try_at__lte=now)
    if not hooks.filter(free, rested).update(busy_until=now + CLAIM):
        busy = hooks.exclude(free).first()
        push_soon(webhook_id, busy.busy_until if busy is not None and busy.busy_until else now)
        return
    try:
        _turn(webhook_id, now + TURN)
    finally:
        hooks.update(busy_until=None)
    following = WebhookDelivery.objects.filter(webhook_id=webhook_id, state=State.PENDING).order_by("next_at").first()
    if following is not None:
        push_soon(webhook_id, following.next_at)


def _turn(webhook_id: str, until: datetime) -> None:
    hooks = Webhook.objects.filter(pk=webhook_id, is_on=True)
    with Sender() as sender:
        for _number in range(MOST_IN_A_TURN):
            now = timezone.now()
            # Read anew for each event: it may have been changed, switched off or ended, and its owner deactivated.
            hook = hooks.select_related("owner").first()
            if hook is None or now >= until:
                return
            due = pending(hook).filter(next_at__lte=now).select_related("event__meeting").order_by("pk").first()
            if due is None:
                return
            hooks.update(busy_until=now + CLAIM)
            if not may_know(hook, due.event):
                give_up(pending(hook).filter(pk=due.pk), _("Its owner may not know of this meeting any more."))
                continue
            sent = sender.send(hook, due.event.pk, due.event.body)
            note(hook, due, sent, timezone.now())
            if not sent.delivered or sent.took > SLOW:
                return


def tidy(now: datetime) -> None:
    """Forgets old events, and queues a turn wherever something waits: a job may have been lost with its server."""
    WebhookEvent.objects.filter(at__lt=now - KEPT).delete()
    for hook in Webhook.objects.filter(is_on=True, deliveries__state=State.PENDING).distinct():
        push_soon(hook.pk, now)
