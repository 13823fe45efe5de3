"""Taking links back: what stops working, for whom, and what a host is told beforehand."""

from __future__ import annotations

from typing import Any

from django.test import TestCase
from django.utils import timezone

from meetings import arrivals, codes, selectors
from meetings.arrivals import Seen, Wish
from meetings.door import Refuse
from meetings.models import EmailCode, Invitation, InvitationToken, Participant, RetiredCode
from meetings.services import door as door_services
from meetings.services import invitations, links
from meetings.services.errors import NotAHost, Wrong
from meetings.services.links import Breaks
from meetings.tests.domain_case import DomainCase
from meetings.visitors import Visitor

State = Participant.State


class LinksCase(DomainCase, TestCase):
    """Peter and Leila are guests with links of their own, Marcus has an account and is listed."""

    def setUp(self) -> None:
        super().setUp()
        self.marcus = self.person("marcus@nordhavn.example", "Marcus Bell")
        self.board = self.occurrence(people=[self.marcus])
        self.host = self.host_inside(self.board)
        self.peter = self.invitation(self.board)
        self.leila = self.invitation(self.board, "leila@haddad.example")
        self.tokens = {one.pk: self.link(one) for one in (self.peter, self.leila)}

    def link(self, invitation: Invitation) -> InvitationToken:
        token = invitations.open_link(invitations.mint_link(invitation).rpartition("/i/")[2])
        assert token is not None
        return token

    def visitor(self, invitation: Invitation | None = None, user: Any = None) -> Visitor:
        link = self.tokens[invitation.pk].pk if invitation is not None else None
        return Visitor(user=user, session_key="", browser="", link=link, network="203.0.113.0/24")

    def look(self, invitation: Invitation | None = None, device: str = "", user: Any = None, code: str = "") -> Seen:
        where = code or self.board.meeting.code
        return arrivals.look(where, self.visitor(invitation, user), device, lambda _: True, timezone.now())

    def come_in(self, invitation: Invitation, device: str) -> Participant:
        code, wish = self.board.meeting.code, Wish(name="Peter Lindqvist")
        arrival = arrivals.arrive(code, self.visitor(invitation), device, wish, lambda _: True, timezone.now())
        assert arrival.participant is not None
        door_services.let_in(self.host, arrival.participant)
        return door_services.entered(arrival.participant)


class ReplacingOneTests(LinksCase):
    def test_the_old_link_dies_whoever_is_inside_with_it_is_out_and_the_new_one_begins_afresh(self) -> None:
        seat = self.come_in(self.peter, "laptop")
        links.replace_link(self.ingrid, self.peter, send=False)
        seat.refresh_from_db()
        self.assertEqual((seat.state, seat.let_in_at), (State.REFUSED, None))
        self.assertTrue(self.look(self.peter, "laptop").is_closed)
        self.tokens[self.peter.pk] = self.link(self.peter)
        self.assertEqual(self.look(self.peter, "laptop").decision.reason, "knock", "no earlier word of a host holds")
        self.assertFalse(self.look(self.leila, "phone").is_closed, "nobody else's link is touched")

    def test_only_whoever_proved_the_mailbox_is_told_that_there_is_a_newer_one(self) -> None:
        EmailCode.objects.create(
            occurrence=self.peter.occurrence, invitation=self.peter, device="laptop", digest="x", used_at=timezone.now()
        )
        links.replace_link(self.ingrid, self.peter, send=False)
        self.assertEqual(self.look(self.peter, "laptop").decision, Refuse("link_replaced"))
        for device in ("", "phone"):
            self.assertTrue(self.look(self.peter, device).is_closed)
        invitations.revoke(self.ingrid, self.peter)
        self.assertTrue(self.look(self.peter, "laptop").is_closed, "a revoked one is told nothing")

    def test_a_newer_link_is_mailed_at_their_own_wish_once_in_a_while(self) -> None:
        now = timezone.now()
        self.assertEqual(invitations.send_to_invitee(self.peter, now), 0)
        self.assertGreater(invitations.send_to_invitee(self.peter, now), 0)
        self.assertEqual(invitations.send_to_invitee(self.peter, now + invitations.PAUSE_BETWEEN_LINKS), 0)

    def test_a_revoked_link_has_to_be_restored_first(self) -> None:
        invitations.revoke(self.ingrid, self.peter)
        with self.assertRaises(Wrong):
            links.replace_link(self.ingrid, self.peter)

    def test_restoring_forgets_what_a_host_said_before(self) -> None:
        self.come_in(self.peter, "laptop")
        invitations.revoke(self.ingrid, self.peter)
        invitations.restore(self.ingrid, self.peter, send=False)
        self.tokens[self.peter.pk] = self.link(self.peter)
        self.assertEqual(self.look(self.peter, "laptop").decision.reason, "knock")

    def test_who_breaks_is_said_beforehand(self) -> None:
        self.assertEqual(links.breaks_of_link(self.peter), Breaks(guests=1, keep=1))
        self.come_in(self.peter, "laptop")
        self.assertEqual(links.breaks_of_link(self.peter).out, ("Peter Lindqvist",))
        listed = Invitation.objects.get(user=self.marcus)
        self.assertEqual(links.breaks_of_link(listed), Breaks(listed=1, keep=2))


