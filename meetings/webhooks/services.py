"""Making, changing and ending webhooks. Whoever acts owns them; administrators may also end somebody else's."""

from __future__ import annotations

import base64
import secrets as random
import threading
from collections.abc import Iterable
from typing import Any, Final

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from meetings import audit, vault
from meetings.outgoing.allowed import allowances
from meetings.outgoing.destinations import WrongDestination, read_destination
from meetings.services.errors import NotAnAdministrator, Wrong
from meetings.webhooks.events import EVENTS, PING, payload
from meetings.webhooks.models import Webhook, new_message_id
from meetings.webhooks.outcome import give_up, pending
from meetings.webhooks.sending import Sender, Sent

MOST_WEBHOOKS: Final = 10
SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - as the Standard Webhooks specification writes secrets
SECRET_BYTES: Final = 32

_pinging = threading.BoundedSemaphore(4)  # each may hold a thread until its deadline


def make(by: Any, *, url: str, events: Iterable[str] = (), covers: str = Webhook.Covers.OWN) -> tuple[Webhook, str]:
    """A new webhook of `by`, and its secret, this once.

    Raises `NotAnAdministrator` for one about every meeting, or `Wrong` with the field that can't be used.
    """
    with transaction.atomic():
        if by.webhooks.count() >= MOST_WEBHOOKS:
            raise Wrong("url", "too_many", _("At most %(count)d webhooks. End one first.") % {"count": MOST_WEBHOOKS})
        secret = _new_secret()
        hook = Webhook(owner=by, sealed_secret=vault.seal(secret))
        _set(hook, by, url=url, events=events, covers=covers)
        hook.save()
        _write("webhook.made", by, hook)
    return hook, secret


def change(by: Any, hook: Webhook, *, url: str, events: Iterable[str], covers: str) -> None:
    """Changes all that was chosen. Raises as `make` does."""
    with transaction.atomic():
        _set(hook, by, url=url, events=events, covers=covers)
        hook.save(update_fields=["url", "events", "covers"])
        _write("webhook.changed", by, hook)


def switch(by: Any, hook: Webhook, on: bool) -> None:
    """Off at once, with all that was on its way; or on, for what happens from now on."""
    if on == hook.is_on:
        return
    with transaction.atomic():
        give_up(pending(hook), _("It was switched off."))
        fresh = {"is_on": on, "off_because": "", "failures": 0, "failing_since": None, "next_try_at": None, "missed": 0}
        for field, value in fresh.items():
            setattr(hook, field, value)
        hook.save(update_fields=[*fresh])
        _write("webhook.changed", by, hook)


def _set(hook: Webhook, by: Any, *, url: str, events: Iterable[str], covers: str) -> None:
    if covers not in Webhook.Covers.values:
        raise Wrong("covers", "unknown", _("Choose one of these."))
    if covers == Webhook.Covers.ORGANISATION and covers != hook.covers and not by.is_admin:
        raise NotAnAdministrator
    wanted = list(dict.fromkeys(events))
    unknown = [name for name in wanted if name not in EVENTS]
    if unknown:
        raise Wrong("events", "unknown", _("There is no event “%(name)s”.") % {"name": unknown[0][:40]})
    try:
        destination = read_destination(url.strip())
    except WrongDestination as wrong:
        raise Wrong("url", wrong.code, wrong.message) from None
    if len(str(destination)) > 500:
        raise Wrong("url", "too_long", _("At most 500 characters."))
    if why := allowances(set_by_admin=by.is_admin).why_not(destination):
        raise Wrong("url", "refused", why)
    hook.url, hook.events, hook.covers = str(destination), wanted, covers


def rotate_secret(by: Any, hook: Webhook) -> str:
    """A new secret, returned this once. For a day, what is sent is signed with both."""
    secret = _new_secret()
    with transaction.atomic():
        hook.sealed_previous, hook.sealed_secret = hook.sealed_secret, vault.seal(secret)
        hook.rotated_at = timezone.now()
        hook.save(update_fields=["sealed_previous", "sealed_secret", "rotated_at"])
        _write("webhook.secret_made", by, hook)
    return secret


def _new_secret() -> str:
    return SECRET_PREFIX + base64.b64encode(random.token_bytes(SECRET_BYTES)).decode()


def end(by: Any, hook: Webhook) -> None:
    """It is told nothing more, and what was on its way is forgotten."""
    with transaction.atomic():
        _write("webhook.ended", by, hook)
        hook.delete()


def ping(hook: Webhook) -> Sent:
    """Sends a `ping` now and says how it came out. Counts neither as a failure nor as a sign of life."""
    if not _pinging.acquire(blocking=False):
        return Sent(False, problem=_("Others are being tested. Try again in some seconds."))
    try:
        with Sender() as sender:
            return sender.send(hook, new_message_id(), payload(PING, timezone.now(), facts={}))
    finally:
        _pinging.release()


def _write(kind: str, by: Any, hook: Webhook) -> None:
    # The path of an address may hold a secret: only the origin is kept.
    target = read_destination(hook.url).origin
    audit.record(kind, actor=by, target=target, covers=str(hook.covers), events=hook.events or "all", on=hook.is_on)
