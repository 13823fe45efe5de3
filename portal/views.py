"""Small pages of the portal that belong to no other package."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """The page for a form that didn't come from one of our pages, or was open too long. Tells nothing more."""
    return render(request, "csrf_failure.html", status=403)
