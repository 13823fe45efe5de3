"""What is stored about requests that this server sends: places that may be asked although they are not public."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class AllowedDestination(models.Model):
    """A network, host or address without TLS that requests may go to although it is not public."""

    text = models.CharField(max_length=260, unique=True)
    for_everybody = models.BooleanField(default=False, help_text="Also for addresses that no administrator set.")
    added_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    added_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("text",)

    def __str__(self) -> str:
        return self.text
