"""Our middlewares. All run on the event loop: a sync-only one would send each request through a thread."""

from __future__ import annotations

import zoneinfo
from collections.abc import Awaitable, Callable
from functools import lru_cache

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotAllowed
from django.template.loader import get_template
from django.utils import timezone

PERMISSIONS_POLICY = ", ".join(
    [f"{name}=(self)" for name in ("camera", "microphone", "display-capture", "speaker-selection")]
    + ["fullscreen=(self)", "screen-wake-lock=(self)", "picture-in-picture=(self)", "clipboard-write=(self)"]
    + [
        f"{name}=()"
        for name in (
            "accelerometer",
            "geolocation",
            "gyroscope",
            "hid",
            "magnetometer",
            "midi",
            "payment",
            "serial",
            "usb",
            "xr-spatial-tracking",
        )
    ]
)

ZONE_COOKIE = "lintel_zone"

GetResponse = Callable[[HttpRequest], HttpResponseBase | Awaitable[HttpResponseBase]]


class _Both:
    """Base of a middleware that runs wherever its inner handler runs."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if iscoroutinefunction(self.get_response):
            return self._on_loop(request)
        return self.after(request, self.get_response(request))  # type: ignore[arg-type]

    async def _on_loop(self, request: HttpRequest) -> HttpResponseBase:
        return self.after(request, await self.get_response(request))  # type: ignore[misc]

    def after(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        raise NotImplementedError


class SecurityHeaders(_Both):
    """Headers that Django and django-csp don't set. Pages are never kept by shared caches."""

    def after(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        response.headers.setdefault("Permissions-Policy", PERMISSIONS_POLICY)
        response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        response.headers.setdefault("X-Frame-Options", "DENY")
        if not request.path.startswith("/static/"):
            response.headers.setdefault("Cache-Control", "private, no-store")
        return response


class WordsForRefusedMethods(_Both):
    """Puts a page in the place of Django's empty 405: people come by it when they open the address of a form's answer.
    Programs still get nothing but the status.
    """

    def after(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        wanted = isinstance(response, HttpResponseNotAllowed) and "text/html" in request.headers.get("Accept", "")
        if wanted and isinstance(response, HttpResponse) and not response.content:
            # Without the request: on the event loop nobody may look up who asks.
            response.content = get_template("405.html").render()
        return response


@lru_cache(maxsize=600)
def zone_named(name: str) -> zoneinfo.ZoneInfo | None:
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return None


class PersonTimeZone(_Both):
    """Shows times in the zone that the signed-in person chose; without a choice, in the browser's.

    Our pages note the browser's zone in a cookie (static/js/pages/common.js). It says how times look and nothing more.
    """

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if iscoroutinefunction(self.get_response):
            return self._zoned(request)
        self._activate(getattr(request, "user", None), request)
        try:
            return self.get_response(request)
        finally:
            timezone.deactivate()

    async def _zoned(self, request: HttpRequest) -> HttpResponseBase:
        person = None
        if request.COOKIES:
            person = request._cached_user = await request.auser()  # type: ignore[attr-defined]  # noqa: SLF001 - one query for both
        self._activate(person, request)
        try:
            return await self.get_response(request)  # type: ignore[misc]
        finally:
            timezone.deactivate()

    @staticmethod
    def _activate(person: object, request: HttpRequest) -> None:
        noted = request.COOKIES.get(ZONE_COOKIE, "")[:64].replace("%2F", "/")
        zone = zone_named(getattr(person, "time_zone", "") or noted or "UTC")
        if zone:
            timezone.activate(zone)
