"""`manage.py door explain MEETING PERSON-OR-LINK`: what the door answers to somebody now, and which rule decides."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from django.utils.formats import date_format

from meetings import door
from meetings.explaining import Explained, Unknown, explain, meeting_named

ROWS = {
    door.Row.HOST: "a host",
    door.Row.LISTED: "a listed person, signed in",
    door.Row.COLLEAGUE: "signed in, not listed",
    door.Row.GUEST: "an invited guest",
    door.Row.ANYONE: "anyone else with the link",
}


class Command(BaseCommand):
    help = "Explain the door of a meeting."
    requires_system_checks: list[str] = []  # they import every page and the engine

    def add_arguments(self, parser: CommandParser) -> None:
        commands = parser.add_subparsers(dest="command", required=True)
        explaining = commands.add_parser("explain", help="What the door answers to somebody now, and why.")
        explaining.add_argument("meeting", help="A meeting's id, code or link.")
        explaining.add_argument(
            "person",
            help="The address of an account or an invited guest, a personal link, or “anyone”. “-” reads it from "
            "standard input, so that a link stands in no history. A link is never printed.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        person = sys.stdin.readline().strip() if options["person"] == "-" else options["person"]
        try:
            told = explain(meeting_named(options["meeting"]), person, timezone.now())
        except Unknown as unknown:
            raise CommandError(str(unknown)) from None
        starts = date_format(timezone.localtime(told.occurrence.starts_at), "j F Y, H:i T")
        self.stdout.write(f"{told.occurrence.meeting.title}, {starts}")
        self.stdout.write(f"{told.name}, known by {told.how}: {ROWS[told.row]}")
        self.stdout.write(f"{_answer(told)} {told.why}")


def _answer(told: Explained) -> str:
    decision = told.decision
    outcome = {door.Admit: "Comes in", door.Wait: "Waits", door.Refuse: "Turned away"}[type(decision)]
    return f"{outcome} ({decision.reason})."
