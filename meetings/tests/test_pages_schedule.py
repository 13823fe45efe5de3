"""The schedule form through the front door: what it makes, what it refuses, and what it does without a script."""

from __future__ import annotations

from datetime import timedelta
from unittest import mock

from django.utils import timezone

from meetings import localtime
from meetings.models import Invitation, Meeting
from meetings.services import invitations, occurrences
from meetings.tests.pages_case import GUEST, PagesCase, filled, in_days, utc


class Scheduling(PagesCase):
    def test_the_meeting_is_stored_as_typed(self) -> None:
        meeting = self.scheduled(
            title="  Trial   safety board ",
            length="45",
            hosts="Marcus Bell",
            people=f"Yuki Tanaka, {GUEST}",
            notes="Bring the figures.",
            mics_start_off="on",
            lock_after="10",
            share="signed_in",
            chat="hosts",
        )
        assert meeting.title == "Trial safety board"
        assert meeting.duration_minutes == 45
        assert set(meeting.hosts.all()) == {self.ingrid, self.marcus}
        assert {(one.email, one.user) for one in Invitation.objects.all()} == {
            (self.yuki.email, self.yuki),
            (GUEST, None),
        }
        assert (meeting.mics_start_off, meeting.lock_after_minutes) == (True, 10)
        assert (meeting.may_speak, meeting.may_share, meeting.may_chat) == ("everyone", "signed_in", "hosts")
        assert self.door(meeting) == ("walks_in", "walks_in", "knocks", "turned_away")

    def test_the_clock_is_that_of_the_meetings_place(self) -> None:
        meeting = self.scheduled(date="2027-07-01", starts="14:30", time_zone="Asia/Kolkata")
        assert meeting.occurrences.get().starts_at == utc("2027-07-01T09:00")

    def test_a_pasted_list_of_many_addresses_is_split(self) -> None:
        self.scheduled(people="Ada <ada@a.example>; b@b.example\nc@c.example,\tc@C.example , Yuki Tanaka")
        addresses = set(Invitation.objects.values_list("email", flat=True))
        assert addresses == {"ada@a.example", "b@b.example", "c@c.example", self.yuki.email}

    def test_the_page_after_it_says_what_happened(self) -> None:
        answer = self.client.post("/meetings/new/", filled(people=GUEST), follow=True)
        self.assertContains(answer, "1 invitation is on its way")


class Refusing(PagesCase):
    def test_nothing_is_stored_without_a_title_a_date_or_a_time(self) -> None:
        assert set(self.errors(title=" ", date="", starts="25:00")) == {"title", "date", "starts"}

    def test_a_time_that_has_passed(self) -> None:
        assert "has passed already" in self.errors(date="2020-02-02")["date"][0]
        earlier = timezone.localtime(timezone.now(), localtime.ZoneInfo("Europe/Oslo")) - timedelta(minutes=20)
        wrong = self.errors(date=earlier.date().isoformat(), starts=earlier.strftime("%H:%M"))
        assert "has passed already" in str(wrong)

    def test_a_time_that_the_clocks_skip(self) -> None:
        sentence = self.errors(date="2027-03-28", starts="02:30")["starts"][0]
        assert "doesn’t exist on 28 March 2027 in Oslo" in sentence

    def test_a_time_that_the_clocks_show_twice(self) -> None:
        assert "happens twice" in self.errors(date="2027-10-31", starts="02:30")["starts"][0]

    def test_a_year_far_away_or_outside_of_the_calendar(self) -> None:
        assert "five years" in self.errors(date="2126-11-24")["date"][0]
        assert set(self.errors(date="9999-12-31", starts="23:59")) == {"date"}
        assert set(self.errors(date="0001-01-01", starts="00:00")) == {"date"}

    def test_a_name_that_nobody_has_and_one_that_two_have(self) -> None:
        self.person("other.yuki@nordhavn.example", "Yuki Tanaka")
        assert "“nobody here”" in self.errors(people="nobody here")["people"][0]
        assert "Several people" in self.errors(people="yuki tanaka")["people"][0]

    def test_a_host_without_an_account(self) -> None:
        assert GUEST in self.errors(hosts=GUEST)["hosts"][0]

    def test_a_deactivated_account_is_nobody(self) -> None:
        self.marcus.is_active = False
        self.marcus.save()
        assert "hosts" in self.errors(hosts="Marcus Bell")

    def test_an_encryption_that_this_server_does_not_have(self) -> None:
        for mode in ("sealed ", "none", ""):
            assert "encryption" in self.errors(encryption=mode)

    def test_values_that_no_browser_would_send(self) -> None:
        bad = {"length": "99999", "time_zone": "../../etc/passwd", "opens": "-5", "guests": "open", "without_host": "x"}
        assert set(self.errors(**bad)) == set(bad)

    def test_more_people_than_a_meeting_takes(self) -> None:
        crowd = ",".join(f"a{number}@example.org" for number in range(201))
        assert "up to 200" in self.errors(people=crowd)["people"][0]

    def test_the_page_shows_the_errors_first_and_keeps_what_was_typed(self) -> None:
        answer = self.post_new(title="Kept", date="", people="nobody here")
        self.assertContains(answer, "There is a problem", status_code=422)
        self.assertContains(answer, 'href="#id_date"', status_code=422)
        self.assertContains(answer, 'value="Kept"', status_code=422)
        self.assertContains(answer, "<title>Error: ", status_code=422)


