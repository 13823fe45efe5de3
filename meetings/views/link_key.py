"""Where a host's browser says that it has made a key for the link of a sealed meeting. The key never comes here."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_POST

from meetings.services import link_keys
from meetings.services.errors import Wrong
from meetings.views.access import for_hosts, open_meeting

STATUS = {"conflict": 409, "in_use": 409}


@for_hosts
@require_POST
def link_key(request: HttpRequest, meeting_id: Any) -> JsonResponse:
    """Takes the next generation and its check. 409 where another was first, or where people are inside."""
    meeting = open_meeting(request.user, meeting_id)
    typed = request.POST.get("generation", "")
    generation = int(typed) if typed.isascii() and typed.isdigit() and len(typed) <= 7 else 0
    try:
        link_keys.replace(request.user, meeting, generation=generation, check=request.POST.get("check", ""))
    except Wrong as wrong:
        return JsonResponse({"code": wrong.code, "detail": wrong.message}, status=STATUS.get(wrong.code, 422))
    return JsonResponse(link_keys.public(meeting) or {})
