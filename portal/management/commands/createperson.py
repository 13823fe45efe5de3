"""`manage.py createperson EMAIL --name N [--role admin|staff] --password-stdin`."""

from __future__ import annotations

import sys
from getpass import getpass
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal.accounts.services import create_person
from portal.models import User


class Command(BaseCommand):
    help = "Create an account that is ready to sign in. Its address counts as verified."
    requires_system_checks: list[str] = []  # they import every page and the engine

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email")
        parser.add_argument("--name", required=True)
        parser.add_argument("--role", choices=User.Role.values, default=User.Role.STAFF)
        parser.add_argument(
            "--password-stdin", action="store_true", required=True, help="Read the password from standard input."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        password = getpass() if sys.stdin.isatty() else sys.stdin.readline(4096).rstrip("\r\n")
        if not password:
            raise CommandError("No password on standard input.")
        try:
            person = create_person(
                options["email"], options["name"], role=options["role"], password=password, label="createperson"
            )
        except ValidationError as wrong:
            raise CommandError(" ".join(wrong.messages)) from None
        self.stdout.write(f"Created {person.email} ({person.role}).")
