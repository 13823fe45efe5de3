"""How allauth behaves here: nobody signs up alone, and an answer never tells whether an account exists."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.auth_backends import AuthenticationBackend
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from portal.accounts import browsers, guessing


class Backend(AuthenticationBackend):  # type: ignore[misc]
    """Email and password. A deactivated account is refused with the same words as a wrong password."""

    @classmethod
    def _stash_user(cls, user: Any) -> None:
        """Keeps nobody: allauth would send a deactivated person to a page that confirms the password."""


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Accounts come from the set-up link, `createperson` or an administrator's invitation only."""

    error_messages = DefaultAccountAdapter.error_messages | {
        "email_password_mismatch": _("That email and password don’t match."),
        "too_many_login_attempts": _("Too many tries. Wait 5 minutes, then try again."),
    }

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Before a password is looked at, so that the refusal tells nothing about it or the account."""
        email = str(credentials.get("email", "")).strip().lower()
        self._taken = guessing.take_for_sign_in(request, email)
        if self._taken is None:
            from portal.accounts import signals  # here: it needs the models

            signals.note_refused(request, email)
            raise self.validation_error("too_many_login_attempts")

    def _rollback_login_failed_rl_usage(self) -> None:
        """The password was right: allauth's name for giving back what was counted."""
        guessing.give_back(self._taken or [])

    def _delete_login_attempts_cached_email(self, request: HttpRequest, **credentials: Any) -> None:
        guessing.forget(request, str(credentials.get("email", "")).strip().lower())

    def post_login(self, request: HttpRequest, user: Any, **kwargs: Any) -> HttpResponse:
        response: HttpResponse = super().post_login(request, user, **kwargs)
        browsers.remember(request, response, user.email)
        return response

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def populate_username(self, request: HttpRequest, user: Any) -> None:
        """There are no user names: the address is the login."""

    def get_client_ip(self, request: HttpRequest) -> str:
        """The server has already settled who the client is behind a trusted proxy; headers say nothing more."""
        return str(request.META.get("REMOTE_ADDR", ""))

    def add_message(self, request: HttpRequest, level: int, *args: Any, **kwargs: Any) -> None:
        """Success is seen from the page that follows; only what went wrong is said."""
        if level >= messages.WARNING:
            super().add_message(request, level, *args, **kwargs)
