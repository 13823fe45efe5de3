"""Whoever may know of a meeting has its events in their outbox, stored with what happened; nobody else has."""

from __future__ import annotations

import json
import uuid
from unittest import mock

from django.db import transaction
from django.utils import timezone

from meetings import audit
from meetings.audit.words import SENTENCES
from meetings.models import AuditEntry
from meetings.outgoing.models import AllowedDestination
from meetings.services import invitations, scheduling
from meetings.services.errors import NotAnAdministrator, Wrong
from meetings.tests.webhooks_case import WebhookCase, jobs
from meetings.webhooks import outbox, services
from meetings.webhooks.delivery import LOST_AFTER, push_soon, tidy
from meetings.webhooks.events import EVENT_OF, EVENTS, GROUPS, payload
from meetings.webhooks.models import Webhook, WebhookEvent


def test_every_event_has_a_heading_and_is_sent_by_something() -> None:
    assert {name.partition(".")[0] for name in EVENTS} == set(GROUPS)
    assert set(EVENT_OF.values()) == set(EVENTS)
    sent_by = {event for kind, event in EVENT_OF.items() if kind in SENTENCES}
    assert sent_by == set(EVENTS)


def test_a_body_holds_ids_and_codes_and_nothing_to_read() -> None:
    seat = str(uuid.uuid4())
    facts = {
        "participant": seat,
        "row": "guest",
        "reason": "The seat is sold to Peter Lindqvist.",
        "name": "Peter Lindqvist",
        "note": "No.",
        "email": "p@medreg.example",
        "network": "203.0.113.0/24",
        "invitation": None,
    }
    at = timezone.now().replace(year=2026, month=12, day=1, hour=13, minute=30, second=5, microsecond=123_456)
    body = json.loads(payload("door.knocked", at, meeting="m", occurrence="o", facts=facts))
    assert body == {
        "type": "door.knocked",
        "timestamp": "2026-12-01T13:30:05.123Z",
        "data": {"meeting": "m", "occurrence": "o", "participant": seat, "kind": "guest"},
    }
    coded = payload("participant.left", at, facts={"reason": "lost"})
    assert json.loads(coded)["data"] == {"reason": "lost"}


class Outbox(WebhookCase):
    def test_what_happens_by_the_services_is_told_with_ids_and_no_names(self) -> None:
        hook, _ = self.hook()
        meeting = self.meeting()
        occurrence = meeting.occurrences.get()
        invitation = invitations.invite(self.ingrid, occurrence, "peter@medreg.example", "Peter Lindqvist", send=False)
        invitations.revoke(self.ingrid, invitation)
        scheduling.cancel_meeting(self.ingrid, meeting)
        told = self.told(hook)
        assert [one["type"] for one in told] == [
            "meeting.scheduled",
            "invitation.created",
            "invitation.revoked",
            "meeting.cancelled",
        ]
        assert {one["data"]["meeting"] for one in told} == {str(meeting.pk)}
        assert told[1]["data"]["invitation"] == str(invitation.pk)
        stored = "".join(WebhookEvent.objects.values_list("body", flat=True))
        for secret in (meeting.title, "Peter", "peter@", "Ingrid", meeting.code):
            assert secret not in stored

    def test_an_event_of_something_that_was_undone_is_not_there(self) -> None:
        hook, _ = self.hook()
        with self.assertRaises(ValueError), transaction.atomic():
            self.happen()
            raise ValueError
        assert self.told(hook) == []
        assert not jobs().exists()

    def test_nothing_is_undone_in_silence_when_the_outbox_can_not_be_written(self) -> None:
        self.hook()
        with mock.patch.object(outbox.WebhookEvent.objects, "create", side_effect=OSError), self.assertRaises(OSError):
            self.happen()
        assert not AuditEntry.objects.filter(kind="door.locked").exists()

    def test_only_hosts_of_the_meeting_and_administrators_who_asked_for_every_meeting_are_told(self) -> None:
        admin = self.person("admin@nordhavn.example", "Ada", role="admin")
        other = self.person("omar@nordhavn.example", "Omar")
        own, _ = self.hook()
        others, _ = self.hook(by=other)
        whole, _ = self.hook(by=admin, covers="organisation")
        admins_own, _ = self.hook(by=admin)
        self.happen()
        assert [len(self.told(hook)) for hook in (own, others, whole, admins_own)] == [1, 0, 1, 0]

    def test_a_webhook_that_is_off_or_whose_owner_is_gone_is_not_told(self) -> None:
        hook, _ = self.hook()
        services.switch(self.ingrid, hook, False)
        self.happen()
        assert self.told(hook) == []
        services.switch(self.ingrid, hook, True)
        self.ingrid.is_active = False
        self.ingrid.save()
        self.happen()
        assert self.told(hook) == []

    def test_only_chosen_events_are_told(self) -> None:
        hook, _ = self.hook(events=["door.knocked", "meeting.unlocked"])
        self.happen("door.locked")
        self.happen("door.unlocked")
        assert [one["type"] for one in self.told(hook)] == ["meeting.unlocked"]

    def test_what_concerns_no_meeting_is_told_to_nobody(self) -> None:
        hook, _ = self.hook(by=self.person("admin@nordhavn.example", "Ada", role="admin"), covers="organisation")
        audit.record("account.signed_in", actor=self.ingrid)
        audit.record("authorization.unanswered")
        assert self.told(hook) == []

    def test_one_turn_is_queued_for_many_events(self) -> None:
        hook, _ = self.hook()
        for _number in range(10):
            self.happen()
        assert jobs().count() == 1
        self.pass_by(LOST_AFTER)
        jobs().delete()  # as a server leaves it whose database was set back
        self.happen()
        assert jobs().count() == 1
        assert len(self.told(hook)) == 11

    def test_the_days_work_queues_what_was_lost_and_forgets_what_is_old(self) -> None:
        hook, _ = self.hook()
        self.happen()
        jobs().delete()
        self.pass_by(LOST_AFTER)
        tidy(timezone.now())
        assert jobs().count() == 1
        WebhookEvent.objects.update(at=timezone.now() - timezone.timedelta(days=31))
        tidy(timezone.now())
        assert self.told(hook) == []

    def test_a_turn_is_not_queued_before_the_webhook_may_be_tried_again(self) -> None:
        hook, _ = self.hook()
        rests_until = timezone.now() + timezone.timedelta(minutes=4)
        Webhook.objects.update(next_try_at=rests_until)
        self.happen()
        push_soon(hook.pk, timezone.now())
        assert [job.run_after for job in jobs()] == [rests_until]

    def test_what_finds_no_room_is_counted(self) -> None:
        hook, _ = self.hook()
        with mock.patch.object(outbox, "MOST_PENDING", 2):
            for _number in range(5):
                self.happen()
        hook.refresh_from_db()
        assert (hook.missed, len(self.told(hook))) == (3, 2)


