"""Sends one signed request to a webhook, and says how it came out."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import TracebackType
from typing import Final

from django.utils import timezone
from django.utils.translation import gettext as _
from standardwebhooks import Webhook as Signer

from meetings import vault
from meetings.outgoing.allowed import allowances
from meetings.outgoing.client import Outgoing, OutgoingFailed
from meetings.outgoing.destinations import WrongDestination, read_destination
from meetings.webhooks.models import Webhook

DEADLINE_SECONDS: Final = 10.0
LONGEST_WISH: Final = timedelta(hours=1)
PREVIOUS_SECRET_LASTS: Final = timedelta(days=1)


@dataclass(frozen=True)
class Sent:
    """How one try came out. `problem` is a sentence, `wish` the pause that the other side asked for, `took` how long it
    kept us.
    """

    delivered: bool
    status: int | None = None
    problem: str = ""
    wish: timedelta | None = None
    took: timedelta = timedelta()


class Sender:
    """A way out for one thread, with a loop of its own, so that one connection serves many events. A context."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self._outgoing = Outgoing()

    def __enter__(self) -> Sender:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._runner.run(self._outgoing.aclose())
        self._runner.close()

    def send(self, hook: Webhook, message_id: str, body: str) -> Sent:
        """One try. Never raises: whatever goes wrong is a try that failed."""
        now = timezone.now()
        try:
            secrets, destination = secrets_of(hook, now), read_destination(hook.url)
        except vault.Unreadable:
            return Sent(False, problem=_("The secret can’t be read any more. Make a new one."))
        except WrongDestination as wrong:
            return Sent(False, problem=wrong.message)
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "Lintel",
            "webhook-id": message_id,
            "webhook-timestamp": str(int(now.timestamp())),
            # While one secret takes over from another, both sign.
            "webhook-signature": " ".join(Signer(secret).sign(message_id, now, body) for secret in secrets),
        }
        posted = self._outgoing.post(
            destination,
            body.encode(),
            headers,
            allowances=allowances(set_by_admin=hook.owner.is_admin),
            deadline_seconds=DEADLINE_SECONDS,
        )
        try:
            answer = self._runner.run(posted)
        except OutgoingFailed as failed:
            return Sent(False, problem=failed.message)
        if 200 <= answer.status < 300:
            return Sent(True, answer.status, took=timedelta(seconds=answer.timing.answered or 0))
        problem = _("It answered with status %(status)d.") % {"status": answer.status}
        return Sent(False, answer.status, problem, _wish(answer.headers.get("retry-after", "")))


def secrets_of(hook: Webhook, now: datetime) -> list[str]:
    """The secrets that sign: the present one, and for a day the one before. Raises `vault.Unreadable`."""
    sealed = [hook.sealed_secret]
    if hook.sealed_previous and hook.rotated_at and hook.rotated_at + PREVIOUS_SECRET_LASTS > now:
        sealed.append(hook.sealed_previous)
    return [vault.unseal(one) for one in sealed]


def _wish(retry_after: str) -> timedelta | None:
    """A pause in seconds (RFC 9110, 10.2.3), within an hour; dates are not understood."""
    if not (retry_after.isascii() and retry_after.isdecimal()) or len(retry_after) > 9:
        return None
    return min(timedelta(seconds=int(retry_after)), LONGEST_WISH)
