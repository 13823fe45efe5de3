"""Taking links back, on the pages: each question says who breaks, and only its answer does anything."""

from __future__ import annotations

from django.utils import timezone

from meetings.models import Invitation, Meeting, Participant
from meetings.tests.pages_case import GUEST, PagesCase


class LinkPages(PagesCase):
    def setUp(self) -> None:
        super().setUp()
        self.board = self.meeting(people=[self.yuki, GUEST, "leila@haddad.example"])
        self.occurrence_ = self.board.occurrences.get()
        self.guest = Invitation.objects.get(email=GUEST)
        self.url = f"/meetings/{self.board.pk}/"

    def of(self, what: str, invitation: Invitation | None = None) -> str:
        return f"{self.url}invitations/{(invitation or self.guest).pk}/{what}/"

    def inside(self) -> None:
        Participant.objects.create(
            occurrence=self.occurrence_,
            kind="guest",
            invitation=self.guest,
            state="inside",
            name="Peter Lindqvist",
            device="d",
            entered_at=timezone.now(),
        )

    def test_replacing_the_meeting_link_names_who_breaks_and_does_it_when_asked(self) -> None:
        question = self.client.get(f"{self.url}link/replace/")
        for told in (
            "The old link stops working now.",
            "1 listed person gets the new one by email.",
            "2 personal links keep working.",
        ):
            self.assertContains(question, told)
        assert Meeting.objects.get(pk=self.board.pk).code == self.board.code
        answer = self.client.post(f"{self.url}link/replace/", follow=True)
        new = Meeting.objects.get(pk=self.board.pk).code
        assert new != self.board.code
        self.assertContains(answer, new)
        self.assertNotContains(answer, self.board.code)

    def test_replacing_one_link_says_that_whoever_is_inside_is_taken_out(self) -> None:
        self.assertNotContains(self.client.get(self.of("replace")), "is taken out at once")
        self.inside()
        question = self.client.get(self.of("replace"))
        self.assertContains(question, f"{GUEST} is in the room and is taken out at once.")
        self.assertContains(question, "1 other personal link keeps working.")
        self.client.post(self.of("replace"))
        assert Participant.objects.get().state == "refused"

    def test_replacing_and_revoking_all(self) -> None:
        self.inside()
        question = self.client.get(f"{self.url}links/replace/")
        self.assertContains(question, "The link of 1 guest stops working now, and a new one is on its way by email.")
        self.assertContains(question, "1 personal link keeps working: its owner is in the room.")
        self.assertContains(self.client.post(f"{self.url}links/replace/", follow=True), "1 link is replaced.")
        self.assertContains(self.client.get(f"{self.url}links/revoke/"), "Peter Lindqvist is taken out at once.")
        self.client.post(f"{self.url}links/revoke/")
        assert not Invitation.objects.filter(revoked_at=None).exists()
        self.client.post(f"{self.url}links/restore/")
        assert not Invitation.objects.exclude(revoked_at=None).exists()

    def test_another_address_is_checked_and_the_old_one_is_named_as_losing_access(self) -> None:
        self.assertContains(self.client.get(self.of("address")), "The old address loses access now.")
        for email, told in (
            ("peter", "Enter an email address, such as name@example.org."),
            ("", "Enter an email address."),
            ("leila@haddad.example", "This address is invited already."),
        ):
            answer = self.client.post(self.of("address"), {"email": email, "name": ""})
            assert answer.status_code == 422
            self.assertContains(answer, told, status_code=422)
        self.client.post(self.of("address"), {"email": "p@medreg.example", "name": "Peter L."})
        self.guest.refresh_from_db()
        assert (self.guest.email, self.guest.name) == ("p@medreg.example", "Peter L.")

    def test_only_an_account_can_be_made_a_host(self) -> None:
        listed = Invitation.objects.get(user=self.yuki)
        self.assertContains(self.client.get(self.of("host", listed)), "Make Yuki Tanaka a host?")
        self.client.post(self.of("host", listed))
        assert self.yuki in self.board.hosts.all()
        assert self.client.get(self.of("host", listed)).status_code == 404
        assert self.client.get(self.of("host")).status_code == 404

    def test_the_menus_offer_only_what_can_be_done(self) -> None:
        page = self.client.get(self.url)
        for name in ("Replace all links…", "Revoke all…", "Replace link…", "Change address…", "Make host…"):
            self.assertContains(page, name)
        self.assertNotContains(page, "Restore all revoked")
        self.client.post(f"{self.url}links/revoke/")
        page = self.client.get(self.url)
        self.assertContains(page, "Restore all revoked")
        for name in ("Replace all links…", "Revoke all…", "Replace link…"):
            self.assertNotContains(page, name)

    def test_a_second_device_is_shown_with_both_networks(self) -> None:
        now = timezone.now()
        self.guest.claimed_device, self.guest.claimed_at, self.guest.claimed_network = "d", now, "203.0.113.0/24"
        self.guest.save()
        self.guest.second_devices.create(device="e", network="198.51.100.0/24", seen_at=now, asked_at=now)
        page = self.client.get(self.url)
        self.assertContains(page, "from 203.0.113.0/24")
        self.assertContains(page, "on a second device from 198.51.100.0/24. It asks to take the link over.")
        self.guest.second_devices.update(answer="no")
        self.assertContains(self.client.get(self.url), "says that it isn’t them.")
