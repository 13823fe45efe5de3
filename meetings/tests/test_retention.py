"""Retention: what is old enough goes and nothing else, the chain stays whole, and nobody can set less."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from unittest import mock

from django.db import IntegrityError, transaction
from django.test import TestCase

from meetings import audit
from meetings.audit import log
from meetings.door import Way
from meetings.models import (
    AuditDetail,
    AuditEntry,
    Block,
    DoorException,
    Invitation,
    InvitationToken,
    Occurrence,
    Participant,
    Retention,
    Stay,
)
from meetings.services import exceptions, invitations, retention
from meetings.services.errors import NotAnAdministrator, Wrong
from meetings.services.retention import Days
from meetings.tests.domain_case import DomainCase

FOR_GOOD = Days(None, None, None, None)
OLD, NEW = timedelta(days=100), timedelta(days=20)


class RetentionCase(DomainCase, TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.admin = self.person("ada@nordhavn.example", "Ada Admin", role="admin")
        self.board = self.meeting(people=["peter@medreg.example"])
        self.there = self.board.occurrences.get()
        AuditDetail.objects.all().delete()
        AuditEntry.objects.all().delete()

    def settle(self, **days: int) -> None:
        retention.change(self.admin, replace(FOR_GOOD, **days))

    def entry(self, age: timedelta, name: str) -> int:
        return audit.record("door.left", target=name, network="203.0.113.7", at=self.now - age).number

    def end(self, age: timedelta) -> None:
        ended = self.now - age
        Occurrence.objects.update(starts_at=ended - timedelta(hours=1), ends_at=ended, started_at=ended, ended_at=ended)

    def apply(self) -> retention.Due:
        expected = retention.due(retention.days_now(), self.now)
        done = retention.apply(self.now)
        self.assertEqual(done, expected)
        self.assertEqual(retention.due(retention.days_now(), self.now).total, 0)
        self.assertEqual(audit.verify().why, "")
        return done


class Details(RetentionCase):
    def test_old_details_go_and_new_ones_stay(self) -> None:
        old, new = self.entry(OLD, "Leila"), self.entry(NEW, "Peter")
        self.settle(details=30)
        self.assertEqual(self.apply().details, AuditEntry.objects.filter(number__lte=old).count())
        detail = AuditDetail.objects.get(entry_id=old)
        self.assertEqual((detail.body, detail.salt, detail.people, detail.network, detail.meeting), ("",) * 4 + (None,))
        self.assertEqual(audit.body_of(AuditEntry.objects.get(number=new))["target"], "Peter")

    def test_a_clock_that_once_went_back_takes_nothing_too_early(self) -> None:
        new, old = self.entry(NEW, "Peter"), self.entry(OLD, "Leila")
        self.settle(details=30)
        self.assertEqual(self.apply().details, 0)
        self.assertTrue(AuditDetail.objects.filter(entry_id__in=(new, old)).exclude(body="").count() == 2)

    def test_the_record_of_an_erasure_is_never_erased(self) -> None:
        self.entry(OLD, "Leila")
        self.settle(details=30)
        self.apply()
        AuditEntry.objects.filter(kind="audit.erased").get()
        later = self.now + timedelta(days=400)
        retention.apply(later)
        kept = [audit.body_of(one) for one in AuditEntry.objects.filter(kind="audit.erased").select_related("detail")]
        self.assertTrue(all(kept))
        self.assertTrue(audit.verify().intact)

    def test_what_was_stopped_in_the_middle_still_proves_and_goes_on(self) -> None:
        numbers = [self.entry(OLD, f"Guest {number}") for number in range(6)]
        real = AuditDetail.objects.filter
        calls: list[Any] = []

        def filter_until_killed(**conditions: Any) -> Any:
            calls.append(conditions)
            if len(calls) == 2:
                raise KeyboardInterrupt
            return real(**conditions)

        with (
            mock.patch.object(log, "BATCH", 2),
            mock.patch.object(AuditDetail.objects, "filter", filter_until_killed),
            self.assertRaises(KeyboardInterrupt),
        ):
            audit.erase_until(numbers[-1], what="details", reason="retention")
        self.assertEqual(AuditDetail.objects.filter(body="").count(), 2)
        self.assertTrue(audit.verify().intact)
        audit.erase_until(numbers[-1], what="details", reason="retention")
        self.assertFalse(AuditDetail.objects.filter(entry_id__lte=numbers[-1]).exclude(body="").exists())
        self.assertTrue(audit.verify().intact)

    def test_networks_go_by_themselves_and_who_did_what_stays(self) -> None:
        old, new = self.entry(OLD, "Leila"), self.entry(NEW, "Peter")
        self.settle(networks=30)
        self.assertEqual(self.apply().networks, 1)
        self.assertEqual(audit.body_of(AuditEntry.objects.get(number=old)) | {"facts": 0}, {
            **audit.body_of(AuditEntry.objects.get(number=old)), "facts": 0, "network": "", "target": "Leila",
        })  # fmt: skip
        self.assertEqual(audit.body_of(AuditEntry.objects.get(number=new))["network"], "203.0.113.0/24")

    def test_networks_that_go_without_a_record_are_found(self) -> None:
        old = self.entry(OLD, "Leila")
        AuditDetail.objects.filter(entry_id=old).update(network="", network_salt="")
        self.assertEqual(audit.verify().first_broken, old)


class AfterMeetings(RetentionCase):
    def setUp(self) -> None:
        super().setUp()
        self.invitation_of_peter = Invitation.objects.get()
        invitations.mint_link(self.invitation_of_peter)
        seat = self.come(self.there, invitation=self.invitation_of_peter)
        assert seat is not None
        Stay.objects.create(participant=seat, entered_at=self.now, left_at=self.now)

    def test_attendance_counts_from_the_end_of_the_meeting(self) -> None:
        self.settle(attendance=30)
        self.end(NEW)
        self.assertEqual(self.apply().attendance, 0)
        self.end(OLD)
        self.assertEqual(self.apply().attendance, 1)
        self.assertFalse(Participant.objects.exists() or Stay.objects.exists())

    def test_names_and_addresses_go_and_the_state_of_the_invitation_stays(self) -> None:
        self.settle(addresses=30)
        self.end(OLD)
        claimed_at = Invitation.objects.get().claimed_at
        self.assertEqual(self.apply().addresses, 1)
        erased = Invitation.objects.get()
        self.assertTrue(erased.is_erased)
        self.assertEqual((erased.name, erased.claimed_at), ("", claimed_at))
        self.assertFalse(InvitationToken.objects.exists())
        self.client.force_login(self.ingrid)
        page = self.client.get(f"/meetings/{self.board.pk}/")
        row = page.context["invitations"][0]
        self.assertEqual((row["name"], row["about"]), ("Erased", "Guest · personal link"))

    def test_exceptions_for_addresses_and_blocks_of_devices_go_with_the_meeting(self) -> None:
        exceptions.set_exception(self.ingrid, self.board, "leila@medreg.example", Way.WALKS_IN)
        exceptions.set_exception(self.ingrid, self.board, self.person("m@nordhavn.example", "Marcus"), Way.KNOCKS)
        Block.objects.create(occurrence=self.there, device="device-1")
        self.settle(addresses=30, attendance=30)
        self.end(NEW)
        self.apply()
        self.assertEqual((DoorException.objects.count(), Block.objects.count()), (2, 1))
        self.end(OLD)
        self.assertEqual(self.apply().addresses, 2)
        self.assertEqual(DoorException.objects.get().email, "")
        self.assertFalse(Block.objects.exists())

    def test_networks_of_seats_go_too(self) -> None:
        self.settle(networks=30)
        self.end(OLD)
        self.apply()
        self.assertEqual(Participant.objects.get().network, "")
        self.assertEqual(Invitation.objects.get().claimed_network, "")

    def test_a_meeting_that_goes_on_or_is_to_come_keeps_everything(self) -> None:
        self.settle(attendance=7, addresses=7, networks=7)
        self.assertEqual(self.apply().attendance, 0)
        started = self.now - OLD
        Occurrence.objects.update(starts_at=started, ends_at=started + timedelta(hours=1), started_at=started)
        done = self.apply()
        self.assertEqual((done.attendance, done.addresses), (0, 0))

    def test_a_meeting_that_never_began_or_was_cancelled_is_over_too(self) -> None:
        self.settle(addresses=30)
        ended = self.now - OLD
        Occurrence.objects.update(starts_at=ended - timedelta(hours=1), ends_at=ended)
        self.assertEqual(self.apply().addresses, 1)

    def test_what_went_is_counted_in_the_log(self) -> None:
        self.settle(attendance=30, addresses=30)
        self.end(OLD)
        self.apply()
        entry = AuditEntry.objects.select_related("detail").get(kind="retention.applied")
        self.assertEqual(audit.body_of(entry)["facts"], {"attendance": 1, "addresses": 1})


class Settling(RetentionCase):
    def test_only_administrators_settle_it_and_the_role_is_asked_then(self) -> None:
        for person in (self.ingrid, None):
            with self.assertRaises(NotAnAdministrator):
                retention.change(person, FOR_GOOD)
        self.admin.role = "staff"
        self.admin.save()
        with self.assertRaises(NotAnAdministrator):
            retention.change(self.admin, FOR_GOOD)
        self.assertFalse(Retention.objects.exists())

    def test_less_than_the_least_is_stored_by_nobody(self) -> None:
        for name, days in (("details", 29), ("networks", 6), ("attendance", 0), ("addresses", 3651)):
            with self.assertRaises(Wrong) as wrong:
                self.settle(**{name: days})
            self.assertEqual(wrong.exception.field, name)
            with self.assertRaises(IntegrityError), transaction.atomic():
                Retention.objects.create(**{name: days})

    def test_a_change_is_in_the_log_in_words(self) -> None:
        self.settle(details=365, networks=30)
        entry = AuditEntry.objects.select_related("detail").latest("number")
        self.assertEqual(
            audit.sentence(entry),
            "Ada Admin changed how long personal data are kept: addresses of invitations for good, attendance for "
            "good, details in the audit log for 365 days, networks for 30 days.",
        )
        self.settle(details=365, networks=30)
        self.assertEqual(AuditEntry.objects.latest("number"), entry)

    def test_for_good_erases_nothing(self) -> None:
        self.entry(timedelta(days=5000), "Leila")
        self.end(timedelta(days=5000))
        self.settle()
        self.assertEqual(self.apply().total, 0)
