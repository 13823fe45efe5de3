"""What every template may use."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest


def lintel(request: HttpRequest) -> dict[str, Any]:
    """`organisation`: the name that the operator gave. `public_url`: without a slash at its end."""
    return {"organisation": settings.LINTEL.organisation, "public_url": settings.LINTEL.public_url}
