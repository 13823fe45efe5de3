"""What waits is sent, signed, in order, and tried again until it arrives; rights that were lost by then count."""

from __future__ import annotations

import re
import socket
from datetime import timedelta
from typing import Any
from unittest import mock

from django.core import mail
from django.test import override_settings
from django.utils import timezone
from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError

from meetings.models import AuditEntry
from meetings.outgoing.models import AllowedDestination
from meetings.tests.answering_service import Service, answer, raw, served
from meetings.tests.webhooks_case import WebhookCase, jobs
from meetings.webhooks import services
from meetings.webhooks.delivery import push
from meetings.webhooks.models import Webhook, WebhookDelivery
from meetings.webhooks.outcome import FIRST_REST, GONE, LONGEST_REST, OFF_AFTER, PAUSES, SLOW, note, tell_that_it_is_off
from meetings.webhooks.sending import PREVIOUS_SECRET_LASTS, Sender, Sent

State = WebhookDelivery.State


def kinds(service: Service) -> list[str]:
    return [request.json["type"] for request in service.requests]


class Delivered(WebhookCase):
    def test_what_happened_arrives_signed_in_order_on_one_connection(self) -> None:
        with served(answer(204, b"")) as service:
            hook, secret = self.hook(service)
            for kind in ("door.locked", "door.unlocked", "meeting.ended"):
                self.happen(kind)
            stored = self.turn(hook)
        assert kinds(service) == ["meeting.locked", "meeting.unlocked", "meeting.ended"]
        assert service.connections == 1
        for request, one in zip(service.requests, hook.deliveries.order_by("pk"), strict=True):
            assert Verifier(secret).verify(request.body, request.headers) == request.json
            assert request.path == "/lintel"
            assert request.headers["content-type"] == "application/json; charset=utf-8"
            assert request.headers["webhook-id"] == one.event_id
            assert (one.state, one.status, one.attempts, one.problem) == (State.DELIVERED, 204, 1, "")
        assert (stored.failures, stored.failing_since, stored.next_try_at, stored.busy_until) == (0, None, None, None)
        assert jobs().count() == 1, "the turn that the first event queued; none follows"

    def test_another_secret_does_not_fit(self) -> None:
        with served(answer(200)) as service:
            hook, secret = self.hook(service)
            self.happen()
            self.turn(hook)
        (request,) = service.requests
        for wrong in (self.hook()[1], secret[:-4] + "AAA="):
            with self.assertRaises(WebhookVerificationError):
                Verifier(wrong).verify(request.body, request.headers)

    def test_for_a_day_both_secrets_sign(self) -> None:
        with served(answer(200)) as service:
            hook, old = self.hook(service)
            new = services.rotate_secret(self.ingrid, hook)
            self.happen()
            self.turn(hook)
            self.pass_by(PREVIOUS_SECRET_LASTS)
            self.happen()
            self.turn(hook)
        first, second = service.requests
        for secret in (old, new):
            Verifier(secret).verify(first.body, first.headers)
        Verifier(new).verify(second.body, second.headers)
        with self.assertRaises(WebhookVerificationError):
            Verifier(old).verify(second.body, second.headers)


