"""What pages show about an authorization service: its settings, its secret once, and a trial with the whole exchange.

Used by the administration's page and by a meeting's own. Who may is asked where it is stored.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from meetings.models import Meeting
from meetings.roundtrip import services, trial
from meetings.roundtrip.asking import Exchange
from meetings.roundtrip.forms import ServiceForm, TrialForm
from meetings.roundtrip.models import AuthorizationService
from meetings.roundtrip.protocol import Outcome
from meetings.services.errors import Wrong
from meetings.views.access import for_hosts, hosted_meeting


def about(row: AuthorizationService) -> dict[str, Any]:
    """What a page says beside the form: whether a secret exists, and until when the one before is good."""
    until = row.rotated_at + services.PREVIOUS_SECRET_LASTS if row.rotated_at and row.sealed_previous else None
    return {
        "service": row,
        "has_secret": bool(row.sealed_secret),
        "rotated_at": timezone.localtime(row.rotated_at) if row.rotated_at else None,
        "previous_until": timezone.localtime(until) if until and until > timezone.now() else None,
        "may_try": bool(row.url),
    }


def stored(form: ServiceForm, by: Any, meeting: Meeting | None) -> bool:
    """Stores what the form holds; False, with the errors in the form, where it can't be."""
    if not form.is_valid():
        return False
    try:
        services.change_service(by, meeting, form.settings())
    except Wrong as wrong:
        form.add_error(wrong.field if wrong.field in form.fields else None, wrong.message)
        return False
    return True


def tried(row: AuthorizationService, form: TrialForm) -> dict[str, Any] | None:
    """The exchange of a trial as a page shows it; None where the form is wrong."""
    if not form.is_valid() or not row.url:
        return None
    data = form.cleaned_data
    service = services.as_asked(row)
    ask = trial.question(service, kind=data["type"], username=data["username"], token=data["token"])
    return shown(trial.run(service, ask))


def shown(exchange: Exchange) -> dict[str, Any]:
    """An exchange for people: request, answer, what it means, and how long each step took."""
    verdict = exchange.verdict
    words = {
        Outcome.ALLOWED: _("Yes: they may."),
        Outcome.REFUSED: _("No: they may not."),
        Outcome.UNANSWERED: _("No answer: nobody new would be let in."),
    }[verdict.outcome]
    return {
        "url": exchange.url,
        "headers": exchange.shown_headers.items(),
        "body": exchange.shown_body,
        "status": exchange.answer.status if exchange.answer is not None else None,
        "address": exchange.answer.address if exchange.answer is not None else "",
        "answer": exchange.shown_answer,
        "outcome": verdict.outcome.value,
        "words": words,
        "why": verdict.problem or verdict.reason,
        "lease": timedelta(seconds=verdict.lease_seconds) if verdict.lease_seconds else None,
        "grants": ", ".join(sorted(verdict.grants)) if verdict.grants is not None else "",
        "steps": _steps(exchange),
    }


def _steps(exchange: Exchange) -> list[tuple[str, int]]:
    """Each step that was reached, with milliseconds since the start."""
    timing = exchange.timing
    if timing is None:
        return []
    steps = (
        (_("name resolved"), timing.resolved),
        (_("connected"), timing.connected),
        (_("certificate checked"), timing.secured),
        (_("question sent"), timing.sent),
        (_("answer read"), timing.answered),
    )
    return [(name, round(seconds * 1000)) for name, seconds in steps if seconds is not None]


# A meeting's own


def told(found: Meeting) -> dict[str, bool]:
    """Whether a service must agree to this meeting, whose it is, and whether hosts may name another."""
    asked = services.asked_about(found)
    return {
        "asked": asked is not None,
        "asked_own": asked is not None and asked.key == str(found.pk),
        "may_replace": services.hosts_may_replace(),
    }


def _page(request: HttpRequest, found: Meeting, **more: Any) -> HttpResponse:
    row = services.service_of(found)
    form = more.pop("form", None) or ServiceForm(None, row)
    context = {
        "here": "meetings",
        "meeting": found,
        "back": reverse("meetings:meeting", args=[found.pk]),
        **told(found),
        "form": form,
        "trial_form": more.pop("trial_form", None) or TrialForm(),
        "urls": {
            "secret": reverse("meetings:authorization-secret", args=[found.pk]),
            "trial": reverse("meetings:authorization-test", args=[found.pk]),
        },
        **about(row),
        **more,
    }
    wrong = form.errors or context["trial_form"].errors
    return render(request, "meetings/authorization.html", context, status=422 if wrong else 200)


@for_hosts
@require_http_methods(["GET", "HEAD", "POST"])
def authorization(request: HttpRequest, meeting_id: Any) -> HttpResponse:
    """Which service must agree to this meeting, and its own where administrators allow one."""
    found = hosted_meeting(request.user, meeting_id)
    if request.method != "POST":
        return _page(request, found)
    if not services.hosts_may_replace():
        raise Http404
    form = ServiceForm(request.POST, services.service_of(found))
    if not stored(form, request.user, found):
        return _page(request, found, form=form)
    messages.success(request, _("Saved. It acts at once, also on people who are inside."))
    return redirect("meetings:authorization", meeting_id=found.pk)


@for_hosts
@require_POST
def authorization_secret(request: HttpRequest, meeting_id: Any) -> HttpResponse:
    """A new secret for the meeting's own service, shown this once."""
    found = hosted_meeting(request.user, meeting_id)
    if not services.hosts_may_replace():
        raise Http404
    return _page(request, found, secret=services.rotate_secret(request.user, found))


@for_hosts
@require_POST
def authorization_test(request: HttpRequest, meeting_id: Any) -> HttpResponse:
    """One question about nobody to the meeting's own service."""
    found = hosted_meeting(request.user, meeting_id)
    if not services.hosts_may_replace():
        raise Http404
    form = TrialForm(request.POST)
    return _page(request, found, trial_form=form, exchange=tried(services.service_of(found), form))
