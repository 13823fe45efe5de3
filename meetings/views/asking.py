"""What every request at the door shares: who asks, with which budget, from which page, and how a no is written.

Reads strictly and decides nothing. A stranger is answered alike, and after the same time, about a code that does not
exist and a meeting that is closed to them.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import random
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import DatabaseError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.middleware.csrf import CsrfViewMiddleware
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from meetings import arrivals, visitors
from meetings.arrivals import Seen
from meetings.live import Live, current_live
from meetings.signaling import protocol
from meetings.signaling.protocol import ProtocolError
from meetings.visitors import Device, Visitor

log = logging.getLogger("lintel.door")

MAX_BODY_BYTES = 8 * 1024
CLOSED_SECONDS = 0.08


class Problem(Exception):
    """An answer by RFC 9457 with a stable `code`."""

    def __init__(
        self, status: int, code: str, detail: str, *, field: str = "", retry_after: float = 0, **more: Any
    ) -> None:
        super().__init__(code)
        self.status, self.code, self.detail, self.field, self.retry_after = status, code, detail, field, retry_after
        self.more = more

    def response(self) -> HttpResponse:
        body: dict[str, Any] = {"type": "about:blank", "title": self.code, "status": self.status}
        body |= {"code": self.code, "detail": self.detail} | self.more
        if self.field:
            body["field"] = self.field
        response = JsonResponse(body, status=self.status, content_type="application/problem+json")
        if self.status == 429 or self.retry_after:
            response["Retry-After"] = str(self.wait_seconds)
        return response

    @property
    def wait_seconds(self) -> int:
        """After how many whole seconds it may be asked again."""
        return max(1, round(self.retry_after + 0.5))


View = Callable[..., Awaitable[HttpResponse]]


def asks_the_door(view: View) -> View:
    """Wraps the JSON requests: Origin and CSRF checked, budgets kept, errors written as problem documents."""

    @functools.wraps(view)
    async def guarded(request: HttpRequest, code: str) -> HttpResponse:
        try:
            live = current_live()
            if live is None:
                raise Problem(503, "try_again", "The server is not ready.")
            if request.method != "POST":
                raise Problem(405, "bad_request", "POST only.")
            _check_origin(request)
            _check_csrf(request)
            visitor = await visitors.visitor_of_request(request)
            if seconds := live.tries.ask(visitor):
                raise too_many(seconds)
            return await view(request, code, live, visitor, _body(request))
        except Problem as problem:
            return problem.response()
        except DatabaseError as failure:
            # Without the database there is no answer, and no answer is no. Clients come back, as after a restart.
            log.error(
                "the door could not be asked: %s",
                type(failure).__name__,
                exc_info=not isinstance(failure, OperationalError),
            )
            return Problem(503, "try_again", "The server can’t answer now. Try again in a moment.").response()

    # The middleware would answer a failure with a page; `_check_csrf` asks the same question and answers in JSON.
    return csrf_exempt(guarded)


def too_many(seconds: float) -> Problem:
    problem = Problem(429, "too_many", "", retry_after=seconds)
    problem.detail = f"Too many tries. Nothing was looked up: wait {problem.wait_seconds} s, then try again."
    return problem


def _check_origin(request: HttpRequest) -> None:
    """Programs have to send an Origin too: then no page of another site can pass for one."""
    origin = request.headers.get("Origin", "")
    own = f"{request.scheme}://{request.get_host()}"
    if origin != own and origin not in settings.CSRF_TRUSTED_ORIGINS:
        raise Problem(403, "origin", "The Origin header is missing or not this server.")


class _Csrf(CsrfViewMiddleware):
    def _reject(self, request: HttpRequest, reason: str) -> Any:
        return reason


def _check_csrf(request: HttpRequest) -> None:
    check = _Csrf(lambda _: HttpResponse())
    check.process_request(request)
    if check.process_view(request, None, (), {}):
        raise Problem(403, "csrf", "The CSRF token is missing or wrong.")


def _body(request: HttpRequest) -> dict[str, Any]:
    if len(request.body) > MAX_BODY_BYTES:
        raise Problem(413, "too_large", f"At most {MAX_BODY_BYTES} bytes.")
    if request.content_type != "application/json":
        raise Problem(400, "bad_request", "Content-Type: application/json.")
    try:
        return protocol.parse_object(request.body.decode())
    except (UnicodeDecodeError, ProtocolError):
        raise Problem(400, "bad_request", "The body is not one JSON object.") from None


def text(body: dict[str, Any], field: str, longest: int) -> str:
    value = body.get(field)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > longest or not _is_writable(value):
        raise Problem(400, "bad_request", f"{field}: text of at most {longest} characters.", field=field)
    return value


def flag(body: dict[str, Any], field: str) -> bool:
    value = body.get(field, False)
    if not isinstance(value, bool):
        raise Problem(400, "bad_request", f"{field}: true or false.", field=field)
    return value


def _is_writable(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


def known_fields(body: dict[str, Any], *fields: str) -> None:
    if not body.keys() <= set(fields):
        raise Problem(400, "bad_request", "There is a field that this request does not have.")


def proved_device(live: Live, code: str, visitor: Visitor, body: dict[str, Any]) -> Device:
    jwk, proof = body.get("device"), body.get("proof")
    for field, value, names in (
        ("device", jwk, {"kty", "crv", "x", "y", "ext", "key_ops", "alg", "use", "kid"}),
        ("proof", proof, {"at", "nonce", "signature"}),
    ):
        if not isinstance(value, dict) or not value.keys() <= names:
            raise Problem(400, "bad_request", f"{field}: is missing or has fields that it does not have.", field=field)
    assert isinstance(jwk, dict) and isinstance(proof, dict)  # noqa: S101 - for the type checker
    device = visitors.prove(code, jwk, proof, timezone.now())
    if device is None:
        live.tries.refuse(visitor)
        raise Problem(403, "proof", "The device's signature does not fit, or its time is not now.")
    return device


def looked(seen: Seen) -> dict[str, Any]:
    until = getattr(seen.decision, "until", None)
    told = {"outcome": seen.outcome, "reason": seen.decision.reason, "until": rfc3339(until)}
    if seen.decision.reason == "locked":
        told |= {"at": rfc3339(seen.locked_at) if seen.may_know else None, "may_tell": seen.if_told is not None}
    return told


def rfc3339(at: datetime | None) -> str | None:
    return at.isoformat().replace("+00:00", "Z") if at is not None else None


async def look_at(live: Live | None, code: str, visitor: Visitor, device: str) -> Seen:
    if live is not None:
        refuse_guessing(live, visitor)
    started = asyncio.get_running_loop().time()
    host_inside = live.host_inside if live is not None else _no_host
    seen = await in_database(live, arrivals.look, code, visitor, device, host_inside, timezone.now())
    if seen.is_closed and live is not None:
        await closed(live, visitor, started)
    return seen


def _no_host(occurrence_id: str) -> bool:
    return False


def refuse_guessing(live: Live, visitor: Visitor) -> None:
    """Asked before the code is looked at, so that the refusal tells nothing."""
    if seconds := live.tries.seconds_to_wait(visitor):
        raise too_many(seconds)


async def closed(live: Live, visitor: Visitor, started: float) -> None:
    """Counts the try, and answers after the same time whether the code names a meeting or not."""
    live.tries.refuse(visitor)
    spent = asyncio.get_running_loop().time() - started
    await asyncio.sleep(max(0.0, CLOSED_SECONDS + random.uniform(0, 0.02) - spent))  # noqa: S311 - jitter, not a secret


async def in_database(live: Live | None, function: Callable[..., Any], *args: Any) -> Any:
    if live is not None:
        return await live.at_door(function, *args)
    return await sync_to_async(function)(*args)
