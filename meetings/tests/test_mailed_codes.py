"""Mailed codes: they prove a mailbox, once, for a while, on one device, and say where they stand."""

from __future__ import annotations

import re
from datetime import timedelta

from django.core import mail
from django.test import TestCase, override_settings
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from meetings import codes, tasks
from meetings.door import Refuse, Rules, Wait, with_preset
from meetings.models import AuditDetail, AuditEntry, EmailCode
from meetings.services import mailed_codes
from meetings.services.mailed_codes import Verdict
from meetings.tests.domain_case import DomainCase


class CodeTests(DomainCase, TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.board = self.occurrence(rules=with_preset(Rules(opens_minutes=None), "named_people"))
        self.guest = self.invitation(self.board)

    def mailed(self, device: str = "device-1") -> str:
        self.assertTrue(mailed_codes.send(self.guest, device))
        tasks.send_email_code.func(EmailCode.objects.latest("pk").pk)
        found = re.search(r"^    (\d{6})$", mail.outbox[-1].body, re.MULTILINE)
        assert found is not None
        return found[1]

    def type_in(self, digits: str, device: str = "device-1") -> Verdict:
        return mailed_codes.type_in(self.guest, device, digits)

    def wrong(self, digits: str) -> str:
        return f"{(int(digits) + 1) % 1_000_000:06d}"

    def test_the_right_code_opens_the_door_for_this_device_alone(self) -> None:
        self.host_inside(self.board)
        self.assertEqual(self.ask(self.board, invitation=self.guest, device="device-1"), Refuse("verify_email"))
        digits = self.mailed()
        self.assertEqual(mail.outbox[-1].to, ["peter@medreg.example"])
        self.assertEqual(self.type_in(digits, "device-2"), Verdict.NONE)
        self.assertEqual(self.type_in(f" {digits[:3]}-{digits[3:]} "), Verdict.RIGHT)
        self.assertEqual(self.type_in(digits), Verdict.USED, "works once")
        self.assertEqual(self.ask(self.board, invitation=self.guest, device="device-1").reason, "walks_in")
        self.assertEqual(self.ask(self.board, invitation=self.guest, device="device-2"), Refuse("verify_email"))

    def test_five_wrong_tries_end_a_code_and_each_says_how_many_are_left(self) -> None:
        digits = self.mailed()
        for left in range(mailed_codes.TRIES - 1, -1, -1):
            self.assertEqual(self.type_in(self.wrong(digits)), Verdict.WRONG if left else Verdict.SPENT)
            self.assertEqual(mailed_codes.standing(self.guest, "device-1").tries_left, left)
        self.assertEqual(self.type_in(digits), Verdict.SPENT)
        self.assertEqual(AuditEntry.objects.filter(kind="invitation.code_wrong").count(), mailed_codes.TRIES)

    def test_a_code_ends_after_ten_minutes(self) -> None:
        digits = self.mailed()
        EmailCode.objects.update(created_at=timezone.now() - mailed_codes.LIVES)
        self.assertEqual(self.type_in(digits), Verdict.EXPIRED)

    def test_an_older_code_ends_with_a_newer(self) -> None:
        digits = self.mailed()
        EmailCode.objects.update(created_at=timezone.now() - timedelta(minutes=2))
        self.assertTrue(mailed_codes.send(self.guest, "device-1", anew=True))
        newer = mailed_codes.mint(EmailCode.objects.latest("pk"))
        if newer != digits:
            self.assertEqual(self.type_in(digits), Verdict.WRONG)
        self.assertEqual(self.type_in(newer), Verdict.RIGHT)

    def test_coming_back_to_the_page_mails_no_other_code_while_one_is_alive(self) -> None:
        digits = self.mailed()
        EmailCode.objects.update(created_at=timezone.now() - timedelta(minutes=2))
        self.assertFalse(mailed_codes.send(self.guest, "device-1"))
        self.assertEqual(self.type_in(digits), Verdict.RIGHT)
        self.assertTrue(mailed_codes.send(self.guest, "device-1"), "a used one is not alive")

    def test_codes_are_budgeted_by_invitation_whatever_the_device(self) -> None:
        self.assertTrue(mailed_codes.send(self.guest, "device-1"))
        self.assertFalse(mailed_codes.send(self.guest, "device-1", anew=True), "one a minute")
        sent = [mailed_codes.send(self.guest, f"device-{number}") for number in range(2, 20)]
        self.assertEqual(sum(sent), mailed_codes.AN_HOUR - 1)
        stands = mailed_codes.standing(self.guest, "device-19")
        self.assertEqual((stands.state, stands.again_at > timezone.now() + timedelta(minutes=50)), ("none", True))

    def test_where_mail_fails_they_knock_and_a_new_code_is_another_chance(self) -> None:
        self.host_inside(self.board)
        self.assertTrue(mailed_codes.send(self.guest, "device-1"))
        with override_settings(EMAIL_BACKEND="meetings.tests.refusing_mail.EmailBackend"):
            tasks.send_email_code.func(EmailCode.objects.get().pk)
        self.assertEqual(mailed_codes.standing(self.guest, "device-1").state, "failed")
        self.assertEqual(self.ask(self.board, invitation=self.guest, device="device-1"), Wait("knock"))
        self.assertEqual(self.ask(self.board, invitation=self.guest, device="device-2"), Refuse("verify_email"))
        EmailCode.objects.update(created_at=timezone.now() - timedelta(minutes=2))
        self.assertTrue(mailed_codes.send(self.guest, "device-1"))
        self.assertEqual(self.ask(self.board, invitation=self.guest, device="device-1"), Refuse("verify_email"))

    def test_no_digits_lie_in_queue_log_or_table(self) -> None:
        digits = self.mailed()
        stored = " ".join(
            str(row) for model in (EmailCode, AuditDetail, DBTaskResult) for row in model.objects.values_list()
        )
        self.assertNotRegex(stored, rf"(?<![0-9a-f.]){digits}(?![0-9a-f])")
        self.assertNotIn(codes.digest(digits), stored)

    def test_nothing_is_right_before_a_code_was_mailed(self) -> None:
        self.assertTrue(mailed_codes.send(self.guest, "device-1"))
        for text in ("", "000000", " " * 50, "٠" * 6):
            self.assertEqual(self.type_in(text), Verdict.NONE)
