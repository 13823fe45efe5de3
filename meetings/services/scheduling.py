"""Scheduling, changing, cancelling and starting meetings."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from meetings.door import Rules
from meetings.models import Meeting


class ModeUnavailable(Exception):
    """The asked-for encryption does not exist here; nothing weaker is put in its place."""


def schedule_meeting(
    by: Any,
    *,
    title: str,
    starts_at: datetime,
    duration_minutes: int,
    time_zone: str,
    hosts: Sequence[Any] = (),
    people: Sequence[Any] = (),
    rules: Rules | None = None,
    mics_start_off: bool = False,
    lock_after_minutes: int | None = None,
    encryption: str = "transport",
    notes: str = "",
    send: bool = True,
) -> Meeting:
    """`by` always hosts. `people`: addresses (str, or (address, name)) or users; each is invited and, if `send`, mailed."""
    raise NotImplementedError


def change_meeting(by: Any, meeting: Meeting, *, tell: bool, **changes: Any) -> Meeting:
    """changes: title, notes, starts_at, duration_minutes, time_zone, hosts, people (added), rules, mics_start_off, lock_after_minutes."""
    raise NotImplementedError


def cancel_meeting(by: Any, meeting: Meeting, *, tell: bool = True) -> Meeting:
    raise NotImplementedError


def start_now(by: Any) -> Meeting:
    """A meeting that starts at once: 60 minutes, guests knock, the door open."""
    raise NotImplementedError