class Making(WebhookCase):
    def test_the_secret_is_shown_once_and_stored_sealed(self) -> None:
        hook, secret = self.hook()
        assert secret.startswith("whsec_")
        assert secret not in hook.sealed_secret
        assert secret[6:] not in str(Webhook.objects.values().get())

    def test_the_audit_log_knows_of_it_without_its_path(self) -> None:
        hook, _ = services.make(self.ingrid, url="https://hooks.example.org/t/secret-path?key=1")
        services.change(self.ingrid, hook, url="https://hooks.example.org/u/other-path", events=[], covers="own")
        services.rotate_secret(self.ingrid, hook)
        services.switch(self.ingrid, hook, False)
        services.end(self.ingrid, hook)
        kinds = list(AuditEntry.objects.filter(kind__startswith="webhook.").order_by("number"))
        assert [entry.kind.partition(".")[2] for entry in kinds] == [
            "made",
            "changed",
            "secret_made",
            "changed",
            "ended",
        ]
        stored = " ".join(str(entry.detail.body) for entry in kinds)
        assert "hooks.example.org" in stored
        assert "path" not in stored

    def test_what_can_not_be_used_is_refused_with_the_field(self) -> None:
        for wrong, field in (
            ({"url": "ftp://hooks.example.org/"}, "url"),
            ({"url": "http://hooks.example.org/"}, "url"),
            ({"url": "https://user:pass@hooks.example.org/"}, "url"),
            ({"url": "https://127.0.0.1/"}, "url"),
            ({"url": "https://[::ffff:10.0.0.1]/"}, "url"),
            ({"url": "https://169.254.169.254/latest/"}, "url"),
            ({"url": "https://hooks.example.org/" + "x" * 500}, "url"),
            ({"url": "https://hooks.example.org/", "events": ["door.opened"]}, "events"),
            ({"url": "https://hooks.example.org/", "covers": "everything"}, "covers"),
        ):
            with self.assertRaises(Wrong) as caught:
                services.make(self.ingrid, **wrong)
            assert caught.exception.field == field, wrong
        assert not Webhook.objects.exists()

    def test_only_administrators_hear_of_every_meeting(self) -> None:
        with self.assertRaises(NotAnAdministrator):
            self.hook(covers="organisation")
        hook, _ = self.hook()
        with self.assertRaises(NotAnAdministrator):
            services.change(self.ingrid, hook, url=hook.url, events=[], covers="organisation")
        admin = self.person("admin@nordhavn.example", "Ada", role="admin")
        hook, _ = self.hook(by=admin, covers="organisation")
        self.happen()
        assert len(self.told(hook)) == 1
        admin.role = "staff"
        admin.save()
        self.happen()
        assert len(self.told(hook)) == 1

    def test_a_host_who_stops_hosting_is_told_no_more(self) -> None:
        omar = self.person("omar@nordhavn.example", "Omar")
        self.trial.hosts.add(omar)
        hook, _ = self.hook(by=omar)
        self.happen()
        self.trial.hosts.remove(omar)
        before = len(self.told(hook))
        self.happen()
        assert len(self.told(hook)) == before

    def test_there_is_an_end_to_how_many_somebody_may_have(self) -> None:
        for _number in range(services.MOST_WEBHOOKS):
            self.hook()
        with self.assertRaises(Wrong) as caught:
            self.hook()
        assert caught.exception.code == "too_many"

    def test_what_only_administrators_may_reach_is_not_reached_by_a_webhook_of_somebody_else(self) -> None:
        AllowedDestination.objects.create(text="10.20.0.0/16")
        with self.assertRaises(Wrong) as caught:
            services.make(self.ingrid, url="https://10.20.0.7/")
        assert caught.exception.code == "refused"
        services.make(self.person("admin@nordhavn.example", "Ada", role="admin"), url="https://10.20.0.7/")
