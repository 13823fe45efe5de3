"""A process beside the server, on the same data, as a command or a worker is: takes rights away by the line.

Run with the meeting's id. A line is JSON: `what` to do, and to `whom`. It is answered by the moment when that began, on
the real-time clock in nanoseconds, or by what was asked for.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

import django


def main() -> None:
    django.setup()
    from dataclasses import replace

    from meetings.door import Way
    from meetings.models import Invitation, Meeting
    from meetings.rulebook import rules_of
    from meetings.services import invitations
    from meetings.services.scheduling import change_meeting
    from portal.accounts import services
    from portal.models import User

    meeting = Meeting.objects.get(pk=sys.argv[1])
    host = meeting.created_by

    def set_door(table: dict[str, str]) -> None:
        meeting.refresh_from_db()
        rules = replace(rules_of(meeting), **{row: Way(way) for row, way in table.items()})
        change_meeting(host, meeting, tell=False, rules=rules)

    def take_host(email: str) -> None:
        others = meeting.hosts.exclude(email=email)
        change_meeting(host, meeting, tell=False, hosts=list(others))

    do: dict[str, Callable[[Any], Any]] = {
        "set_door": set_door,
        "take_host": take_host,
        "account": lambda email: str(User.objects.get(email=email).pk),
        "revoke": lambda email: invitations.revoke(
            host, Invitation.objects.get(email=email, occurrence__meeting=meeting)
        ),
        "deactivate": lambda email: services.deactivate(User.objects.get(email=email), None, label="changer"),
        "reactivate": lambda email: services.reactivate(User.objects.get(email=email), None, label="changer"),
        "end_sessions": lambda email: services.end_sessions(User.objects.get(email=email)),
    }
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for line in sys.stdin:
        order = json.loads(line)
        begun = time.time_ns()
        said = do[order["what"]](order["whom"])
        sys.stdout.write(f"{said if order['what'] == 'account' else begun}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
