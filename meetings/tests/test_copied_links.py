"""Links that a host copied: once they host no more, a copy lets nobody in whom nobody has seen come."""

from __future__ import annotations

from asgiref.sync import sync_to_async

from meetings import audit
from meetings.models import AuditEntry, Invitation, InvitationToken, Participant
from meetings.services import cohosts, hosting, invitations, scheduling
from meetings.tests.live_case import Browser, LiveCase, make_user, running_live
from meetings.tests.pages_case import PagesCase
from meetings.tests.test_links import LinksCase
from meetings.tests.test_scheduling import run_jobs


class CopiedLinksCase(LinksCase):
    def setUp(self) -> None:
        super().setUp()
        scheduling.change_meeting(self.ingrid, self.board.meeting, hosts=[self.ingrid, self.marcus], tell=False)
        self.seat = self.host_inside(self.board, self.marcus)
        self.board.refresh_from_db()

    def copied(self, invitation: Invitation, by: object) -> InvitationToken:
        token = invitations.open_link(invitations.mint_link(invitation, by=by).rpartition("/i/")[2])
        assert token is not None
        return token

    def lives(self, token: InvitationToken) -> bool:
        token.refresh_from_db()
        return token.killed_at is None


class CopiedLinksTests(CopiedLinksCase):
    def test_a_link_that_a_removed_host_had_copied_opens_nothing(self) -> None:
        for take in (
            lambda: cohosts.unmake_host(self.ingrid, self.seat),
            lambda: hosting.remove(self.ingrid, self.seat, block=False),
            lambda: scheduling.change_meeting(self.ingrid, self.board.meeting, hosts=[self.ingrid], tell=False),
        ):
            self.board.meeting.hosts.add(self.marcus)
            copy = self.tokens[self.peter.pk] = self.copied(self.peter, self.marcus)
            self.assertEqual(self.look(self.peter, "theirs").decision.reason, "knock")
            take()
            self.assertFalse(self.lives(copy))
            self.assertTrue(self.look(self.peter, "theirs").is_closed, "nor for who had opened it before")
            self.assertFalse(invitations.claim(self.peter, "theirs", self.now, token=copy))

    def test_what_was_mailed_what_others_copied_and_what_a_guest_uses_goes_on(self) -> None:
        mailed, mine = self.tokens[self.leila.pk], self.copied(self.leila, self.ingrid)
        self.tokens[self.peter.pk] = self.copied(self.peter, self.marcus)
        peter = self.come_in(self.peter, "laptop")
        cohosts.unmake_host(self.ingrid, self.seat)
        self.assertTrue(self.lives(mailed) and self.lives(mine))
        self.assertEqual(self.look(self.peter, "laptop").decision.reason, "seat")
        peter.refresh_from_db()
        self.assertEqual(peter.state, Participant.State.INSIDE)
        self.assertEqual(
            self.look(self.peter, "theirs").decision.reason, "link_in_use", "a copy of it is nobody else's"
        )

    def test_a_link_of_another_meeting_goes_on_and_one_of_a_later_date_does_not(self) -> None:
        other = self.occurrence(hosts=[self.marcus])
        elsewhere = self.copied(self.invitation(other, "yuki@medreg.example"), self.marcus)
        weekly = self.meeting(hosts=[self.marcus], recurrence="FREQ=WEEKLY;COUNT=3")
        dates = list(weekly.occurrences.select_related("meeting").order_by("starts_at"))
        later = self.copied(self.invitation(dates[-1]), self.marcus)
        cohosts.unmake_host(self.ingrid, self.host_inside(dates[0], self.marcus))
        self.assertTrue(self.lives(elsewhere))
        self.assertFalse(self.lives(later))

    def test_it_is_written_down_and_the_other_hosts_are_told_who_needs_a_new_one(self) -> None:
        InvitationToken.objects.filter(pk=self.tokens[self.peter.pk].pk).delete()
        for one in (self.peter, self.leila):
            self.copied(one, self.marcus)
        run_jobs()
        cohosts.unmake_host(self.ingrid, self.seat)
        entry = AuditEntry.objects.select_related("detail").get(kind="invitation.links_withdrawn")
        self.assertEqual(audit.body_of(entry)["facts"]["count"], 2)
        told = [mail for mail in run_jobs() if "need new links" in mail.subject]
        self.assertEqual([mail.to for mail in told], [["ingrid@nordhavn.example"]])
        self.assertIn("- Peter Lindqvist", told[0].body)
        self.assertIn(f"/meetings/{self.board.meeting_id}/#invitations", told[0].body)
        self.assertEqual(told[0].body.count("\n- "), 1, "the other guest has a link that was mailed")

    def test_nothing_is_said_where_nothing_was_copied(self) -> None:
        run_jobs()
        cohosts.unmake_host(self.ingrid, self.seat)
        self.assertFalse(AuditEntry.objects.filter(kind="invitation.links_withdrawn").exists())
        self.assertEqual(run_jobs(), [])

    def test_a_new_link_makes_good_what_was_withdrawn(self) -> None:
        InvitationToken.objects.filter(pk=self.tokens[self.peter.pk].pk).delete()
        self.copied(self.peter, self.marcus)
        cohosts.unmake_host(self.ingrid, self.seat)
        self.peter.refresh_from_db()
        self.assertIsNotNone(self.peter.link_withdrawn_at)
        invitations.send_again(self.ingrid, self.peter)
        run_jobs()
        self.peter.refresh_from_db()
        self.assertIsNone(self.peter.link_withdrawn_at)


