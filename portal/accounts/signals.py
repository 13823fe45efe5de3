"""Writes sign-ins, refused sign-ins, sign-outs and password resets into the audit log."""

from __future__ import annotations

import hashlib
from typing import Any

from allauth.account.signals import password_reset
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.core.cache import cache
from django.db import transaction
from django.dispatch import receiver
from django.http import HttpRequest

from meetings.audit import record
from portal.accounts.services import end_sessions
from portal.models import User

ROWS_EACH = 5
WINDOW_S = 300


def network_of(request: HttpRequest | None) -> str:
    return str(request.META.get("REMOTE_ADDR", "")) if request is not None else ""


@receiver(user_logged_in, dispatch_uid="audit-sign-in")
def signed_in(sender: Any, request: HttpRequest | None, user: User, **kwargs: Any) -> None:
    with transaction.atomic():
        record("account.signed_in", actor=user, target=user.name, network=network_of(request))


@receiver(user_logged_out, dispatch_uid="audit-sign-out")
def signed_out(sender: Any, request: HttpRequest | None, user: User | None, **kwargs: Any) -> None:
    if user is not None:
        with transaction.atomic():
            record("account.signed_out", actor=user, target=user.name, network=network_of(request))


@receiver(user_login_failed, dispatch_uid="audit-refused-sign-in")
def refused(sender: Any, credentials: dict[str, Any], request: HttpRequest | None = None, **kwargs: Any) -> None:
    """The first refusals of a network and address get a row each; then one row at every doubling of their number.

    So a guessing program can't fill the log, and the log still tells how many tries there were.
    """
    email = str(credentials.get("email", ""))[:254].strip().lower()
    network = network_of(request)
    source = hashlib.sha256(f"{network}|{email}".encode()).hexdigest()
    key = f"refused-sign-ins:{source}"
    cache.add(key, 0, WINDOW_S)
    try:
        count = cache.incr(key)
    except ValueError:  # the window ended between the two lines
        count = 1
    if count <= ROWS_EACH or count & (count - 1) == 0:
        with transaction.atomic():
            record("account.sign_in_refused", target=email, network=network, count=count)


@receiver(password_reset, dispatch_uid="audit-password-reset")
def password_was_reset(sender: Any, request: HttpRequest, user: User, **kwargs: Any) -> None:
    with transaction.atomic():
        end_sessions(user)
        record("account.password_reset", actor=user, target=user.name, network=network_of(request))
