"""`manage.py authorization …`: the organisation's authorization service, for operators who prefer a shell."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from meetings.outgoing import allowed
from meetings.outgoing.models import AllowedDestination
from meetings.roundtrip import services, trial
from meetings.roundtrip.models import ORGANISATION, AuthorizationService
from meetings.roundtrip.protocol import Outcome
from meetings.roundtrip.services import Settings
from meetings.services.errors import Wrong


class Command(BaseCommand):
    help = "Show, set, switch off or try the service that must agree to everybody who enters, publishes and receives."
    requires_system_checks: list[str] = []  # they import every page and the engine

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
        actions.add_parser("show", help="What is set now.")
        setting = actions.add_parser("set", help="Set the service and switch it on.")
        setting.add_argument("url", help="Base address, such as https://auth.example.org/lintel.")
        setting.add_argument("--profile", choices=AuthorizationService.Profile.values)
        setting.add_argument("--names", choices=AuthorizationService.Names.values)
        setting.add_argument("--lease", type=int, metavar="SECONDS", help="How long a yes without ttl lasts.")
        setting.add_argument("--hosts-may-replace", choices=("yes", "no"))
        actions.add_parser("off", help="Ask nobody any more: the door alone decides.")
        actions.add_parser("secret", help="Make a new secret. It stands alone on the last line, once.")
        for name, text in (("allow", "Allow requests to"), ("disallow", "No longer allow requests to")):
            action = actions.add_parser(name, help=f"{text} a network, a host, or an address without TLS.")
            action.add_argument("text")
            if name == "allow":
                action.add_argument("--everybody", action="store_true", help="Also for addresses that others enter.")
        test = actions.add_parser("test", help="Ask one question about nobody and show the exchange.")
        test.add_argument("--type", choices=trial.TYPES, default="subscriber")
        test.add_argument("--token", default="")
        revoke = actions.add_parser("revoke", help="Take a yes back, as the service itself may.")
        for option in ("--username", "--token", "--stream", "--reason"):
            revoke.add_argument(option, default="")

    def handle(self, *args: Any, **options: Any) -> None:
        actions: Mapping[str, Callable[[dict[str, Any]], None]] = {
            "show": self.show,
            "set": self.set,
            "off": self.off,
            "secret": self.secret,
            "allow": self.allow,
            "disallow": self.disallow,
            "test": self.test,
            "revoke": self.revoke,
        }
        try:
            actions[options["action"]](options)
        except Wrong as wrong:
            raise CommandError(wrong.message) from None

    def show(self, options: dict[str, Any]) -> None:
        service = services.service_of(None)
        self.stdout.write(f"asked: {'yes' if service.is_on else 'no'}")
        if service.url:
            self.stdout.write(f"address: {service.url}")
            self.stdout.write(f"profile: {service.profile}, names: {service.names}, lease: {service.lease_seconds} s")
        self.stdout.write(f"hosts may name their own: {'yes' if service.hosts_may_replace else 'no'}")
        for row in AllowedDestination.objects.all():
            whose = ", also for others than administrators" if row.for_everybody else ""
            self.stdout.write(f"requests allowed to: {row.text}{whose}")

    def set(self, options: dict[str, Any]) -> None:
        before = self.settings()
        may = options["hosts_may_replace"]
        wanted = replace(
            before,
            url=options["url"],
            is_on=True,
            profile=options["profile"] or before.profile,
            names=options["names"] or before.names,
            lease_seconds=options["lease"] or before.lease_seconds,
            hosts_may_replace=before.hosts_may_replace if may is None else may == "yes",
        )
        services.change_service(None, None, wanted)
        self.stdout.write("Set. Everybody who is in a meeting is being asked about now.")

    def off(self, options: dict[str, Any]) -> None:
        services.change_service(None, None, replace(self.settings(), is_on=False))
        self.stdout.write("Off. The door alone decides.")

    @staticmethod
    def settings() -> Settings:
        row = services.service_of(None)
        return Settings(row.url, row.is_on, row.profile, row.names, row.lease_seconds, row.hosts_may_replace)

    def secret(self, options: dict[str, Any]) -> None:
        secret = services.rotate_secret(None, None)
        self.stdout.write("The new secret. It is not shown again; the one before is accepted for a day more:")
        self.stdout.write(secret)

    def allow(self, options: dict[str, Any]) -> None:
        row = allowed.allow(None, options["text"], for_everybody=options["everybody"])
        self.stdout.write(f"Requests may go to {row.text}.")

    def disallow(self, options: dict[str, Any]) -> None:
        row = AllowedDestination.objects.filter(text=options["text"].strip().lower()).first()
        if row is None:
            raise CommandError("It is not on the list.")
        allowed.disallow(None, row)
        self.stdout.write(f"Requests no longer go to {row.text}.")

    def test(self, options: dict[str, Any]) -> None:
        row = services.service_of(None)
        if not row.url:
            raise CommandError("No service is set.")
        service = services.as_asked(row)
        exchange = trial.run(service, trial.question(service, kind=options["type"], token=options["token"]))
        self.stdout.write(f"POST {exchange.url}")
        for name, value in exchange.shown_headers.items():
            self.stdout.write(f"{name}: {value}")
        self.stdout.write(exchange.shown_body)
        if exchange.answer is not None:
            self.stdout.write(f"{exchange.answer.status} {exchange.shown_answer}")
        verdict = exchange.verdict
        self.stdout.write(f"{verdict.outcome}: {verdict.problem or verdict.reason or 'understood'}")
        if verdict.outcome is Outcome.UNANSWERED:
            raise CommandError("Nobody would be let in.")

    def revoke(self, options: dict[str, Any]) -> None:
        services.take_back(
            ORGANISATION,
            username=options["username"],
            token=options["token"],
            stream=options["stream"],
            reason=options["reason"],
        )
        self.stdout.write("Taken back.")
