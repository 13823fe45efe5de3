"""The set-up link and the account page. Sign-in and password reset are allauth's views with our templates."""

from __future__ import annotations

from typing import Any

from allauth.account.views import LoginView, PasswordResetFromKeyView, PasswordResetView
from django.contrib import messages
from django.contrib.auth import login, update_session_auth_hash
from django.contrib.auth.decorators import login_required
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from meetings import budgets
from meetings.audit import record
from meetings.budgets import Budget
from portal.accounts import browsers, guessing, services
from portal.accounts.forms import ChangePasswordForm, ProfileForm, SetupForm
from portal.models import User
from portal.views import too_many

BACKEND = "portal.accounts.adapter.Backend"


class _CountedForSite:
    """allauth counts these forms for each address; a /48 of IPv6 has 65,536 of those."""

    budget: Budget
    counts_looks = False

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        is_counted = self.counts_looks or request.method == "POST"
        if is_counted and guessing.take_for_site(request, self.budget) is None:
            return too_many(request)
        response: HttpResponse = super().dispatch(request, *args, **kwargs)  # type: ignore[misc]
        return response


class SignIn(_CountedForSite, LoginView):  # type: ignore[misc]
    """allauth's, which tells too many tries apart from wrong ones in words only."""

    budget = budgets.SIGN_INS

    def form_invalid(self, form: Any) -> HttpResponse:
        response: HttpResponse = super().form_invalid(form)
        if form.has_error(NON_FIELD_ERRORS, code="too_many_login_attempts"):
            response.status_code = 429
            response["Retry-After"] = "300"
        return response


class Forgotten(_CountedForSite, PasswordResetView):  # type: ignore[misc]
    """allauth's."""

    budget = budgets.RESETS


class NewPassword(_CountedForSite, PasswordResetFromKeyView):  # type: ignore[misc]
    """allauth's. Whoever reads the account's mailbox may try its new password whatever others try."""

    budget = budgets.RESET_KEYS
    counts_looks = True

    def form_valid(self, form: Any) -> HttpResponse:
        response: HttpResponse = super().form_valid(form)
        browsers.remember(self.request, response, self.reset_user.email)
        return response


@require_http_methods(["GET", "HEAD", "POST"])
def setup(request: HttpRequest, token: str) -> HttpResponse:
    """Makes the first administrator, or lets an invited person choose a password, and signs them in. Works once."""
    if not guessing.may(request, budgets.SETUP_LINKS):
        return too_many(request)
    link = services.setup_link(token)
    if link is None:
        guessing.take(request, budgets.SETUP_LINKS)
        return render(request, "account/setup_gone.html", status=404)
    form = SetupForm(request.POST or None, invited=link.user)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            user = services.use_setup_link(
                token, email=given.get("email", ""), name=given["name"], password=given["password"]
            )
        except ValidationError as wrong:
            for field, problems in wrong.message_dict.items():
                for problem in problems:
                    form.add_error(field if field in form.fields else None, problem)
        else:
            if user is None:
                return render(request, "account/setup_gone.html", status=404)
            login(request, user, backend=BACKEND)
            response = redirect("/meetings/")
            browsers.remember(request, response, user.email)
            return response
    return render(request, "account/setup.html", {"form": form, "invited": link.user})


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def account(request: HttpRequest) -> HttpResponse:
    """Name, time zone, password, sessions. Each form has its own button; `what` names the one that was sent."""
    user = request.user
    assert isinstance(user, User)  # noqa: S101 - for the type checker; login_required has seen to it
    what = request.POST.get("what", "")
    # A second copy: a form that is wrong must not change the name shown in the rail.
    profile = ProfileForm(request.POST if what == "profile" else None, instance=User.objects.get(pk=user.pk))
    password = ChangePasswordForm(user, request.POST if what == "password" else None)
    if what == "profile" and profile.is_valid():
        given = profile.cleaned_data
        services.change_profile(User.objects.get(pk=user.pk), name=given["name"], time_zone=given["time_zone"])
        messages.success(request, _("Saved."))
        return redirect("account")
    if what == "password":
        if guessing.take(request, budgets.PASSWORD_CHANGES, key=str(user.pk)) is None:
            return too_many(request)
        if password.is_valid():
            with transaction.atomic():
                user.set_password(password.cleaned_data["new"])
                user.save(update_fields=["password"])
                update_session_auth_hash(request, user)
                services.end_sessions(user, keep=request.session.session_key or "")
                record("account.password_changed", actor=user, target=user.name)
            messages.success(request, _("Password changed. Other browsers were signed out."))
            return redirect("account")
    if what == "sessions":
        with transaction.atomic():
            ended = services.end_sessions(user, keep=request.session.session_key or "")
            record("account.sessions_ended", actor=user, target=user.name, count=ended)
        messages.success(request, _("Other browsers were signed out."))
        return redirect("account")
    wrong = profile if profile.errors else password
    return render(request, "account/account.html", {"profile": profile, "password": password, "wrong": wrong})
