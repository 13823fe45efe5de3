"""What is stored about round-trip authorization: which service is asked and what it took back, and who may ask us."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from meetings.roundtrip.protocol import DEFAULT_LEASE_SECONDS, LONGEST_LEASE_SECONDS, SHORTEST_LEASE_SECONDS

ORGANISATION = "organisation"


class AuthorizationService(models.Model):
    """A program that must agree to each entry, publish and subscribe: the organisation's, or one meeting's own."""

    class Profile(models.TextChoices):
        SIGNED = "signed", _("Lintel, signed")
        RED5 = "red5", _("Red5 Pro, exactly")

    class Names(models.TextChoices):
        OPAQUE = "opaque", _("a made-up name that stays the same for each person")
        EMAIL = "email", _("the email address of people with an account or a personal link")

    key = models.CharField(max_length=36, unique=True, help_text="“organisation”, or the id of the meeting.")
    meeting = models.OneToOneField(
        "meetings.Meeting", null=True, blank=True, on_delete=models.CASCADE, related_name="authorization_service"
    )
    is_on = models.BooleanField(default=False)
    url = models.CharField(max_length=500, blank=True, help_text="Base address; the endpoints are put behind it.")
    profile = models.CharField(max_length=6, choices=Profile, default=Profile.SIGNED)
    names = models.CharField(max_length=6, choices=Names, default=Names.OPAQUE)
    lease_seconds = models.PositiveSmallIntegerField(
        default=DEFAULT_LEASE_SECONDS,
        validators=[MinValueValidator(SHORTEST_LEASE_SECONDS), MaxValueValidator(LONGEST_LEASE_SECONDS)],
    )
    hosts_may_replace = models.BooleanField(default=False, help_text="The organisation's row only.")
    sealed_secret = models.TextField(blank=True)
    sealed_previous = models.TextField(blank=True, help_text="The secret before; signs and is accepted for a day more.")
    rotated_at = models.DateTimeField(null=True, blank=True)
    changed_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"authorization service of {self.key}"


class Revocation(models.Model):
    """Something that a service took back. Kept for an hour, so that every process hears of it, and hears it once.

    Empty text matches everybody; at least one of the three is given.
    """

    service_key = models.CharField(max_length=36)
    username = models.CharField(max_length=254, blank=True)
    token_digest = models.CharField(max_length=64, blank=True)
    stream = models.CharField(max_length=200, blank=True)
    reason = models.CharField(max_length=300, blank=True)
    request_digest = models.CharField(max_length=64, null=True, unique=True, help_text="Against replays.")  # noqa: DJ001 - several from commands have none
    at = models.DateTimeField(auto_now_add=True, db_index=True)

    def __str__(self) -> str:
        return f"revocation {self.pk}"


class StreamAnswers(models.Model):
    """Whether and to whom Lintel answers Red5 Pro's questions. One row, made when it is first set."""

    key = models.CharField(max_length=12, unique=True, default=ORGANISATION)
    is_on = models.BooleanField(default=False)
    path_digest = models.CharField(max_length=64, blank=True, help_text="SHA-256 of the secret in the address.")
    networks = models.JSONField(default=list, help_text="Networks that may ask at the address without a secret.")
    changed_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return "answers to Red5 Pro"


class StreamPass(models.Model):
    """One person's short-lived credentials for a Red5 Pro server, in one occurrence. Whether they may is asked of the
    door each time; the pass only says who they are.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    occurrence = models.ForeignKey("meetings.Occurrence", on_delete=models.CASCADE, related_name="stream_passes")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.CASCADE)
    invitation = models.ForeignKey("meetings.Invitation", null=True, blank=True, on_delete=models.CASCADE)
    participant = models.ForeignKey("meetings.Participant", null=True, blank=True, on_delete=models.CASCADE)
    username = models.CharField(max_length=32)
    password_digest = models.CharField(max_length=64)
    token_digest = models.CharField(max_length=64, unique=True)
    may_publish = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True, help_text="A publisher with it has left.")

    def __str__(self) -> str:
        return f"stream pass {self.pk}"
