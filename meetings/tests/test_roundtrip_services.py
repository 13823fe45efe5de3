"""Setting an authorization service: who may, what is refused, what is kept secret."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from django.conf import settings
from django.test import TestCase
from django.utils import timezone

from meetings import audit, vault
from meetings.models import AuditEntry, Change
from meetings.outgoing import allowed
from meetings.outgoing.destinations import read_destination
from meetings.outgoing.models import AllowedDestination
from meetings.roundtrip import services, trial
from meetings.roundtrip.asking import masked
from meetings.roundtrip.models import ORGANISATION, AuthorizationService, Revocation
from meetings.roundtrip.protocol import Outcome, signature
from meetings.roundtrip.services import Settings
from meetings.services.errors import NotAHost, NotAnAdministrator, Wrong
from meetings.tests.answering_service import answer, raw, served
from meetings.tests.live_case import make_meeting, make_user

URL = "https://auth.example.org/lintel"


class SettingTests(TestCase):
    def setUp(self) -> None:
        self.admin = make_user("Ada Admin", role="admin")
        self.host = make_user("Ingrid Sæther")
        self.meeting = make_meeting(self.host).meeting

    def set(self, by: object, meeting: object = None, **changes: object) -> AuthorizationService:
        return services.change_service(by, meeting, Settings(**{"url": URL, **changes}))  # type: ignore[arg-type]

    def refused(self, **changes: object) -> tuple[str, str]:
        """Field and code with which these settings are refused; then nothing is stored."""
        with self.assertRaises(Wrong) as caught:
            self.set(self.admin, **changes)
        assert not AuthorizationService.objects.exists()
        return caught.exception.field, caught.exception.code

    def test_an_administrator_sets_the_organisations_service_and_every_meeting_is_asked_about(self) -> None:
        assert services.asked_about(self.meeting) is None
        self.set(self.admin)
        asked = services.asked_about(self.meeting)
        assert asked is not None and asked.problem == ""
        assert str(asked.destination) == URL
        assert len(asked.secrets) == 1 and asked.secrets[0].startswith("lintelrta_")

    def test_nobody_else_does(self) -> None:
        for by in (self.host, make_user("Yuki Tanaka")):
            with self.assertRaises(NotAnAdministrator):
                self.set(by)
            with self.assertRaises(NotAnAdministrator):
                services.rotate_secret(by, None)

    def test_what_can_not_be_asked_is_refused_with_its_field(self) -> None:
        assert self.refused(url="") == ("url", "required")
        assert self.refused(url="auth.example.org") == ("url", "not_a_url")
        assert self.refused(url="https://u:p@auth.example.org/") == ("url", "userinfo")
        assert self.refused(url="https://auth.example.org/?next=") == ("url", "query")
        assert self.refused(url="http://auth.example.org/") == ("url", "refused")
        assert self.refused(url="https://127.0.0.1/") == ("url", "refused")
        assert self.refused(url="https://[::ffff:169.254.169.254]/") == ("url", "refused")
        assert self.refused(url="https://auth.example.org/" + "a" * 400) == ("url", "too_long")
        assert self.refused(profile="red6") == ("profile", "unknown")
        assert self.refused(names="passport") == ("names", "unknown")
        assert self.refused(lease_seconds=14) == ("lease_seconds", "range")
        assert self.refused(lease_seconds=3601) == ("lease_seconds", "range")

    def test_an_inside_address_can_be_set_once_it_is_allowed(self) -> None:
        allowed.allow(self.admin, "http://127.0.0.1:9000")
        self.set(self.admin, url="http://127.0.0.1:9000/rta")
        asked = services.asked_about(self.meeting)
        assert asked is not None and asked.destination is not None
        assert asked.allowances.why_not(asked.destination) == ""
        allowed.disallow(self.admin, AllowedDestination.objects.get())
        asked = services.asked_about(self.meeting)
        assert asked is not None and asked.destination is not None
        assert asked.allowances.why_not(asked.destination)

    def test_a_meetings_own_service_needs_the_administrators_leave(self) -> None:
        with self.assertRaises(Wrong) as caught:
            self.set(self.host, self.meeting)
        assert caught.exception.code == "not_allowed"
        self.set(self.admin, hosts_may_replace=True)
        self.set(self.host, self.meeting, url="https://own.example.org/", hosts_may_replace=True)
        asked = services.asked_about(self.meeting)
        assert asked is not None and asked.key == str(self.meeting.pk)
        assert str(asked.destination) == "https://own.example.org/"
        other = make_meeting(make_user("Otto Other")).meeting
        asked = services.asked_about(other)
        assert asked is not None and asked.key == ORGANISATION

    def test_without_the_leave_a_meetings_own_service_is_asked_no_more(self) -> None:
        self.set(self.admin, hosts_may_replace=True)
        self.set(self.host, self.meeting, url="https://own.example.org/")
        self.set(self.admin, hosts_may_replace=False)
        asked = services.asked_about(self.meeting)
        assert asked is not None and asked.key == ORGANISATION

    def test_a_host_can_not_switch_the_organisations_service_off_for_a_meeting(self) -> None:
        self.set(self.admin, hosts_may_replace=True)
        self.set(self.host, self.meeting, url="https://own.example.org/", is_on=False)
        asked = services.asked_about(self.meeting)
        assert asked is not None and asked.key == ORGANISATION

    def test_only_this_meetings_hosts_set_its_service(self) -> None:
        self.set(self.admin, hosts_may_replace=True)
        for by in (self.admin, make_user("Yuki Tanaka")):
            with self.assertRaises(NotAHost):
                self.set(by, self.meeting)

    def test_every_change_is_written_down_without_secrets_and_wakes_the_meetings(self) -> None:
        before = Change.objects.count()
        self.set(self.admin, url="https://auth.example.org/path-that-may-be-secret")
        entry = AuditEntry.objects.get(kind="authorization.service_changed")
        text = str(audit.body_of(entry))
        assert "https://auth.example.org" in text
        assert "path-that-may-be-secret" not in text
        assert AuthorizationService.objects.get().sealed_secret not in text
        assert Change.objects.count() == before + 1
        self.set(self.admin, url="https://auth.example.org/path-that-may-be-secret")
        assert AuditEntry.objects.filter(kind="authorization.service_changed").count() == 1, "nothing changed"


class SecretTests(TestCase):
    def setUp(self) -> None:
        self.meeting = make_meeting(make_user("Ingrid Sæther")).meeting
        services.change_service(None, None, Settings(URL))

    def secrets(self) -> tuple[str, ...]:
        asked = services.asked_about(self.meeting)
        assert asked is not None
        return asked.secrets

    def test_a_secret_is_shown_once_and_stored_sealed(self) -> None:
        secret = services.rotate_secret(None, None)
        row = AuthorizationService.objects.get()
        assert self.secrets()[0] == secret
        assert secret not in f"{row.sealed_secret} {row.sealed_previous}"
        assert vault.unseal(row.sealed_secret) == secret

    def test_the_secret_before_is_good_for_a_day(self) -> None:
        first = services.rotate_secret(None, None)
        second = services.rotate_secret(None, None)
        assert self.secrets() == (second, first)
        AuthorizationService.objects.update(rotated_at=timezone.now() - timedelta(days=1, seconds=1))
        assert self.secrets() == (second,)

    def test_a_secret_that_can_not_be_read_any_more_leaves_a_service_that_answers_nothing(self) -> None:
        with self.settings(SECRET_KEY="another"):
            asked = services.asked_about(self.meeting)
            assert asked is not None
            assert asked.secrets == () and "secret" in asked.problem

    def test_a_seal_that_was_tampered_with_opens_nothing(self) -> None:
        sealed = vault.seal("secret")
        for wrong in ("", "x", sealed[:-2], sealed[:20] + ("A" if sealed[20] != "A" else "B") + sealed[21:], "ä"):
            with self.assertRaises(vault.Unreadable):
                vault.unseal(wrong)


class AllowanceTests(TestCase):
    def test_entries_are_checked_counted_and_written_down(self) -> None:
        admin = make_user("Ada Admin", role="admin")
        for wrong in ("", "169.254.169.254", "0.0.0.0/0", "*.example.org"):
            with self.assertRaises(Wrong):
                allowed.allow(admin, wrong)
        allowed.allow(admin, " 10.20.0.0/16 ")
        allowed.allow(admin, "10.20.0.0/16")
        assert [row.text for row in AllowedDestination.objects.all()] == ["10.20.0.0/16"]
        assert AuditEntry.objects.filter(kind="outgoing.allowed").count() == 1
        for number in range(49):
            allowed.allow(admin, f"10.30.{number}.0/24")
        with self.assertRaises(Wrong) as caught:
            allowed.allow(admin, "10.40.0.0/16")
        assert caught.exception.code == "too_many"

    def test_a_row_that_can_not_be_read_allows_nothing(self) -> None:
        AllowedDestination.objects.create(text="0.0.0.0/0")
        assert allowed.allowances(set_by_admin=True).networks == ()

    def test_what_an_administrator_may_reach_is_not_reached_by_others_unless_said_so(self) -> None:
        host = make_user("Ingrid Sæther")
        meeting = make_meeting(host).meeting
        services.change_service(None, None, Settings(url="https://auth.example.org", hosts_may_replace=True))
        allowed.allow(None, "10.20.0.0/16")
        with self.settings(LINTEL=replace(settings.LINTEL, outgoing_allow=("10.30.0.0/16",))):
            for url in ("https://10.20.0.7/", "https://10.30.0.7/"):
                services.change_service(None, None, Settings(url=url, hosts_may_replace=True))
                with self.assertRaises(Wrong) as caught:
                    services.change_service(host, meeting, Settings(url=url))
                assert caught.exception.code == "refused"
        allowed.allow(None, "10.20.0.0/16", for_everybody=True)
        row = services.change_service(host, meeting, Settings(url="https://10.20.0.7/"))
        destination = read_destination("https://10.20.0.7/")
        assert services.as_asked(row).allowances.why_not(destination) == ""
        allowed.allow(None, "10.20.0.0/16")
        assert "not a public address" in services.as_asked(row).allowances.why_not(destination)
        assert AuditEntry.objects.filter(kind="outgoing.allowed").count() == 3


class TrialTests(TestCase):
    def exchange(self, reply: object, **settings: object) -> trial.Exchange:
        with served(reply) as service:  # type: ignore[arg-type]
            allowed.allow(None, service.url)
            row = services.change_service(None, None, Settings(url=service.url, **settings))  # type: ignore[arg-type]
            asked = services.as_asked(row)
            made = trial.run(asked, trial.question(asked, kind="publisher", token="their-own-secret-token"))
            self.request = service.requests[0] if service.requests else None
            self.secret = asked.secrets[0]
        return made

    def test_the_whole_exchange_is_shown_with_its_secrets_masked(self) -> None:
        made = self.exchange(answer(200, {"result": True, "ttl": 90}))
        assert made.verdict.outcome is Outcome.ALLOWED and made.verdict.lease_seconds == 90
        assert made.shown_answer == '{"result": true, "ttl": 90}'
        assert self.request is not None
        assert '"token":"thei…"' in made.shown_body
        sent = self.request.json
        for secret in ("their-own-secret-token", sent["password"], self.request.headers["x-rta-signature"]):
            assert secret not in f"{made.shown_body} {made.shown_headers}"
        assert made.timing is not None and made.timing.answered is not None
        timestamp, body = self.request.headers["x-rta-timestamp"], self.request.body
        assert self.request.headers["x-rta-signature"] == signature(self.secret, timestamp, body)

    def test_it_is_about_nobody(self) -> None:
        self.exchange(answer(200, {"result": True}))
        assert self.request is not None
        assert self.request.json["streamID"] == f"{trial.NOBODY}/{trial.NOBODY}/camera"

    def test_whatever_goes_wrong_is_a_sentence(self) -> None:
        made = self.exchange(raw(b"nonsense\r\n\r\n"))
        assert made.verdict.outcome is Outcome.UNANSWERED
        assert made.failure == "bad_answer" and made.verdict.problem
        assert made.shown_answer == ""

    def test_masking_leaves_no_way_around(self) -> None:
        assert (
            masked(b'{"password":"abcdefgh","token":""}')
            == '{"password":"abcd\xe2\x80\xa6","token":""}'.encode("latin-1").decode()
        )
        assert "efgh" not in masked(rb'{"token" : "ab\"cdefgh"}')


class TakingBackTests(TestCase):
    def test_a_token_is_kept_as_its_digest_and_rows_go_after_an_hour(self) -> None:
        services.take_back(ORGANISATION, token="ticket-7", reason="returned\x00 ")
        row = Revocation.objects.get()
        assert "ticket-7" not in str(vars(row))
        assert row.reason == "returned"
        Revocation.objects.update(at=timezone.now() - timedelta(hours=1, seconds=1))
        assert services.taken_back(ORGANISATION) == ()
        services.take_back(ORGANISATION, username="u")
        assert Revocation.objects.count() == 1