class CopiedLinksPage(PagesCase):
    def test_the_meetings_page_says_who_needs_a_new_link_until_there_is_one(self) -> None:
        board = self.meeting(people=["peter@medreg.example"], hosts=[self.marcus])
        guest = Invitation.objects.get(email="peter@medreg.example")
        url = f"/meetings/{board.pk}/"
        self.assertNotContains(self.client.get(url), "no link that opens")
        self.as_(self.marcus).post(f"{url}invitations/{guest.pk}/link/", headers={"accept": "application/json"})
        scheduling.change_meeting(self.ingrid, board, hosts=[self.ingrid], tell=False)
        page = self.client.get(url)
        self.assertContains(page, "1 guest has no link that opens.")
        self.assertContains(page, "No link that opens. Send a new one.")
        self.client.post(f"{url}invitations/{guest.pk}/link/", headers={"accept": "application/json"})
        self.assertNotContains(self.client.get(url), "no link that opens")


class InTheRoomTests(LiveCase):
    async def test_hosts_inside_are_told_who_needs_a_new_link_until_they_have_one_and_nobody_else_is(self) -> None:
        marcus = await sync_to_async(make_user)("Marcus Bell")
        await self.occurrence.meeting.hosts.aadd(marcus)
        leila = await Invitation.objects.acreate(occurrence=self.occurrence, email="leila@medreg.example")
        await sync_to_async(invitations.mint_link)(leila, by=marcus)
        async with running_live() as live:
            host = await self.host_inside(live)
            other = await (await Browser(live).sign_in(marcus)).join(self.code)
            who = (await other.message("room"))["you"]
            await host.ask("host.role", participant=who, host=False)
            page = f"/meetings/{self.occurrence.meeting_id}/#invitations"
            told = {"type": "without_link", "guests": ["leila@medreg.example"], "page": page}
            self.assertEqual(host.last("without_link"), told)
            again = await self.host_inside(live)
            self.assertEqual(await again.message("without_link"), told, "who comes later is told as well")
            await other.ask("ping")
            await sync_to_async(invitations.mint_link)(leila, by=self.host)
            await live.reconcile(self.id)
            self.assertEqual((await again.message("without_link"))["guests"], [])
            self.assertNotIn("without_link", [message["type"] for message in other.heard])
