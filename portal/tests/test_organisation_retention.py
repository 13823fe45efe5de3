"""The page about retention tells what would go before it is settled; the day's work is done once a day."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib.sessions.models import Session
from django.test import TestCase
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from meetings import audit
from meetings.models import AuditDetail, AuditEntry, Retention
from meetings.services import retention
from meetings.services.retention import Days
from portal import housekeeping
from portal.tests.test_pages import PagesCase

DEFAULTS = {"details": "730", "networks": "90", "attendance": "365", "addresses": "365"}


class ThePage(PagesCase):
    def setUp(self) -> None:
        super().setUp()
        AuditDetail.objects.all().delete()
        AuditEntry.objects.all().delete()
        audit.record("door.left", target="Leila", at=timezone.now() - timedelta(days=40))

    def post(self, **changes: Any) -> Any:
        return self.client.post("/organisation/retention/", DEFAULTS | changes)

    def test_what_is_settled_is_shown_with_what_would_go(self) -> None:
        answer = self.client.get("/organisation/retention/")
        self.assertContains(answer, "How long personal data are kept")
        self.assertContains(answer, "Nothing at the next run", count=4)
        assert not Retention.objects.exists()

    def test_what_would_take_something_is_told_first_and_saved_after(self) -> None:
        answer = self.post(details="30")
        self.assertContains(answer, "Not saved yet.")
        assert answer.context["rows"][0]["due"] == 1
        assert retention.days_now().details == 730
        saved = self.post(details="30", seen=answer.context["seen"])
        assert saved.status_code == 302
        assert retention.days_now() == Days(30, 90, 365, 365)
        assert AuditDetail.objects.filter(people="leila").exists()  # nothing goes before the day's work

    def test_what_was_told_for_other_choices_does_not_count(self) -> None:
        seen = self.post(details="30").context["seen"]
        self.assertContains(self.post(details="30", networks="7", seen=seen), "Not saved yet.")
        assert retention.days_now().details == 730

    def test_what_takes_nothing_is_saved_at_once(self) -> None:
        assert self.post(addresses="for_good").status_code == 302
        assert retention.days_now().addresses is None

    def test_one_can_look_without_saving(self) -> None:
        answer = self.post(attendance="30", look="")
        self.assertContains(answer, "nothing would be emptied at the next run")
        assert not Retention.objects.exists()

    def test_what_is_not_offered_is_refused(self) -> None:
        for value in ("", "1", "29", "-7", "x", "999999999999"):
            assert self.post(details=value).status_code == 422, value
        assert not Retention.objects.exists()

    def test_staff_have_no_such_page(self) -> None:
        self.client.force_login(self.ingrid)
        assert self.client.get("/organisation/retention/").status_code == 404
        assert self.post(details="30").status_code == 404


class TheDaysWork(TestCase):
    def test_it_is_queued_once_and_again_a_day_later(self) -> None:
        now = timezone.now()
        assert housekeeping.queue_if_due(now)
        assert not housekeeping.queue_if_due(now)
        DBTaskResult.objects.update(status="SUCCESSFUL", finished_at=now)
        housekeeping.do(now)
        assert not housekeeping.queue_if_due(now + timedelta(hours=23))
        assert housekeeping.queue_if_due(now + timedelta(hours=25))

    def test_sessions_and_jobs_that_are_over_are_forgotten(self) -> None:
        now = timezone.now()
        Session.objects.create(session_key="old", session_data="", expire_date=now - timedelta(seconds=1))
        Session.objects.create(session_key="new", session_data="", expire_date=now + timedelta(days=1))
        housekeeping.queue_if_due(now)
        DBTaskResult.objects.update(status="SUCCESSFUL", finished_at=now - timedelta(days=15))
        housekeeping.queue_if_due(now)
        housekeeping.do(now)
        assert [one.session_key for one in Session.objects.all()] == ["new"]
        assert [one.status for one in DBTaskResult.objects.all()] == ["READY"]
