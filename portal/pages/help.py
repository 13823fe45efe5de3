"""Pages that explain: open to everybody, plain to read, the same for everyone."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def help_page(request: HttpRequest, topic: str) -> HttpResponse:
    """One of the topics that `urls` lists; others never get here."""
    return render(request, f"portal/help_{topic}.html", {"here": "help", "topic": topic})
