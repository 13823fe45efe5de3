"""`audit …`: proves the audit chain or a signed export of it, signs its end, and writes such an export."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from meetings import audit, verify_export
from meetings.audit import signed
from meetings.audit.search import Search


class Command(BaseCommand):
    help = "The audit log: `verify` proves it, exit 0 when it is intact, exit 1 naming the first broken entry."
    requires_system_checks: list[str] = []  # they import every page and the engine
    requires_migrations_checks = True

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        actions.add_parser("verify", help="Check every entry, its details, and the signed checkpoints.")
        actions.add_parser("checkpoint", help="Sign the present end of the chain now.")
        actions.add_parser("fingerprint", help="Print the fingerprint of the key that signs checkpoints and exports.")
        export = actions.add_parser("export", help="Write the whole log as a signed file.")
        export.add_argument("file")
        proof = actions.add_parser("verify-export", help="Prove a signed file, from this server or another.")
        proof.add_argument("file")
        proof.add_argument("--fingerprint", default="", help="The key that has to have signed it.")

    def handle(self, *args: Any, action: str, **options: Any) -> None:
        if action == "checkpoint":
            audit.checkpoint()
        elif action == "fingerprint":
            self.stdout.write(signed.fingerprint())
        elif action == "export":
            self._export(options["file"])
        elif action == "verify-export":
            code = verify_export.main([options["file"], "--fingerprint", options["fingerprint"]])
            if code:
                raise SystemExit(code)
        else:
            self._verify()

    def _export(self, path: str) -> None:
        search = Search()
        first, last = signed.span_of(search)
        with transaction.atomic():
            audit.record("audit.exported", actor_label="manage audit export", format="signed.jsonl", count=last)
        try:
            with open(path, "x", encoding="utf-8", newline="\n") as file:
                file.writelines(signed.parts(search, first, last))
        except OSError as problem:
            raise CommandError(f"{path}: {problem.strerror}") from None
        self.stdout.write(f"entries {first} to {last}, signed by {signed.fingerprint()}")

    def _verify(self) -> None:
        report = audit.verify()
        if report.first_broken is not None:
            raise CommandError(f"audit chain broken at entry {report.first_broken}: {report.why}")
        self.stdout.write(f"audit chain intact: {report.entries} entries")
