"""The dashboard: what is next, live and to come, for whom; starting at once; joining by a code."""

from __future__ import annotations

from datetime import timedelta

from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from meetings.models import Meeting, Occurrence, Participant
from meetings.tests.pages_case import GUEST, PagesCase


class Dashboard(PagesCase):
    def page(self) -> dict:
        return self.client.get("/meetings/").context

    def rows(self) -> list[dict]:
        return [row for day in self.page()["days"] for row in day["rows"]]

    def live(self, occurrence: Occurrence) -> None:
        Occurrence.objects.filter(pk=occurrence.pk).update(started_at=timezone.now() - timedelta(minutes=26))

    def stand(self, occurrence: Occurrence, name: str, state: str) -> None:
        Participant.objects.create(occurrence=occurrence, kind="guest", state=state, name=name, device=name)

    def test_an_empty_one_offers_both_ways_to_begin_and_nothing_else(self) -> None:
        answer = self.client.get("/meetings/")
        self.assertContains(answer, "Nothing scheduled")
        self.assertContains(answer, "Start now", count=1)
        self.assertContains(answer, 'href="/meetings/new/"', count=1)
        assert answer.context["empty"] is True

    def test_what_starts_within_the_hour_is_next_and_not_repeated_below(self) -> None:
        self.meeting(title="Soon", starts_at=self.now + timedelta(minutes=30))
        self.meeting(title="Later", starts_at=self.now + timedelta(hours=3))
        assert self.page()["next"]["title"] == "Soon"
        assert [row["title"] for row in self.rows()] == ["Later"]

    def test_a_live_meeting_of_ones_own_comes_before_the_next_one(self) -> None:
        self.meeting(title="Soon", starts_at=self.now + timedelta(minutes=5))
        running = self.occurrence(title="Running", starts_at=self.now + timedelta(minutes=50))
        self.live(running)
        assert self.page()["next"]["title"] == "Running"

    def test_invitees_see_a_live_row_with_join_but_not_who_or_how_many(self) -> None:
        running = self.occurrence(title="Ward 4 handover", people=[self.yuki])
        self.live(running)
        self.stand(running, "Peter Lindqvist", "inside")
        self.stand(running, "Leila Haddad", "waiting")
        answer = self.as_(self.yuki).get("/meetings/")
        self.assertContains(answer, "Live, 26 min")
        self.assertContains(answer, f'href="/m/{running.meeting.code}" aria-label="Join, Ward 4 handover"')
        for secret in ("Peter", "Leila", "inside now", "at the door"):
            self.assertNotContains(answer, secret)

    def test_hosts_see_who_waits(self) -> None:
        running = self.occurrence(title="Ward 4 handover")
        self.stand(running, "Leila Haddad", "waiting")
        self.assertContains(self.client.get("/meetings/"), "Leila Haddad is at the door already")

    def test_others_meetings_revoked_ones_and_cancelled_ones_are_not_there(self) -> None:
        own = self.meeting(title="Visible", people=[self.yuki])
        invitation = own.occurrences.get().invitations.get()
        yuki = self.as_(self.yuki)
        self.assertContains(yuki.get("/meetings/"), "Visible")
        self.assertNotContains(self.as_(self.marcus).get("/meetings/"), "Visible")
        self.client.post(f"/meetings/{own.pk}/invitations/{invitation.pk}/revoke/")
        self.assertNotContains(yuki.get("/meetings/"), "Visible")
        self.client.post(f"/meetings/{own.pk}/cancel/")
        self.assertNotContains(self.client.get("/meetings/"), "/edit/")

    def test_the_oldest_open_door_is_pointed_out_to_its_host_alone(self) -> None:
        exposed = self.meeting(title="Supplier onboarding", preset="anyone_with_link", people=[self.yuki])
        Meeting.objects.filter(pk=exposed.pk).update(created_at=self.now - timedelta(days=41))
        self.meeting(title="Another", preset="anyone_with_link")
        self.assertContains(self.client.get("/meetings/"), "“Supplier onboarding” lets anyone with the link walk in")
        self.assertContains(self.client.get("/meetings/"), "41 days old")
        self.assertNotContains(self.as_(self.yuki).get("/meetings/"), "lets anyone with the link")

    def test_what_is_over_moves_to_the_earlier_ones_where_hosts_see_who_came(self) -> None:
        over = self.occurrence(title="Budget round", people=[self.yuki])
        Participant.objects.create(
            occurrence=over, kind="guest", state="left", name="Peter Lindqvist", device="d", entered_at=self.now
        )
        Occurrence.objects.filter(pk=over.pk).update(started_at=self.now, ended_at=self.now)
        assert self.page()["empty"]
        self.assertContains(self.client.get("/meetings/earlier/"), "Peter Lindqvist")
        theirs = self.as_(self.yuki).get("/meetings/earlier/")
        self.assertContains(theirs, "Budget round")
        self.assertNotContains(theirs, "Peter Lindqvist")

    def test_a_page_number_that_is_none_shows_the_first(self) -> None:
        for number in ("x", "-1", "99999999999999999999"):
            assert self.client.get("/meetings/earlier/", {"page": number}).status_code == 200

    def test_the_number_of_queries_does_not_grow_with_the_rows(self) -> None:
        for number in range(2):
            self.meeting(title=f"A{number}", people=[self.yuki, GUEST], starts_at=self.now + timedelta(hours=2))
        with CaptureQueriesContext(connection) as few:
            self.client.get("/meetings/")
        for number in range(6):
            self.meeting(title=f"B{number}", people=[self.yuki, GUEST], starts_at=self.now + timedelta(hours=3))
        with self.assertNumQueries(len(few)):
            self.client.get("/meetings/")