class Repeating(PagesCase):
    """The 24th of August 2027 is a Tuesday."""

    DAY = {"date": "2027-08-24"}

    def rule(self, **changes: str) -> str:
        return self.scheduled(**self.DAY, **changes).series.get().rule

    def test_the_rule_is_stored_as_chosen(self) -> None:
        assert self.rule(repeat="daily", ends="until", until="2027-09-30") == "FREQ=DAILY;UNTIL=20270930"
        assert self.rule(repeat="weekly", ends="times", times="10") == "FREQ=WEEKLY;BYDAY=TU;COUNT=10"
        assert self.rule(repeat="fortnightly") == "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU"
        assert self.rule(repeat="monthly") == "FREQ=MONTHLY;BYMONTHDAY=24"

    def test_a_meeting_takes_place_once_unless_the_host_chooses_otherwise(self) -> None:
        assert not self.scheduled(**self.DAY).series.exists()
        assert not self.scheduled(**self.DAY, repeat="", ends="", until="", times="").series.exists()

    def test_every_date_has_an_invitation_of_its_own_at_the_same_local_time(self) -> None:
        day = timezone.localtime(timezone.now(), localtime.ZoneInfo("Europe/Oslo")).date() + timedelta(days=1)
        meeting = self.scheduled(date=day.isoformat(), people=GUEST, repeat="weekly", ends="times", times="3")
        found = meeting.occurrences.order_by("starts_at")
        clocks = {f"{timezone.localtime(one.starts_at, localtime.ZoneInfo('Europe/Oslo')):%H:%M}" for one in found}
        assert (len(found), clocks) == (3, {"14:30"})
        assert Invitation.objects.filter(email=GUEST).count() == 3

    def test_the_weekday_is_that_of_the_meetings_place(self) -> None:
        meeting = self.scheduled(**self.DAY, starts="01:00", time_zone="Asia/Tokyo", repeat="weekly")
        assert meeting.occurrences.order_by("starts_at")[0].starts_at == utc("2027-08-23T16:00")
        assert meeting.series.get().rule == "FREQ=WEEKLY;BYDAY=TU"

    def test_an_end_that_is_chosen_must_be_named(self) -> None:
        assert "last day" in self.errors(**self.DAY, repeat="weekly", ends="until")["until"][0]
        assert "from 2 to 730" in self.errors(**self.DAY, repeat="weekly", ends="times")["times"][0]

    def test_an_end_within_reach_and_after_the_first_day(self) -> None:
        wanted = {**self.DAY, "repeat": "weekly", "ends": "until"}
        assert "Its first day is 24 August 2027" in self.errors(**wanted, until="2027-08-23")["until"][0]
        assert "only once" in self.errors(**wanted, until="2027-08-30")["until"][0]
        assert "At the latest 27 August 2032" in self.errors(**wanted, until="2032-08-28")["until"][0]
        assert set(self.errors(**wanted, until="9999-12-31")) == set(self.errors(**wanted, until="soon")) == {"until"}
        assert self.scheduled(**wanted, until="2032-08-27").series.get().rule.endswith("UNTIL=20320827")

    def test_a_number_of_times_that_is_none(self) -> None:
        for times in ("0", "1", "731", "-3", "many", "9" * 5000):
            assert "from 2 to 730" in self.errors(repeat="daily", ends="times", times=times)["times"][0]

    def test_an_end_that_would_not_count_is_never_left_out_silently(self) -> None:
        for typed in ({"ends": "until"}, {"until": "2027-12-01"}, {"times": "4"}):
            assert "how often" in self.errors(**self.DAY, **typed)["repeat"][0]
        assert "“On a date” under “Ends”" in self.errors(**self.DAY, repeat="daily", until="2027-12-01")["until"][0]
        both = {"ends": "until", "until": "2027-12-01", "times": "4"}
        assert "clear it" in self.errors(**self.DAY, repeat="daily", **both)["times"][0]

    def test_choices_that_no_browser_would_send(self) -> None:
        assert set(self.errors(repeat="FREQ=YEARLY", ends="x")) == {"repeat", "ends"}

    def test_what_was_typed_is_kept_beside_its_error(self) -> None:
        answer = self.post_new(repeat="monthly", ends="times", times="1000")
        self.assertContains(answer, 'href="#id_times"', status_code=422)
        assert [answer.context["form"][name].value() for name in ("repeat", "ends", "times")] == [
            "monthly",
            "times",
            "1000",
        ]
        self.assertContains(answer, '<option value="monthly" selected>', status_code=422)

    def test_a_wrong_date_is_said_alone(self) -> None:
        assert set(self.errors(date="", repeat="weekly", ends="until", until="2027-12-01")) == {"date"}

    def test_the_pages_after_it_say_in_words_how_it_repeats(self) -> None:
        wanted = {**self.DAY, "repeat": "weekly", "ends": "until", "until": "2027-12-21", "people": self.yuki.email}
        answer = self.client.post("/meetings/new/", filled(**wanted), follow=True)
        self.assertContains(answer, "Every Tuesday, until 21 December 2027")
        meeting = Meeting.objects.get()
        self.assertContains(self.as_(self.yuki).get(f"/meetings/{meeting.pk}/"), "Every Tuesday, until")
        edit = self.client.get(f"/meetings/{meeting.pk}/edit/")
        self.assertContains(edit, "Every Tuesday, until 21 December 2027.")
        self.assertContains(edit, "holds from 24 August 2027 on")
        self.assertNotContains(edit, 'name="repeat"')

    def test_an_edit_leaves_the_rhythm_whatever_is_posted(self) -> None:
        meeting = self.scheduled(**self.DAY, repeat="weekly")
        again = filled(**self.DAY, title="Another title", repeat="daily", ends="times", times="3")
        assert self.client.post(f"/meetings/{meeting.pk}/edit/", again).status_code == 302
        meeting.refresh_from_db()
        assert (meeting.title, meeting.series.get().rule) == ("Another title", "FREQ=WEEKLY;BYDAY=TU")

    def test_the_script_says_the_choices_as_the_page_after_it_does(self) -> None:
        rhythms = self.client.get("/meetings/new/").context["page_data"]["rhythms"]
        assert rhythms["weekly"][1] == "Every Tuesday"
        assert rhythms["fortnightly"][6] == "Every 2 weeks on Sunday"
        assert (rhythms["monthly"][0], rhythms["monthly"][30]) == ("Every month on the 1st", "Every month on the 31st")


