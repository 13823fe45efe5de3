"""Forms of the account pages. They check input; `services` changes rows."""

from __future__ import annotations

import zoneinfo
from functools import cache
from typing import Any
from uuid import uuid4

from allauth.account.forms import LoginForm, ResetPasswordForm, ResetPasswordKeyForm
from django import forms
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from meetings import budgets
from meetings.longselect import LongSelect
from portal.accounts import guessing, services
from portal.models import User
from portal.tasks import send_password_link


def _plain(field: forms.Field, label: Any) -> None:
    field.label = label
    field.help_text = ""
    field.widget.attrs.pop("placeholder", None)


class SignInForm(LoginForm):  # type: ignore[misc]
    """Email and password."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _plain(self.fields["login"], _("Email"))
        _plain(self.fields["password"], _("Password"))
        self.fields["login"].widget.attrs["autocomplete"] = "username"
        self.fields["login"].error_messages["required"] = _("Enter your email.")
        self.fields["password"].error_messages["required"] = _("Enter your password.")


class ForgottenForm(ResetPasswordForm):  # type: ignore[misc]
    """Asks for a link by mail. What happens afterwards is the same, in words and time, for unknown addresses."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _plain(self.fields["email"], _("Email"))

    def save(self, request: HttpRequest, **kwargs: Any) -> str:
        # A job mints the link when it sends it: no secret lies in the queue, and no mail server holds up the answer.
        # There is a job for an unknown address too: storing one takes longer than storing none.
        email = str(self.cleaned_data["email"])
        if guessing.take(request, budgets.RESET_MAILS, key=email.lower()) is not None:
            send_password_link.enqueue(str(self.users[0].pk if self.users else uuid4()))
        return email


class NewPasswordForm(ResetPasswordKeyForm):  # type: ignore[misc]
    """One field: it can be shown, and a typing mistake is mended by the same mail."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _plain(self.fields["password1"], _("New password"))
        del self.fields["password2"]


class SetupForm(forms.Form):
    """Name, address and password of a new account. An invited account's address is fixed."""

    name = forms.CharField(label=_("Your name"), max_length=120, error_messages={"required": _("Enter your name.")})
    email = forms.EmailField(label=_("Email"), max_length=254, error_messages={"required": _("Enter your email.")})
    password = forms.CharField(
        label=_("Password"),
        max_length=1024,
        strip=False,
        widget=forms.PasswordInput,
        error_messages={"required": _("Enter a password.")},
    )

    def __init__(self, *args: Any, invited: User | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.invited = invited
        if invited is not None:
            del self.fields["email"]
            self.fields["name"].initial = invited.name


@cache
def time_zone_choices() -> list[tuple[str, str]]:
    names = sorted(name for name in zoneinfo.available_timezones() if "/" in name and not name.startswith("Etc/"))
    return [("UTC", "UTC"), *((name, name.replace("_", " ")) for name in names)]


class ProfileForm(forms.ModelForm[User]):
    """What others see of an account, and the time zone its pages use."""

    class Meta:
        model = User
        fields = ("name", "time_zone")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].label = _("Name")
        self.fields["time_zone"] = forms.ChoiceField(
            label=_("Time zone"),
            choices=[("", _("The server’s (UTC)")), *time_zone_choices()],
            required=False,
            widget=LongSelect(),
        )

    def clean_name(self) -> str:
        try:
            return services.clean_name(str(self.cleaned_data["name"]))
        except ValidationError as wrong:
            raise ValidationError(wrong.message_dict["name"]) from None


class ChangePasswordForm(forms.Form):
    """The present password proves that it's the owner who sits there."""

    current = forms.CharField(
        label=_("Current password"),
        strip=False,
        max_length=1024,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )
    new = forms.CharField(
        label=_("New password"),
        strip=False,
        max_length=1024,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def __init__(self, user: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user

    def clean_current(self) -> str:
        current = str(self.cleaned_data["current"])
        if not self.user.check_password(current):
            raise ValidationError(_("That isn’t your current password."))
        return current

    def clean_new(self) -> str:
        new = str(self.cleaned_data["new"])
        validate_password(new, self.user)
        return new
