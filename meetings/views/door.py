"""The door's pages: the one document at /m/<code>, its calendar file, and the two requests that ask the door.

Writes answers; `arrivals` decides, and `asking` reads requests.
"""

from __future__ import annotations

import asyncio
import functools
from datetime import timedelta
from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.middleware.csrf import get_token
from django.shortcuts import render
from django.templatetags.static import static
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods

from meetings import arrivals, calendars, codes, door, selectors, visitors
from meetings.arrivals import Seen, Wish
from meetings.live import Live, allotment, current_live
from meetings.roundtrip.protocol import LONGEST_TOKEN, is_token
from meetings.services import given_addresses, invitations, link_keys, mailed_codes
from meetings.services.errors import Wrong
from meetings.signaling import protocol
from meetings.tickets import Bearer, browser_digest, new_browser
from meetings.views import words
from meetings.views.asking import (
    Problem,
    asks_the_door,
    closed,
    flag,
    in_database,
    known_fields,
    look_at,
    looked,
    proved_device,
    refuse_guessing,
    rfc3339,
    text,
    too_many,
)
from meetings.visitors import Device, Visitor

MOVES = ("", "ask", "code")
BROWSER_COOKIE_SECONDS = 400 * 24 * 3600


# The page


@require_http_methods(["GET", "HEAD"])
async def page(request: HttpRequest, code: str) -> HttpResponse:
    """Pre-join, door and room in one document. 404 with the uniform page where this visitor may not know of a
    meeting.
    """
    live = current_live()
    visitor = await visitors.visitor_of_request(request)
    try:
        seen = await look_at(live, code, visitor, "")
    except Problem as problem:
        return await _rendered(request, code, visitor, arrivals.NOTHING_HERE, status=problem.status, problem=problem)
    return await _rendered(request, code, visitor, seen, status=404 if seen.is_closed else 200)