class TheDoorWithoutAScript(PagesCase):
    def test_a_picked_preset_sets_the_whole_table(self) -> None:
        meeting = self.scheduled(preset="named_people")
        assert self.door(meeting) == ("walks_in", "turned_away", "walks_in", "turned_away")
        assert meeting.door_guests_verified

    def test_an_edited_row_wins_over_the_preset_that_stands_there(self) -> None:
        assert self.door(self.scheduled(guests="walks_in"))[2] == "walks_in"

    def test_a_row_that_was_edited_beside_a_new_preset_wins_over_it(self) -> None:
        meeting = self.scheduled(preset="everyone_knocks", guests="turned_away")
        assert self.door(meeting) == ("knocks", "knocks", "turned_away", "turned_away")

    def test_rows_above_are_raised_and_the_page_says_so(self) -> None:
        answer = self.client.post("/meetings/new/", filled(anyone="walks_in"), follow=True)
        assert self.door(Meeting.objects.get()) == ("walks_in",) * 4
        self.assertContains(answer, "Also changed, so that nobody less known gets in more easily: Guests you invited.")

    def test_edits_that_contradict_each_other_end_with_the_stricter_one(self) -> None:
        meeting = self.scheduled(colleagues="turned_away", anyone="knocks")
        assert self.door(meeting) == ("walks_in", "turned_away", "knocks", "turned_away")

    def test_a_code_is_asked_only_of_people_who_are_not_turned_away(self) -> None:
        assert self.scheduled(guests_verified="on", preset=None).door_guests_verified
        assert not self.scheduled(guests_verified="on", guests="turned_away", preset=None).door_guests_verified
        asked = {"anyone_verified": "any_address", "preset": None}
        assert self.scheduled(anyone="knocks", **asked).door_anyone_verified == "any_address"
        assert self.scheduled(**asked).door_anyone_verified == "none"

    def test_a_lying_record_of_what_was_shown_never_breaks_the_order(self) -> None:
        meeting = self.scheduled(was_rows="x", preset=None, listed="turned_away", anyone="walks_in")
        ease = {"turned_away": 0, "knocks": 1, "walks_in": 2}
        listed, colleagues, guests, anyone = (ease[way] for way in self.door(meeting))
        assert listed >= colleagues >= anyone
        assert listed >= guests >= anyone


