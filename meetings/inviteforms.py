"""The forms about one invitation: whom to ask beside those invited, and another address for one of them."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from meetings import directory
from meetings.doorfields import email_field, text_input
from meetings.models import Invitation


class AddressForm(forms.Form):
    """The name and address of somebody who is invited."""

    email = email_field(gettext_lazy("Email"), gettext_lazy("Enter an email address."))
    name = forms.CharField(label=gettext_lazy("Name"), max_length=120, required=False, widget=text_input())

    def __init__(self, *args: Any, invitation: Invitation, **kwargs: Any) -> None:
        initial = {"email": invitation.email, "name": invitation.name}
        super().__init__(*args, label_suffix="", initial=initial, **kwargs)
        if invitation.user_id is not None:
            del self.fields["name"]  # an account is called as it calls itself


class InviteForm(forms.Form):
    """One or several more people to a meeting that exists."""

    people = forms.CharField(
        label=gettext_lazy("People and guests"),
        max_length=20_000,
        widget=text_input(),
        error_messages={"required": gettext_lazy("Enter an email address, or the name of somebody here.")},
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, label_suffix="", **kwargs)

    def clean_people(self) -> directory.Typed:
        typed = directory.find(self.cleaned_data["people"])
        if typed.wrong or typed.several:
            raise forms.ValidationError(
                _("%(names)s: enter an email address, such as name@example.org.")
                % {"names": ", ".join(typed.wrong + typed.several)}
            )
        return typed
