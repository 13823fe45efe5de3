"""The door's pages: the one document at /m/<code>, personal links, and the two requests that ask the door.

Reads requests strictly and writes answers; `arrivals` decides. A stranger gets one and the same page for a code
that does not exist and a meeting that is closed to them, after the same time.
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
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.middleware.csrf import CsrfViewMiddleware, get_token
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from meetings import arrivals, codes, door, ics, mail, selectors, visitors
from meetings.arrivals import Seen, Wish
from meetings.live import Live, current_live
from meetings.roundtrip.protocol import LONGEST_TOKEN, is_token
from meetings.services import invitations
from meetings.signaling import protocol
from meetings.signaling.protocol import ProtocolError
from meetings.tickets import Bearer, browser_digest, new_browser
from meetings.views import words
from meetings.visitors import Device, Visitor

log = logging.getLogger("lintel.door")

MAX_BODY_BYTES = 8 * 1024
MOVES = ("", "ask", "code")
CLOSED_SECONDS = 0.08
LINK_COOKIE_SECONDS = 180 * 24 * 3600
BROWSER_COOKIE_SECONDS = 400 * 24 * 3600


class Problem(Exception):
    """An answer by RFC 9457 with a stable `code`."""

    def __init__(self, status: int, code: str, detail: str, *, field: str = "", retry_after: float = 0) -> None:
        super().__init__(code)
        self.status, self.code, self.detail, self.field, self.retry_after = status, code, detail, field, retry_after

    def response(self) -> HttpResponse:
        body: dict[str, Any] = {"type": "about:blank", "title": self.code, "status": self.status}
        body |= {"code": self.code, "detail": self.detail}
        if self.field:
            body["field"] = self.field
        response = JsonResponse(body, status=self.status, content_type="application/problem+json")
        if self.status == 429:
            response["Retry-After"] = str(max(1, round(self.retry_after + 0.5)))
        return response


View = Callable[..., Awaitable[HttpResponse]]


# The page


@require_http_methods(["GET", "HEAD"])
async def page(request: HttpRequest, code: str) -> HttpResponse:
    """Pre-join, door and room in one document. 404 with the uniform page where this visitor may not know of a
    meeting.
    """
    live = current_live()
    visitor = await visitors.visitor_of_request(request)
    try:
        seen = await _look(live, code, visitor, "")
    except Problem as problem:
        return await _rendered(request, code, visitor, arrivals.NOTHING_HERE, status=problem.status)
    return await _rendered(request, code, visitor, seen, status=404 if seen.is_closed else 200)


async def _rendered(request: HttpRequest, code: str, visitor: Visitor, seen: Seen, *, status: int) -> HttpResponse:
    context = await _in_database(current_live(), _context, request, code, visitor, seen)
    return await sync_to_async(render)(request, "meetings/door.html", context, status=status)


def _context(request: HttpRequest, code: str, visitor: Visitor, seen: Seen) -> dict[str, Any]:
    """What the document is told. For strangers nothing in it depends on whether the code names a meeting."""
    # Written the same way whether or not it names a meeting, and never longer than a code can be.
    shown = codes.normalise_code(code) or code[:64]
    meeting = seen.occurrence.meeting if seen.occurrence is not None else None
    rules = selectors.rules_of(meeting) if meeting is not None else None
    title = starts_at = ends_at = None
    hosts: list[str] = []
    if seen.may_know and seen.occurrence is not None and meeting is not None:
        title, starts_at, ends_at = meeting.title, seen.occurrence.starts_at, seen.occurrence.ends_at
        hosts = sorted(host.name for host in meeting.hosts.all())
    signed_in = {"name": visitor.user.name, "email": visitor.user.email} if visitor.user is not None else None
    data = {
        "code": shown,
        "look": _looked(seen),
        "organisation": settings.LINTEL.organisation,
        "signed_in": signed_in,
        "needs_name": signed_in is None,
        "row": str(rules.way(seen.row)) if rules is not None else None,
        "invited_email": words.masked(seen.invitation.email)
        if seen.invitation is not None and signed_in is None
        else None,
        "suggested_name": seen.invitation.name if seen.invitation is not None and signed_in is None else "",
        "sign_in_url": f"{reverse('account_login')}?{urlencode({'next': reverse('door', args=[shown])})}",
        "sign_in_helps": signed_in is None and _sign_in_helps(seen),
        "meeting": None
        if title is None
        else {"title": title, "starts_at": _time(starts_at), "ends_at": _time(ends_at), "hosts": hosts},
        "encryption": meeting.encryption if meeting is not None else None,
        "mics_start_off": rules.mics_start_off if rules is not None else False,
        "urls": {
            "arrive": reverse("door-arrive", args=[shown]),
            "look": reverse("door-look", args=[shown]),
            "calendar": reverse("door-calendar", args=[shown]) if title is not None else None,
            "self": reverse("door", args=[shown]),
        },
        "csrf": get_token(request),
    }
    return {"door_data": data, **data, "title": title, "starts_at": starts_at, "ends_at": ends_at, "hosts": hosts}


def _sign_in_helps(seen: Seen) -> bool:
    """Whether an account of the organisation would be answered better. Strangers are always told that it may."""
    if seen.occurrence is None:
        return True
    rules = selectors.rules_of(seen.occurrence.meeting)
    best = max(door.EASE[rules.way(row)] for row in (door.Row.LISTED, door.Row.COLLEAGUE))
    return isinstance(seen.decision, door.Refuse) or best > door.EASE[rules.way(seen.row)]


def _looked(seen: Seen) -> dict[str, Any]:
    until = getattr(seen.decision, "until", None)
    return {"outcome": seen.outcome, "reason": seen.decision.reason, "until": _time(until)}


def _time(at: datetime | None) -> str | None:
    return at.isoformat().replace("+00:00", "Z") if at is not None else None


# Personal links


@require_http_methods(["GET", "HEAD"])
async def personal_link(request: HttpRequest, secret: str) -> HttpResponse:
    """Exchanges a link's secret for a cookie, so that it leaves the address bar. Claims nothing: scanners fetch links.

    A secret that opens nothing is answered in the same way, towards a code that names nothing.
    """
    live = current_live()
    visitor = await visitors.visitor_of_request(request)
    network = f"network {visitor.network}"
    if live is not None and not live.refused_tries.has(network):
        return _too_many(live.refused_tries.seconds_until(network)).response()
    token, code = await _in_database(live, _open, secret)
    if token is None and live is not None:
        live.refused_tries.take(network)
    target = reverse("door", args=[code])
    response = HttpResponseRedirect(target)
    response.set_cookie(
        "lintel-link",
        visitors.link_cookie(token),
        max_age=LINK_COOKIE_SECONDS,
        path=target,
        httponly=True,
        secure=request.is_secure(),
        samesite="Lax",
    )
    return response


def _open(secret: str) -> tuple[Any, str]:
    token = invitations.open_link(secret) if len(secret) <= 128 else None
    return token, token.invitation.occurrence.meeting.code if token is not None else codes.new_meeting_code()


@require_http_methods(["GET", "HEAD"])
async def calendar(request: HttpRequest, code: str) -> HttpResponse:
    """The meeting as a calendar file, for whoever may know its title and time."""
    live = current_live()
    visitor = await visitors.visitor_of_request(request)
    try:
        seen = await _look(live, code, visitor, "")
    except Problem as problem:
        return problem.response()
    if not seen.may_know or seen.occurrence is None:
        return Problem(404, "not_found", "There is nothing here.").response()
    body = await _in_database(live, _calendar_file, seen.occurrence)
    response = HttpResponse(body, content_type="text/calendar; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="meeting.ics"'
    return response


def _calendar_file(occurrence: Any) -> bytes:
    # The meeting's link, not the personal one: a calendar is often shared.
    reader = mail.Reader(name="", email="", link=invitations.meeting_link(occurrence))
    return ics.calendar(mail.entry_of(occurrence, reader), ics.PUBLISH)


# Asking the door


def _asks_the_door(view: View) -> View:
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
            if not live.requests.take(visitor.network):
                raise _too_many(live.requests.seconds_until(visitor.network))
            return await view(request, code, live, visitor, _body(request))
        except Problem as problem:
            return problem.response()
        except DatabaseError as failure:
            # Without the database there is no answer, and no answer is no. Clients come back, as after a restart.
            log.error("the door could not be asked: %s", type(failure).__name__, exc_info=True)
            return Problem(503, "try_again", "The server can’t answer now. Try again in a moment.").response()

    # The middleware would answer a failure with a page; `_check_csrf` asks the same question and answers in JSON.
    return csrf_exempt(guarded)


def _too_many(seconds: float) -> Problem:
    return Problem(429, "too_many", "Too many tries from your network.", retry_after=seconds)


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


def _text(body: dict[str, Any], field: str, longest: int) -> str:
    value = body.get(field)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > longest or not _is_writable(value):
        raise Problem(400, "bad_request", f"{field}: text of at most {longest} characters.", field=field)
    return value


def _is_writable(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _known_fields(body: dict[str, Any], *fields: str) -> None:
    if not body.keys() <= set(fields):
        raise Problem(400, "bad_request", "There is a field that this request does not have.")


def _device(live: Live, code: str, visitor: Visitor, body: dict[str, Any]) -> Device:
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
        live.refused_tries.take(visitor.budget)
        raise Problem(403, "proof", "The device's signature does not fit, or its time is not now.")
    return device


@_asks_the_door
async def look(request: HttpRequest, code: str, live: Live, visitor: Visitor, body: dict[str, Any]) -> HttpResponse:
    """Says what would happen; changes nothing and creates nothing."""
    _known_fields(body, "device", "proof")
    device = _device(live, code, visitor, body).thumbprint if body else ""
    seen = await _look(live, code, visitor, device)
    return JsonResponse(_looked(seen) | await _in_database(live, _about_the_link, seen, device))


@_asks_the_door
async def arrive(request: HttpRequest, code: str, live: Live, visitor: Visitor, body: dict[str, Any]) -> HttpResponse:
    """Join or Knock: asks the door, stores the answer, and hands out a ticket for the socket unless it is no."""
    _known_fields(body, "name", "device", "proof", "email_code", "move", "authorization")
    wish = Wish(
        protocol.clean_name(_text(body, "name", 200)), _text(body, "email_code", 12).strip(), _text(body, "move", 8)
    )
    if wish.move not in MOVES:
        raise Problem(400, "bad_request", "move: ask or code.", field="move")
    token = _text(body, "authorization", LONGEST_TOKEN)
    if token and not is_token(token):
        raise Problem(400, "bad_request", "authorization: visible ASCII characters.", field="authorization")
    device = _device(live, code, visitor, body)
    _refuse_guessing(live, visitor)
    started = asyncio.get_running_loop().time()
    try:
        ask = functools.partial(_arrive, code, visitor, device, wish, live)
        arrival = await live.database(ask)
    except arrivals.WrongEmailCode:
        live.refused_tries.take(visitor.budget)
        raise Problem(400, "bad_request", "That code doesn’t match, or it is too old.", field="email_code") from None
    seen = arrival.seen
    if seen.occurrence is None:
        await _closed(live, visitor, started)
        return JsonResponse(_looked(seen))
    if arrival.mail_code and seen.invitation is not None:
        await live.database(invitations.send_email_code, seen.invitation, device.thumbprint)
    about = await live.database(_about_the_link, seen, device.thumbprint)
    if arrival.participant is None:
        return JsonResponse(_looked(seen) | _words(seen) | about)
    live.authorization.bring(str(seen.occurrence.pk), str(arrival.participant.pk), token)
    return _ticket(request, live, visitor, device, arrival, about)


def _arrive(code: str, visitor: Visitor, device: Device, wish: Wish, live: Live) -> arrivals.Arrival:
    now = timezone.now()
    seen = arrivals.look(code, visitor, device.thumbprint, live.host_inside, now)
    if seen.occurrence is None:
        return arrivals.Arrival(seen)
    # Only now, so that strangers can't fill the memory of used proofs.
    if not live.nonces.use(device.thumbprint, device.nonce):
        raise Problem(403, "proof", "This proof was used before.")
    if visitor.user is None and not wish.name and not (seen.invitation is not None and seen.invitation.name):
        raise Problem(400, "bad_request", "name: 1 to 60 visible characters.", field="name")
    return arrivals.arrive(code, visitor, device.thumbprint, wish, live.host_inside, now)


def _about_the_link(seen: Seen, device: str) -> dict[str, Any]:
    """For holders of a link that belongs to another device: since when, whether it is here, and who asks for it."""
    link = arrivals.link_in_use(seen, device, timezone.now())
    if link is None or seen.invitation is None:
        return {}
    sent_to = words.masked(seen.invitation.email)
    told = {"used_at": _time(link.used_at), "here": link.here, "asks": link.asks, "until": _time(link.until)}
    return {"link": told | {"sent_to": sent_to}}


def _words(seen: Seen) -> dict[str, Any]:
    """What a host told the one who is refused, and which host."""
    participant = seen.participant
    if participant is None or seen.decision.reason not in {"not_let_in", "blocked", "removed"}:
        return {}
    # A stranger who never was inside is told what was said, and not the name of the host who said it.
    by = participant.refused_by if seen.may_know or participant.entered_at is not None else ""
    return {"note": participant.note or None, "by": by or None}


def _ticket(
    request: HttpRequest, live: Live, visitor: Visitor, device: Device, arrival: arrivals.Arrival, about: dict[str, Any]
) -> HttpResponse:
    participant, seen = arrival.participant, arrival.seen
    assert participant is not None and seen.occurrence is not None  # noqa: S101 - for the type checker
    browser = visitor.browser or new_browser()
    ticket = live.tickets.issue(
        Bearer(
            occurrence_id=str(seen.occurrence.pk),
            participant_id=str(participant.pk),
            device=device.thumbprint,
            user_id=visitor.user_id,
            session_key=visitor.session_key,
            browser=browser_digest(browser),
            network=visitor.network,
        )
    )
    scheme = "wss" if request.is_secure() else "ws"
    answer = (
        _looked(seen)
        | about
        | {
            "participant": str(participant.pk),
            "ticket": ticket,
            "socket": f"{scheme}://{request.get_host()}/ws/room",
        }
    )
    response = JsonResponse(answer)
    if not visitor.browser:
        response.set_cookie(
            visitors.cookie_name("lintel-browser"),
            browser,
            max_age=BROWSER_COOKIE_SECONDS,
            httponly=True,
            secure=request.is_secure(),
            samesite="Lax",
        )
    return response


# Both ways of asking


async def _look(live: Live | None, code: str, visitor: Visitor, device: str) -> Seen:
    if live is not None:
        _refuse_guessing(live, visitor)
    started = asyncio.get_running_loop().time()
    host_inside = live.host_inside if live is not None else _no_host
    seen = await _in_database(live, arrivals.look, code, visitor, device, host_inside, timezone.now())
    if seen.is_closed and live is not None:
        await _closed(live, visitor, started)
    return seen


def _no_host(occurrence_id: str) -> bool:
    return False


def _refuse_guessing(live: Live, visitor: Visitor) -> None:
    """Asked before the code is looked at, so that the refusal tells nothing."""
    if not live.refused_tries.has(visitor.budget):
        raise _too_many(live.refused_tries.seconds_until(visitor.budget))


async def _closed(live: Live, visitor: Visitor, started: float) -> None:
    """Counts the try, and answers after the same time whether the code names a meeting or not."""
    live.refused_tries.take(visitor.budget)
    spent = asyncio.get_running_loop().time() - started
    await asyncio.sleep(max(0.0, CLOSED_SECONDS + random.uniform(0, 0.02) - spent))  # noqa: S311 - jitter, not a secret


async def _in_database(live: Live | None, function: Callable[..., Any], *args: Any) -> Any:
    if live is not None:
        return await live.database(function, *args)
    return await sync_to_async(function)(*args)