class Editing(PagesCase):
    def post_edit(self, meeting: Meeting, **changes: object) -> object:
        form = self.client.get(f"/meetings/{meeting.pk}/edit/").context["form"]
        names = [*form.fields]
        shown = {name: form[name].value() for name in names}
        fields = {name: "on" if value is True else value for name, value in shown.items() if value not in (None, False)}
        fields |= {"date": str(shown["date"]), "starts": shown["starts"].strftime("%H:%M")}
        return self.client.post(f"/meetings/{meeting.pk}/edit/", fields | {"tell": "no"} | changes)

    def test_saving_without_a_change_changes_nothing(self) -> None:
        meeting = self.scheduled(people=f"Yuki Tanaka, {GUEST}", hosts="Marcus Bell", opens="any")
        before = Meeting.objects.filter(pk=meeting.pk).values().get()
        assert self.post_edit(meeting).status_code == 302
        assert Meeting.objects.filter(pk=meeting.pk).values().get() == before
        assert Invitation.objects.filter(revoked_at=None).count() == 2

    def test_another_title_leaves_a_meeting_that_repeats_where_it_is(self) -> None:
        starts_at = timezone.now() + timedelta(days=1)
        meeting = self.meeting(starts_at=starts_at, recurrence="FREQ=DAILY;COUNT=4", people=[GUEST])
        first, second, *_later = meeting.occurrences.order_by("starts_at")
        occurrences.move(self.ingrid, first, starts_at + timedelta(hours=1), 60, tell=False)
        before = list(meeting.occurrences.order_by("pk").values_list("starts_at", "ends_at", "cancelled_at"))
        assert self.post_edit(meeting, title="Another title").status_code == 302
        meeting.refresh_from_db()
        assert meeting.title == "Another title"
        assert list(meeting.occurrences.order_by("pk").values_list("starts_at", "ends_at", "cancelled_at")) == before
        assert second.invitations.get(email=GUEST).revoked_at is None

    def test_a_change_of_the_door_is_listed_first_and_saved_when_it_was_seen(self) -> None:
        meeting = self.scheduled()
        answer = self.post_edit(meeting, preset="named_people")
        self.assertContains(answer, "Nothing is saved yet")
        assert self.door(meeting)[1] == "walks_in"
        seen = answer.context["changes_seen"]
        assert self.post_edit(meeting, preset="named_people", changes_seen=seen).status_code == 302
        assert self.door(meeting)[1] == "turned_away"

    def test_an_invitation_that_somebody_else_made_meanwhile_is_not_taken_back_unseen(self) -> None:
        meeting = self.scheduled(people=GUEST)
        self.invitation(meeting.occurrences.get(), "late@medreg.example")
        answer = self.post_edit(meeting, people=GUEST)
        self.assertContains(answer, "late@medreg.example")
        assert Invitation.objects.filter(revoked_at=None).count() == 2
        self.post_edit(meeting, people=GUEST, changes_seen=answer.context["changes_seen"])
        assert Invitation.objects.filter(revoked_at=None).count() == 1

    def test_whoever_was_revoked_meanwhile_is_not_invited_again_unseen(self) -> None:
        meeting = self.scheduled(people=GUEST)
        invitations.revoke(self.ingrid, Invitation.objects.select_related("occurrence__meeting").get())
        answer = self.post_edit(meeting, people=GUEST, title="Another title")
        self.assertContains(answer, "Invited again")
        assert Invitation.objects.get().revoked_at is not None
        self.post_edit(meeting, people=GUEST, changes_seen=answer.context["changes_seen"])
        assert Invitation.objects.get().revoked_at is None

    def test_the_start_of_a_running_meeting_needs_no_second_look(self) -> None:
        meeting = self.scheduled()
        meeting.occurrences.update(starts_at=self.now - timedelta(minutes=20), started_at=self.now)
        assert self.post_edit(meeting, title="Renamed while it runs").status_code == 302
        meeting.refresh_from_db()
        assert meeting.title == "Renamed while it runs"

    def test_save_quietly_tells_nobody_and_the_other_button_does(self) -> None:
        meeting = self.scheduled(people=GUEST)
        with mock.patch("meetings.views.schedule.scheduling.change_meeting") as change:
            self.post_edit(meeting, title="New")
            self.post_edit(meeting, title="New", tell="yes")
        assert [call.kwargs["tell"] for call in change.call_args_list] == [False, True]

    def test_what_is_over_or_cancelled_cannot_be_edited(self) -> None:
        meeting = self.scheduled()
        self.client.post(f"/meetings/{meeting.pk}/cancel/")
        assert self.client.get(f"/meetings/{meeting.pk}/edit/").status_code == 404
        over = self.scheduled()
        over.occurrences.update(ended_at=timezone.now())
        assert self.client.get(f"/meetings/{over.pk}/edit/").status_code == 404


