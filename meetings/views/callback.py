"""What authorization services send to us: `POST /rta/revoke`. Signed, about now, and the same request counts once.

Whoever cannot sign learns nothing: a wrong signature, an old time, a service that is not asked and one that does not
exist get the identical answer. Bodies are never logged.
"""

from __future__ import annotations

import hashlib
import time
import unicodedata
from typing import Any, Final
from uuid import UUID

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from meetings import audit, budgets
from meetings.live.consent import SOURCES_OF_TRACK
from meetings.network import source_of, truncate_network
from meetings.roundtrip import services
from meetings.roundtrip.protocol import (
    LONGEST_REASON,
    LONGEST_TOKEN,
    ROOM_TRACK,
    SIGNATURE,
    TIMESTAMP,
    is_about_now,
    is_signed,
    read_object,
)
from meetings.signaling.rates import AddressBudgets, Budgets

MOST_BODY_BYTES: Final = 8 * 1024
FIELDS: Final = {"username": 254, "token": LONGEST_TOKEN, "streamID": 200, "room": 36, "reason": LONGEST_REASON}
"""Every field that a revocation may have, with its length; at least one of the first three."""


class Limits:
    """Per address before anything is checked, per service after. One loop uses it."""

    def __init__(self) -> None:
        self.wrong = AddressBudgets(budgets.FALSE_REVOCATIONS.rate, time.monotonic)
        self.right = Budgets(budgets.REVOCATIONS.rate, time.monotonic)


limits = Limits()


@csrf_exempt
@require_POST
async def revoke(request: HttpRequest) -> HttpResponse:
    """A service takes back what it agreed to: a person by name or token, or one stream."""
    source = source_of(request.META.get("REMOTE_ADDR", ""))
    if not limits.wrong.has(source):
        return _answer(429, "Too many requests whose signature does not fit.", retry=limits.wrong.seconds_until(source))
    body = request.body
    if len(body) > MOST_BODY_BYTES:
        return _answer(413, f"At most {MOST_BODY_BYTES} bytes.")
    fields = read_object(body) or {}
    key = await sync_to_async(_signed_by)(request, body, fields)
    if key is None:
        limits.wrong.take(source)
        await sync_to_async(_write_refusal)(request)
        return _answer(403, "The signature does not fit.")
    if not limits.right.take(key):
        return _answer(429, "Too many requests.", retry=limits.right.seconds_until(key))
    problem = _problem(fields)
    if problem:
        return _answer(422, problem)
    digest = hashlib.sha256(f"{key}.{request.headers.get(TIMESTAMP, '')}.".encode() + body).hexdigest()
    _, slash, rest = (fields.get("streamID") or "").partition("/")
    stream = _room(fields) + slash + rest
    stored = await sync_to_async(services.take_back)(
        key,
        username=fields.get("username", ""),
        token=fields.get("token", ""),
        stream=stream,
        reason=fields.get("reason", ""),
        request=digest,
    )
    return JsonResponse({"result": True, "repeated": not stored})


def _signed_by(request: HttpRequest, body: bytes, fields: dict[str, Any]) -> str | None:
    """The service whose secret made the signature: the organisation's, or that of the meeting that is named."""
    timestamp, given = request.headers.get(TIMESTAMP, ""), request.headers.get(SIGNATURE, "")
    now = time.time()
    # Every candidate is tried, whichever fits: how long it takes says nothing.
    candidates = services.asked_services(_room(fields))
    fitting = [one.key for one in candidates if is_signed(one.secrets, timestamp, given, body, now)]
    return next(iter(fitting), None)


def _write_refusal(request: HttpRequest) -> None:
    # What such a request names is a stranger's word: no meeting's history gets it.
    why = "not_signed" if is_about_now(request.headers.get(TIMESTAMP, ""), time.time()) else "not_about_now"
    network = truncate_network(request.META.get("REMOTE_ADDR", ""))
    audit.record_refusal("authorization.callback_refused", network=network, now=timezone.now(), reason=why)


def _room(fields: dict[str, Any]) -> str:
    """The meeting that a revocation names, as we write its id; "" where it names none."""
    named = str(fields.get("room") or fields.get("streamID") or "").partition("/")[0]
    try:
        found = str(UUID(named))
    except ValueError:
        return ""
    return found if found == named.lower() else ""


def _problem(fields: dict[str, Any]) -> str:
    """What is wrong with a revocation, as a sentence that names the field; "" if nothing is."""
    for name, value in fields.items():
        if name not in FIELDS:
            return f"{name[:40]}: there is no such field."
        if not isinstance(value, str) or len(value) > FIELDS[name]:
            return f"{name}: text of at most {FIELDS[name]} characters."
        if name != "reason" and any(unicodedata.category(sign)[0] == "C" for sign in value):
            return f"{name}: has signs that nobody sees."
    if not any(fields.get(name) for name in ("username", "token", "streamID", "room")):
        return "username: name a username, a token or a streamID."
    return _wrong_place(fields)


def _wrong_place(fields: dict[str, Any]) -> str:
    """What fits no meeting must not be answered as if it had been taken back."""
    room, stream = fields.get("room", ""), fields.get("streamID", "").partition("/")[0]
    if room and stream and stream.lower() != room.lower():
        return "streamID: is in another room."
    if room and room.lower() != _room(fields):
        return "room: the id of a meeting."
    if stream and stream.lower() != _room(fields):
        return "streamID: begins with the id of a meeting."
    return _wrong_track(fields)


def _wrong_track(fields: dict[str, Any]) -> str:
    """A track that nobody has is a mistake of whoever names it: neither nothing nor the whole person was meant."""
    _, _, track = str(fields.get("streamID", "")).partition("/")[2].partition("/")
    if track in {"", ROOM_TRACK, *SOURCES_OF_TRACK}:
        return ""
    return "streamID: the track is microphone, camera or screen; without one it is the whole person."


def _answer(status: int, reason: str, *, retry: float | None = None) -> HttpResponse:
    answer = JsonResponse({"result": False, "reason": reason}, status=status)
    if retry is not None:
        answer["Retry-After"] = str(max(1, round(retry + 0.5)))
    answer._has_been_logged = True  # type: ignore[attr-defined]  # noqa: SLF001 - Django's mark: a stranger's mistake
    return answer