class TriedAgain(WebhookCase):
    def failing(self, hook: Webhook) -> Any:
        hook.refresh_from_db()
        return hook.deliveries.order_by("pk").first()

    def test_the_same_event_comes_again_after_growing_pauses_until_it_is_taken(self) -> None:
        with served(answer(500, b"no")) as service:
            hook, secret = self.hook(service)
            self.happen()
            for number, pause in enumerate(PAUSES[:3], 1):
                self.turn(hook)
                one = self.failing(hook)
                assert (one.attempts, one.status, one.problem) == (number, 500, "It answered with status 500.")
                assert pause <= one.next_at - one.tried_at <= pause * 1.1
                assert jobs().filter(run_after=max(one.next_at, hook.next_try_at)).exists(), "its turn is queued"
                self.turn(hook)
                assert len(service.requests) == number, "not before"
                self.pass_by(pause * 1.1)
            service.reply = answer(200)
            stored = self.turn(hook)
        assert self.failing(hook).state == State.DELIVERED
        assert (stored.failures, stored.failing_since) == (0, None)
        assert len({request.headers["webhook-id"] for request in service.requests}) == 1
        assert len({request.body for request in service.requests}) == 1
        for request in service.requests:
            Verifier(secret).verify(request.body, request.headers)

    def test_an_event_that_is_never_taken_is_given_up_and_the_next_goes_on(self) -> None:
        with served(answer(500)) as service:
            hook, _ = self.hook(service)
            self.happen("door.locked")
            WebhookDelivery.objects.update(attempts=len(PAUSES))
            self.happen("door.unlocked")
            self.turn(hook)
            assert self.failing(hook).state == State.GIVEN_UP
            service.reply = answer(200)
            self.pass_by(FIRST_REST)
            self.turn(hook)
        assert [one.state for one in hook.deliveries.order_by("pk")] == [State.GIVEN_UP, State.DELIVERED]

    def test_an_address_that_fails_is_asked_once_a_turn_however_much_waits(self) -> None:
        with served(answer(503)) as service:
            hook, _ = self.hook(service)
            for _number in range(5):
                self.happen()
            for failures in range(1, 9):
                stored = self.turn(hook)
                assert stored.failures == len(service.requests) == failures
                rest = stored.next_try_at - timezone.now()
                assert rest <= LONGEST_REST
                self.pass_by(rest)

    def test_a_pause_that_it_asks_for_is_kept_within_an_hour(self) -> None:
        for wish, least, most in (("1800", 1795, 1800), ("999999", 3595, 3600), ("Fri, 31 Dec", 0, 10), ("-5", 0, 10)):
            with served(answer(429, headers=f"Retry-After: {wish}\r\n")) as service:
                hook, _ = self.hook(service)
                self.happen()
                stored = self.turn(hook)
            assert least <= (stored.next_try_at - timezone.now()).total_seconds() <= most, wish
            services.end(self.ingrid, stored)

    def test_nothing_but_a_2xx_is_a_receipt_and_every_failure_is_a_sentence(self) -> None:
        for reply, words in (
            (answer(302, headers="Location: http://127.0.0.1/inside\r\n"), "status 302"),
            (answer(400), "status 400"),
            (answer(404), "status 404"),
            (raw(b""), "not an HTTP answer"),
            (raw(b"SSH-2.0-OpenSSH_9.6\r\n\r\n"), "not an HTTP answer"),
            (answer(200, b"x" * 17_000), "longer than 16384 bytes"),
        ):
            with served(reply) as service:
                hook, _ = self.hook(service)
                self.happen()
                self.turn(hook)
                assert {request.path for request in service.requests} == {"/lintel"}, "redirects lead nowhere"
            one = self.failing(hook)
            assert one.state == State.PENDING, words
            assert words in one.problem, (words, one.problem)
            services.end(self.ingrid, hook)

    def test_who_answers_slowly_is_left_alone_for_a_while_and_nobody_else_is(self) -> None:
        with served(answer(200)) as service:
            hook, _ = self.hook(service)
            quick, _ = self.hook(service)
            for _number in range(3):
                self.happen()
            slow = Sent(True, 200, took=SLOW + timedelta(seconds=1))
            with mock.patch.object(Sender, "send", return_value=slow) as sending:
                self.turn(hook)
                assert sending.call_count == 1
            assert self.turn(hook).next_try_at > timezone.now() + 4 * slow.took
            self.turn(quick)
        assert len(service.requests) == 3

    def test_two_workers_do_not_send_for_one_webhook_at_once(self) -> None:
        with served(answer(200)) as service:
            hook, _ = self.hook(service)
            self.happen()
            jobs().delete()
            until = timezone.now() + timedelta(seconds=9)
            Webhook.objects.update(busy_until=until, queued_for=None)
            self.turn(hook)
            assert service.requests == []
            assert [job.run_after for job in jobs()] == [until], "somebody looks when the claim has ended"
            self.pass_by(timedelta(seconds=10))  # a worker that was killed has not given its claim back
            self.turn(hook)
        assert kinds(service) == ["meeting.locked"]