class TheEmptyForm(PagesCase):
    def test_it_starts_at_the_next_half_hour_where_the_person_is(self) -> None:
        self.ingrid.time_zone = "Asia/Tokyo"
        self.ingrid.save()
        form = self.client.get("/meetings/new/").context["form"]
        assert form["time_zone"].value() == "Asia/Tokyo"
        assert form["starts"].value().minute in (0, 30)

    def test_without_a_zone_of_the_account_the_browsers_is_taken(self) -> None:
        self.client.cookies["lintel_zone"] = "Europe/Lisbon"
        form = self.client.get("/meetings/new/").context["form"]
        assert form["time_zone"].value() == "Europe/Lisbon"
        self.client.cookies["lintel_zone"] = "../../../etc/passwd"
        assert self.client.get("/meetings/new/").context["form"]["time_zone"].value() == "UTC"

    def test_meetings_are_end_to_end_encrypted_unless_the_host_chooses_otherwise(self) -> None:
        answer = self.client.get("/meetings/new/")
        assert [(mode.value, mode.checked, mode.off) for mode in answer.context["encryptions"]] == [
            ("e2ee", True, False),
            ("sealed", False, False),
            ("transport", False, False),
        ]
        for mode in ("e2ee", "sealed"):
            self.post_new(encryption=mode, title=f"By itself {mode}")
            assert Meeting.objects.get(title=f"By itself {mode}").encryption == mode

    def test_the_encryption_of_a_meeting_stays(self) -> None:
        self.post_new(encryption="e2ee", title="Kept")
        meeting = Meeting.objects.get(title="Kept")
        form = self.client.get(f"/meetings/{meeting.pk}/edit/").context
        assert [(mode.value, mode.checked, mode.off) for mode in form["encryptions"]] == [
            ("e2ee", True, False),
            ("sealed", False, True),
            ("transport", False, True),
        ]
        answer = self.client.post(f"/meetings/{meeting.pk}/edit/", filled(encryption="transport", title="Kept"))
        assert "encryption" in answer.context["form"].errors
        meeting.refresh_from_db()
        assert meeting.encryption == "e2ee"

    def test_what_will_happen_is_told_also_without_a_script(self) -> None:
        preview = self.post_new(title="", people=f"Yuki Tanaka, {GUEST}").context["preview"]
        assert [(person["name"], person["way"]) for person in preview] == [
            ("Yuki Tanaka", "walks_in"),
            ("Marcus Bell", "walks_in"),
            (GUEST, "knocks"),
            ("Forwarded link", "turned_away"),
        ]

    def test_names_are_escaped_wherever_they_stand(self) -> None:
        self.person("x@nordhavn.example", "</script><img src=x>")
        answer = self.client.get("/meetings/new/")
        self.assertNotContains(answer, "<img src=x>")
        self.assertNotContains(answer, "</script><img")

    def test_a_date_of_today_is_accepted(self) -> None:
        late = timezone.localtime(timezone.now(), localtime.ZoneInfo("Pacific/Kiritimati")).date()
        assert self.post_new(date=late.isoformat(), starts="23:59", time_zone="Pacific/Honolulu").status_code == 302
        assert in_days(0) <= late.isoformat()
