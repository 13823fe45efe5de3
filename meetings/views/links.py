"""Addresses of a meeting's door. They hold no secret: the code only names the meeting."""

from __future__ import annotations

from django.conf import settings

from meetings.models import Meeting


def door_path(meeting: Meeting) -> str:
    """Where the door and the room are, on this portal."""
    return f"/m/{meeting.code}"


def meeting_link(meeting: Meeting) -> str:
    """The whole address, as people pass it on."""
    return f"{settings.LINTEL.public_url}{door_path(meeting)}"