class ToldNoMore(WebhookCase):
    def test_rights_that_were_lost_on_the_way_count(self) -> None:
        omar = self.person("omar@nordhavn.example", "Omar")
        ada = self.person("ada@nordhavn.example", "Ada", role="admin")
        self.trial.hosts.add(omar)
        with served(answer(200)) as service:
            own, _ = self.hook(service, by=omar)
            whole, _ = self.hook(service, by=ada, covers="organisation")
            gone, _ = self.hook(service)
            self.happen()
            self.trial.hosts.remove(omar)
            ada.role = "staff"
            ada.save()
            self.ingrid.is_active = False
            self.ingrid.save()
            for hook in (own, whole, gone):
                self.turn(hook)
                one = hook.deliveries.get()
                assert (one.state, one.attempts) == (State.GIVEN_UP, 0)
                assert "may not know" in one.problem
        assert service.requests == []

    def test_what_is_no_longer_allowed_is_no_longer_reached(self) -> None:
        """The place is judged when it is asked, by what its owner may reach then."""
        with served(answer(200)) as service:
            hook, _ = self.hook(service)
            AllowedDestination.objects.update(for_everybody=False)
            self.happen()
            self.turn(hook)
            assert hook.deliveries.get().problem.startswith("Only https://")
            AllowedDestination.objects.all().delete()
            with override_settings(LINTEL=mock.Mock(outgoing_allow=(service.url,))):
                assert "https" in services.ping(hook).problem
        assert service.connections == 0

    def test_an_administrator_who_becomes_staff_reaches_no_further_than_staff(self) -> None:
        ada = self.person("ada@nordhavn.example", "Ada", role="admin")
        with served(answer(200)) as service:
            AllowedDestination.objects.create(text=service.url)
            hook, _ = services.make(ada, url=service.url)
            assert services.ping(hook).delivered
            ada.role = "staff"
            ada.save()
            assert not services.ping(Webhook.objects.select_related("owner").get()).delivered
        assert len(service.requests) == 1

    def test_off_or_ended_while_a_turn_runs_it_is_told_no_more(self) -> None:
        with served(answer(200)) as service:
            hook, _ = self.hook(service)
            self.happen()
            self.happen()
            sending = Sender.send

            def and_off(*call: Any) -> Sent:
                services.switch(self.ingrid, Webhook.objects.get(pk=hook.pk), False)
                return sending(*call)

            with mock.patch.object(Sender, "send", autospec=True, side_effect=and_off):
                self.turn(hook)
            assert {one.state for one in hook.deliveries.all()} == {State.GIVEN_UP}
            services.end(self.ingrid, Webhook.objects.get(pk=hook.pk))
            push.call(str(hook.pk))
        assert len(service.requests) == 1

    def test_nobody_but_administrators_learns_which_names_lead_inside(self) -> None:
        hook, _ = self.hook()
        ada = self.person("ada@nordhavn.example", "Ada", role="admin")
        hers, _ = self.hook(by=ada)
        said = []
        for found in (socket.gaierror(), [(2, 1, 6, "", ("10.1.2.3", 443))], [(2, 1, 6, "", ("169.254.169.254", 443))]):
            with mock.patch("socket.getaddrinfo", side_effect=[found, found]):
                said.append((services.ping(hook).problem, services.ping(hers).problem))
        assert {theirs for theirs, _ in said} == {"hooks.invalid leads to no public address."}
        assert len({hers for _, hers in said}) == 3


