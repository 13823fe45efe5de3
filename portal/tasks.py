"""Jobs of the portal. They carry ids only and mint their secrets when they run."""

from __future__ import annotations

from allauth.account.forms import default_token_generator
from allauth.account.utils import user_pk_to_url_str
from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django_tasks import task

from portal import housekeeping
from portal.models import User


@task()
def daily() -> None:
    """What is to be done once a day."""
    housekeeping.do(timezone.now())


@task()
def send_password_link(user_id: str) -> None:
    """Mails a link that sets a new password. It dies with the next sign-in, password change or after three days."""
    user = User.objects.filter(pk=user_id, is_active=True).first()
    if user is None:
        return
    path = reverse(
        "account_reset_password_from_key",
        kwargs={"uidb36": user_pk_to_url_str(user), "key": default_token_generator.make_token(user)},
    )
    context = {
        "name": user.name,
        "link": settings.LINTEL.public_url + path,
        "organisation": settings.LINTEL.organisation,
    }
    EmailMessage(
        subject=_("Set a new password"),
        body=render_to_string("account/mail/password.txt", context),
        to=[user.email],
        headers={"Auto-Submitted": "auto-generated"},
    ).send()