class StartingAndJoining(PagesCase):
    def test_start_now_makes_a_meeting_and_goes_to_its_door(self) -> None:
        answer = self.client.post("/meetings/start/")
        meeting = Meeting.objects.get()
        assert answer["Location"] == f"/m/{meeting.code}"
        assert list(meeting.hosts.all()) == [self.ingrid]
        assert self.door(meeting) == ("walks_in", "walks_in", "knocks", "turned_away")

    def test_a_code_is_understood_however_it_is_typed(self) -> None:
        for typed in (
            "7KQX MWTZ P4XA",
            "7kqxmwtzp4xa",
            " 7kqx-mwtz-p4xa ",
            "https://meet.example/m/7kqx-mwtz-p4xa?x=1",
        ):
            answer = self.client.post("/meetings/join/", {"code": typed})
            assert answer["Location"] == "/m/7kqx-mwtz-p4xa", typed

    def test_a_personal_link_leads_to_the_exchange_on_this_portal(self) -> None:
        answer = self.client.post("/meetings/join/", {"code": "http://evil.example/i/abcdefghijklmnopqrstuvwx"})
        assert answer["Location"] == "/i/abcdefghijklmnopqrstuvwx"

    def test_anything_else_is_explained_and_leads_nowhere(self) -> None:
        for typed in ("", "hello", "//evil.example/", "javascript:alert(1)", "x" * 5000, "/m/../people/"):
            answer = self.client.post("/meetings/join/", {"code": typed})
            assert answer.status_code == 422, typed
            self.assertContains(answer, "paste the whole link", status_code=422)

    def test_the_key_of_a_sealed_link_is_not_asked_for_nor_kept_nor_shown_where_it_came_along(self) -> None:
        code = self.meeting(title="Closed").code
        assert 'pattern="[^#]*"' in self.client.get("/meetings/").content.decode()
        plain = self.client.post("/meetings/join/", {"code": f"https://meet.example/m/{code}#other"})
        assert (plain.status_code, plain["Location"]) == (302, f"/m/{code}")
        key = "sealed=1.1." + "A" * 43
        for typed in (f"https://meet.example/m/{code}#{key}", f"{code}#{key}"):
            answer = self.client.post("/meetings/join/", {"code": typed})
            self.assertContains(answer, "only browsers should see it", status_code=422)
            self.assertNotContains(answer, "AAAAAA", status_code=422)
