"""What follows from a try: the next one, an end, and for an address that never answers the webhook's own end."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import QuerySet
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django_tasks import task

from meetings import audit
from meetings.outgoing.destinations import read_destination
from meetings.webhooks.models import Webhook, WebhookDelivery
from meetings.webhooks.sending import Sent

PAUSES: Final = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=10),
)
"""After the first try of an event, the second, …; after the last of them it is given up."""

FIRST_REST: Final = timedelta(seconds=5)
LONGEST_REST: Final = timedelta(minutes=5)
"""How long a webhook is left alone after a failure, whatever waits for it; doubled with each failure in a row."""

SLOW: Final = timedelta(seconds=3)
RESTS_PER_SLOW_TRY: Final = 5
"""Who takes longer than `SLOW` to answer is left alone for so many times as long: threads are for everybody."""

OFF_AFTER: Final = timedelta(days=5)
GONE: Final = 410

State = WebhookDelivery.State


def pending(hook: Webhook) -> QuerySet[WebhookDelivery]:
    """What is still to be delivered."""
    return WebhookDelivery.objects.filter(webhook=hook, state=State.PENDING)


def note(hook: Webhook, due: WebhookDelivery, sent: Sent, now: datetime) -> None:
    """Stores how a try came out, and what follows from it for the event and for the webhook.

    Whatever was ended or switched off meanwhile stays so.
    """
    tries = due.attempts + 1
    tried = {"attempts": tries, "tried_at": now, "status": sent.status, "problem": sent.problem[:200]}
    delivery, stored = pending(hook).filter(pk=due.pk), Webhook.objects.filter(pk=hook.pk)
    with transaction.atomic():
        if sent.delivered:
            delivery.update(state=State.DELIVERED, **tried)
            rested = now + RESTS_PER_SLOW_TRY * sent.took if sent.took > SLOW else None
            stored.update(failures=0, failing_since=None, next_try_at=rested)
            return
        wish = sent.wish or timedelta()
        if tries > len(PAUSES):
            delivery.update(state=State.GIVEN_UP, **tried)
        else:
            spread = random.uniform(1, 1.1)  # noqa: S311 - spreads load, guards nothing
            delivery.update(next_at=now + max(PAUSES[tries - 1] * spread, wish), **tried)
        rest = min(FIRST_REST * 2 ** min(hook.failures, 10), LONGEST_REST)
        since = hook.failing_since or now
        stored.update(failures=hook.failures + 1, failing_since=since, next_try_at=now + max(rest, wish))
        if sent.status == GONE:
            switch_off(hook, _("It answered that it is gone (410)."))
        elif since + OFF_AFTER <= now:
            switch_off(hook, _("It has not taken an event for %(days)d days.") % {"days": OFF_AFTER.days})


def give_up(deliveries: QuerySet[WebhookDelivery], why: str) -> None:
    """Ends them without another try."""
    deliveries.update(state=State.GIVEN_UP, problem=why[:200])


def switch_off(hook: Webhook, why: str) -> None:
    """Nothing more is sent to it until somebody switches it on; its owner and the administrators are told by mail."""
    with transaction.atomic():
        if not Webhook.objects.filter(pk=hook.pk, is_on=True).update(is_on=False, off_because=why[:200]):
            return
        give_up(pending(hook), why)
        audit.record("webhook.switched_off", target=read_destination(hook.url).origin, reason=why)
        tell_that_it_is_off.enqueue(str(hook.pk))


@task()
def tell_that_it_is_off(webhook_id: str) -> None:
    """Mails the owner and every administrator that a webhook was switched off by itself."""
    hook = Webhook.objects.select_related("owner").filter(pk=webhook_id, is_on=False).first()
    if hook is None:
        return
    body = render_to_string(
        "meetings/mail/webhook_off.txt",
        {
            "hook": hook,
            "origin": read_destination(hook.url).origin,
            "organisation": settings.LINTEL.organisation,
            "base": settings.LINTEL.public_url,
        },
    )
    admins = get_user_model().objects.filter(is_active=True, role="admin").values_list("email", flat=True)
    for address in sorted({hook.owner.email, *admins}):
        EmailMessage(subject=_("A webhook was switched off"), body=body, to=[address]).send()
