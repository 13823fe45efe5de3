"""Devices as rows."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class RoomDevice(models.Model):
    """A machine that may come to the door of one occurrence with a token. Only the token's digest is kept."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    occurrence = models.ForeignKey("meetings.Occurrence", on_delete=models.CASCADE, related_name="room_devices")
    name = models.CharField(_("name"), max_length=60)
    digest = models.CharField(max_length=64, unique=True, help_text="SHA-256 of the token.")
    may_publish = models.BooleanField(default=True)
    may_watch = models.BooleanField(default=False)
    is_screen = models.BooleanField(default=False, help_text="Its picture is a shared screen, not a camera.")
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    revoked_at = models.DateTimeField(null=True, blank=True, help_text="When a host took the token back.")

    class Meta:
        ordering = ("created_at", "pk")
        constraints = (
            models.CheckConstraint(
                condition=models.Q(may_publish=True) | models.Q(may_watch=True), name="a_device_does_something"
            ),
        )

    def __str__(self) -> str:
        return f"device {self.pk}"

    @property
    def key(self) -> str:
        """What its seat carries where a person's carries the thumbprint of a device key. No thumbprint looks so."""
        return f"device-{self.pk}"
