"""The meeting page: what hosts see and do, what other invitees see, and what nobody sees."""

from __future__ import annotations

import csv
import io
import re
from datetime import timedelta
from unittest import mock

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from meetings import audit
from meetings.models import AuditEntry, Invitation, InvitationToken, Occurrence, Participant
from meetings.services.errors import NotAHost
from meetings.tests.pages_case import GUEST, PagesCase, text_of


class MeetingPage(PagesCase):
    def setUp(self) -> None:
        super().setUp()
        self.board = self.meeting(people=[self.yuki, GUEST], title="Trial safety board")
        self.guest = Invitation.objects.get(email=GUEST)
        self.url = f"/meetings/{self.board.pk}/"

    def of(self, invitation: Invitation, what: str) -> str:
        return f"{self.url}invitations/{invitation.pk}/{what}/"

    def row(self, email: str = GUEST) -> dict:
        rows = self.client.get(self.url).context["invitations"]
        return next(row for row in rows if row["email"] == email)

    def seat(self, state: str, **fields: object) -> None:
        Participant.objects.create(
            occurrence=self.board.occurrences.get(),
            kind="guest",
            invitation=self.guest,
            state=state,
            name="Peter Lindqvist",
            device="d",
            **fields,
        )


class WhatIsSeen(MeetingPage):
    def test_hosts_see_everybody_with_what_the_door_does_to_them(self) -> None:
        answer = self.client.get(self.url)
        for text in (GUEST, "Yuki Tanaka", "Open the room", "Encrypted to the server", self.board.code, "Copy link"):
            self.assertContains(answer, text)
        assert self.row()["way"] == "knocks"
        assert self.row(self.yuki.email)["way"] == "walks_in"

    def test_other_invitees_see_neither_addresses_nor_links_nor_history(self) -> None:
        answer = self.as_(self.yuki).get(self.url)
        self.assertContains(answer, "Trial safety board")
        self.assertContains(answer, "You are on the list: you walk in.")
        for text in (GUEST, "History", "Invitations", "Copy link", "Edit", "Cancel meeting"):
            self.assertNotContains(answer, text)

    def test_for_everybody_else_the_page_is_as_if_there_were_none(self) -> None:
        outsider = self.as_(self.marcus)
        answers = [outsider.get(url) for url in (self.url, f"/meetings/{self.guest.pk}/")]
        assert [answer.status_code for answer in answers] == [404, 404]
        own = re.compile(r'name="(csrfmiddlewaretoken|next)" value="[^"]+"')
        here, nowhere = (own.sub("", answer.content.decode()) for answer in answers)
        assert here == nowhere
        assert Client().get(self.url)["Location"] == f"/sign-in/?next={self.url}"

    def test_an_invitation_tells_how_far_it_got(self) -> None:
        now = timezone.now()
        assert self.row()["state"] == "Not sent yet"
        for field, state in (
            ("sent_at", "Sent, not opened"),
            ("opened_at", "Opened today"),
            ("claimed_at", "Used today"),
        ):
            Invitation.objects.filter(pk=self.guest.pk).update(**{field: now})
            assert self.row()["state"].startswith(state)
        self.seat("waiting", knocked_at=now)
        assert self.row()["state"] == "At the door"
        Participant.objects.update(state="inside", entered_at=now)
        assert self.row()["state"] == "In the room"
        self.assertContains(self.client.get(self.of(self.guest, "revoke")), "is in the room. Revoke and remove?")
        Participant.objects.update(state="left", left_at=now + timedelta(minutes=50))
        assert self.row()["state"].startswith("Was here ")

    def test_a_guest_under_named_people_only_walks_in_after_a_code(self) -> None:
        strict = self.meeting(preset="named_people", people=[GUEST])
        rows = self.client.get(f"/meetings/{strict.pk}/").context["invitations"]
        assert rows[0]["way_words"] == "Walks in after a code"

    def test_an_account_that_hosts_is_shown_as_one(self) -> None:
        self.board.hosts.add(self.yuki)
        assert self.row(self.yuki.email)["about"].startswith("Co-host")

    def test_a_time_zone_of_ones_own_is_added_where_clocks_differ(self) -> None:
        self.assertNotContains(self.as_(self._in("Europe/Oslo")).get(self.url), "where you are")
        self.assertContains(self.as_(self._in("Asia/Tokyo")).get(self.url), "where you are")

    def _in(self, zone: str) -> object:
        self.ingrid.time_zone = zone
        self.ingrid.save()
        return self.ingrid


