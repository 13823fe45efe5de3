"""Which portal sessions still sign their people in. Runs in a database thread.

The socket's person is only known from its handshake, so whoever signs out, or is signed out, has to be noticed here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from meetings.models import Participant


def living_sessions(seats: Iterable[Participant]) -> set[str]:
    """Returns the ids of those signed-in seats whose session is there, not expired, and of this person's password."""
    signed_in = [seat for seat in seats if seat.user is not None and seat.user.is_active and seat.session_key]
    stored = _stored({seat.session_key for seat in signed_in})
    return {str(seat.pk) for seat in signed_in if _is_of(stored.get(seat.session_key, {}), seat.user)}


def _stored(keys: set[str]) -> dict[str, dict[str, Any]]:
    from django.contrib.sessions.models import Session

    rows = Session.objects.filter(session_key__in=keys, expire_date__gt=timezone.now())
    return {row.session_key: row.get_decoded() for row in rows}


def _is_of(data: dict[str, Any], user: Any) -> bool:
    """The checks of `django.contrib.auth.get_user`, on data that was read for many at once."""
    return (
        data.get(SESSION_KEY) == str(user.pk)
        and data.get(BACKEND_SESSION_KEY) in settings.AUTHENTICATION_BACKENDS
        and constant_time_compare(data.get(HASH_SESSION_KEY, ""), user.get_session_auth_hash())
    )
