"""Whether this process is alive (/livez) and able to serve (/readyz)."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, JsonResponse


async def livez(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"status": "ok"})
