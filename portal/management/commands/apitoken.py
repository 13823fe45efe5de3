"""`manage.py apitoken EMAIL --name N [--scope …]`: the token stands alone on the last line, once."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal.accounts.services import make_token
from portal.models import ApiToken, User


class Command(BaseCommand):
    help = "Make an API token for an account. It's printed once, alone on the last line."
    requires_system_checks: list[str] = []  # they import every page and the engine

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email")
        parser.add_argument("--name", required=True, help="What the token is for.")
        parser.add_argument(
            "--scope",
            action="append",
            choices=ApiToken.Scope.values,
            default=[],
            help="May be given several times; without it the token may do everything that its owner may.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(email=options["email"].strip().lower(), is_active=True).first()
        if user is None:
            raise CommandError("There is no active account with this email.")
        try:
            token = make_token(user, options["name"], options["scope"])
        except ValidationError as wrong:
            raise CommandError(" ".join(wrong.messages)) from None
        self.stdout.write(f"Token “{options['name']}” of {user.email}. It is not shown again:")
        self.stdout.write(token)
