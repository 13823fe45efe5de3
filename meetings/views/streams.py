"""Answers Red5 Pro servers at `/validateCredentials` and `/invalidateCredentials`, below a secret or from networks.

Whoever may not ask gets the page that isn't there. Bodies hold credentials and are never logged.
"""

from __future__ import annotations

import json
import time
from typing import Any, Final

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from meetings import budgets
from meetings.live import current_live
from meetings.network import source_of
from meetings.roundtrip import answering
from meetings.roundtrip.answering import Inside, Question
from meetings.signaling.rates import AddressBudgets
from meetings.visitors import truncated

MOST_BODY_BYTES: Final = 8 * 1024
MOST_SECRET: Final = 100
LONGEST: Final = 2048
KINDS: Final = frozenset({"publisher", "subscriber"})


class Limits:
    """Questions per address, and tries of those who may not ask. One loop uses it."""

    def __init__(self) -> None:
        self.questions = AddressBudgets(budgets.STREAM_QUESTIONS.rate, time.monotonic)
        self.strangers = AddressBudgets(budgets.STREAM_STRANGERS.rate, time.monotonic)


limits = Limits()


@csrf_exempt
async def validate(request: HttpRequest, secret: str = "") -> HttpResponse:
    """May this person publish, or subscribe? Status 200 with `result`; whatever is not understood is a no."""
    refusal = await _refusal(request, secret)
    if refusal is not None:
        return refusal
    question = _question(request, needs_kind=True)
    if question is None:
        return JsonResponse({"result": False})
    live = current_live()
    inside = Inside(live.host_inside, live.authorization.lets_in) if live is not None else Inside()
    return JsonResponse({"result": await sync_to_async(answering.allows)(question, inside, timezone.now())})


@csrf_exempt
async def invalidate(request: HttpRequest, secret: str = "") -> HttpResponse:
    """A publisher has left: the pass that they came with is over. Red5 Pro ignores the answer."""
    refusal = await _refusal(request, secret)
    if refusal is not None:
        return refusal
    question = _question(request, needs_kind=False)
    if question is not None:
        await sync_to_async(answering.end)(question, timezone.now())
    return JsonResponse({"result": True})


async def _refusal(request: HttpRequest, secret: str) -> HttpResponse | None:
    """Why a caller is not answered: they may not ask, ask too often, or by the wrong wire. None: they are."""
    address = request.META.get("REMOTE_ADDR", "")
    source = source_of(address)
    answers = await sync_to_async(answering.answers_now)()
    if not answers.is_on:
        return _no(404)
    if not limits.strangers.has(source):
        return _no(429, retry=limits.strangers.seconds_until(source))
    if len(secret) > MOST_SECRET or not answering.may_ask(answers, secret, address):
        limits.strangers.take(source)
        return _no(404)
    if not limits.questions.take(source):
        return _no(429, retry=limits.questions.seconds_until(source))
    status = 405 if request.method != "POST" else 413 if len(request.body) > MOST_BODY_BYTES else 0
    if not request.is_secure() and not _is_loopback(address):
        status = 403  # credentials crossed the network in the open
    return _no(status) if status else None


def _is_loopback(address: str) -> bool:
    return address in {"127.0.0.1", "::1", "::ffff:127.0.0.1"}


def _no(status: int, *, retry: float | None = None) -> HttpResponse:
    answer = JsonResponse({"result": False}, status=status)
    if retry is not None:
        answer["Retry-After"] = str(max(1, round(retry + 0.5)))
    answer._has_been_logged = True  # type: ignore[attr-defined]  # noqa: SLF001 - Django's mark: a stranger's mistake
    return answer


def _question(request: HttpRequest, *, needs_kind: bool) -> Question | None:
    """The fields of a request, which is ISO-8859-1 or UTF-8 and does not say which; None where it is not one."""
    try:
        text = request.body.decode()
    except UnicodeDecodeError:
        text = request.body.decode("iso-8859-1")
    try:
        found = json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    fields = {name: found.get(name) for name in ("type", "username", "password", "token", "streamID")}
    if any(value is not None and not _is_text(value) for value in fields.values()):
        return None
    kind = fields["type"] or ""
    if needs_kind and kind not in KINDS:
        return None
    return Question(
        kind if kind in KINDS else "",
        fields["username"] or "",
        fields["password"] or "",
        fields["token"] or "",
        fields["streamID"] or "",
        truncated(request.META.get("REMOTE_ADDR", "")),
    )


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= LONGEST and not any("\ud800" <= sign <= "\udfff" for sign in value)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name appears twice")
    return found
