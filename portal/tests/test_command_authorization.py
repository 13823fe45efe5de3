"""`manage.py authorization`: what an operator can do about the authorization service from a shell."""

from __future__ import annotations

from io import StringIO

from django.core.management import CommandError, call_command
from django.test import TestCase

from meetings.roundtrip.models import AuthorizationService, Revocation
from meetings.tests.answering_service import answer, served


def run(*words: str) -> str:
    out = StringIO()
    call_command("authorization", *words, stdout=out)
    return out.getvalue()


class CommandTests(TestCase):
    def test_a_service_is_set_shown_tried_and_switched_off(self) -> None:
        with served(answer(200, {"result": True})) as service:
            run("allow", service.url)
            run("set", f"{service.url}/rta", "--profile", "red5", "--lease", "120", "--hosts-may-replace", "yes")
            shown = run("show")
            assert "asked: yes" in shown and f"{service.url}/rta" in shown and "profile: red5" in shown
            assert f"requests allowed to: {service.url}" in shown
            tried = run("test", "--type", "publisher")
            assert '"type":"publisher"' in tried and "allowed: understood" in tried
            assert service.requests[0].path == "/rta/validateCredentials"
            service.reply = answer(503)
            with self.assertRaises(CommandError):
                run("test")
        run("off")
        assert "asked: no" in run("show")
        assert AuthorizationService.objects.get().lease_seconds == 120, "what was set stays"

    def test_the_secret_stands_alone_on_the_last_line(self) -> None:
        run("set", "https://auth.example.org/")
        secret = run("secret").splitlines()[-1]
        assert secret.startswith("lintelrta_")
        assert secret not in run("show")

    def test_what_can_not_be_done_is_said_in_one_line(self) -> None:
        for words in (
            ("set", "http://auth.example.org"),
            ("set", "https://auth.example.org", "--lease", "5"),
            ("allow", "169.254.169.254"),
            ("disallow", "10.0.0.0/8"),
            ("test",),
            ("revoke",),
        ):
            with self.assertRaises(CommandError) as caught:
                run(*words)
            assert "\n" not in str(caught.exception)

    def test_a_yes_can_be_taken_back(self) -> None:
        run("revoke", "--username", "account-1", "--reason", "Left the company.")
        assert Revocation.objects.get().reason == "Left the company."