class Links(MeetingPage):
    def test_a_script_gets_a_new_link_as_json(self) -> None:
        answer = self.client.post(self.of(self.guest, "link"), headers={"accept": "application/json"})
        assert re.fullmatch(r"http://localhost:8000/i/[\w-]{22,}", answer.json()["url"])
        assert "no-store" in answer["Cache-Control"]

    def test_without_a_script_it_is_shown_once(self) -> None:
        answer = self.client.post(self.of(self.guest, "link"), headers={"accept": "text/html"})
        self.assertContains(answer, "It is shown once.")
        secret = re.search(r"/i/([\w-]+)", answer.content.decode())[1]
        self.assertNotContains(self.client.get(self.url), secret)
        assert not InvitationToken.objects.filter(digest=secret).exists()

    def test_asking_with_get_mints_nothing(self) -> None:
        assert self.client.get(self.of(self.guest, "link")).status_code == 405
        assert not InvitationToken.objects.exists()

    def test_revoke_asks_first_and_restore_takes_it_back(self) -> None:
        self.assertContains(self.client.get(self.of(self.guest, "revoke")), f"Revoke the invitation of {GUEST}?")
        self.guest.refresh_from_db()
        assert self.guest.revoked_at is None
        self.client.post(self.of(self.guest, "revoke"))
        assert self.row()["way"] == "turned_away"
        assert self.client.post(self.of(self.guest, "link")).status_code == 404
        assert self.client.post(self.of(self.guest, "resend")).status_code == 404
        self.client.post(self.of(self.guest, "restore"))
        assert self.row()["way"] == "knocks"

    def test_an_invitation_of_another_meeting_is_not_found_under_this_one(self) -> None:
        other = self.meeting(people=["else@medreg.example"])
        foreign = Invitation.objects.get(email="else@medreg.example")
        for what in ("link", "resend", "revoke", "restore"):
            assert self.client.post(self.of(foreign, what)).status_code == 404, what
        assert other.pk != self.board.pk

    def test_listed_people_can_do_none_of_it(self) -> None:
        yuki = self.as_(self.yuki)
        for what in ("link", "resend", "revoke", "restore"):
            assert yuki.post(self.of(self.guest, what)).status_code == 404, what
        for what in ("edit/", "cancel/", "invite/", "history/", "history.csv"):
            assert yuki.get(self.url + what).status_code in (404, 405), what
        assert yuki.post(f"{self.url}invite/", {"people": "x@example.org"}).status_code == 404
        assert Invitation.objects.count() == 2

    def test_forms_without_their_token_change_nothing(self) -> None:
        strict = Client(enforce_csrf_checks=True)
        strict.force_login(self.ingrid)
        answer = strict.post(self.of(self.guest, "revoke"))
        assert answer.status_code == 403
        self.assertContains(answer, "Nothing was changed", status_code=403)
        self.guest.refresh_from_db()
        assert self.guest.revoked_at is None

    def test_a_role_lost_between_the_question_and_the_deed_is_a_404(self) -> None:
        with mock.patch("meetings.views.invitations.invitations.revoke", side_effect=NotAHost):
            assert self.client.post(self.of(self.guest, "revoke")).status_code == 404

    def test_after_the_end_nothing_is_offered_and_nothing_works(self) -> None:
        Occurrence.objects.update(started_at=self.now, ended_at=self.now, ended_by=self.ingrid)
        answer = self.client.get(self.url)
        self.assertContains(answer, "Ingrid Sæther ended this meeting for everyone")
        for text in ("Open the room", "Copy link", "Send again", 'id="meeting-link"'):
            self.assertNotContains(answer, text)
        assert self.client.post(self.of(self.guest, "link")).status_code == 404


class Inviting(MeetingPage):
    def test_names_and_addresses_are_invited_together(self) -> None:
        self.client.post(f"{self.url}invite/", {"people": "Marcus Bell, new@guest.example"})
        asked = set(Invitation.objects.values_list("email", flat=True))
        assert asked == {self.yuki.email, GUEST, self.marcus.email, "new@guest.example"}

    def test_one_wrong_entry_stops_them_all_and_the_field_says_why(self) -> None:
        answer = self.client.post(f"{self.url}invite/", {"people": "ok@guest.example, not an address"})
        self.assertContains(answer, "not an address: enter an email address", status_code=422)
        assert Invitation.objects.count() == 2


class Cancelling(MeetingPage):
    def test_it_asks_first_then_the_page_says_so_and_the_links_are_gone(self) -> None:
        self.assertContains(self.client.get(f"{self.url}cancel/"), "Cancel “Trial safety board”?")
        self.board.refresh_from_db()
        assert self.board.cancelled_at is None
        answer = self.client.post(f"{self.url}cancel/", follow=True)
        self.assertContains(answer, "This meeting is cancelled.")
        self.assertNotContains(answer, "Open the room")

    def test_what_is_over_can_not_be_cancelled_afterwards(self) -> None:
        Occurrence.objects.update(started_at=self.now, ended_at=self.now)
        self.client.post(f"{self.url}cancel/")
        self.board.refresh_from_db()
        assert self.board.cancelled_at is None


