"""The administration: a page for each matter, in a file of its own. `templates/portal/organisation.html` lists them."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from portal.pages.admins import administrators_only


@administrators_only
@require_http_methods(["GET", "HEAD"])
def organisation(request: HttpRequest) -> HttpResponse:
    """Leads to the first of the pages."""
    return redirect("organisation-door")
