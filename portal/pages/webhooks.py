"""One's own webhooks: made, changed, tested, switched off and on, ended; and what became of each event."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final
from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from meetings.services.errors import Wrong
from meetings.webhooks import services
from meetings.webhooks.events import EVENTS, GROUPS
from meetings.webhooks.models import Webhook
from meetings.webhooks.sending import PREVIOUS_SECRET_LASTS

SHOWN_DELIVERIES: Final = 30


class WebhookForm(forms.Form):
    """Everything that is chosen about a webhook. Addresses are judged where they are stored."""

    url = forms.CharField(
        label=gettext_lazy("Address"),
        max_length=500,
        widget=forms.URLInput(attrs={"class": "input", "placeholder": "https://example.org/lintel-events"}),
        error_messages={
            "required": gettext_lazy("Enter an address."),
            "max_length": gettext_lazy("This address is too long."),
        },
    )
    covers = forms.ChoiceField(
        label=gettext_lazy("Which meetings"),
        choices=(("own", gettext_lazy("Those that you host")), ("organisation", gettext_lazy("Every meeting"))),
        required=False,
        widget=forms.Select(attrs={"class": "input"}),
    )
    which = forms.ChoiceField(choices=(("all", ""), ("chosen", "")))
    events = forms.MultipleChoiceField(
        label=gettext_lazy("Events"), choices=tuple(EVENTS.items()), required=False, widget=forms.CheckboxSelectMultiple
    )

    def __init__(self, data: Any, user: Any, hook: Webhook | None = None) -> None:
        events = hook.events if hook is not None else []
        initial = {"which": "chosen" if events else "all", "events": events, "covers": "own"}
        if hook is not None:
            initial |= {"url": hook.url, "covers": hook.covers}
        super().__init__(data, initial=initial, label_suffix="")
        if not user.is_admin:
            del self.fields["covers"]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("which") == "chosen" and not data.get("events") and not self.errors:
            self.add_error("events", _("Choose at least one event."))
        return data

    def settings(self) -> dict[str, Any]:
        data = self.cleaned_data
        events = data["events"] if data["which"] == "chosen" else []
        covers = {"covers": data["covers"] or "own"} if "covers" in data else {}
        return {"url": data["url"], "events": events, **covers}

    def groups(self) -> Iterable[tuple[str, list[tuple[str, str, bool]]]]:
        """Headings with their events: name, meaning, and whether it is chosen."""
        chosen = self["events"].value() or []
        for prefix, heading in GROUPS.items():
            names = [name for name in EVENTS if name.partition(".")[0] == prefix]
            yield str(heading), [(name, str(EVENTS[name]), name in chosen) for name in names]


def owned(user: Any, webhook_id: UUID) -> Webhook:
    found = Webhook.objects.select_related("owner").filter(pk=webhook_id, owner=user).first()
    if found is None:
        raise Http404
    return found


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def webhooks(request: HttpRequest) -> HttpResponse:
    """The list, and a form for one more."""
    form = WebhookForm(request.POST if request.method == "POST" else None, request.user)
    if request.method == "POST" and form.is_valid():
        try:
            hook, secret = services.make(request.user, **form.settings())
        except Wrong as wrong:
            form.add_error(wrong.field, wrong.message)
        else:
            return _page(request, hook, secret=secret, made=True)
    context = {"here": "account", "form": form, "hooks": request.user.webhooks.all()}  # type: ignore[union-attr]
    return render(request, "portal/webhooks.html", context, status=422 if form.errors else 200)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def webhook(request: HttpRequest, webhook_id: UUID) -> HttpResponse:
    """One webhook, and the form that changes it."""
    hook = owned(request.user, webhook_id)
    if request.method != "POST":
        return _page(request, hook)
    form = WebhookForm(request.POST, request.user, hook)
    if form.is_valid():
        try:
            services.change(request.user, hook, **{"covers": hook.covers, **form.settings()})
        except Wrong as wrong:
            form.add_error(wrong.field, wrong.message)
        else:
            messages.success(request, _("Saved."))
            return redirect("webhook", hook.pk)
    return _page(request, owned(request.user, webhook_id), form=form)


def _page(request: HttpRequest, hook: Webhook, **more: Any) -> HttpResponse:
    form = more.pop("form", None) or WebhookForm(None, request.user, hook)
    until = hook.rotated_at + PREVIOUS_SECRET_LASTS if hook.rotated_at else None
    context = {
        "here": "account",
        "hook": hook,
        "form": form,
        "previous_until": timezone.localtime(until) if until and until > timezone.now() else None,
        "deliveries": hook.deliveries.select_related("event").order_by("-pk")[:SHOWN_DELIVERIES],
        **more,
    }
    return render(request, "portal/webhook.html", context, status=422 if form.errors else 200)


@login_required
@require_POST
def switch(request: HttpRequest, webhook_id: UUID) -> HttpResponse:
    """Off, or on again."""
    hook = owned(request.user, webhook_id)
    on = request.POST.get("on") == "yes"
    services.switch(request.user, hook, on)
    messages.success(request, _("It is on: what happens from now on is sent.") if on else _("It is off."))
    return redirect("webhook", hook.pk)


@login_required
@require_POST
def secret(request: HttpRequest, webhook_id: UUID) -> HttpResponse:
    """A new secret, shown this once."""
    hook = owned(request.user, webhook_id)
    made = services.rotate_secret(request.user, hook)
    return _page(request, hook, secret=made)


@login_required
@require_POST
def ping(request: HttpRequest, webhook_id: UUID) -> HttpResponse:
    """One test event, and how it came out."""
    hook = owned(request.user, webhook_id)
    return _page(request, hook, sent=services.ping(hook))


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def end(request: HttpRequest, webhook_id: UUID) -> HttpResponse:
    """Ends it, once that was confirmed."""
    hook = owned(request.user, webhook_id)
    if request.method == "POST":
        services.end(request.user, hook)
        messages.success(request, _("The webhook was ended."))
        return redirect("webhooks")
    context = {
        "here": "account",
        "back": reverse("webhook", args=[hook.pk]),
        "back_name": _("Webhook"),
        "question": _("End this webhook?"),
        "about": _("%(url)s is told nothing more. What was on its way is not sent any more.") % {"url": hook.url},
        "verb": _("End webhook"),
        "keep": _("Keep it"),
    }
    return render(request, "meetings/ask.html", context)
