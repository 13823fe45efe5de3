"""Meetings that repeat: what is made ahead, who is asked to it, and what changes once, from a day on, or for good."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest import mock
from zoneinfo import ZoneInfo

import recurring_ical_events
from django.core import mail
from django.test import TestCase
from icalendar import Calendar

from meetings import arrivals, listing, selectors
from meetings.admission import IllegalEvent
from meetings.door import Refuse
from meetings.models import Invitation, InvitationToken, Meeting, Occurrence, Participant, Series
from meetings.services import door as door_services
from meetings.services import hosting, invitations, links, occurrences, scheduling
from meetings.services.errors import NotAHost, Wrong
from meetings.tests.domain_case import DomainCase
from meetings.tests.test_scheduling import calendar_of, run_jobs
from meetings.visitors import Visitor

OSLO = ZoneInfo("Europe/Oslo")
MONDAY_MORNING = datetime(2027, 3, 1, 8, 0, tzinfo=UTC)
FIRST = datetime(2027, 3, 2, 9, 0, tzinfo=OSLO)
"""A Tuesday; clocks in Oslo go forward on 28 March."""
GUEST = "peter@medreg.example"


class SeriesCase(DomainCase):
    """Every test begins on the same Monday morning; `at` moves the clock."""

    def setUp(self) -> None:
        self.clock = MONDAY_MORNING
        clock = mock.patch("django.utils.timezone.now", side_effect=lambda: self.clock)
        clock.start()
        self.addCleanup(clock.stop)  # type: ignore[attr-defined]
        super().setUp()
        self.marcus = self.person("marcus@nordhavn.example", "Marcus Bell")

    def at(self, *moment: int) -> datetime:
        self.clock = datetime(*moment, tzinfo=OSLO).astimezone(UTC)  # type: ignore[arg-type]
        return self.clock

    def repeating(self, rule: str = "FREQ=WEEKLY;BYDAY=TU", **options: Any) -> Meeting:
        values = {"starts_at": FIRST, "duration_minutes": 30, "recurrence": rule, "people": [GUEST, self.marcus]}
        return self.meeting(**(values | options))

    def starts(self, meeting: Meeting) -> list[str]:
        """Local times of what takes place."""
        rows = meeting.occurrences.filter(cancelled_at=None).order_by("starts_at")
        return [f"{one.starts_at.astimezone(OSLO):%a %d %b %H:%M}" for one in rows]

    def on(self, meeting: Meeting, month: int, day: int) -> Occurrence:
        return next(
            one
            for one in meeting.occurrences.select_related("meeting", "series")
            if (one.starts_at.astimezone(OSLO).month, one.starts_at.astimezone(OSLO).day) == (month, day)
        )

    def guest(self, occurrence: Occurrence, email: str = GUEST) -> Invitation:
        return occurrence.invitations.get(email=email)


class MadeAheadTests(SeriesCase, TestCase):
    def test_occurrences_are_made_for_two_months_at_the_same_local_time(self) -> None:
        meeting = self.repeating()
        found = self.starts(meeting)
        self.assertEqual((found[0], found[-1], len(found)), ("Tue 02 Mar 09:00", "Tue 27 Apr 09:00", 9))
        utc = {one.starts_at.hour for one in meeting.occurrences.all()}
        self.assertEqual(utc, {7, 8}, "the clocks change in between")

    def test_the_worker_makes_the_next_ones_and_knows_the_end(self) -> None:
        meeting = self.repeating("FREQ=MONTHLY;BYMONTHDAY=2;COUNT=4")
        self.assertEqual(self.starts(meeting), ["Tue 02 Mar 09:00", "Fri 02 Apr 09:00"])
        occurrences.make_ahead(self.at(2027, 4, 20))
        occurrences.make_ahead(self.at(2027, 4, 20))
        self.assertEqual(self.starts(meeting)[2:], ["Sun 02 May 09:00", "Wed 02 Jun 09:00"])
        occurrences.make_ahead(self.at(2027, 9, 20))
        self.assertEqual(len(self.starts(meeting)), 4)
        self.assertTrue(meeting.series.get().is_complete)

    def test_after_a_long_standstill_what_is_over_is_left_out(self) -> None:
        meeting = self.repeating()
        occurrences.make_ahead(self.at(2027, 8, 4))
        self.assertEqual(self.starts(meeting)[9], "Tue 10 Aug 09:00")
        self.assertEqual(set(self.on(meeting, 8, 10).invitations.values_list("email", flat=True)), self._everybody())

    def _everybody(self) -> set[str]:
        return {GUEST, self.marcus.email}

    def test_seldom_ones_are_made_however_far_away_they_are(self) -> None:
        meeting = self.repeating("FREQ=MONTHLY;INTERVAL=6;BYMONTHDAY=2")
        self.assertEqual(self.starts(meeting), ["Tue 02 Mar 09:00", "Thu 02 Sep 09:00"])

    def test_rules_that_make_no_meeting_are_refused_and_store_nothing(self) -> None:
        for rule in ("FREQ=YEARLY", "FREQ=WEEKLY;BYDAY=MO", "FREQ=DAILY;COUNT=0", "x", "FREQ=DAILY;BYHOUR=1,2,3"):
            with self.subTest(rule=rule), self.assertRaises(Wrong) as wrong:
                self.repeating(rule)
            self.assertEqual(wrong.exception.field, "recurrence")
        self.assertEqual((Meeting.objects.count(), Series.objects.count()), (0, 0))

    def test_the_code_leads_to_the_live_one_else_the_next(self) -> None:
        meeting = self.repeating()
        first, second = self.on(meeting, 3, 2), self.on(meeting, 3, 9)
        for moment, found in (
            ((2027, 3, 1, 9), first),
            ((2027, 3, 2, 10, 15), first),  # nobody came yet; it may still begin
            ((2027, 3, 2, 11), second),
            ((2027, 3, 9, 9, 10), second),
        ):
            with self.subTest(moment=moment):
                self.assertEqual(selectors.occurrence_for_code(meeting.code, self.at(*moment)), found)
        self.at(2027, 3, 2, 9)
        self.host_inside(first)
        self.assertEqual(selectors.occurrence_for_code(meeting.code, self.at(2027, 3, 3, 9)), first)
        self.assertEqual(selectors.occurrence_for_code(meeting.code, self.at(2027, 3, 9, 9)), second)
        hosting.end_for_everyone(self.ingrid, first)
        self.assertEqual(selectors.occurrence_for_code(meeting.code, self.at(2027, 3, 3, 9)), second)


class PeopleTests(SeriesCase, TestCase):
    def visitor(self, link: str, user: Any = None) -> Visitor:
        token = invitations.open_link(link.rpartition("/")[2])
        return Visitor(user=user, session_key="", browser="", link=token.pk if token else None, network="192.0.2.0/24")

    def look(self, meeting: Meeting, visitor: Visitor, device: str = "") -> arrivals.Seen:
        return arrivals.look(meeting.code, visitor, device, lambda _key: False, self.clock)

    def test_every_occurrence_has_invitations_and_secrets_of_its_own(self) -> None:
        meeting = self.repeating()
        asked = Invitation.objects.filter(occurrence__meeting=meeting)
        self.assertEqual(asked.count(), 18)
        link = invitations.mint_link(self.guest(self.on(meeting, 3, 2)), by=self.ingrid)
        self.assertEqual(InvitationToken.objects.count(), 1)
        self.assertEqual(self.look(meeting, self.visitor(link)).occurrence, self.on(meeting, 3, 2))

    def test_a_link_of_last_week_opens_nothing_today(self) -> None:
        meeting = self.repeating(preset="anyone_with_link")
        link = invitations.mint_link(self.guest(self.on(meeting, 3, 2)), by=self.ingrid)
        held = self.visitor(link)
        self.at(2027, 3, 9, 9)
        self.assertIsNone(invitations.open_link(link.rpartition("/")[2]))
        seen = self.look(meeting, held)
        self.assertEqual((seen.occurrence, seen.invitation), (self.on(meeting, 3, 9), None))
        self.assertEqual(str(seen.row), "anyone")

    def test_a_link_for_next_week_opens_nothing_today_but_says_when_it_will(self) -> None:
        meeting = self.repeating(rules=selectors.limits_now().start)
        link = invitations.mint_link(self.guest(self.on(meeting, 3, 9)), by=self.ingrid)
        self.at(2027, 3, 2, 9)
        self.host_inside(self.on(meeting, 3, 2))
        seen = self.look(meeting, self.visitor(link))
        self.assertEqual((seen.occurrence, seen.decision.reason), (self.on(meeting, 3, 9), "early"))
        hosts = self.look(meeting, self.visitor(link, self.ingrid))
        self.assertEqual(hosts.occurrence, self.on(meeting, 3, 2), "an account comes to the one that goes on")

    def test_a_claimed_link_binds_the_device_for_its_own_occurrence_only(self) -> None:
        meeting = self.repeating()
        first, second = (self.guest(self.on(meeting, 3, day)) for day in (2, 9))
        invitations.mint_link(first, by=self.ingrid)
        self.assertTrue(invitations.claim(first, "laptop", self.clock))
        invitations.mint_link(second, by=self.ingrid)
        self.assertTrue(invitations.claim(second, "phone", self.clock))

    def test_whoever_was_revoked_knows_nothing_of_the_meeting_by_a_date_that_is_over(self) -> None:
        meeting = self.repeating()
        self.at(2027, 3, 4, 9)
        self.assertEqual(selectors.meeting_for(self.marcus, meeting.pk), meeting)
        this_week = self.on(meeting, 3, 9)
        invitations.revoke(self.ingrid, this_week.invitations.get(user=self.marcus))
        self.assertTrue(self.on(meeting, 3, 2).invitations.filter(user=self.marcus, revoked_at=None).exists())
        self.assertIsNone(selectors.meeting_for(self.marcus, meeting.pk))
        self.assertFalse(selectors.standing_invitations(self.marcus).exists())
        self.assertEqual(listing.earlier(self.marcus, self.clock, 0), ([], False))
        invitations.restore(self.ingrid, this_week.invitations.get(user=self.marcus), send=False)
        self.assertEqual(selectors.meeting_for(self.marcus, meeting.pk), meeting)

    def test_whoever_was_revoked_stays_revoked_in_later_ones_also_in_those_made_afterwards(self) -> None:
        meeting = self.repeating()
        link = invitations.mint_link(self.guest(self.on(meeting, 3, 16)), by=self.ingrid)
        invitations.revoke(self.ingrid, self.guest(self.on(meeting, 3, 9)))
        self.assertIsNone(invitations.open_link(link.rpartition("/")[2]))
        occurrences.make_ahead(self.at(2027, 4, 20))
        revoked = Invitation.objects.filter(email=GUEST).exclude(revoked_at=None)
        kept = Invitation.objects.filter(email=GUEST, revoked_at=None)
        self.assertEqual([one.occurrence for one in kept], [self.on(meeting, 3, 2)])
        self.assertGreater(revoked.count(), 10)
        invitations.restore(self.ingrid, self.guest(self.on(meeting, 4, 6)), send=False)
        kept = Invitation.objects.filter(email=GUEST, revoked_at=None).order_by("occurrence__starts_at")
        self.assertEqual(kept[1].occurrence, self.on(meeting, 4, 6))
        self.assertEqual(kept.last().occurrence, meeting.occurrences.order_by("starts_at").last())  # type: ignore[union-attr]

    def test_whoever_was_blocked_stays_out_next_time_by_every_proof(self) -> None:
        meeting = self.repeating(preset="anyone_with_link")
        first, second = self.on(meeting, 3, 2), self.on(meeting, 3, 9)
        self.at(2027, 3, 2, 9)
        host = self.host_inside(first)
        came = [
            self.come(first, user=user, invitation=invitation, device=f"d{number}")
            for number, (user, invitation) in enumerate(((self.marcus, None), (None, self.guest(first)), (None, None)))
        ]
        for seat in came:
            assert seat is not None
            door_services.entered(seat)
            hosting.remove(host, seat, block=True)
        self.at(2027, 3, 9, 9)
        self.host_inside(second)
        for proofs in (
            {"user": self.marcus, "device": "new"},
            {"invitation": self.guest(second), "device": "new"},
            {"device": "d2"},
        ):
            with self.subTest(proofs=str(proofs)):
                decision = self.ask(second, **proofs)
                self.assertIsInstance(decision, Refuse)
                self.assertEqual(decision.reason, "removed")
        self.assertNotIsInstance(self.ask(second, device="stranger"), Refuse)

    def test_a_host_who_was_blocked_may_not_act_on_a_later_one(self) -> None:
        meeting = self.repeating(hosts=[self.marcus])
        self.at(2027, 3, 2, 9)
        host = self.host_inside(self.on(meeting, 3, 2))
        seat = self.host_inside(self.on(meeting, 3, 2), self.marcus)
        hosting.remove(host, seat, block=True)
        with self.assertRaises(NotAHost):
            hosting.lock(self.marcus, self.on(meeting, 3, 9))

    def test_people_are_asked_to_this_and_later_ones_or_to_one_alone(self) -> None:
        meeting = self.repeating()
        occurrence = self.on(meeting, 3, 16)
        invitations.invite(self.ingrid, occurrence, "every@x.example")
        invitations.invite(self.ingrid, occurrence, "once@x.example", and_later=False)
        invitations.invite(self.ingrid, self.on(meeting, 4, 27), "last@x.example", and_later=False)
        occurrences.make_ahead(self.at(2027, 4, 20))

        def asked(email: str) -> list[int]:
            rows = Invitation.objects.filter(email=email).order_by("occurrence__starts_at")
            return [one.occurrence.starts_at.astimezone(OSLO).toordinal() for one in rows]

        first = occurrence.starts_at.astimezone(OSLO).toordinal()
        self.assertEqual(asked("once@x.example"), [first])
        self.assertEqual(asked("last@x.example"), [first + 42])
        self.assertEqual(asked("every@x.example")[:3], [first, first + 7, first + 14])
        self.assertGreater(len(asked("every@x.example")), 10)
        invitations.invite(self.ingrid, occurrence, "once@x.example")
        self.assertEqual(asked("once@x.example"), asked("every@x.example"), "asked once more, and now for good")

    def test_another_address_or_name_holds_for_later_ones(self) -> None:
        meeting = self.repeating()
        stale = invitations.mint_link(self.guest(self.on(meeting, 3, 16)), by=self.ingrid)
        other = self.on(meeting, 3, 23)
        invitations.invite(self.ingrid, other, "petra@medreg.example", and_later=False)
        links.change_person(self.ingrid, self.guest(self.on(meeting, 3, 9)), email="petra@medreg.example", name="Petra")
        self.assertIsNone(invitations.open_link(stale.rpartition("/")[2]))
        self.assertIsNone(self.guest(self.on(meeting, 3, 2)).revoked_at)
        for day in (9, 16, 23, 30):
            occurrence = self.on(meeting, 3, day)
            with self.subTest(day=day):
                self.assertIsNotNone(self.guest(occurrence).revoked_at)
                self.assertIsNone(self.guest(occurrence, "petra@medreg.example").revoked_at)
        self.assertEqual(self.guest(self.on(meeting, 3, 30), "petra@medreg.example").name, "Petra")

    def test_a_replaced_link_takes_those_along_that_were_made_for_later_ones(self) -> None:
        meeting = self.repeating(send=True)
        run_jobs()
        later = invitations.mint_link(self.guest(self.on(meeting, 3, 9)), by=self.ingrid)
        links.replace_link(self.ingrid, self.guest(self.on(meeting, 3, 2)))
        self.assertIsNone(invitations.open_link(later.rpartition("/")[2]))
        run_jobs()
        self.assertTrue(self.guest(self.on(meeting, 3, 9)).awaits_link)


class LinksAheadTests(SeriesCase, TestCase):
    def mailed(self) -> list[tuple[str, str]]:
        occurrences.mail_next_links(self.clock)
        return [(one.to[0], one.subject) for one in run_jobs()]

    def test_guests_get_a_link_for_each_occurrence_when_the_one_before_is_over(self) -> None:
        meeting = self.repeating("FREQ=WEEKLY;BYDAY=TU,TH", send=True)
        first = {one.to[0]: one for one in run_jobs()}
        self.assertIn("/i/", str(first[GUEST].body))
        self.assertIn("Every Tuesday and Thursday, at 09:00 (Europe/Oslo)", str(first[GUEST].body))
        self.assertIn("Next: Tuesday 2 March 2027, 09:00 to 09:30", str(first[GUEST].body))
        self.assertEqual(self.mailed(), [])
        self.at(2027, 3, 2, 9, 15)
        self.assertEqual(self.mailed(), [], "the first one goes on")
        self.at(2027, 3, 2, 9, 31)
        self.assertEqual(self.mailed(), [(GUEST, "Your link: Trial safety board")])
        link = str(mail.outbox[0].body).partition("/i/")[2].split()[0]
        self.assertEqual(invitations.open_link(link).invitation.occurrence, self.on(meeting, 3, 4))  # type: ignore[union-attr]
        self.assertEqual(self.mailed(), [], "once")
        self.at(2027, 3, 4, 9, 31)
        self.assertEqual(self.mailed(), [], "five days ahead is too early")
        self.at(2027, 3, 7, 9, 31)
        self.assertEqual(self.mailed(), [(GUEST, "Your link: Trial safety board")])

    def test_nobody_gets_one_who_is_revoked_or_whose_links_a_host_hands_over(self) -> None:
        meeting = self.repeating("FREQ=DAILY", send=True)
        invitations.invite(self.ingrid, self.on(meeting, 3, 2), "by-hand@x.example", send=False)
        run_jobs()
        invitations.revoke(self.ingrid, self.guest(self.on(meeting, 3, 3)))
        self.at(2027, 3, 2, 9, 31)
        self.assertEqual(self.mailed(), [])
        invitations.send_again(self.ingrid, self.guest(self.on(meeting, 3, 3), "by-hand@x.example"))
        self.assertEqual([one.to for one in run_jobs()], [["by-hand@x.example"]])
        self.at(2027, 3, 3, 9, 31)
        self.assertEqual(self.mailed(), [("by-hand@x.example", "Your link: Trial safety board")])

    def test_nothing_is_mailed_for_what_is_cancelled(self) -> None:
        meeting = self.repeating("FREQ=DAILY", send=True)
        run_jobs()
        occurrences.cancel(self.ingrid, self.on(meeting, 3, 3), tell=False)
        self.at(2027, 3, 2, 9, 31)
        self.assertEqual(self.mailed(), [(GUEST, "Your link: Trial safety board")])
        self.assertIn("Thursday 4 March", str(mail.outbox[0].body))
        scheduling.cancel_meeting(self.ingrid, meeting, tell=False)
        self.at(2027, 3, 4, 9, 31)
        self.assertEqual(self.mailed(), [])


class ChangeTests(SeriesCase, TestCase):
    def change(self, meeting: Meeting, **wanted: Any) -> Meeting:
        return scheduling.change_meeting(self.ingrid, meeting, tell=False, **wanted)

    def test_all_to_come_move_and_keep_their_people_and_links(self) -> None:
        meeting = self.repeating()
        second = self.on(meeting, 3, 9)
        link = invitations.mint_link(self.guest(second), by=self.ingrid)
        self.change(meeting, starts_at=datetime(2027, 3, 3, 10, 0, tzinfo=OSLO))
        self.assertEqual(self.starts(meeting)[:3], ["Wed 03 Mar 10:00", "Wed 10 Mar 10:00", "Wed 17 Mar 10:00"])
        self.assertEqual(meeting.series.get().rule, "FREQ=WEEKLY;BYDAY=WE")
        second.refresh_from_db()
        self.assertEqual(second.starts_at.astimezone(OSLO).day, 10)
        self.assertEqual(invitations.open_link(link.rpartition("/")[2]).invitation.occurrence, second)  # type: ignore[union-attr]

    def test_this_and_following_leaves_what_comes_before(self) -> None:
        meeting = self.repeating("FREQ=WEEKLY;BYDAY=TU;COUNT=6")
        self.change(meeting, start_from=self.on(meeting, 3, 16), duration_minutes=60, time_zone="Europe/London")
        old, new = meeting.series.order_by("starts_on")
        self.assertEqual((old.rule, old.is_complete), ("FREQ=WEEKLY;BYDAY=TU;UNTIL=20270315", True))
        self.assertEqual(
            (new.rule, new.time_zone, str(new.starts)), ("FREQ=WEEKLY;BYDAY=TU;COUNT=4", "Europe/London", "08:00:00")
        )
        lengths = [int((one.ends_at - one.starts_at).total_seconds() // 60) for one in meeting.occurrences.all()]
        self.assertEqual(lengths, [30, 30, 60, 60, 60, 60])
        self.assertEqual(self.starts(meeting)[-1], "Tue 06 Apr 09:00", "both places change their clocks that day")

    def test_more_often_fills_in_with_the_same_people_and_more_seldom_cancels(self) -> None:
        meeting = self.repeating()
        self.change(meeting, recurrence="FREQ=DAILY;UNTIL=20270312")
        self.assertEqual(len(self.starts(meeting)), 11)
        self.assertEqual(self.on(meeting, 3, 5).invitations.count(), 2)
        self.assertEqual(self.starts(meeting)[7], "Tue 09 Mar 09:00")
        self.change(meeting, recurrence="FREQ=WEEKLY;BYDAY=TU;UNTIL=20270312")
        self.assertEqual(self.starts(meeting), ["Tue 02 Mar 09:00", "Tue 09 Mar 09:00"])

    def test_it_can_begin_to_repeat_and_stop_again(self) -> None:
        meeting = self.meeting(starts_at=FIRST, duration_minutes=30, people=[GUEST])
        self.change(meeting, recurrence="FREQ=WEEKLY;COUNT=3")
        self.assertEqual(self.starts(meeting), ["Tue 02 Mar 09:00", "Tue 09 Mar 09:00", "Tue 16 Mar 09:00"])
        self.assertEqual(self.on(meeting, 3, 16).invitations.get().email, GUEST)
        self.change(meeting, start_from=self.on(meeting, 3, 9), recurrence=None)
        self.assertEqual(self.starts(meeting), ["Tue 02 Mar 09:00", "Tue 09 Mar 09:00"])
        occurrences.make_ahead(self.at(2027, 4, 20))
        self.assertEqual(len(self.starts(meeting)), 2)

    def test_a_change_that_changes_nothing_is_none(self) -> None:
        meeting = self.repeating("FREQ=WEEKLY;BYDAY=TU;COUNT=6")
        third = self.on(meeting, 3, 16)
        same = {"starts_at": third.starts_at, "duration_minutes": 30, "recurrence": "FREQ=WEEKLY;COUNT=4"}
        self.change(meeting, start_from=third, **same)
        self.assertEqual((meeting.series.count(), meeting.calendar_sequence), (1, 0))

    def test_a_day_on_which_it_was_called_off_stays_so(self) -> None:
        meeting = self.repeating()
        occurrences.cancel(self.ingrid, self.on(meeting, 3, 16), tell=False)
        self.change(meeting, starts_at=datetime(2027, 3, 2, 11, 0, tzinfo=OSLO))
        self.assertEqual(self.starts(meeting)[:3], ["Tue 02 Mar 11:00", "Tue 09 Mar 11:00", "Tue 23 Mar 11:00"])
        occurrences.make_ahead(self.clock)
        self.assertEqual(self.starts(meeting)[2], "Tue 23 Mar 11:00")

    def test_an_earlier_change_takes_the_place_of_a_later_one(self) -> None:
        meeting = self.repeating()
        self.change(meeting, start_from=self.on(meeting, 4, 6), duration_minutes=45)
        self.change(meeting, start_from=self.on(meeting, 3, 16), starts_at=datetime(2027, 3, 16, 12, 0, tzinfo=OSLO))
        running = [one for one in meeting.series.all() if not one.is_complete]
        self.assertEqual([f"{one.starts_on}" for one in running], ["2027-03-16"])
        self.assertEqual(self.starts(meeting)[1:4], ["Tue 09 Mar 09:00", "Tue 16 Mar 12:00", "Tue 23 Mar 12:00"])
        self.assertEqual(len(self.starts(meeting)), 9)

    def test_what_goes_on_is_not_moved_and_the_next_ones_are(self) -> None:
        meeting = self.repeating()
        self.at(2027, 3, 2, 9)
        live = self.on(meeting, 3, 2)
        self.host_inside(live)
        self.change(meeting, starts_at=datetime(2027, 3, 9, 15, 0, tzinfo=OSLO), people=[GUEST, "new@x.example"])
        self.assertEqual(self.starts(meeting)[:3], ["Tue 02 Mar 09:00", "Tue 09 Mar 15:00", "Tue 16 Mar 15:00"])
        self.assertTrue(live.invitations.filter(email="new@x.example").exists(), "people are asked at once")
        self.assertIsNotNone(self.guest(self.on(meeting, 3, 9), self.marcus.email).revoked_at)
        with self.assertRaises(IllegalEvent):
            self.change(meeting, start_from=live, duration_minutes=90)

    def test_days_that_do_not_fit_the_rule_are_refused(self) -> None:
        meeting = self.repeating("FREQ=WEEKLY;BYDAY=TU,TH")
        with self.assertRaises(Wrong) as wrong:
            self.change(meeting, starts_at=datetime(2027, 3, 3, 9, 0, tzinfo=OSLO))
        self.assertEqual(wrong.exception.field, "starts_at")
        with self.assertRaises(Wrong) as wrong:
            self.change(meeting, recurrence="FREQ=WEEKLY;BYDAY=MO")
        self.assertEqual(wrong.exception.field, "recurrence")
        self.assertEqual(meeting.series.count(), 1)

    def test_one_alone_moves_or_is_called_off_and_the_others_stay(self) -> None:
        meeting = self.repeating()
        occurrences.move(self.ingrid, self.on(meeting, 3, 9), datetime(2027, 3, 10, 14, 0, tzinfo=OSLO), 90, tell=False)
        occurrences.cancel(self.ingrid, self.on(meeting, 3, 16), tell=False)
        self.assertEqual(self.starts(meeting)[:3], ["Tue 02 Mar 09:00", "Wed 10 Mar 14:00", "Tue 23 Mar 09:00"])
        link = self.on(meeting, 3, 16)
        self.assertTrue(selectors.takes_place_no_more(link, self.clock))
        for refused in (
            lambda: occurrences.move(self.ingrid, self.on(meeting, 3, 16), FIRST, 30, tell=False),
            lambda: occurrences.move(self.ingrid, self.on(meeting, 3, 23), FIRST - timedelta(days=9), 30, tell=False),
            lambda: occurrences.move(self.ingrid, self.on(meeting, 3, 23), FIRST, 2000, tell=False),
            lambda: occurrences.move(self.marcus, self.on(meeting, 3, 23), FIRST, 30, tell=False),
            lambda: occurrences.cancel(self.marcus, self.on(meeting, 3, 23), tell=False),
            lambda: occurrences.cancel_following(self.marcus, self.on(meeting, 3, 23), tell=False),
            lambda: occurrences.cancel_following(self.ingrid, self.on(meeting, 3, 2), tell=False),
        ):
            with self.assertRaises((IllegalEvent, Wrong, NotAHost)):
                refused()

    def test_calling_off_puts_out_who_is_inside(self) -> None:
        meeting = self.repeating()
        self.at(2027, 3, 2, 9)
        host = self.host_inside(self.on(meeting, 3, 2))
        occurrences.cancel(self.ingrid, self.on(meeting, 3, 2), tell=False)
        host.refresh_from_db()
        self.assertEqual(host.state, Participant.State.LEFT)

    def test_this_and_all_that_follow_are_called_off_whatever_changed_since(self) -> None:
        meeting = self.repeating()
        self.change(meeting, start_from=self.on(meeting, 4, 6), duration_minutes=45)
        occurrences.cancel_following(self.ingrid, self.on(meeting, 3, 16), tell=False)
        self.assertEqual(self.starts(meeting), ["Tue 02 Mar 09:00", "Tue 09 Mar 09:00"])
        occurrences.make_ahead(self.at(2027, 4, 20))
        self.assertEqual(len(self.starts(meeting)), 2)
        self.assertIsNone(meeting.cancelled_at)

    def test_a_cancelled_meeting_is_cancelled_whole_and_told_once(self) -> None:
        meeting = self.repeating(send=True, hosts=[self.person("ada@nordhavn.example", "Ada")])
        invitations.invite(self.ingrid, self.on(meeting, 3, 16), "once@x.example", and_later=False)
        run_jobs()
        scheduling.cancel_meeting(self.ingrid, meeting)
        told = sorted(one.to[0] for one in run_jobs())
        self.assertEqual(told, ["ada@nordhavn.example", self.marcus.email, "once@x.example", GUEST])
        self.assertEqual(self.starts(meeting), [])


class CalendarProgram:
    """What a calendar makes of the mails that reach it (RFC 5546): entries by uid and instance; later numbers win."""

    def __init__(self) -> None:
        self.entries: dict[tuple[str, Any], Any] = {}

    def take(self, calendar: Calendar) -> None:
        events = calendar.walk("VEVENT")
        assert len({str(one["UID"]) for one in events}) == 1, "one entry at a time"
        for event in events:
            uid = str(event["UID"])
            instance = event["RECURRENCE-ID"].dt.astimezone(UTC) if "RECURRENCE-ID" in event else None
            known = self.entries.get((uid, instance))
            assert known is None or int(event["SEQUENCE"]) >= int(known["SEQUENCE"])
            if instance is None:
                self.entries = {key: one for key, one in self.entries.items() if key[0] != uid}
            self.entries[uid, instance] = event

    def times(self, until: datetime) -> list[tuple[datetime, datetime]]:
        calendar = Calendar()
        for event in self.entries.values():
            calendar.add_component(event)
        found = recurring_ical_events.of(calendar).between(MONDAY_MORNING, until)
        return sorted(
            (one["DTSTART"].dt.astimezone(UTC), one["DTEND"].dt.astimezone(UTC))
            for one in found
            if str(one["STATUS"]) != "CANCELLED"
        )


class CalendarTests(SeriesCase, TestCase):
    """The oracle is another library's reading of what we mail."""

    def expect(self, meeting: Meeting, programs: dict[str, CalendarProgram]) -> None:
        for message in run_jobs():
            programs.setdefault(message.to[0], CalendarProgram()).take(calendar_of(message))
        made = meeting.occurrences.filter(cancelled_at=None, starts_at__lt=MONDAY_MORNING + timedelta(days=45))
        wanted = sorted((one.starts_at, one.ends_at) for one in made)
        for email, program in programs.items():
            with self.subTest(email=email):
                self.assertEqual(program.times(MONDAY_MORNING + timedelta(days=45)), wanted)

    def test_calendars_show_what_takes_place_after_any_changes(self) -> None:
        for seed in range(8):
            with self.subTest(seed=seed):
                self._random_changes(random.Random(seed))

    def _random_changes(self, chance: random.Random) -> None:
        rule = chance.choice(["FREQ=WEEKLY;BYDAY=TU", "FREQ=DAILY;INTERVAL=3", "FREQ=WEEKLY;BYDAY=TU,FR;COUNT=20"])
        meeting = self.repeating(rule, send=True, hosts=[self._host()])
        programs: dict[str, CalendarProgram] = {}
        self.expect(meeting, programs)
        self.assertEqual(set(programs), {GUEST, self.marcus.email, self._host().email})
        for _step in range(5):
            coming = list(
                meeting.occurrences.filter(cancelled_at=None).select_related("meeting", "series").order_by("starts_at")
            )
            chosen = chance.choice(coming[:8])
            self._change(chance, meeting, chosen)
            self.expect(meeting, programs)
        scheduling.cancel_meeting(self.ingrid, meeting)
        self.expect(meeting, programs)

    def _host(self) -> Any:
        from django.contrib.auth import get_user_model

        found = get_user_model().objects.filter(email="ada@nordhavn.example").first()
        return found or self.person("ada@nordhavn.example", "Ada")

    def _change(self, chance: random.Random, meeting: Meeting, chosen: Occurrence) -> None:
        later = chosen.starts_at + timedelta(minutes=chance.choice([30, 60, 24 * 60]))
        match chance.randrange(6):
            case 0:
                occurrences.move(self.ingrid, chosen, later, chance.choice([30, 45]), tell=True)
            case 1 if meeting.occurrences.filter(cancelled_at=None).count() > 2:
                occurrences.cancel(self.ingrid, chosen, tell=True)
            case 2 if meeting.occurrences.filter(starts_at__lt=chosen.starts_at, cancelled_at=None).count() > 1:
                occurrences.cancel_following(self.ingrid, chosen, tell=True)
            case 3:
                self._try(meeting, start_from=chosen, duration_minutes=chance.choice([15, 45, 60]))
            case 4:
                self._try(meeting, start_from=chosen, recurrence="FREQ=DAILY;INTERVAL=2")
            case _:
                self._try(meeting, start_from=chosen, starts_at=(chosen.original_at or later) + timedelta(hours=1))

    def _try(self, meeting: Meeting, **wanted: Any) -> None:
        scheduling.change_meeting(self.ingrid, meeting, tell=True, **wanted)

    def test_a_meeting_that_begins_to_repeat_stays_one_entry(self) -> None:
        meeting = self.meeting(starts_at=FIRST, duration_minutes=30, people=[GUEST], send=True)
        programs: dict[str, CalendarProgram] = {}
        self.expect(meeting, programs)
        scheduling.change_meeting(self.ingrid, meeting, tell=True, recurrence="FREQ=WEEKLY;COUNT=4")
        self.expect(meeting, programs)
        self.assertEqual(len({uid for uid, _instance in programs[GUEST].entries}), 1)

    def test_a_guests_calendar_holds_the_link_of_one_occurrence_beside_it_and_no_other_address(self) -> None:
        meeting = self.repeating(send=True)
        messages = {one.to[0]: one for one in run_jobs()}
        master, first = calendar_of(messages[GUEST]).walk("VEVENT")
        self.assertNotIn("/i/", master.to_ical().decode())
        self.assertIn("comes by email before each meeting", str(master["DESCRIPTION"]))
        self.assertIn("/i/", str(first["URL"]))
        self.assertEqual(first["RECURRENCE-ID"].dt, FIRST)
        self.assertNotIn("marcus", calendar_of(messages[GUEST]).to_ical().decode())
        (listed,) = calendar_of(messages[self.marcus.email]).walk("VEVENT")
        self.assertIn(f"/m/{meeting.code}", str(listed["URL"]))
        self.assertEqual(str(listed["RRULE"].to_ical().decode()), "FREQ=WEEKLY;BYDAY=TU")

    def test_the_end_of_a_rule_is_the_moment_of_its_last_start(self) -> None:
        self.repeating("FREQ=WEEKLY;BYDAY=TU;UNTIL=20270330", send=True)
        event = next(event for one in run_jobs() for event in calendar_of(one).walk("VEVENT") if "RRULE" in event)
        self.assertIn("UNTIL=20270330T070000Z", event["RRULE"].to_ical().decode())

    def test_whoever_is_asked_once_gets_that_one_alone(self) -> None:
        meeting = self.repeating()
        invitations.invite(self.ingrid, self.on(meeting, 3, 9), "once@x.example", and_later=False)
        (event,) = calendar_of(run_jobs()[-1]).walk("VEVENT")
        self.assertNotIn("RRULE", event)
        self.assertEqual(event["RECURRENCE-ID"].dt.astimezone(OSLO).day, 9)

    def test_what_is_told_in_words(self) -> None:
        meeting = self.repeating(send=True)
        run_jobs()

        def told() -> list[tuple[str, str]]:
            return [(one.subject, str(one.body)) for one in run_jobs() if one.to == [GUEST]]

        occurrences.move(self.ingrid, self.on(meeting, 3, 9), datetime(2027, 3, 10, 14, 0, tzinfo=OSLO), 30, tell=True)
        ((subject, body),) = told()
        self.assertEqual(subject, "Other time: Trial safety board")
        self.assertIn("at another time this once:", body)
        self.assertIn("Wednesday 10 March 2027, 14:00 to 14:30", body)
        self.assertIn("Your personal link comes by email before each meeting.", body)
        occurrences.cancel(self.ingrid, self.on(meeting, 3, 16), tell=True)
        ((subject, body),) = told()
        self.assertEqual(subject, "Called off once: Trial safety board")
        self.assertIn("The other days stay as they are.", body)
        self.assertNotIn("/i/", body)
        scheduling.change_meeting(
            self.ingrid, meeting, tell=True, start_from=self.on(meeting, 4, 6), duration_minutes=45
        )
        (_, first), (_, second) = told()
        self.assertIn("stays as it is until Tuesday 30 March 2027", first)
        self.assertIn("Every Tuesday, at 09:00 (Europe/Oslo)", second)
        occurrences.cancel_following(self.ingrid, self.on(meeting, 4, 6), tell=True)
        ((_, body),) = told()
        self.assertIn("does not take place any more", body)
