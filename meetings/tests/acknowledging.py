"""A program of its own, for tests that need a real database file: it does things and prints each once it is stored.

`python -m meetings.tests.acknowledging work`: schedules, invites, mints and lets in until it is killed.
`python -m meetings.tests.acknowledging race ROUNDS`: threads claim one link at a time, all in the same moment.
"""

from __future__ import annotations

import os
import sys
import threading
from datetime import timedelta
from typing import Any


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    import django

    django.setup()
    from django.contrib.auth import get_user_model

    people = get_user_model().objects
    host = people.filter(email="host@lintel.example").first() or people.create_user("host@lintel.example", "Host")
    if sys.argv[1] == "race":
        race(host, int(sys.argv[2]))
    else:
        work(host)


def say(*words: object) -> None:
    """Acknowledge. Whole lines, at once: what is printed counts as promised."""
    sys.stdout.write(" ".join(str(word) for word in words) + "\n")
    sys.stdout.flush()


def work(host: Any) -> None:
    from django.utils import timezone

    from meetings.door import Admit, Capabilities, Row, Wait
    from meetings.services import door, invitations, scheduling

    while True:
        now = timezone.now()
        meeting = scheduling.schedule_meeting(
            host, title="Board", starts_at=now + timedelta(minutes=1), duration_minutes=30, time_zone="UTC"
        )
        say("meeting", meeting.pk)
        board = meeting.occurrences.get()
        arrival: dict[str, Any] = {"network": "", "session_key": "", "now": now}
        inside = door.arrive(
            board, row=Row.HOST, user=host, invitation=None, device=f"host-{meeting.pk}"[:43], name=host.name,
            decision=Admit(Capabilities(), "host"), **arrival,
        )  # fmt: skip
        door.entered(inside)
        say("inside", inside.pk)
        for number in range(3):
            guest = invitations.invite(host, board, f"guest-{number}@x.example")
            say("invitation", guest.pk)
            secret = invitations.mint_link(guest, by=host).rsplit("/", 1)[1]
            say("link", secret)
            token = invitations.open_link(secret)
            if invitations.claim(guest, f"device-{number}", now, token=token):
                say("claim", guest.pk)
            seat = door.arrive(
                board, row=Row.GUEST, user=None, invitation=guest, device=f"device-{number}", name="Guest",
                decision=Wait("knock"), **arrival,
            )  # fmt: skip
            door.let_in(inside, seat)
            say("let_in", seat.pk)
            if number == 2:
                door.entered(seat)
                door.remove(inside, seat)
                say("removed", seat.pk)


def race(host: Any, rounds: int) -> None:
    from django.db import connection
    from django.utils import timezone

    from meetings.services import invitations, scheduling

    board = scheduling.schedule_meeting(
        host, title="Race", starts_at=timezone.now(), duration_minutes=30, time_zone="UTC", send=False
    ).occurrences.get()
    for number in range(rounds):
        guest = invitations.invite(host, board, f"racer-{number}@x.example", send=False)
        secrets = [invitations.mint_link(guest, by=host).rsplit("/", 1)[1] for _link in range(2)]
        start = threading.Barrier(4)
        answers: dict[str, bool] = {}

        def claim(device: str, secret: str, guest: Any = guest, start: Any = start, answers: Any = answers) -> None:
            token = invitations.open_link(secret)
            start.wait(timeout=20)
            try:
                answers[device] = invitations.claim(guest, device, timezone.now(), token=token)
            finally:
                connection.close()

        # Two devices with one link, two with its sibling.
        threads = [
            threading.Thread(target=claim, args=(f"device-{device}", secrets[device % 2])) for device in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=30)
        guest.refresh_from_db()
        winners = [device for device, won in answers.items() if won]
        say("round", len(answers), ",".join(winners), guest.claimed_device, guest.tokens.filter(killed_at=None).count())


if __name__ == "__main__":
    main()
