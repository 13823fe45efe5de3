"""What happens to accounts outside our own services: written into the audit log, and told to live meetings.

Sign-ins, addresses, passwords and sessions are changed by packages as well as by us, so here the rows themselves are
watched: whoever's account, address or session ends or changes while they are in a meeting is decided anew at once.
"""

from __future__ import annotations

import hashlib
from typing import Any

from allauth.account.models import EmailAddress
from allauth.account.signals import password_reset
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.db import transaction
from django.db.models.signals import post_delete, post_save, pre_delete
from django.dispatch import receiver
from django.http import HttpRequest

from meetings.audit import record
from meetings.changes import touch_all, touch_seats_of_session
from portal.accounts.services import end_sessions
from portal.models import SetupLink, User

ROWS_EACH = 5
WINDOW_S = 300
TELLS = frozenset({"is_active", "role", "name", "email", "password"})
"""Fields of an account of which a meeting that it is part of has to hear."""


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
    note_refused(request, str(credentials.get("email", "")))


def note_refused(request: HttpRequest | None, email: str) -> None:
    """The first refusals of a network and address get a row each; then one row at every doubling of their number.

    So a guessing program can't fill the log, and the log still tells how many tries there were.
    """
    email = email[:254].strip().lower()
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


@receiver(post_save, sender=User, dispatch_uid="live-account")
def account_changed(
    sender: Any, instance: User, created: bool, update_fields: frozenset[str] | None = None, **kwargs: Any
) -> None:
    """Deactivated, another role or name, another password (which ends its sessions). Signing in is none of these."""
    if not created and (update_fields is None or update_fields & TELLS):
        touch_all(instance)


@receiver(post_save, sender=User, dispatch_uid="spent-set-up-links")
def password_changed(
    sender: Any, instance: User, created: bool, update_fields: frozenset[str] | None = None, **kwargs: Any
) -> None:
    """Whoever has a password needs no link that sets one: it would outlive a password that was changed because somebody
    else had come by it, and its owner neither sees it nor can take it back.
    """
    if not created and (update_fields is None or "password" in update_fields):
        SetupLink.objects.filter(user=instance, used_at=None).delete()


@receiver(pre_delete, sender=User, dispatch_uid="live-account-deleted")
def account_deleted(sender: Any, instance: User, **kwargs: Any) -> None:
    """Before, because afterwards no seat says any more whose it was."""
    touch_all(instance)


@receiver((post_save, post_delete), sender=EmailAddress, dispatch_uid="live-address")
def address_changed(sender: Any, instance: EmailAddress, **kwargs: Any) -> None:
    """Who is listed depends on which addresses are proved to be theirs."""
    touch_all(instance.user)


@receiver(post_delete, sender=Session, dispatch_uid="live-session")
def session_ended(sender: Any, instance: Session, **kwargs: Any) -> None:
    """Signed out, here or by an administrator: the seat that this session opened ends with it."""
    touch_seats_of_session(instance.session_key)