class SwitchedOff(WebhookCase):
    def fail(self, hook: Webhook, status: int = 500) -> Webhook:
        note(hook, hook.deliveries.first(), Sent(False, status, "It answered."), timezone.now())  # type: ignore[arg-type]
        return Webhook.objects.get(pk=hook.pk)

    def test_gone_is_gone(self) -> None:
        with served(answer(GONE)) as service:
            hook, _ = self.hook(service)
            self.happen()
            self.happen()
            stored = self.turn(hook)
        assert (stored.is_on, stored.off_because) == (False, "It answered that it is gone (410).")
        assert {one.state for one in hook.deliveries.all()} == {State.GIVEN_UP}
        assert len(service.requests) == 1

    def test_after_days_without_a_receipt_it_is_off_and_its_owner_and_administrators_know(self) -> None:
        self.person("ada@nordhavn.example", "Ada", role="admin")
        hook, _ = self.hook()
        self.happen()
        stored = self.fail(hook)
        assert stored.is_on
        self.pass_by(OFF_AFTER)
        stored = self.fail(Webhook.objects.get(pk=hook.pk))
        assert not stored.is_on
        entry = AuditEntry.objects.get(kind="webhook.switched_off")
        assert "not taken an event for 5 days" in str(entry.detail.body)
        tell_that_it_is_off.call(str(hook.pk))
        assert sorted(sent.to[0] for sent in mail.outbox) == ["ada@nordhavn.example", "ingrid@nordhavn.example"]
        assert "https://hooks.invalid was switched off" in mail.outbox[0].body
        assert "/lintel" not in mail.outbox[0].body.replace("/account/webhooks/", "")

    def test_a_receipt_in_between_begins_anew(self) -> None:
        hook, _ = self.hook()
        self.happen()
        self.happen()
        self.fail(hook)
        self.pass_by(OFF_AFTER - timedelta(hours=1))
        stored = Webhook.objects.get(pk=hook.pk)
        note(stored, hook.deliveries.first(), Sent(True, 200), timezone.now())  # type: ignore[arg-type]
        self.pass_by(timedelta(hours=2))
        stored = Webhook.objects.get(pk=hook.pk)
        note(stored, hook.deliveries.last(), Sent(False, 500, "No."), timezone.now())  # type: ignore[arg-type]
        assert Webhook.objects.get(pk=hook.pk).is_on

    def test_switched_on_again_it_starts_afresh(self) -> None:
        with served(answer(200)) as service:
            hook, _ = self.hook(service)
            self.happen("door.locked")
            self.fail(hook, GONE)
            services.switch(self.ingrid, Webhook.objects.get(pk=hook.pk), True)
            self.happen("door.unlocked")
            stored = self.turn(hook)
        assert kinds(service) == ["meeting.unlocked"], "what happened before is not sent later"
        assert (stored.off_because, stored.failing_since) == ("", None)


class Pinged(WebhookCase):
    def test_a_test_is_one_signed_event_about_nothing(self) -> None:
        with served(answer(200)) as service:
            hook, secret = self.hook(service, events=["door.knocked"])
            services.switch(self.ingrid, hook, False)
            assert services.ping(hook) == Sent(True, 200, took=mock.ANY)
        (request,) = service.requests
        Verifier(secret).verify(request.body, request.headers)
        assert (request.json["type"], request.json["data"]) == ("ping", {})
        assert re.fullmatch(r"msg_[\w-]{24}", request.headers["webhook-id"])
        assert not hook.deliveries.exists()

    def test_it_counts_neither_as_failure_nor_as_a_sign_of_life(self) -> None:
        hook, _ = self.hook()
        sent = services.ping(hook)
        assert (sent.delivered, sent.problem) == (False, "hooks.invalid leads to no public address.")
        assert Webhook.objects.get(pk=hook.pk).failures == 0

    def test_so_many_tests_at_once_and_no_more(self) -> None:
        hook, _ = self.hook()
        held = [services._pinging.acquire(blocking=False) for _number in range(4)]
        try:
            assert all(held)
            assert "Others are being tested" in services.ping(hook).problem
        finally:
            for _one in held:
                services._pinging.release()

    def test_a_secret_that_can_not_be_read_is_said_and_nothing_is_sent(self) -> None:
        with served(answer(200)) as service:
            self.hook(service)
            Webhook.objects.update(sealed_secret="nonsense")
            assert "Make a new one" in services.ping(Webhook.objects.select_related("owner").get()).problem
        assert service.requests == []
