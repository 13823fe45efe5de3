"""Small pages of the portal that belong to no other package."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def too_many(request: HttpRequest) -> HttpResponse:
    """The page for whoever tries too often. Every budget that leads here is full again after the time it names."""
    response = render(request, "429.html", status=429)
    response["Retry-After"] = "60"
    return response


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """The page for a form that didn't come from one of our pages, or was open too long. Tells nothing more."""
    return render(request, "csrf_failure.html", status=403)
