"""WHIP (RFC 9725) and WHEP over HTTP: a resource for each transport of a device, held by the device's bearer token.

Reads requests strictly and writes answers; who may come in the door says, and `live.devices` does the rest. A token
that is unknown, taken back, of another meeting or over gets one and the same answer. No cookie is looked at, so that
pages of other sites may use these addresses too (CORS).
"""

from __future__ import annotations

import functools
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final
from uuid import UUID

from django.core.exceptions import RequestDataTooBig
from django.db import DatabaseError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from meetings import budgets, door
from meetings.devices import arriving, services
from meetings.devices.models import RoomDevice
from meetings.live import Live, current_live
from meetings.live.devices import MAX_FRAGMENT_BYTES, PUBLISH, SUBSCRIBE, Answered, Rejected, Session, Waits
from meetings.models import Encryption
from meetings.network import source_of
from meetings.signaling.rates import AddressBudgets, Budgets
from meetings.tickets import Bearer
from meetings.views.asking import Problem, log, too_many
from meetings.visitors import truncated

SDP: Final = "application/sdp"
FRAGMENT: Final = "application/trickle-ice-sdpfrag"
MOST_SDP_BYTES: Final = 64 * 1024
RETRY_SECONDS: Final = 10
PREFLIGHT_SECONDS: Final = 86400
READ_BY_PAGES: Final = "Location, ETag, Link, Retry-After, WWW-Authenticate, Accept-Post, Accept-Patch"

STATUS: Final = {
    "bad_sdp": 400,
    "not_allowed": 403,
    "refused": 403,
    "encrypted_room": 409,
    "unprocessable": 422,
    "busy": 503,
}
"""Codes of `live.devices.Rejected`."""

View = Callable[..., Awaitable[HttpResponse]]


class Limits:
    """Requests of each device, and wrong tokens of each address. One loop uses it."""

    def __init__(self) -> None:
        self.strangers = AddressBudgets(budgets.DEVICE_STRANGERS.rate, time.monotonic)
        self.requests = Budgets(budgets.DEVICE_REQUESTS.rate, time.monotonic)
        self.arrivals = Budgets(budgets.DEVICE_ARRIVALS.rate, time.monotonic)


limits = Limits()


def for_devices(*methods: str, accepts: str) -> Callable[[View], View]:
    """Wraps a resource: methods and preflight, the device behind the token, budgets, errors as problem documents.

    `accepts`: the header that says what it takes, with its value.
    """

    def wrap(view: View) -> View:
        @functools.wraps(view)
        async def guarded(request: HttpRequest, meeting_id: UUID, **ids: str) -> HttpResponse:
            try:
                if request.method == "OPTIONS":
                    answer = HttpResponse(status=204)
                elif request.method not in methods:
                    raise Problem(405, "method_not_allowed", f"{' or '.join(methods)} only.")
                else:
                    live = current_live()
                    if live is None:
                        raise Problem(503, "try_again", "The server is not ready.", retry_after=1)
                    device = await _device(request, meeting_id, live)
                    answer = await view(request, live, device, **ids)
            except Problem as problem:
                answer = problem.response()
            except Rejected as rejected:
                retry = RETRY_SECONDS if rejected.code == "busy" else 0
                answer = Problem(STATUS[rejected.code], rejected.code, rejected.detail, retry_after=retry).response()
            except DatabaseError as failure:
                log.error(
                    "a device could not be answered: %s",
                    type(failure).__name__,
                    exc_info=not isinstance(failure, OperationalError),
                )
                answer = Problem(503, "try_again", "The server can’t answer now.", retry_after=1).response()
            return _for_pages(answer, methods, accepts)

        return csrf_exempt(guarded)

    return wrap


