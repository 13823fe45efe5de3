"""`manage.py deactivateperson EMAIL`: account, sessions and media end at once, also in a running meeting."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal.accounts.services import deactivate, reactivate
from portal.models import User


class Command(BaseCommand):
    help = "Deactivate an account: sessions and tokens end, and live meetings put its person out at once."
    requires_system_checks: list[str] = []  # they import every page and the engine

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email")
        parser.add_argument("--undo", action="store_true", help="Let the account be used again.")

    def handle(self, *args: Any, **options: Any) -> None:
        person = User.objects.filter(email=options["email"].strip().lower()).first()
        if person is None:
            raise CommandError("There is no account with this email.")
        if options["undo"]:
            reactivate(person, None, label="deactivateperson")
            self.stdout.write(f"{person.email} may sign in again.")
        else:
            deactivate(person, None, label="deactivateperson")
            self.stdout.write(f"Deactivated {person.email}. Its sessions and tokens have ended.")