async def _rendered(
    request: HttpRequest, code: str, visitor: Visitor, seen: Seen, *, status: int, problem: Problem | None = None
) -> HttpResponse:
    context = await in_database(current_live(), _context, request, code, visitor, seen)
    if problem is not None:
        # Nothing was looked up, so the page says nothing about the link, not even that it opens nothing.
        until = rfc3339(timezone.now() + timedelta(seconds=problem.wait_seconds))
        context["door_data"]["look"] = {"outcome": "refuse", "reason": problem.code, "until": until}
    response = await sync_to_async(render)(request, "meetings/door.html", context, status=status)
    if problem is not None:
        response["Retry-After"] = str(problem.wait_seconds)
    return response


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
    signed_in = None
    if visitor.user is not None:
        signed_in = {"id": visitor.user_id, "name": visitor.user.name, "email": visitor.user.email}
    invited_as = None
    if seen.occurrence is not None and signed_in is None:
        invited_as = arrivals.invited_as(visitor, seen.occurrence)
    data = {
        "code": shown,
        "look": looked(seen),
        "organisation": settings.LINTEL.organisation,
        "signed_in": signed_in,
        "needs_name": signed_in is None,
        "row": str(rules.way(seen.row)) if rules is not None else None,
        "invited_email": words.masked(seen.invitation.email)
        if seen.invitation is not None and signed_in is None
        else None,
        "invitation": invited_as,
        "suggested_name": seen.invitation.name if seen.invitation is not None and signed_in is None else "",
        "sign_in_url": f"{reverse('account_login')}?{urlencode({'next': reverse('door', args=[shown])})}",
        "sign_in_helps": signed_in is None and _sign_in_helps(seen),
        "meeting": None
        if title is None
        else {"title": title, "starts_at": rfc3339(starts_at), "ends_at": rfc3339(ends_at), "hosts": hosts},
        "encryption": meeting.encryption if meeting is not None else None,
        "link_key": link_keys.public(meeting) if meeting is not None else None,
        "mics_start_off": rules.mics_start_off if rules is not None else False,
        "asks_address": _asks_address(seen),
        # Their addresses carry hashes that only the server knows; the meeting may turn out to be encrypted.
        "workers": {
            "group": static("js/e2ee/group_worker.js"),
            "media": static("js/e2ee/media_worker.js"),
            "ticker": static("js/media/ticker_worker.js"),
        },
        "urls": {
            "arrive": reverse("door-arrive", args=[shown]),
            "look": reverse("door-look", args=[shown]),
            "new_link": reverse("door-new-link", args=[shown]),
            "ask_link": reverse("new-link"),
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


# The calendar


@require_http_methods(["GET", "HEAD"])
async def calendar(request: HttpRequest, code: str) -> HttpResponse:
    """The meeting as a calendar file, for whoever may know its title and time."""
    live = current_live()
    visitor = await visitors.visitor_of_request(request)
    try:
        seen = await look_at(live, code, visitor, "")
    except Problem as problem:
        return problem.response()
    if not seen.may_know or seen.occurrence is None:
        return Problem(404, "not_found", "There is nothing here.").response()
    body = await in_database(live, _calendar_file, seen.occurrence)
    response = HttpResponse(body, content_type="text/calendar; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="meeting.ics"'
    return response


def _calendar_file(occurrence: Any) -> bytes:
    # The meeting's link, not the personal one: a calendar is often shared.
    return calendars.published(occurrence, invitations.meeting_link(occurrence))


# Asking the door


@asks_the_door
async def look(request: HttpRequest, code: str, live: Live, visitor: Visitor, body: dict[str, Any]) -> HttpResponse:
    """Says what would happen; changes nothing and creates nothing."""
    known_fields(body, "device", "proof")
    device = proved_device(live, code, visitor, body).thumbprint if body else ""
    seen = await look_at(live, code, visitor, device)
    if device:
        live.turned_away.note(seen, visitor)
    about = await in_database(live, _about_the_link, seen, device)
    if seen.asks_address:
        about |= {"asks_address": await in_database(live, _asks_address, seen)}
    return JsonResponse(looked(seen) | about)


@asks_the_door
async def arrive(request: HttpRequest, code: str, live: Live, visitor: Visitor, body: dict[str, Any]) -> HttpResponse:
    """Join or Knock: asks the door, stores the answer, and hands out a ticket for the socket unless it is no."""
    known_fields(
        body, "name", "device", "proof", "email", "email_code", "new_code", "move", "tell_hosts", "authorization",
        "account", "invitation",
    )  # fmt: skip
    # A page outlives its sign-in: before anybody is seated, or loses their seat to it.
    if (account := text(body, "account", 64)) and account != visitor.user_id:
        raise Problem(409, "other_account", "Somebody else is signed in by now, or nobody.")
    wish = _wish(body)
    token = text(body, "authorization", LONGEST_TOKEN)
    if token and not is_token(token):
        raise Problem(400, "bad_request", "authorization: visible ASCII characters.", field="authorization")
    device = proved_device(live, code, visitor, body)
    refuse_guessing(live, visitor)
    started = asyncio.get_running_loop().time()
    try:
        ask = functools.partial(_arrive, code, visitor, device, wish, live)
        arrival = await live.at_door(ask)
    except arrivals.WrongEmailCode as wrong:
        live.tries.refuse(visitor)
        stands = await live.at_door(_about_the_code, wrong.seen, device.thumbprint)
        detail = "That code doesn’t match, or it is too old."
        raise Problem(
            400, "bad_request", detail, field="email_code", verdict=str(wrong.verdict), email_code=stands
        ) from None
    except arrivals.AddressNotTaken:
        detail = "The organisation takes no guests with an address there."
        raise Problem(400, "bad_request", detail, field="email", verdict="not_taken") from None
    seen = arrival.seen
    live.turned_away.note(seen, visitor)
    if seen.occurrence is None:
        await closed(live, visitor, started)
        return JsonResponse(looked(seen))
    about = await live.at_door(_about_the_link, seen, device.thumbprint)
    if arrival.asks_code:
        await _mail_code(live, visitor, seen, device, wish)
        if seen.asks_address:
            about["asks_address"] = await live.at_door(_asks_address, seen)
        about["email_code"] = await live.at_door(_about_the_code, seen, device.thumbprint, wish.email)
    if arrival.participant is None:
        return JsonResponse(looked(seen) | _words(seen) | about)
    live.authorization.bring(str(seen.occurrence.pk), str(arrival.participant.pk), token)
    return _ticket(request, live, visitor, device, arrival, about)


async def _mail_code(live: Live, visitor: Visitor, seen: Seen, device: Device, wish: Wish) -> None:
    if seen.asks_address:
        if wish.email:
            if seconds := live.tries.seconds_to_give(wish.email, visitor):
                raise too_many(seconds)
            ask = functools.partial(given_addresses.ask, seen.occurrence, device.thumbprint, wish.email)
            if await live.at_door(ask, anew=wish.new_code):
                live.tries.gave(wish.email, visitor)
        return
    invitation = seen.invitation
    if invitation is not None and live.tries.may_be_mailed(invitation.pk, visitor):
        mailed = await live.at_door(mailed_codes.send, invitation, device.thumbprint, anew=wish.new_code)
        if mailed:
            live.tries.was_mailed(invitation.pk, visitor)


def _wish(body: dict[str, Any]) -> Wish:
    move = text(body, "move", 8)
    if move not in MOVES:
        raise Problem(400, "bad_request", "move: ask or code.", field="move")
    return Wish(
        name=protocol.clean_name(text(body, "name", 200)),
        email=_address(text(body, "email", 254)),
        email_code=text(body, "email_code", 20).strip(),
        new_code=flag(body, "new_code"),
        move=move,
        tell_hosts=flag(body, "tell_hosts"),
        invitation=text(body, "invitation", 64) if "invitation" in body else None,
    )


def _address(typed: str) -> str:
    if not typed.strip():
        return ""
    try:
        return invitations.address_of(typed)
    except Wrong:
        raise Problem(400, "bad_request", "email: an address such as name@example.org.", field="email") from None


def _arrive(code: str, visitor: Visitor, device: Device, wish: Wish, live: Live) -> arrivals.Arrival:
    now = timezone.now()
    seen = arrivals.look(code, visitor, device.thumbprint, live.host_inside, now)
    if seen.occurrence is None:
        return arrivals.Arrival(seen)
    # All tabs of a browser bring the link that was opened last: none of them comes, or comes back, as somebody else.
    is_guest = wish.invitation is not None and visitor.user is None
    if is_guest and wish.invitation != arrivals.invited_as(visitor, seen.occurrence):
        raise Problem(409, "other_link", "Another personal link was opened in this browser since.")
    # Only now, so that strangers can't fill the memory of used proofs.
    if not live.nonces.use(device.thumbprint, device.nonce, known=visitor.brings_proof):
        raise Problem(403, "proof", "This proof was used before.")
    has_name = wish.name or wish.move or (seen.invitation is not None and seen.invitation.name)
    if visitor.user is None and not has_name:
        raise Problem(400, "bad_request", "name: 1 to 60 visible characters.", field="name")
    _find_room(seen, visitor, live)
    _count(seen, visitor, wish, live)
    return arrivals.arrive(code, visitor, device.thumbprint, wish, live.host_inside, now, seen)


def _find_room(seen: Seen, visitor: Visitor, live: Live) -> None:
    """Nobody is seated in a meeting that can't go live. Raises Problem; why is for whoever made the meeting."""
    if seen.occurrence is None or isinstance(seen.decision, door.Refuse):
        return
    account, is_host = str(seen.occurrence.meeting.created_by_id), seen.row is door.Row.HOST
    if allotment.has_room(live.rooms, str(seen.occurrence.pk), account, is_host=is_host):
        return
    if visitor.user_id != account:
        raise Problem(409, "not_now", "This meeting can’t begin now.")
    most = allotment.most_of_one_account()
    told = f"You have {most} live meetings, and no more are taken. One of them has to end first."
    raise Problem(409, "too_many_meetings", told, most=most)


def _count(seen: Seen, visitor: Visitor, wish: Wish, live: Live) -> None:
    """Every device key has a seat of its own, and keys cost nothing. Raises Problem."""
    decision = arrivals.new_seat(seen, wish)
    if decision is None or seen.occurrence is None or seen.row is door.Row.HOST:
        return
    if seconds := live.tries.come(seen.occurrence.pk, visitor, walks_in=isinstance(decision, door.Admit)):
        raise too_many(seconds)


def _about_the_link(seen: Seen, device: str) -> dict[str, Any]:
    """For holders of a link that belongs to another device: since when, whether it is here, and who asks for it."""
    link = arrivals.link_in_use(seen, device, timezone.now())
    if link is None or seen.invitation is None:
        return {}
    sent_to = words.masked(seen.invitation.email)
    told = {"used_at": rfc3339(link.used_at), "here": link.here, "asks": link.asks, "until": rfc3339(link.until)}
    return {"link": told | {"sent_to": sent_to}}


def _asks_address(seen: Seen) -> str | None:
    """Which address the door asks for; None where it asks for none, or they have a link that was sent to one."""
    if not seen.asks_address or seen.occurrence is None:
        return None
    return str(selectors.rules_of(seen.occurrence.meeting).anyone_verified)


def _about_the_code(seen: Seen, device: str, address: str = "") -> dict[str, Any] | None:
    """Where the mailed code of this device stands: never the whole address, unless it was given here. None before one
    was given."""
    if seen.asks_address:
        given = given_addresses.standing(seen.occurrence, device, address) if seen.occurrence is not None else None
        if given is None:
            return None
        sent_to, stands = given
    else:
        assert seen.invitation is not None  # noqa: S101 - for the type checker
        sent_to, stands = words.masked(seen.invitation.email), mailed_codes.standing(seen.invitation, device)
    return {
        "sent_to": sent_to,
        "state": stands.state,
        "sent_at": rfc3339(stands.sent_at),
        "expires_at": rfc3339(stands.expires_at),
        "again_at": rfc3339(stands.again_at),
        "tries_left": stands.tries_left,
    }


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
            account=str(seen.occurrence.meeting.created_by_id),
            is_host=seen.row is door.Row.HOST,
        )
    )
    scheme = "wss" if request.is_secure() else "ws"
    answer = (
        looked(seen)
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
