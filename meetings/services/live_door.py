"""The door's table as hosts change it while a meeting is on: one kind of people at a time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from meetings.door import COLUMN, Row, Rules, Way, ordered
from meetings.models import Occurrence
from meetings.services import scheduling
from meetings.services.roles import require_host


def change_way(by: Any, occurrence: Occurrence, row: Row, way: Way) -> Occurrence:
    """What happens to this kind of people from now on. Rows that have to follow, so that nobody less known gets in more
    easily than somebody better known, follow.

    Raises `NotAHost`, and `Wrong` where the organisation allows less.
    """
    account = require_host(by, occurrence)

    def changed(rules: Rules) -> Rules:
        return ordered(replace(rules, **{COLUMN[row]: way}), row)[0]

    scheduling.change_meeting(account, occurrence.meeting, tell=False, rules=changed)
    return occurrence
