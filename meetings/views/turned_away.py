"""The region of a meeting's page that tells hosts what was turned away, during the meeting and after it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from meetings import triedwords
from meetings.models import Meeting, Occurrence
from meetings.services import turned_away
from meetings.services.turned_away import Line
from meetings.views.moments import short_moment

WARNED_FOR = timedelta(days=1)
"""How long the page goes on to point out a link that was tried from many networks."""


def region(meeting: Meeting, occurrence: Occurrence, now: datetime) -> dict[str, Any]:
    """What templates/meetings/_turned_away.html draws; nothing where nobody was turned away."""
    is_open = meeting.cancelled_at is None and occurrence.ended_at is None
    return {
        "turned_away": [
            {
                "text": triedwords.said(line),
                "when": short_moment(line.last_at, now, inline=True),
                "replace": triedwords.replace_path(meeting, line.link) if is_open and _is_spreading(line, now) else "",
            }
            for line in turned_away.report(occurrence)
        ]
    }


def _is_spreading(line: Line, now: datetime) -> bool:
    return line.warned_at is not None and now - line.warned_at < WARNED_FOR
