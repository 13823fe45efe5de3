"""Whom the owner of a webhook may know of: asked when something happens, and again when it is sent."""

from __future__ import annotations

from django.db.models import Q

from meetings.models import Meeting
from meetings.selectors import is_host
from meetings.webhooks.models import Webhook, WebhookEvent


def listening(meeting: Meeting) -> list[Webhook]:
    """Webhooks that are on and whose owner may know of this meeting: its hosts', and administrators' for all."""
    own = Q(covers=Webhook.Covers.OWN, owner__in=meeting.hosts.all())
    whole = Q(covers=Webhook.Covers.ORGANISATION, owner__role="admin")
    return list(Webhook.objects.filter(own | whole, is_on=True, owner__is_active=True))


def may_know(hook: Webhook, event: WebhookEvent) -> bool:
    """Whether the owner may be told now: rights that were lost since the event count."""
    if not hook.owner.is_active:
        return False
    if hook.covers == Webhook.Covers.ORGANISATION:
        return bool(hook.owner.is_admin)
    return event.meeting is None or is_host(hook.owner, event.meeting)
