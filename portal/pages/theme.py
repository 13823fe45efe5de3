"""The visitor's choice of light, dark or the system's colours, kept in a cookie that holds nothing else."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from meetings.templatetags.lintel import THEME_COOKIE, THEMES

_A_YEAR_SECONDS = 365 * 24 * 3600


@require_POST
def theme(request: HttpRequest) -> HttpResponse:
    """Remembers one of the three themes and goes back to the page that asked. Any other value changes nothing."""
    back = request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(back, {request.get_host()}, require_https=request.is_secure())
    # Not `redirect`, which would take any other word for the name of a page, and fail where there is none.
    response = HttpResponseRedirect(back if is_ours and "/" in back else "/")
    chosen = request.POST.get("theme", "")
    if chosen in THEMES:
        response.set_cookie(
            THEME_COOKIE, chosen, max_age=_A_YEAR_SECONDS, httponly=True, secure=request.is_secure(), samesite="Lax"
        )
    return response
