"""Webhooks of the token's owner: made, changed, tested and ended, and what became of each event."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.http import HttpRequest
from ninja import Router

from meetings.webhooks import services
from meetings.webhooks.models import Webhook, WebhookDelivery
from portal.api.operations import operation
from portal.api.paging import PageQuery, cut, moment, number, position
from portal.api.problems import Problem, invalid
from portal.api.schemas.webhooks import (
    Deliveries,
    PingResult,
    WebhookChange,
    WebhookIn,
    WebhookMade,
    WebhookOut,
    Webhooks,
    WebhookSecret,
)

router = Router()
TAG: Final = "Webhooks"
ONE: Final = "/webhooks/{webhook_id}"


def shown(hook: Webhook) -> dict[str, Any]:
    return {
        "id": hook.pk,
        "url": hook.url,
        "events": hook.events,
        "covers": hook.covers,
        "on": hook.is_on,
        "off_because": hook.off_because,
        "failing_since": hook.failing_since,
        "pending": hook.deliveries.filter(state=WebhookDelivery.State.PENDING).count(),
        "created_at": hook.created_at,
    }


def owned(user: Any, webhook_id: UUID) -> Webhook:
    """A webhook of `user`. Raises Problem("not_found") for everybody else's."""
    found = Webhook.objects.select_related("owner").filter(pk=webhook_id, owner=user).first()
    if found is None:
        raise Problem("not_found")
    return found


@operation(router, "GET", "/webhooks", scope="read", answer=Webhooks, tag=TAG)
def list_webhooks(request: HttpRequest, page: PageQuery) -> dict[str, Any]:
    """List your webhooks

    The oldest first.
    """
    rows = request.auth.user.webhooks.order_by("created_at", "pk")  # type: ignore[attr-defined]
    after = position(page.cursor, moment, UUID)
    if after is not None:
        if after[0].tzinfo is None:
            raise invalid("cursor", "This is not a cursor of this list.")
        rows = rows.filter(Q(created_at__gt=after[0]) | Q(created_at=after[0], pk__gt=after[1]))
    found, following = cut(rows[: page.limit + 1], page.limit, lambda hook: (hook.created_at.isoformat(), hook.pk))
    return {"items": [shown(hook) for hook in found], "next": following}


@operation(
    router, "POST", "/webhooks", scope="write", answer=WebhookMade, status=201, problems=("admins_only",), tag=TAG
)
def make_webhook(request: HttpRequest, data: WebhookIn) -> dict[str, Any]:
    """Make a webhook

    Events are sent from now on, for as long as your account may know of the meeting. The answer holds `secret`, this
    once.
    """
    user = request.auth.user  # type: ignore[attr-defined]
    hook, secret = services.make(user, url=data.url, events=data.events, covers=data.covers)
    return {**shown(hook), "secret": secret}


@operation(router, "GET", ONE, scope="read", answer=WebhookOut, problems=("not_found",), tag=TAG)
def read_webhook(request: HttpRequest, webhook_id: UUID) -> dict[str, Any]:
    """Read a webhook"""
    return shown(owned(request.auth.user, webhook_id))  # type: ignore[attr-defined]


@operation(router, "PATCH", ONE, scope="write", answer=WebhookOut, problems=("not_found", "admins_only"), tag=TAG)
def change_webhook(request: HttpRequest, webhook_id: UUID, data: WebhookChange) -> dict[str, Any]:
    """Change a webhook, switch it off or on

    Fields that are absent stay as they are.
    """
    user = request.auth.user  # type: ignore[attr-defined]
    if not data.model_fields_set:
        raise invalid("", "Name at least one field to change.")
    hook = owned(user, webhook_id)
    with transaction.atomic():
        if data.model_fields_set - {"on"}:
            services.change(
                user,
                hook,
                url=hook.url if data.url is None else data.url,
                events=hook.events if data.events is None else data.events,
                covers=hook.covers if data.covers is None else data.covers,
            )
        if data.on is not None:
            services.switch(user, hook, data.on)
    return shown(hook)


@operation(router, "DELETE", ONE, scope="write", status=204, problems=("not_found",), tag=TAG)
def end_webhook(request: HttpRequest, webhook_id: UUID) -> None:
    """End a webhook

    What was on its way is not sent any more.
    """
    user = request.auth.user  # type: ignore[attr-defined]
    services.end(user, owned(user, webhook_id))


@operation(router, "POST", ONE + "/ping", scope="write", answer=PingResult, problems=("not_found",), tag=TAG)
def ping_webhook(request: HttpRequest, webhook_id: UUID) -> dict[str, Any]:
    """Send a test

    A signed event `ping`, now and once, whether the webhook is on or off. Answers when the other side has, after at
    most 10 seconds.
    """
    sent = services.ping(owned(request.auth.user, webhook_id))  # type: ignore[attr-defined]
    return {"delivered": sent.delivered, "status": sent.status, "problem": sent.problem}


@operation(router, "POST", ONE + "/secret", scope="write", answer=WebhookSecret, problems=("not_found",), tag=TAG)
def replace_webhook_secret(request: HttpRequest, webhook_id: UUID) -> dict[str, Any]:
    """Make a new secret

    Shown this once. For a day, what is sent carries the signatures of both.
    """
    user = request.auth.user  # type: ignore[attr-defined]
    return {"secret": services.rotate_secret(user, owned(user, webhook_id))}


@operation(router, "GET", ONE + "/deliveries", scope="read", answer=Deliveries, problems=("not_found",), tag=TAG)
def list_deliveries(request: HttpRequest, webhook_id: UUID, page: PageQuery) -> dict[str, Any]:
    """What became of each event

    The newest first, for 30 days.
    """
    hook = owned(request.auth.user, webhook_id)  # type: ignore[attr-defined]
    rows = hook.deliveries.select_related("event").order_by("-pk")
    before = position(page.cursor, number)
    if before is not None:
        rows = rows.filter(pk__lt=before[0])
    found, following = cut(rows[: page.limit + 1], page.limit, lambda one: (one.pk,))
    return {"items": [_delivery(one) for one in found], "next": following}


def _delivery(one: WebhookDelivery) -> dict[str, Any]:
    return {
        "id": one.event.pk,
        "event": one.event.kind,
        "at": one.event.at,
        "state": one.state,
        "attempts": one.attempts,
        "tried_at": one.tried_at,
        "next_try_at": one.next_at if one.state == WebhookDelivery.State.PENDING else None,
        "status": one.status,
        "problem": one.problem,
    }