def _for_pages(answer: HttpResponse, methods: tuple[str, ...], accepts: str) -> HttpResponse:
    name, _, value = accepts.partition(": ")
    allowed = ", ".join((*methods, "OPTIONS"))
    answer["Access-Control-Allow-Origin"] = "*"
    answer["Access-Control-Expose-Headers"] = READ_BY_PAGES
    if answer.status_code == 405:
        answer["Allow"] = allowed
    if answer.status_code == 401:
        answer["WWW-Authenticate"] = 'Bearer realm="Lintel device"'
    if answer.status_code == 204 and "ETag" not in answer:
        answer["Access-Control-Allow-Methods"] = allowed
        answer["Access-Control-Allow-Headers"] = "Authorization, Content-Type, If-Match"
        answer["Access-Control-Max-Age"] = str(PREFLIGHT_SECONDS)
        answer["Allow"] = allowed
    if answer.status_code in {204, 415}:
        answer[name] = value
    if answer.status_code >= 400:
        answer._has_been_logged = True  # type: ignore[attr-defined]  # noqa: SLF001 - Django's mark: a device's mistake
    return answer


async def _device(request: HttpRequest, meeting_id: UUID, live: Live) -> RoomDevice:
    """Whose token it is. Raises Problem; an address that guesses is told nothing more, not even about a right guess."""
    source = source_of(request.META.get("REMOTE_ADDR", ""))
    if not limits.strangers.has(source):
        raise too_many(limits.strangers.seconds_until(source))
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    device = None
    if scheme.lower() == "bearer":
        device = await live.at_door(services.of_token, token.strip(), meeting_id, timezone.now())
    if device is None:
        limits.strangers.take(source)
        raise Problem(401, "unauthenticated", "No token of a device that may come to this meeting now.")
    if not limits.requests.take(device.pk):
        raise too_many(limits.requests.seconds_until(device.pk))
    return device


def _text(request: HttpRequest, media_type: str, most_bytes: int) -> str:
    """The body. Raises Problem for another kind, for what is too large and for what is no text."""
    if request.content_type != media_type:
        raise Problem(415, "wrong_type", f"Content-Type: {media_type}.")
    try:
        body = request.body
    except RequestDataTooBig:
        raise Problem(413, "too_large", f"At most {most_bytes} bytes.") from None
    if len(body) > most_bytes:
        raise Problem(413, "too_large", f"At most {most_bytes} bytes.")
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise Problem(400, "bad_sdp", "The body is not UTF-8.") from None


# WHIP


@for_devices("POST", accepts=f"Accept-Post: {SDP}")
async def publish(request: HttpRequest, live: Live, device: RoomDevice) -> HttpResponse:
    """A device offers what it sends; the answer makes a session."""
    if not device.may_publish:
        raise Problem(403, "not_allowed", "The token of this device is for watching alone.")
    _require_readable(device)
    offer = _text(request, SDP, MOST_SDP_BYTES)
    live.devices.check_publish(offer)
    bearer = await _arrive(request, live, device)
    try:
        answered = await live.devices.publish(bearer, str(device.pk), offer, is_screen=device.is_screen)
    except Waits as waits:
        raise _at_the_door(waits.reason) from None
    return _created(request, device, "whip-session", answered)


@for_devices("PATCH", "DELETE", accepts=f"Accept-Patch: {FRAGMENT}")
async def publishing(request: HttpRequest, live: Live, device: RoomDevice, session_id: str) -> HttpResponse:
    """A session of a device that sends: its candidates, an ICE restart, its end."""
    return await _session(request, live, live.devices.find(session_id, PUBLISH, str(device.pk)))


# WHEP


@for_devices("POST", accepts=f"Accept-Post: {SDP}")
async def watch(request: HttpRequest, live: Live, device: RoomDevice) -> HttpResponse:
    """A device offers to receive; the answer makes a session."""
    if not device.may_watch:
        raise Problem(403, "not_allowed", "The token of this device is for sending alone.")
    _require_readable(device)
    offer = _text(request, SDP, MOST_SDP_BYTES)
    live.devices.check_watch(offer)
    bearer = await _arrive(request, live, device)
    try:
        answered = await live.devices.watch(bearer, str(device.pk), offer)
    except Waits as waits:
        raise _at_the_door(waits.reason) from None
    return _created(request, device, "whep-session", answered)