class ReplacingAllTests(LinksCase):
    def test_links_in_use_inside_stay_and_all_others_die(self) -> None:
        self.come_in(self.peter, "laptop")
        self.assertEqual(links.breaks_of_all_links(self.board), Breaks(guests=1, keep=1, kept_inside=1))
        self.assertEqual(links.replace_all_links(self.ingrid, self.board), 1)
        self.assertEqual(self.look(self.peter, "laptop").decision.reason, "seat")
        self.assertTrue(self.look(self.leila, "phone").is_closed)

    def test_revoking_all_leaves_hosts_and_restoring_all_begins_afresh(self) -> None:
        self.come_in(self.peter, "laptop")
        self.assertEqual(links.breaks_of_revoking_all(self.board).out, ("Peter Lindqvist",))
        self.assertEqual(links.revoke_all(self.ingrid, self.board), 3)
        self.assertTrue(self.look(self.peter, "laptop").is_closed)
        self.assertTrue(self.look(user=self.marcus).is_closed)
        self.assertEqual(self.look(user=self.ingrid).decision.reason, "host")
        self.assertEqual(links.restore_all(self.ingrid, self.board), 3)
        self.assertEqual(self.look(user=self.marcus).decision.reason, "walks_in")
        self.assertTrue(self.look(self.peter, "laptop").is_closed, "the old link stays dead")


class MeetingLinkTests(LinksCase):
    def setUp(self) -> None:
        super().setUp()
        self.old = self.board.meeting.code

    def replace(self) -> str:
        return links.replace_meeting_link(self.ingrid, self.board.meeting).code

    def test_the_old_code_opens_nothing_and_the_new_one_does(self) -> None:
        new = self.replace()
        self.assertTrue(self.look(code=self.old).is_closed)
        self.assertEqual(self.look(user=self.marcus, code=new).decision.reason, "walks_in")
        colleague = self.person("yuki@nordhavn.example", "Yuki Tanaka")
        self.assertTrue(self.look(user=colleague, code=self.old).is_closed)
        self.assertEqual(self.look(user=colleague, code=new).decision.reason, "walks_in")

    def test_listed_people_are_told_that_there_is_a_newer_one_and_hosts_go_on(self) -> None:
        self.replace()
        self.assertEqual(self.look(user=self.marcus, code=self.old).decision, Refuse("link_replaced"))
        self.assertEqual(self.look(user=self.ingrid, code=self.old).decision.reason, "host")

    def test_personal_links_and_seats_go_on_at_either_code(self) -> None:
        self.come_in(self.peter, "laptop")
        new = self.replace()
        self.assertEqual(self.look(self.peter, "laptop", code=self.old).decision.reason, "seat")
        self.assertEqual(self.look(self.leila, "phone", code=new).decision.reason, "knock")
        self.assertEqual(self.look(self.leila, "phone", code=self.old).decision.reason, "knock")

    def test_a_dead_link_gets_nobody_through_the_old_code(self) -> None:
        self.replace()
        links.replace_link(self.ingrid, self.peter, send=False)
        self.assertTrue(self.look(self.peter, "laptop", code=self.old).is_closed)

    def test_a_code_that_was_used_once_is_never_drawn_again(self) -> None:
        self.replace()
        self.assertTrue(RetiredCode.objects.filter(code=self.old).exists())
        drawn = iter([self.old, self.board.meeting.code, "7777-8888-9999"])
        original, codes.new_meeting_code = codes.new_meeting_code, lambda: next(drawn)
        try:
            self.assertEqual(self.replace(), "7777-8888-9999")
        finally:
            codes.new_meeting_code = original

    def test_calendars_get_the_new_link_as_a_change(self) -> None:
        before = self.board.meeting.calendar_sequence
        self.replace()
        self.board.meeting.refresh_from_db()
        self.assertEqual(self.board.meeting.calendar_sequence, before + 1)

    def test_who_breaks_is_said_beforehand(self) -> None:
        yuki = self.person("yuki@nordhavn.example", "Yuki Tanaka")
        self.board.meeting.hosts.add(yuki)
        who = links.breaks_of_meeting_link(self.ingrid, self.board.meeting, self.board)
        self.assertEqual(who, Breaks(listed=2, keep=2))


