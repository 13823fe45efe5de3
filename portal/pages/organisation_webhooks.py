"""Every webhook of the organisation, for administrators: whose it is, where it leads, how it fares."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from meetings.outgoing.destinations import read_destination
from meetings.webhooks import services
from meetings.webhooks.models import Webhook
from portal.pages.admins import administrators_only

PER_PAGE = 100


@administrators_only
@require_http_methods(["GET", "HEAD"])
def webhooks(request: HttpRequest) -> HttpResponse:
    """All of them. Of an address only the origin is shown: its path may be its owner's secret."""
    page = Paginator(Webhook.objects.select_related("owner").order_by("owner__name", "created_at"), PER_PAGE).get_page(
        request.GET.get("page")
    )
    rows = [{"hook": hook, "origin": read_destination(hook.url).origin} for hook in page]
    context = {"here": "organisation", "section": "webhooks", "rows": rows, "page": page}
    return render(request, "portal/organisation_webhooks.html", context)


@administrators_only
@require_http_methods(["GET", "HEAD", "POST"])
def end(request: HttpRequest, webhook_id: UUID) -> HttpResponse:
    """Ends somebody's webhook, once that was confirmed."""
    hook = Webhook.objects.select_related("owner").filter(pk=webhook_id).first()
    if hook is None:
        raise Http404
    if request.method == "POST":
        services.end(request.user, hook)
        messages.success(request, _("The webhook was ended."))
        return redirect("organisation-webhooks")
    about = _("The webhook of %(owner)s to %(origin)s is told nothing more.")
    context = {
        "here": "organisation",
        "back": reverse("organisation-webhooks"),
        "back_name": _("Webhooks"),
        "question": _("End this webhook?"),
        "about": about % {"owner": hook.owner.name, "origin": read_destination(hook.url).origin},
        "verb": _("End webhook"),
        "keep": _("Keep it"),
    }
    return render(request, "meetings/ask.html", context)