class History(MeetingPage):
    def test_newest_first_with_reason_and_a_network_cut_short(self) -> None:
        occurrence = self.board.occurrences.get()
        audit.record(
            "door.refused", occurrence=occurrence, target="Jonathan M.", reason="revoked", network="203.0.113.77"
        )
        history = self.client.get(self.url).context["history"]
        assert "Jonathan M." in history[0]["text"]
        assert "203.0.113.0/24" in history[0]["text"]
        assert "203.0.113.77" not in str(history)
        assert history[-1]["text"] == "Ingrid Sæther scheduled the meeting."

    def test_a_run_that_reads_the_same_is_told_once(self) -> None:
        occurrence = self.board.occurrences.get()
        for target in ("Jonathan M.", "Jonathan M.", "Jonathan M.", "Leila", "Jonathan M."):
            audit.record("door.refused", occurrence=occurrence, target=target, reason="locked", network="203.0.113.7")
        history = self.client.get(self.url).context["history"]
        assert [(row["text"].partition(" was")[0], row["times"]) for row in history[:3]] == [
            ("Jonathan M.", 1),
            ("Leila", 1),
            ("Jonathan M.", 3),
        ]

    def test_nothing_has_happened_yet(self) -> None:
        audit.erase(AuditEntry.objects.all())
        self.assertContains(self.client.get(self.url), "Nothing has happened yet.")
        self.assertContains(self.client.get(f"{self.url}history/"), "Nothing has happened yet.")
        self.assertContains(self.client.get(f"{self.url}history/", {"person": "x"}), "No entries match.")

    def test_the_whole_is_paged_and_filtered(self) -> None:
        occurrence = self.board.occurrences.get()
        for number in range(130):
            audit.record("door.knocked", occurrence=occurrence, target=f"Guest {number}")
        url = f"{self.url}history/"
        first = self.client.get(url, {"kind": "door"})
        second = self.client.get(url, {"kind": "door", "before": first.context["older"]})
        numbers = [row["number"] for answer in (first, second) for row in answer.context["rows"]]
        assert len(numbers) == len(set(numbers)) == first.context["count"] == 130
        assert [row["text"] for row in self.client.get(url, {"person": "guest 129"}).context["rows"]]
        for nonsense in ("x", "-1", "9" * 40):
            assert self.client.get(url, {"before": nonsense}).status_code == 200

    def test_entries_of_other_meetings_are_in_none_of_it(self) -> None:
        other = audit.record("door.knocked", occurrence=self.meeting(title="Other").occurrences.get(), target="Else")
        assert self.client.get(f"{self.url}history/{other.number}/").status_code == 404
        self.assertNotContains(self.client.get(f"{self.url}history/"), "Else")
        assert "Else" not in text_of(self.client.get(f"{self.url}history.jsonl"))

    def test_an_entry_tells_the_rule_that_refused(self) -> None:
        occurrence = self.board.occurrences.get()
        entry = audit.record(
            "door.refused",
            occurrence=occurrence,
            target="Jonathan M.",
            reason="locked",
            row="anyone",
            network="203.0.113.7",
        )
        answer = self.client.get(f"{self.url}history/{entry.number}/")
        for text in ("meeting link, not signed in", "the door was locked", "203.0.113.0/24", "Refused"):
            self.assertContains(answer, text)
        self.assertNotContains(answer, "In the audit log")

    def test_names_of_strangers_stay_text_on_the_page_and_in_the_files(self) -> None:
        occurrence = self.board.occurrences.get()
        audit.record("door.knocked", occurrence=occurrence, target="=HYPERLINK(1)<script>alert(1)</script>")
        self.assertNotContains(self.client.get(self.url), "<script>alert")
        cells = list(csv.reader(io.StringIO(text_of(self.client.get(f"{self.url}history.csv")))))
        assert cells[1][5].startswith("'=HYPERLINK")
        assert int(cells[1][0]) == AuditEntry.objects.latest("number").number
        assert self.client.get(f"{self.url}history.exe").status_code == 404
        assert self.client.get(f"{self.url}history.csv", {"to": "x"}).status_code == 422


class Cost(PagesCase):
    def test_the_number_of_queries_does_not_grow_with_people_and_history(self) -> None:
        few = self.meeting(title="Few", people=[self.yuki, GUEST])
        many = self.meeting(
            title="Many",
            people=[
                self.yuki,
                self.marcus,
                self.person("ada@nordhavn.example", "Ada Obi"),
                *(f"guest{number}@medreg.example" for number in range(12)),
            ],
        )
        with CaptureQueriesContext(connection) as asked:
            self.client.get(f"/meetings/{few.pk}/")
        with self.assertNumQueries(len(asked)):
            self.client.get(f"/meetings/{many.pk}/")