class AddressTests(LinksCase):
    def test_the_old_address_loses_access_at_once_and_the_new_one_begins_afresh(self) -> None:
        seat = self.come_in(self.peter, "laptop")
        EmailCode.objects.create(
            occurrence=self.peter.occurrence, invitation=self.peter, device="laptop", digest="x", used_at=timezone.now()
        )
        links.change_person(self.ingrid, self.peter, email=" Peter.Lindqvist@medreg.example", send=False)
        seat.refresh_from_db()
        self.assertEqual(seat.state, State.REFUSED)
        self.assertTrue(self.look(self.peter, "laptop").is_closed)
        self.peter.refresh_from_db()
        self.assertEqual(self.peter.email, "peter.lindqvist@medreg.example")
        self.tokens[self.peter.pk] = self.link(self.peter)
        self.assertEqual(self.look(self.peter, "laptop").decision.reason, "knock")
        self.assertFalse(EmailCode.objects.exists(), "the old mailbox proves nothing about the new one")

    def test_an_account_of_the_old_address_is_refused_like_everybody_revoked(self) -> None:
        listed = Invitation.objects.get(user=self.marcus)
        links.change_person(self.ingrid, listed, email="somebody@medreg.example", send=False)
        self.assertTrue(self.look(user=self.marcus).is_closed)
        listed.refresh_from_db()
        self.assertIsNone(listed.user)

    def test_an_address_of_an_account_makes_a_listed_person(self) -> None:
        yuki = self.person("yuki@nordhavn.example", "Yuki Tanaka")
        links.change_person(self.ingrid, self.peter, email="yuki@nordhavn.example", send=False)
        self.assertEqual(selectors.visitor_row(self.board, user=yuki, invitation=None), "listed")

    def test_a_name_changes_nothing_else(self) -> None:
        self.come_in(self.peter, "laptop")
        links.change_person(self.ingrid, self.peter, email=self.peter.email, name="Peter L.")
        self.assertEqual(self.look(self.peter, "laptop").decision.reason, "seat")
        self.assertEqual(Invitation.objects.get(pk=self.peter.pk).name, "Peter L.")

    def test_wrong_addresses_are_named_and_nothing_is_stored(self) -> None:
        for email, code in (("peter", "not_an_address"), ("leila@haddad.example", "already_invited")):
            with self.subTest(email=email), self.assertRaises(Wrong) as wrong:
                links.change_person(self.ingrid, self.peter, email=email, name="Other")
            self.assertEqual((wrong.exception.field, wrong.exception.code), ("email", code))
        self.assertEqual(Invitation.objects.get(pk=self.peter.pk).name, "Peter Lindqvist")


class RightsTests(LinksCase):
    def test_only_hosts_may_do_any_of_it(self) -> None:
        for act in (
            lambda by: links.replace_link(by, self.peter),
            lambda by: links.replace_all_links(by, self.board),
            lambda by: links.replace_meeting_link(by, self.board.meeting),
            lambda by: links.revoke_all(by, self.board),
            lambda by: links.restore_all(by, self.board),
            lambda by: links.change_person(by, self.peter, name="X"),
        ):
            for by in (self.marcus, None):
                with self.assertRaises(NotAHost):
                    act(by)
