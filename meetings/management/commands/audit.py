"""`audit verify`: proves the audit chain, or names the first entry that does not fit."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from meetings import audit


class Command(BaseCommand):
    help = "Proves the audit chain: exit 0 when it is intact, exit 1 naming the first broken entry."
    requires_migrations_checks = True

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        actions.add_parser("verify", help="Check every entry, its details, and the signed checkpoints.")
        actions.add_parser("checkpoint", help="Sign the present end of the chain now.")

    def handle(self, *args: Any, action: str, **options: Any) -> None:
        if action == "checkpoint":
            audit.checkpoint()
            return
        report = audit.verify()
        if report.first_broken is not None:
            raise CommandError(f"audit chain broken at entry {report.first_broken}: {report.why}")
        self.stdout.write(f"audit chain intact: {report.entries} entries")
