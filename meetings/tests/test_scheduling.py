"""Scheduling, changing and cancelling: what is stored, who is told, what is refused."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.core import mail
from django.test import TestCase
from django.utils import timezone
from django_tasks_db.models import DBTaskResult
from icalendar import Calendar

from meetings import selectors, tasks
from meetings.admission import IllegalEvent
from meetings.door import Refuse, Row, Rules, Way, ordered, preset_of, with_preset
from meetings.models import AuditEntry, Change, Meeting, Participant
from meetings.rights import Audience
from meetings.services import invitations, scheduling
from meetings.services.errors import NotAHost, Wrong
from meetings.tests.domain_case import DomainCase

JOBS = {
    "meetings.tasks.tell_invitee": tasks.tell_invitee,
    "meetings.tasks.send_next_link": tasks.send_next_link,
    "meetings.tasks.send_new_link": tasks.send_new_link,
    "meetings.tasks.send_invitation": tasks.send_invitation,
    "meetings.tasks.send_change": tasks.send_change,
    "meetings.tasks.send_cancellation": tasks.send_cancellation,
    "meetings.tasks.tell_host": tasks.tell_host,
    "meetings.tasks.tell_member": tasks.tell_member,
    "meetings.tasks.tell_of_withdrawn_links": tasks.tell_of_withdrawn_links,
}


def run_jobs() -> list[mail.EmailMultiAlternatives]:
    """What the background worker would do now, and the mails of it."""
    mail.outbox.clear()
    for job in DBTaskResult.objects.order_by("enqueued_at"):
        JOBS[job.task_path].func(*job.args_kwargs["args"], **job.args_kwargs["kwargs"])
        job.delete()
    return list(mail.outbox)  # type: ignore[arg-type]


def calendar_of(message: mail.EmailMultiAlternatives) -> Calendar:
    part = next(part for part in message.message().walk() if part.get_content_type() == "text/calendar")
    found = Calendar.from_ical(part.get_payload(decode=True))
    assert part.get_param("method") == str(found["METHOD"])
    assert isinstance(found, Calendar)
    return found


def event_of(message: mail.EmailMultiAlternatives):  # type: ignore[no-untyped-def]
    return calendar_of(message).walk("VEVENT")[0]


class ScheduleTests(DomainCase, TestCase):
    def test_a_meeting_has_a_code_an_occurrence_a_host_and_an_audit_entry(self) -> None:
        meeting = self.meeting()
        occurrence = meeting.occurrences.get()
        self.assertEqual(list(meeting.hosts.all()), [self.ingrid])
        self.assertEqual(occurrence.ends_at - occurrence.starts_at, timedelta(hours=1))
        self.assertEqual(selectors.occurrence_for_code(meeting.code), occurrence)
        self.assertTrue(AuditEntry.objects.filter(kind="meeting.scheduled").exists())
        self.assertTrue(Change.objects.filter(occurrence=occurrence).exists())

    def test_wrong_values_are_refused_by_field_and_store_nothing(self) -> None:
        marcus = self.person("marcus@nordhavn.example", "Marcus Bell", is_active=False)
        for field, options in (
            ("title", {"title": " \u202e\n "}),
            ("title", {"title": "x" * 121}),
            ("starts_at", {"starts_at": self.now - timedelta(hours=2)}),
            ("starts_at", {"starts_at": datetime(2030, 1, 1)}),
            ("starts_at", {"starts_at": datetime.max.replace(tzinfo=self.now.tzinfo)}),
            ("duration_minutes", {"duration_minutes": 4}),
            ("duration_minutes", {"duration_minutes": 1441}),
            ("time_zone", {"time_zone": "Mars/Olympus"}),
            ("time_zone", {"time_zone": "../../etc/passwd"}),
            ("time_zone", {"time_zone": ""}),
            ("door", {"rules": Rules(listed=Way.KNOCKS)}),
            ("door_opens_minutes", {"rules": Rules(opens_minutes=-1)}),
            ("lock_after_minutes", {"rules": Rules(lock_after_minutes=-1)}),
            ("hosts", {"hosts": [marcus]}),
            ("email", {"people": ["not an address"]}),
            ("people", {"people": [f"g{number}@x.example" for number in range(201)]}),
            ("encryption", {"encryption": "rot13"}),
        ):
            with self.subTest(field=field, options=str(options)[:60]), self.assertRaises(Wrong) as wrong:
                self.meeting(**options)
            self.assertEqual(wrong.exception.field, field)
        self.assertEqual((Meeting.objects.count(), AuditEntry.objects.count()), (0, 0))

    def test_a_mode_that_does_not_exist_is_never_replaced_by_a_weaker_one(self) -> None:
        with self.assertRaises(Wrong):
            self.meeting(encryption="seal")
        self.assertEqual(Meeting.objects.count(), 0)

    def test_titles_lose_what_rewrites_lines(self) -> None:
        meeting = self.meeting(title=" Board\u202e\r\nBcc:  x@y.example ")
        self.assertEqual(meeting.title, "Board Bcc: x@y.example")

    def test_people_may_be_addresses_pairs_and_accounts_and_hosts_are_not_invited(self) -> None:
        marcus = self.person("marcus@nordhavn.example", "Marcus Bell")
        yuki = self.person("yuki@nordhavn.example", "Yuki")
        people = ["a@x.example", ("b@x.example", "Bea"), marcus, "MARCUS@nordhavn.example", yuki, self.ingrid]
        board = self.occurrence(people=people, hosts=[yuki])
        found = {(one.email, one.name, one.user) for one in board.invitations.all()}
        self.assertEqual(
            found,
            {
                ("a@x.example", "", None),
                ("b@x.example", "Bea", None),
                ("marcus@nordhavn.example", "Marcus Bell", marcus),
            },
        )

    def test_start_now_opens_at_once_with_guests_knocking(self) -> None:
        meeting = scheduling.start_now(self.ingrid)
        self.assertEqual(preset_of(selectors.rules_of(meeting)), "guests_knock")
        self.assertEqual(self.ask(meeting.occurrences.get(), user=self.ingrid, device="d").reason, "host")


class MailTests(DomainCase, TestCase):
    def test_guests_get_a_personal_link_and_accounts_the_meeting_link(self) -> None:
        marcus = self.person("marcus@nordhavn.example", "Marcus Bell")
        board = self.occurrence(people=["peter@medreg.example", marcus], send=True)
        by_address = {message.to[0]: message for message in run_jobs()}
        guest, listed = by_address["peter@medreg.example"], by_address["marcus@nordhavn.example"]
        self.assertIn("/i/", guest.body)
        self.assertNotIn("/i/", listed.message().as_string())
        self.assertIn(f"/m/{board.meeting.code}", listed.body)
        secret = guest.body.split("/i/")[1].split()[0]
        self.assertEqual(invitations.open_link(secret).invitation.email, "peter@medreg.example")
        self.assertNotIn("marcus@nordhavn.example", guest.message().as_string())
        self.assertIsNotNone(board.invitations.get(email="peter@medreg.example").sent_at)

    def test_the_calendar_entry_keeps_its_uid_and_its_sequence_rises(self) -> None:
        meeting = self.meeting(people=["peter@medreg.example"], send=True)
        first = event_of(run_jobs()[0])
        later = self.now + timedelta(days=1)
        scheduling.change_meeting(self.ingrid, meeting, tell=True, starts_at=later, title="Moved")
        moved = run_jobs()
        self.assertEqual([message.subject for message in moved], ["Changed: Moved"])
        second = event_of(moved[0])
        scheduling.cancel_meeting(self.ingrid, meeting)
        last = run_jobs()
        third = event_of(last[0])
        self.assertEqual(str(calendar_of(last[0])["METHOD"]), "CANCEL")
        self.assertEqual({str(event["UID"]) for event in (first, second, third)}, {str(first["UID"])})
        self.assertEqual([int(event["SEQUENCE"]) for event in (first, second, third)], [0, 1, 2])
        self.assertEqual(second.decoded("DTSTART"), later.replace(microsecond=0))
        self.assertEqual((str(second["SUMMARY"]), str(third["STATUS"])), ("Moved", "CANCELLED"))
        self.assertEqual(str(first["ORGANIZER"]), "mailto:ingrid@nordhavn.example")
        self.assertEqual(str(first["ATTENDEE"]), "mailto:peter@medreg.example")

    def test_a_zone_travels_with_the_entry(self) -> None:
        self.meeting(people=["peter@medreg.example"], send=True)
        found = calendar_of(run_jobs()[0])
        self.assertEqual(str(found.walk("VTIMEZONE")[0]["TZID"]), "Europe/Oslo")

    def test_revoked_and_cancelled_people_get_no_link_from_a_job_that_was_waiting(self) -> None:
        board = self.occurrence(people=["a@x.example", "b@x.example"], send=True)
        invitations.revoke(self.ingrid, board.invitations.get(email="a@x.example"))
        self.assertEqual([message.to for message in run_jobs()], [["b@x.example"]])
        invitations.send_again(self.ingrid, board.invitations.get(email="b@x.example"))
        scheduling.cancel_meeting(self.ingrid, board.meeting, tell=False)
        self.assertEqual(run_jobs(), [])

    def test_quiet_changes_tell_nobody(self) -> None:
        meeting = self.meeting(people=["a@x.example"], send=True)
        run_jobs()
        scheduling.change_meeting(self.ingrid, meeting, tell=False, title="Quiet", people=["b@x.example"])
        self.assertEqual(run_jobs(), [])

    def test_other_hosts_are_told_and_whoever_acts_is_not(self) -> None:
        marcus = self.person("marcus@nordhavn.example", "Marcus Bell")
        meeting = self.meeting(hosts=[marcus], send=True)
        self.assertEqual([message.to for message in run_jobs()], [["marcus@nordhavn.example"]])
        scheduling.cancel_meeting(marcus, meeting)
        self.assertEqual([message.to for message in run_jobs()], [["ingrid@nordhavn.example"]])

    def test_html_of_a_title_is_text(self) -> None:
        self.meeting(title="<b>Board</b> & co", people=["a@x.example"], send=True)
        message = run_jobs()[0]
        html = str(message.alternatives[0][0])
        self.assertIn("&lt;b&gt;Board&lt;/b&gt; &amp; co", html)
        self.assertIn("<b>Board</b> & co", message.body)

    def test_a_mail_that_no_server_takes_is_tried_again_later_and_then_written_down(self) -> None:
        board = self.occurrence(people=["a@x.example"])
        guest = board.invitations.get()
        with self.settings(EMAIL_BACKEND="meetings.tests.refusing_mail.EmailBackend"):
            with self.assertLogs("lintel.mail", "WARNING") as logged:
                tasks.send_invitation.func(str(guest.pk))
            again = DBTaskResult.objects.get()
            self.assertGreater(again.run_after, timezone.now())
            with self.assertLogs("lintel.mail", "WARNING"):
                tasks.send_invitation.func(str(guest.pk), attempt=len(tasks.PAUSES))
        self.assertNotIn("a@x.example", str(logged.output))
        self.assertEqual(DBTaskResult.objects.count(), 1)
        self.assertTrue(AuditEntry.objects.filter(kind="invitation.mail_failed").exists())
        guest.refresh_from_db()
        self.assertIsNone(guest.sent_at)


class ChangeTests(DomainCase, TestCase):
    def test_a_changed_door_is_decided_by_at_once(self) -> None:
        board = self.occurrence(people=["peter@medreg.example"])
        guest = board.invitations.get()
        self.host_inside(board)
        seat = self.come(board, invitation=guest)
        rules, _also = ordered(Rules(opens_minutes=None, guests=Way.TURNED_AWAY), Row.GUEST)
        scheduling.change_meeting(self.ingrid, board.meeting, tell=False, rules=rules)
        self.assertEqual(self.ask(board, invitation=guest, device=seat.device), Refuse("sign_in"))
        self.assertTrue(Change.objects.filter(occurrence=board).exists())

    def test_people_who_are_left_out_are_revoked_and_new_ones_invited(self) -> None:
        marcus = self.person("marcus@nordhavn.example", "Marcus Bell")
        board = self.occurrence(people=["a@x.example", marcus])
        scheduling.change_meeting(self.ingrid, board.meeting, tell=False, people=["b@x.example", marcus])
        revoked = {one.email: one.revoked_at is not None for one in board.invitations.all()}
        self.assertEqual(revoked, {"a@x.example": True, "b@x.example": False, "marcus@nordhavn.example": False})

    def test_nothing_changes_nothing(self) -> None:
        meeting = self.meeting()
        count = AuditEntry.objects.count()
        scheduling.change_meeting(self.ingrid, meeting, tell=True, title=meeting.title)
        meeting.refresh_from_db()
        self.assertEqual((meeting.calendar_sequence, AuditEntry.objects.count()), (0, count))

    def test_strangers_and_past_hosts_change_nothing(self) -> None:
        marcus = self.person("marcus@nordhavn.example", "Marcus Bell")
        meeting = self.meeting(people=[marcus])
        for act in (
            lambda: scheduling.change_meeting(marcus, meeting, tell=False, title="Mine"),
            lambda: scheduling.cancel_meeting(marcus, meeting),
        ):
            with self.assertRaises(NotAHost):
                act()

    def test_a_live_meeting_keeps_its_time_and_an_ended_one_everything(self) -> None:
        board = self.occurrence()
        host = self.host_inside(board)
        with self.assertRaises(IllegalEvent):
            scheduling.change_meeting(self.ingrid, board.meeting, tell=False, starts_at=self.now + timedelta(days=1))
        scheduling.change_meeting(self.ingrid, board.meeting, tell=False, title="Still fine")
        scheduling.cancel_meeting(self.ingrid, board.meeting)
        host.refresh_from_db()
        self.assertEqual(host.state, Participant.State.LEFT)
        with self.assertRaises(IllegalEvent):
            scheduling.change_meeting(self.ingrid, board.meeting, tell=False, title="Too late")

    def test_a_wrong_part_of_a_change_leaves_the_rest_undone(self) -> None:
        meeting = self.meeting()
        with self.assertRaises(Wrong):
            scheduling.change_meeting(self.ingrid, meeting, tell=False, title="New", people=["no address"])
        self.assertEqual(Meeting.objects.get(pk=meeting.pk).title, "Trial safety board")

    def test_the_encryption_and_the_code_cannot_be_changed(self) -> None:
        for name in ("encryption", "code", "created_by"):
            with self.assertRaises(TypeError):
                scheduling.change_meeting(self.ingrid, self.meeting(), tell=False, **{name: "e2ee"})


class SelectorTests(DomainCase, TestCase):
    def test_a_meeting_is_for_its_hosts_and_listed_people(self) -> None:
        marcus = self.person("marcus@nordhavn.example", "Marcus Bell")
        yuki = self.person("yuki@nordhavn.example", "Yuki")
        meeting = self.meeting(people=[marcus])
        self.assertEqual(selectors.meeting_for(self.ingrid, meeting.pk), meeting)
        self.assertEqual(selectors.meeting_for(marcus, str(meeting.pk)), meeting)
        for user, key in ((yuki, meeting.pk), (None, meeting.pk), (self.ingrid, "no-uuid"), (self.ingrid, "")):
            self.assertIsNone(selectors.meeting_for(user, key))

    def test_a_code_leads_to_the_live_then_the_next_then_the_last_occurrence(self) -> None:
        meeting = self.meeting()
        only = meeting.occurrences.get()
        self.assertEqual(selectors.occurrence_for_code(meeting.code), only)
        self.assertIsNone(selectors.occurrence_for_code("0000-0000-0000"))
        self.assertEqual(selectors.occurrence_for_code(meeting.code, only.ends_at + timedelta(hours=23)), only)
        self.assertIsNone(selectors.occurrence_for_code(meeting.code, only.ends_at + timedelta(hours=25)))
        next_week = meeting.occurrences.create(
            starts_at=only.starts_at + timedelta(days=7), ends_at=only.ends_at + timedelta(days=7)
        )
        self.assertEqual(selectors.occurrence_for_code(meeting.code, only.ends_at + timedelta(hours=2)), next_week)
        self.host_inside(only)
        self.assertEqual(selectors.occurrence_for_code(meeting.code, only.ends_at + timedelta(hours=2)), only)

    def test_presets_survive_being_stored(self) -> None:
        for name in ("named_people", "guests_knock", "everyone_knocks", "anyone_with_link"):
            rules = with_preset(Rules(opens_minutes=0, chat=Audience.HOSTS), name)
            meeting = self.meeting(rules=rules)
            meeting.refresh_from_db()
            self.assertEqual(selectors.rules_of(meeting), rules)