@for_devices("PATCH", "DELETE", accepts=f"Accept-Patch: {FRAGMENT}")
async def watching(request: HttpRequest, live: Live, device: RoomDevice, session_id: str) -> HttpResponse:
    """A session of a device that watches: its candidates, an ICE restart, its end."""
    return await _session(request, live, live.devices.find(session_id, SUBSCRIBE, str(device.pk)))


# Both


def _require_readable(device: RoomDevice) -> None:
    """Asked here so that nothing arrives, and in `live.devices` again."""
    if device.occurrence.meeting.encryption != Encryption.TRANSPORT:
        raise Problem(409, "encrypted_room", "This meeting is end-to-end encrypted.")


async def _arrive(request: HttpRequest, live: Live, device: RoomDevice) -> Bearer:
    """Brings the device to the door. Raises Problem where it says no."""
    if not limits.arrivals.take(device.pk):
        raise too_many(limits.arrivals.seconds_until(device.pk))
    network = truncated(request.META.get("REMOTE_ADDR", ""))
    here = live.host_inside(str(device.occurrence_id))
    ask = functools.partial(arriving.arrive, device, network=network, host_inside=here, now=timezone.now())
    arrival = await live.at_door(ask)
    if arrival.participant is None:
        raise _no(arrival.decision)
    return Bearer(
        occurrence_id=str(device.occurrence_id),
        participant_id=str(arrival.participant.pk),
        device=device.key,
        user_id="",
        session_key="",
        browser="",
        network=network,
        account=str(device.occurrence.meeting.created_by_id),
    )


def _no(decision: door.Decision) -> Problem:
    """Whoever has a token may know of the meeting; why a host said no is theirs to tell."""
    if isinstance(decision, door.Refuse) and decision.unknown:
        return Problem(401, "unauthenticated", "No token of a device that may come to this meeting now.")
    return Problem(403, "refused", "The door is closed for this device.", reason=decision.reason)


def _at_the_door(reason: str) -> Problem:
    told = "The device stands at the door. Ask again in a moment."
    return Problem(503, "waiting", told, retry_after=RETRY_SECONDS, reason=reason)


def _created(request: HttpRequest, device: RoomDevice, name: str, answered: Answered) -> HttpResponse:
    session = answered.session
    answer = HttpResponse(answered.sdp, status=201, content_type=SDP)
    path = reverse(name, args=[device.occurrence.meeting_id, session.id])
    answer["Location"] = request.build_absolute_uri(path)
    answer["ETag"] = f'"{session.etag}"'
    if answered.ice_servers:
        answer["Link"] = ", ".join(_link(server, url) for server in answered.ice_servers for url in server["urls"])
    return answer


def _link(server: dict[str, Any], url: str) -> str:
    """RFC 9725, section 4.6."""
    words = f'username="{server["username"]}"; credential="{server["credential"]}"'
    return f'<{url}>; rel="ice-server"; {words}; credential-type="password"'


async def _session(request: HttpRequest, live: Live, session: Session | None) -> HttpResponse:
    if session is None:
        raise Problem(404, "not_found", "There is no such session of this device.")
    if request.method == "DELETE":
        await live.devices.end(session)
        return HttpResponse(status=200)
    named = request.headers.get("If-Match", "")
    if not named:
        raise Problem(428, "precondition_required", "If-Match: the ETag of the session, or * for an ICE restart.")
    if named not in {"*", f'"{session.etag}"'}:
        raise Problem(412, "precondition_failed", "ICE has been restarted since: that is not the ETag any more.")
    ours = live.devices.patch(session, _text(request, FRAGMENT, MAX_FRAGMENT_BYTES), restart=named == "*")
    answer = HttpResponse(ours or "", status=204 if ours is None else 200, content_type=FRAGMENT)
    answer["ETag"] = f'"{session.etag}"'
    return answer
