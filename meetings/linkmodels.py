"""Personal invitations as rows: who is asked, by which links, on which devices, and the codes that prove a mailbox.

Rows and constraints only; they change in `services/invitations.py` and `services/moves.py`.
"""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from meetings.retentionmodels import ERASED_DOMAIN

WISH_LIVES = timedelta(minutes=10)
"""How long a second device's wish to take a link over stays open."""


class Invitation(models.Model):
    """One person asked to one occurrence. Has an account (`user`) or is a guest known by an address."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    occurrence = models.ForeignKey("meetings.Occurrence", on_delete=models.CASCADE, related_name="invitations")
    email = models.EmailField()
    name = models.CharField(max_length=120, blank=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.CASCADE)
    created_at = models.DateTimeField(auto_now_add=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    opened_at = models.DateTimeField(null=True, blank=True, help_text="A link of it was fetched; claims nothing.")
    claimed_at = models.DateTimeField(null=True, blank=True, help_text="First Join or Knock with a link of it.")
    claimed_device = models.CharField(max_length=43, blank=True, help_text="RFC 7638 thumbprint of the device key.")
    claimed_network = models.CharField(max_length=45, blank=True, help_text="Of the claim. Truncated: /24 or /48.")
    revoked_at = models.DateTimeField(null=True, blank=True)
    standing = models.BooleanField(default=True, help_text="To the later occurrences of its series too.")
    by_mail = models.BooleanField(default=True, help_text="Their links are mailed to them.")
    awaits_link = models.BooleanField(default=False, help_text="Mail the link when this occurrence comes near.")
    link_withdrawn_at = models.DateTimeField(
        null=True, blank=True, help_text="When its last link was withdrawn with the role of the host who had copied it."
    )
    asked_again_at = models.DateTimeField(null=True, blank=True, help_text="When they last asked for a newer link.")

    class Meta:
        ordering = ("created_at",)
        constraints = (models.UniqueConstraint(fields=("occurrence", "email"), name="one_invitation_per_address"),)

    def __str__(self) -> str:
        return f"invitation {self.pk}"

    @property
    def is_erased(self) -> bool:
        """Whether name and address were erased: its state stays, and nobody can be told by it."""
        return self.email.endswith(f"@{ERASED_DOMAIN}")


class InvitationToken(models.Model):
    """A personal link, stored as the SHA-256 of its secret. An invitation may have several until one is claimed."""

    invitation = models.ForeignKey(Invitation, on_delete=models.CASCADE, related_name="tokens")
    digest = models.CharField(max_length=64, unique=True)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="The host to whom it was shown; empty where it was only mailed.",
    )
    created_at = models.DateTimeField(auto_now_add=True)
    killed_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"token {self.pk}"


class SecondDevice(models.Model):
    """A device that came with a personal link of another one, and whether it asks to take the link over."""

    class Answer(models.TextChoices):
        NO = "no", _("Whoever uses the link on the other device said no")
        TURNED_AWAY = "turned_away", _("A host said no")
        WITHDRAWN = "withdrawn", _("It asks no more")

    invitation = models.ForeignKey(Invitation, on_delete=models.CASCADE, related_name="second_devices")
    device = models.CharField(max_length=43, help_text="RFC 7638 thumbprint of the device key.")
    network = models.CharField(max_length=45, blank=True, help_text="Truncated: /24 or /48.")
    seen_at = models.DateTimeField(help_text="When it last came and the link was another's.")
    asked_at = models.DateTimeField(null=True, blank=True, help_text="When it last asked to take the link over.")
    answer = models.CharField(max_length=11, choices=Answer, blank=True, help_text="To that; empty while it is open.")
    refused_until = models.DateTimeField(null=True, blank=True, help_text="May ask again after this.")

    class Meta:
        ordering = ("seen_at", "pk")
        constraints = (models.UniqueConstraint(fields=("invitation", "device"), name="a_second_device_once"),)

    def __str__(self) -> str:
        return f"second device {self.pk}"

    @property
    def ends_at(self) -> datetime:
        """Until when its wish is open."""
        return (self.asked_at or self.seen_at) + WISH_LIVES

    def is_asking(self, now: datetime) -> bool:
        """Whether it asks to take the link over and nobody has answered."""
        return self.asked_at is not None and not self.answer and now < self.ends_at


class RetiredCode(models.Model):
    """A meeting's former code. It opens nothing, but for those who hold a personal link or a seat already."""

    code = models.CharField(max_length=14, unique=True)
    meeting = models.ForeignKey("meetings.Meeting", on_delete=models.CASCADE, related_name="retired_codes")
    retired_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.code


class EmailCode(models.Model):
    """A short code mailed to an address; proves that whoever typed it reads that mailbox.

    It goes to the address of the invitation whose link is held, or to one that somebody with the meeting's link gave
    (`email`), which may be an invited one too.
    """

    occurrence = models.ForeignKey("meetings.Occurrence", on_delete=models.CASCADE, related_name="codes")
    invitation = models.ForeignKey(Invitation, null=True, blank=True, on_delete=models.CASCADE, related_name="codes")
    email = models.EmailField(blank=True, help_text="What was given at the door; empty for holders of a link.")
    device = models.CharField(max_length=43)
    digest = models.CharField(max_length=64)
    created_at = models.DateTimeField(auto_now_add=True)
    tries = models.PositiveSmallIntegerField(default=0)
    used_at = models.DateTimeField(null=True, blank=True)
    failed_at = models.DateTimeField(null=True, blank=True, help_text="The mail server did not take it.")

    class Meta:
        indexes = (models.Index(fields=("email", "created_at"), name="codes_by_address"),)

    def __str__(self) -> str:
        return f"code {self.pk}"

    @property
    def address(self) -> str:
        """Where it goes."""
        return self.email or (self.invitation.email if self.invitation is not None else "")
