"""What a mail says about the time: readers elsewhere can tell when that is for them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from meetings.mail import when


@pytest.mark.parametrize(
    ("zone", "said"),
    [
        ("UTC", "13:30 to 14:30 (UTC)"),
        ("Europe/Oslo", "14:30 to 15:30 (Europe/Oslo, UTC+1)"),
        ("America/St_Johns", "10:00 to 11:00 (America/St_Johns, UTC−3:30)"),
        ("Europe/London", "13:30 to 14:30 (Europe/London, UTC)"),
    ],
)
def test_a_time_names_its_zone_and_how_far_that_is_from_utc(zone: str, said: str) -> None:
    start = datetime(2026, 11, 30, 13, 30, tzinfo=UTC)
    assert when(start, start + timedelta(hours=1), zone) == f"Monday 30 November 2026, {said}"
