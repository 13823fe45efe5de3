"""Small pages of the portal that belong to no other package."""

from __future__ import annotations

import sys

import structlog
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import get_template
from django.views.defaults import server_error

from portal.config import first_line

log = structlog.get_logger("lintel.pages")


def too_many(request: HttpRequest) -> HttpResponse:
    """The page for whoever tries too often. Every budget that leads here is full again after the time it names."""
    response = render(request, "429.html", status=429)
    response["Retry-After"] = "60"
    return response


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """The page for a form that didn't come from one of our pages, or was open too long. Tells nothing more."""
    return render(request, "csrf_failure.html", status=403)


def failed(request: HttpRequest) -> HttpResponse:
    """The page for a mistake of ours. Where the database or Redis is gone it says that it is for a moment, and the log
    has one line: nothing of ours went wrong. Nobody was let in: whatever was asked was not done.
    """
    problem = sys.exc_info()[1]
    if problem is None or not _is_gone(problem):
        return server_error(request)
    log.error("a page could not be made", problem=f"{type(problem).__name__}: {first_line(problem)}")
    # Without the request: who asks, which other pages show, is stored there too.
    response = HttpResponse(get_template("503.html").render(), status=503)
    response["Retry-After"] = "5"
    response._has_been_logged = True  # type: ignore[attr-defined]  # noqa: SLF001 - Django's mark
    return response


def _is_gone(problem: BaseException) -> bool:
    if isinstance(problem, (OperationalError, InterfaceError)):
        return True
    redis = sys.modules.get("redis")
    return redis is not None and isinstance(problem, (redis.ConnectionError, redis.TimeoutError))
