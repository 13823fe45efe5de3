"""Exceptions for single people: what they change, whom they don't reach, and how hosts and programs make them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from asgiref.sync import sync_to_async
from django.test import TestCase

from meetings import audit
from meetings.door import Admit, Refuse, Row, Rules, Wait, Way, with_preset
from meetings.doorlimits import ALL_OPEN, Limits
from meetings.models import AuditEntry, DoorException, Meeting, Participant
from meetings.services import door as door_services
from meetings.services import exceptions, invitations, organisation
from meetings.services.errors import NotAHost, Wrong
from meetings.tests.domain_case import DomainCase
from meetings.tests.live_case import Browser, LiveCase, make_user, running_live
from meetings.tests.pages_case import GUEST, PagesCase, filled

PETER = "peter@medreg.example"
CLOSED = Refuse("closed", unknown=True)


class Case(DomainCase, TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.admin = self.person("admin@nordhavn.example", "Ada Admin", role="admin")
        self.marcus = self.person("marcus@nordhavn.example", "Marcus Bell")
        self.board = self.occurrence(people=[(PETER, "Peter Lindqvist"), self.marcus])
        self.meeting_ = self.board.meeting
        self.peter = self.board.invitations.get(email=PETER)

    def set(self, person: Any, way: Way) -> DoorException:
        return exceptions.set_exception(self.ingrid, self.meeting_, person, way)


class WhatTheyChange(Case):
    def test_a_guest_walks_in_although_guests_knock(self) -> None:
        self.assertEqual(self.ask(self.board, invitation=self.peter).reason, "knock")
        self.set(PETER, Way.WALKS_IN)
        answer = self.ask(self.board, invitation=self.peter)
        self.assertEqual(answer.reason, "walks_in")
        self.assertEqual(answer.because.rule, "exception")
        self.assertEqual(answer.because.settled.by, "Ingrid Sæther")

    def test_a_listed_person_knocks_or_is_turned_away(self) -> None:
        self.set(self.marcus, Way.KNOCKS)
        self.assertEqual(self.ask(self.board, user=self.marcus), Wait("knock"))
        self.set(self.marcus, Way.TURNED_AWAY)
        self.assertEqual(self.ask(self.board, user=self.marcus), CLOSED)

    def test_an_account_that_is_not_invited(self) -> None:
        yuki = self.person("yuki@nordhavn.example", "Yuki Tanaka")
        named = self.occurrence(preset="named_people")
        self.assertEqual(self.ask(named, user=yuki), CLOSED)
        exceptions.set_exception(self.ingrid, named.meeting, "Yuki@Nordhavn.example", Way.KNOCKS)
        self.assertEqual(self.ask(named, user=yuki), Wait("knock"))
        self.assertEqual(DoorException.objects.get().user, yuki)

    def test_lifting_it_gives_the_row_back(self) -> None:
        exceptions.lift_exception(self.ingrid, self.set(self.marcus, Way.TURNED_AWAY))
        self.assertIsInstance(self.ask(self.board, user=self.marcus), Admit)

    def test_an_address_follows_into_the_account_that_proves_it(self) -> None:
        self.set(PETER, Way.TURNED_AWAY)
        account = self.person(PETER, "Peter Lindqvist")
        self.assertEqual(self.ask(self.board, user=account), CLOSED)

    def test_a_newer_word_of_a_host_stands(self) -> None:
        seat = self.come(self.board, invitation=self.peter)
        door_services.let_in(self.ingrid, seat)
        self.set(PETER, Way.TURNED_AWAY)
        self.assertEqual(self.ask(self.board, invitation=self.peter, device="device-1"), CLOSED)
        self.set(PETER, Way.KNOCKS)
        seat = self.come(self.board, invitation=self.peter)
        door_services.let_in(self.ingrid, seat)
        door_services.entered(seat)
        door_services.remove(self.ingrid, seat, block=False)
        self.assertEqual(self.ask(self.board, invitation=self.peter, device="device-1"), Wait("knock"))
        self.set(PETER, Way.WALKS_IN)
        self.assertEqual(self.ask(self.board, invitation=self.peter, device="device-1").reason, "walks_in")


class WhomTheyDontReach(Case):
    def test_a_block_and_a_revoked_invitation_stand(self) -> None:
        self.set(PETER, Way.WALKS_IN)
        seat = self.come(self.board, invitation=self.peter)
        door_services.entered(seat)
        door_services.remove(self.ingrid, seat, block=True)
        self.assertEqual(self.ask(self.board, invitation=self.peter).reason, "removed")
        self.set(self.marcus, Way.WALKS_IN)
        invitations.revoke(self.ingrid, self.board.invitations.get(user=self.marcus))
        self.assertEqual(self.ask(self.board, user=self.marcus).reason, "revoked")

    def test_who_is_turned_away_does_not_come_signed_out_by_the_link(self) -> None:
        marcus = self.board.invitations.get(user=self.marcus)
        self.set(self.marcus, Way.TURNED_AWAY)
        self.assertEqual(self.ask(self.board, invitation=marcus), CLOSED)

    def test_a_guest_who_is_turned_away_does_not_come_by_another_account_with_the_link(self) -> None:
        self.set(PETER, Way.TURNED_AWAY)
        yuki = self.person("yuki@nordhavn.example", "Yuki Tanaka")
        self.assertEqual(self.ask(self.board, user=yuki, invitation=self.peter), CLOSED)

    def test_the_link_of_an_account_does_not_inherit_its_walking_in(self) -> None:
        marcus = self.board.invitations.get(user=self.marcus)
        self.set(self.marcus, Way.WALKS_IN)
        self.assertEqual(self.ask(self.board, invitation=marcus).reason, "knock")

    def test_a_typed_address_is_no_proof(self) -> None:
        """An account whose address was only typed gets nothing that was meant for the address."""
        self.set(PETER, Way.WALKS_IN)
        impostor = self.person("impostor@nordhavn.example", "Peter Lindqvist")
        impostor.emailaddress_set.create(email=PETER, verified=False)
        named = self.ask(self.board, user=impostor)
        self.assertEqual(named.because.rule, "table")

    def test_other_meetings_know_nothing_of_it(self) -> None:
        self.set(self.marcus, Way.TURNED_AWAY)
        other = self.occurrence(people=[self.marcus])
        self.assertIsInstance(self.ask(other, user=self.marcus), Admit)

    def test_hosts_always_walk_in(self) -> None:
        with self.assertRaises(Wrong) as wrong:
            self.set(self.ingrid, Way.KNOCKS)
        self.assertEqual(wrong.exception.code, "is_host")
        self.set(self.marcus, Way.TURNED_AWAY)
        self.meeting_.hosts.add(self.marcus)
        self.assertEqual(self.ask(self.board, user=self.marcus).reason, "host")

    def test_a_code_is_asked_where_guests_who_walk_in_type_one(self) -> None:
        named = self.occurrence(preset="named_people", people=[PETER])
        exceptions.set_exception(self.ingrid, named.meeting, PETER, Way.WALKS_IN)
        peter = named.invitations.get()
        self.assertEqual(self.ask(named, invitation=peter, device="d"), Refuse("verify_email"))

    def test_nothing_goes_beyond_what_the_organisation_allows(self) -> None:
        self.set(PETER, Way.WALKS_IN)
        no_guests_walk = replace(ALL_OPEN, guests=Way.KNOCKS, anyone=Way.TURNED_AWAY)
        organisation.change_door_policy(self.admin, Limits(most=no_guests_walk))
        answer = self.ask(self.board, invitation=self.peter)
        self.assertEqual((answer.reason, answer.because.rule), ("knock", "limit"))
        with self.assertRaises(Wrong) as wrong:
            self.set("other@medreg.example", Way.WALKS_IN)
        self.assertEqual((wrong.exception.field, wrong.exception.code), ("way", "limited"))
        self.assertIn("“knocks”", wrong.exception.message)

    def test_only_a_host_of_the_meeting_may(self) -> None:
        there = self.set(PETER, Way.KNOCKS)
        for by in (self.marcus, self.admin, None):
            with self.assertRaises(NotAHost):
                exceptions.set_exception(by, self.meeting_, PETER, Way.WALKS_IN)
            with self.assertRaises(NotAHost):
                exceptions.lift_exception(by, there)
        self.assertEqual(DoorException.objects.get().way, Way.KNOCKS)


class WhatIsWritten(Case):
    def test_making_changing_and_lifting_are_told_and_repeating_is_not(self) -> None:
        self.set(PETER, Way.KNOCKS)
        self.set(PETER, Way.KNOCKS)
        exceptions.lift_exception(self.ingrid, self.set(PETER, Way.TURNED_AWAY))
        kinds = AuditEntry.objects.filter(kind__startswith="door.exception").order_by("number").select_related("detail")
        self.assertEqual(
            [audit.sentence(one) for one in kinds],
            [
                f"Ingrid Sæther made an exception at the door for {PETER}: knocks.",
                f"Ingrid Sæther made an exception at the door for {PETER}: turned away.",
                f"Ingrid Sæther lifted the exception for {PETER}.",
            ],
        )


class Live(LiveCase):
    def rules(self) -> dict[str, Any]:
        return super().rules()

    async def test_somebody_inside_is_put_out_at_once_and_a_knocker_comes_in(self) -> None:
        marcus, yuki = await sync_to_async(make_user)("Marcus Bell"), await sync_to_async(make_user)("Yuki Tanaka")
        await Meeting.objects.aupdate(door_colleagues="knocks")
        async with running_live() as live:
            await self.host_inside(live)
            set_exception = sync_to_async(exceptions.set_exception)
            talk = await (await Browser(live).sign_in(marcus)).join(self.code)
            await talk.message("door", reason="knock")
            await set_exception(self.host, self.occurrence.meeting, marcus, Way.WALKS_IN)
            await talk.message("room")
            other = await (await Browser(live).sign_in(yuki)).join(self.code)
            await other.message("door", reason="knock")
            await set_exception(self.host, self.occurrence.meeting, marcus, Way.TURNED_AWAY)
            self.assertEqual((await talk.message("refused"))["reason"], "closed")
            await talk.closed()
            self.assertEqual((await Participant.objects.aget(user=marcus)).state, Participant.State.REFUSED)
            await set_exception(self.host, self.occurrence.meeting, yuki, Way.TURNED_AWAY)
            await other.message("refused")


class OnThePages(PagesCase):
    def setUp(self) -> None:
        super().setUp()
        self.board = self.scheduled(people=f"Marcus Bell, {GUEST}")
        self.url = f"/meetings/{self.board.pk}/"

    def post(self, **fields: str) -> Any:
        return self.client.post(f"{self.url}exception/", fields, follow=True)

    def test_the_menu_of_a_row_makes_and_lifts_it(self) -> None:
        answer = self.post(person=GUEST, way="walks_in")
        self.assertContains(answer, f"{GUEST} walks in from now on.")
        self.assertContains(answer, "Exception by Ingrid Sæther")
        self.assertContains(answer, "whatever their row says, this person walks in")
        answer = self.post(person=GUEST, way="row")
        self.assertContains(answer, f"The row decides about {GUEST} again.")
        self.assertFalse(DoorException.objects.exists())

    def test_somebody_is_named_in_the_card_of_the_door(self) -> None:
        self.post(person="yuki tanaka", way="turned_away")
        self.assertEqual(DoorException.objects.get().user, self.yuki)
        self.assertContains(self.client.get(self.url), "Lift the exception for Yuki Tanaka")

    def test_what_can_not_be_is_said_beside_its_field_and_stores_nothing(self) -> None:
        for fields, told in (
            ({"person": "nobody at all", "way": "knocks"}, "enter one person’s name or email address"),
            ({"person": f"{GUEST}, yuki@nordhavn.example", "way": "knocks"}, "enter one person’s name"),
            ({"person": "", "way": "knocks"}, "Enter a name or an email address."),
            ({"person": GUEST, "way": "open"}, "Choose one of the answers."),
            ({"person": "Ingrid Sæther", "way": "knocks"}, "Hosts always walk in."),
        ):
            answer = self.post(**fields)
            self.assertContains(answer, told, status_code=422)
        self.assertFalse(DoorException.objects.exists())

    def test_only_hosts_see_and_reach_it(self) -> None:
        self.post(person=GUEST, way="walks_in")
        marcus = self.as_(self.marcus)
        self.assertNotContains(marcus.get(self.url), "Exception")
        self.assertEqual(marcus.post(f"{self.url}exception/", {"person": GUEST, "way": "row"}).status_code, 404)
        self.assertEqual(self.as_(self.yuki).post(f"{self.url}exception/").status_code, 404)
        self.assertTrue(DoorException.objects.exists())

    def test_the_form_of_a_new_meeting_takes_them(self) -> None:
        board = self.scheduled(
            people=GUEST,
            exception_person=[GUEST, "Yuki Tanaka", ""],
            exception_way=["walks_in", "turned_away", "knocks"],
        )
        found = {(one.user.email if one.user else one.email): one.way for one in board.exceptions.all()}
        self.assertEqual(found, {GUEST: "walks_in", "yuki@nordhavn.example": "turned_away"})

    def test_the_form_of_a_meeting_shows_changes_before_it_saves_them(self) -> None:
        self.post(person=GUEST, way="walks_in")
        form = self.client.get(f"{self.url}edit/").context["form"]
        self.assertEqual((form.exceptions[0].person, form.exceptions[0].way), (GUEST, "walks_in"))
        fields = filled(
            people=f"Marcus Bell, {GUEST}", exception_person=["", "Marcus Bell"], exception_way=["walks_in", "knocks"]
        )
        answer = self.client.post(f"{self.url}edit/", fields | {"tell": "no"})
        self.assertContains(answer, "Nothing is saved yet.")
        self.assertContains(answer, "as their row says")
        self.assertEqual(DoorException.objects.get().way, "walks_in")
        fields["changes_seen"] = answer.context["changes_seen"]
        self.client.post(f"{self.url}edit/", fields | {"tell": "no"})
        self.assertEqual((DoorException.objects.get().user, DoorException.objects.get().way), (self.marcus, "knocks"))

    def test_a_form_without_the_rows_leaves_them_alone(self) -> None:
        self.post(person=GUEST, way="walks_in")
        self.client.post(f"{self.url}edit/", filled(people=f"Marcus Bell, {GUEST}") | {"tell": "no"})
        self.assertEqual(DoorException.objects.get().way, "walks_in")

    def test_a_row_that_names_nobody_is_marked(self) -> None:
        before = Meeting.objects.count()
        answer = self.post_new(exception_person=["nobody"], exception_way=["walks_in"])
        self.assertContains(answer, "“nobody”: enter one person’s name or email address.", status_code=422)
        answer = self.post_new(exception_person=["Ingrid Sæther"], exception_way=["knocks"])
        self.assertContains(answer, "hosts always walk in", status_code=422)
        self.assertEqual(Meeting.objects.count(), before)

    def test_the_preview_follows_an_exception(self) -> None:
        self.post(person=GUEST, way="turned_away")
        shown = self.client.get(f"{self.url}edit/").context["preview"]
        self.assertEqual([person["way"] for person in shown], ["walks_in", "walks_in", "turned_away", "turned_away"])
        self.assertIn("An exception for this person", shown[2]["why"])


def test_the_row_of_a_person_does_not_matter_to_an_exception_that_closes() -> None:
    from meetings.door import decide
    from meetings.tests.test_door import facts

    for row in (Row.LISTED, Row.COLLEAGUE, Row.GUEST, Row.ANYONE):
        some = facts(row, "anyone_with_link", exception=Way.TURNED_AWAY)
        assert decide(some) == CLOSED
        assert decide(replace(some, rules=with_preset(Rules(), "everyone_knocks"))) == CLOSED
