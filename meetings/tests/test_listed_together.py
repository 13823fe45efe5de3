"""Groups and domains on the list, and the addresses from which guests are taken."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.test import TestCase
from hypothesis import given
from hypothesis import strategies as st

from meetings import audit, directory, domains, selectors
from meetings.door import Admit, Refuse, Row
from meetings.doorlimits import GuestAddresses, Limits
from meetings.models import AuditEntry, Change, Invitation, ListedTogether, Meeting, Participant, PeopleGroup
from meetings.services import groups, invitations, lists, occurrences, organisation, scheduling
from meetings.services.errors import NotAHost, NotAnAdministrator, Wrong
from meetings.tests.domain_case import DomainCase
from meetings.tests.live_case import Browser, LiveCase, make_user, running_live
from meetings.tests.pages_case import GUEST, PagesCase, filled
from meetings.tests.test_scheduling import run_jobs

CLOSED = Refuse("closed", unknown=True)


class Case(DomainCase, TestCase):
    """Only listed people come in. Yuki and Marcus are the safety team; Amara isn't."""

    def setUp(self) -> None:
        super().setUp()
        self.admin = self.person("admin@nordhavn.example", "Ada Admin", role="admin")
        self.yuki = self.person("yuki@nordhavn.example", "Yuki Tanaka")
        self.marcus = self.person("marcus@medreg.example", "Marcus Bell")
        self.amara = self.person("amara@medreg.example", "Amara Okafor")
        self.team = groups.make_group(self.admin, "Safety team", [self.yuki, self.marcus])
        self.board = self.occurrence(preset="named_people")

    def list(self, *wanted: Any) -> None:
        lists.change_lists(self.ingrid, self.board.meeting, wanted, tell=False)

    def answers(self) -> dict[str, str]:
        people = {"yuki": self.yuki, "marcus": self.marcus, "amara": self.amara}
        return {name: self.ask(self.board, user=user).reason for name, user in people.items()}


class AtTheDoor(Case):
    def test_members_of_a_group_are_on_the_list_and_others_are_not(self) -> None:
        self.list(self.team)
        self.assertEqual(self.answers(), {"yuki": "walks_in", "marcus": "walks_in", "amara": "closed"})
        answer = self.ask(self.board, user=self.yuki)
        self.assertEqual(answer.because.known_by, "the group “Safety team”")

    def test_a_domain_lists_accounts_with_a_proved_address_of_it(self) -> None:
        self.list("@MedReg.example")
        self.assertEqual(self.answers(), {"yuki": "closed", "marcus": "walks_in", "amara": "walks_in"})
        self.assertEqual(self.ask(self.board, user=self.amara).because.known_by, "@medreg.example")
        self.yuki.emailaddress_set.create(email="yuki@medreg.example", verified=False)
        self.assertEqual(self.answers()["yuki"], "closed")

    def test_neither_a_domain_below_nor_one_that_only_ends_alike_is_meant(self) -> None:
        self.list("medreg.example")
        for email in ("x@sub.medreg.example", "x@notmedreg.example"):
            self.assertEqual(self.ask(self.board, user=self.person(email, "X")), CLOSED)

    def test_who_leaves_the_group_or_loses_the_address_is_off_the_list(self) -> None:
        self.list(self.team, "@medreg.example")
        groups.change_group(self.admin, self.team, members=[self.marcus])
        self.amara.emailaddress_set.update(verified=False)
        self.assertEqual(self.answers(), {"yuki": "closed", "marcus": "walks_in", "amara": "closed"})
        groups.delete_group(self.admin, self.team)
        self.list("@nordhavn.example")
        self.assertEqual(self.answers(), {"yuki": "walks_in", "marcus": "closed", "amara": "closed"})

    def test_nobody_is_listed_signed_out_or_deactivated(self) -> None:
        self.list(self.team, "@nordhavn.example")
        self.assertEqual(self.ask(self.board), CLOSED)
        self.yuki.is_active = False
        self.yuki.save()
        self.assertEqual(self.ask(self.board, user=self.yuki).reason, "inactive")

    def test_an_invitation_that_was_revoked_outweighs_the_group(self) -> None:
        self.list(self.team)
        invited = invitations.invite(self.ingrid, self.board, self.yuki.email, send=False)
        invitations.revoke(self.ingrid, invited)
        self.assertEqual(self.ask(self.board, user=self.yuki).reason, "revoked")
        self.assertIsNone(selectors.meeting_for(self.yuki, self.board.meeting_id))

    def test_other_meetings_do_not_list_them(self) -> None:
        self.list(self.team)
        self.assertEqual(self.ask(self.occurrence(preset="named_people"), user=self.yuki), CLOSED)


class WhatTheySee(Case):
    def test_members_find_the_meeting_and_others_get_404(self) -> None:
        self.list(self.team)
        url = f"/meetings/{self.board.meeting_id}/"
        self.client.force_login(self.yuki)
        self.assertContains(self.client.get("/meetings/"), "Trial safety board")
        self.assertEqual(self.client.get(url).status_code, 200)
        groups.change_group(self.admin, self.team, members=[])
        self.assertNotContains(self.client.get("/meetings/"), "Trial safety board")
        self.assertEqual(self.client.get(url).status_code, 404)

    def test_members_of_a_group_are_told_by_mail_each_once_and_people_of_a_domain_are_not(self) -> None:
        told: list[tuple[str, str]] = []
        with self.settings(TASKS={"default": {"BACKEND": "django_tasks.backends.dummy.DummyBackend"}}):
            from django_tasks import default_task_backend

            default_task_backend.clear()
            other = groups.make_group(self.admin, "Board", [self.marcus, self.ingrid, self.amara])
            meeting = self.meeting(people=[self.amara], listed=[self.team, other, "@medreg.example"], send=True)
            scheduling.change_meeting(self.ingrid, meeting, tell=True, title="Renamed")
            scheduling.change_meeting(self.ingrid, meeting, tell=True, listed=[other])
            scheduling.cancel_meeting(self.ingrid, meeting)
            for result in default_task_backend.results:
                if result.task.name == "tell_member":
                    told.append((result.args[2], str(result.args[1])))
        yuki, marcus = str(self.yuki.pk), str(self.marcus.pk)
        self.assertEqual(
            sorted(told),
            sorted(
                [
                    *(("invitation", one) for one in (yuki, marcus)),
                    *(("change", one) for one in (yuki, marcus)),
                    ("cancellation", yuki),  # taken off: Marcus is still on it by the other group
                    ("cancellation", marcus),
                ]
            ),
        )

    def test_members_hear_of_what_repeats_once_and_of_each_date_that_moves(self) -> None:
        meeting = self.meeting(listed=[self.team], recurrence="FREQ=DAILY;COUNT=5", send=True)
        second, third, *_rest = meeting.occurrences.order_by("starts_at")[1:]
        occurrences.move(self.ingrid, second, second.starts_at + timedelta(hours=1), 30, tell=True)
        occurrences.cancel_following(self.ingrid, third, tell=True)
        scheduling.change_meeting(self.ingrid, meeting, tell=True, listed=[])
        told = [sent.subject.partition(":")[0] for sent in run_jobs() if sent.to == [self.yuki.email]]
        self.assertEqual(sorted(told), ["Cancelled", "Ends", "Invitation", "Other time"])


class ListsOfAMeeting(Case):
    def test_only_hosts_may_and_only_groups_and_domains_go(self) -> None:
        for by in (self.yuki, self.admin, None):
            with self.assertRaises(NotAHost):
                lists.change_lists(by, self.board.meeting, [self.team], tell=False)
        for wrong in ("medreg", "@", "@-x.example", "a b.example", "@" + "x" * 260 + ".example"):
            with self.assertRaises(Wrong) as told:
                self.list(wrong)
            self.assertEqual(told.exception.code, "not_a_domain")
        with self.assertRaises(Wrong):
            self.list(*(f"d{number}.example" for number in range(21)))
        self.assertFalse(ListedTogether.objects.exists())

    def test_it_is_told_with_the_number_of_people(self) -> None:
        self.list(self.team, "@medreg.example")
        self.list("@medreg.example")
        found = AuditEntry.objects.filter(kind__startswith="door.list").order_by("number").select_related("detail")
        self.assertEqual(
            [audit.sentence(one) for one in found],
            [
                "Ingrid Sæther put Safety team on the list: 2 people.",
                "Ingrid Sæther put @medreg.example on the list: 2 people.",
                "Ingrid Sæther took Safety team off the list: 2 people.",
            ],
        )


class Groups(Case):
    def test_only_administrators_may_and_names_are_unlike_addresses(self) -> None:
        with self.assertRaises(NotAnAdministrator):
            groups.make_group(self.ingrid, "X", [])
        with self.assertRaises(NotAnAdministrator):
            groups.change_group(self.ingrid, self.team, members=[])
        with self.assertRaises(NotAnAdministrator):
            groups.delete_group(self.ingrid, self.team)
        for name, code in (
            ("safety TEAM", "taken"),
            (" ", "required"),
            ("a,b", "signs"),
            ("@x", "signs"),
            ("x" * 81, "too_long"),
        ):
            with self.assertRaises(Wrong) as wrong:
                groups.make_group(self.admin, name, [])
            self.assertEqual(wrong.exception.code, code)
        self.assertEqual(PeopleGroup.objects.count(), 1)

    def test_a_change_wakes_every_live_meeting(self) -> None:
        for act in (
            lambda: groups.change_group(self.admin, self.team, members=[]),
            lambda: groups.delete_group(self.admin, self.team),
        ):
            Change.objects.all().delete()
            act()
            self.assertTrue(Change.objects.filter(occurrence=None).exists())

    def test_what_is_typed_is_a_group_a_domain_a_person_or_nothing(self) -> None:
        self.person("safety@nordhavn.example", "Board")
        groups.make_group(self.admin, "Board", [])
        typed = directory.find("safety team, @Medreg.example, Yuki Tanaka, board, @nothing, guest@x.example")
        self.assertEqual((typed.groups, typed.domains), ([self.team], ["medreg.example"]))
        self.assertEqual((typed.users, typed.emails), ([self.yuki], ["guest@x.example"]))
        self.assertEqual((typed.several, typed.wrong), (["board"], ["@nothing"]))
        self.assertEqual(directory.people_of(typed), {self.yuki.pk, self.marcus.pk, self.amara.pk})


class GuestsAddresses(Case):
    def settle(self, rule: str, *names: str) -> None:
        organisation.change_door_policy(self.admin, Limits(guest_addresses=GuestAddresses(rule, names)))

    def test_a_guest_of_a_domain_that_is_not_taken_is_no_guest_any_more(self) -> None:
        board = self.occurrence(people=["peter@medreg.example"])
        peter = board.invitations.get()
        self.assertEqual(self.ask(board, invitation=peter).reason, "knock")
        self.settle("except", "medreg.example")
        answer = self.ask(board, invitation=peter)
        self.assertEqual((answer, answer.because.rule), (CLOSED, "limit"))
        self.assertEqual(selectors.visitor_row(board, user=None, invitation=peter), Row.ANYONE)

    def test_not_even_a_hosts_let_in_helps_them(self) -> None:
        board = self.occurrence(people=["peter@medreg.example"])
        peter = board.invitations.get()
        seat = self.come(board, invitation=peter)
        Participant.objects.filter(pk=seat.pk).update(let_in_at=self.now)
        self.settle("only", "nordhavn.example")
        self.assertEqual(self.ask(board, invitation=peter, device="device-1"), CLOSED)

    def test_accounts_are_not_concerned(self) -> None:
        board = self.occurrence(people=[self.marcus])
        self.settle("except", "medreg.example")
        self.assertIsInstance(self.ask(board, user=self.marcus), Admit)
        self.assertTrue(invitations.invite(self.ingrid, board, self.amara.email, send=False))

    def test_such_an_address_can_not_be_invited(self) -> None:
        self.settle("except", "medreg.example")
        for email in ("new@medreg.example", "NEW@sub.MedReg.example"):
            with self.assertRaises(Wrong) as wrong:
                invitations.invite(self.ingrid, self.board, email, send=False)
            self.assertEqual((wrong.exception.field, wrong.exception.code), ("email", "not_taken"))
            self.assertIn("Turned off by your administrator", wrong.exception.message)
        self.assertFalse(Invitation.objects.filter(occurrence=self.board).exists())


class Live(LiveCase):
    async def test_leaving_the_group_puts_somebody_out_who_is_inside(self) -> None:
        await Meeting.objects.aupdate(door_colleagues="turned_away", door_anyone="turned_away")
        admin = await sync_to_async(make_user)("Ada Admin")
        admin.role = "admin"
        await admin.asave()
        yuki = await sync_to_async(make_user)("Yuki Tanaka")
        team = await sync_to_async(groups.make_group)(admin, "Safety team", [yuki])
        await sync_to_async(lists.change_lists)(self.host, self.occurrence.meeting, [team], tell=False)
        async with running_live() as live:
            await self.host_inside(live)
            talk = await (await Browser(live).sign_in(yuki)).join(self.code)
            await talk.message("room")
            await sync_to_async(groups.change_group)(admin, team, members=[])
            self.assertEqual((await talk.message("refused"))["reason"], "closed")
            await talk.closed()


class OnThePages(PagesCase):
    def setUp(self) -> None:
        super().setUp()
        self.admin = self.person("admin@nordhavn.example", "Ada Admin", role="admin")
        self.team = groups.make_group(self.admin, "Safety team", [self.yuki, self.marcus])

    def test_the_form_takes_them_and_shows_how_many_people_they_are(self) -> None:
        answer = self.post_new(people=f"Safety team, @nordhavn.example, {GUEST}", title="")
        self.assertContains(answer, "Safety team, 2 people and @nordhavn.example, 4 people", status_code=422)
        meeting = self.scheduled(people=f"Safety team, @nordhavn.example, {GUEST}")
        self.assertEqual([str(one) for one in meeting.listed_together.all()], ["Safety team", "@nordhavn.example"])
        self.assertEqual([one.email for one in Invitation.objects.all()], [GUEST])

    def test_the_number_of_people_who_walk_in_leaves_out_who_is_listed(self) -> None:
        self.person("amara@nordhavn.example", "Amara Okafor")
        page = self.client.get("/meetings/new/")
        self.assertContains(page, "4 more people at")
        answer = self.post_new(people="Safety team", title="")
        self.assertContains(answer, "2 more people at", status_code=422)

    def test_an_edit_keeps_them_and_says_before_it_takes_them_off(self) -> None:
        meeting = self.scheduled(people=f"Safety team, {GUEST}")
        url = f"/meetings/{meeting.pk}/edit/"
        self.assertEqual(self.client.get(url).context["form"]["people"].value(), f"{GUEST}, Safety team")
        answer = self.client.post(url, filled(people=GUEST) | {"tell": "no"})
        self.assertContains(answer, "Not invited any more")
        self.assertContains(answer, "Nothing is saved yet.")
        self.assertEqual(meeting.listed_together.count(), 1)
        seen = answer.context["changes_seen"]
        self.client.post(url, filled(people=GUEST) | {"tell": "no", "changes_seen": seen})
        self.assertEqual(meeting.listed_together.count(), 0)

    def test_the_page_of_the_meeting_shows_and_takes_them_off(self) -> None:
        meeting = self.scheduled(people="Safety team")
        url = f"/meetings/{meeting.pk}/"
        self.assertContains(self.client.get(url), "Safety team, 2 people")
        listed = meeting.listed_together.get()
        self.assertEqual(self.as_(self.yuki).post(f"{url}unlist/", {"listed": listed.pk}).status_code, 404)
        self.assertEqual(self.client.post(f"{url}unlist/", {"listed": "0"}).status_code, 404)
        answer = self.client.post(f"{url}unlist/", {"listed": listed.pk}, follow=True)
        self.assertContains(answer, "Safety team is off the list.")

    def test_somebody_may_be_added_from_the_page_of_the_meeting(self) -> None:
        meeting = self.scheduled()
        answer = self.client.post(f"/meetings/{meeting.pk}/invite/", {"people": "safety team"}, follow=True)
        self.assertContains(answer, "On the list now: Safety team, 2 people.")
        self.assertEqual(meeting.listed_together.count(), 1)

    def test_a_group_can_not_host_and_a_guest_of_a_domain_that_is_off_is_named(self) -> None:
        self.assertIn("Safety team", self.errors(hosts="Safety team")["hosts"][0])
        organisation.change_door_policy(
            self.admin, Limits(guest_addresses=GuestAddresses("except", ("medreg.example",)))
        )
        told = self.errors(people=f"{GUEST}, x@other.example")["people"][0]
        self.assertIn("Turned off by your administrator", told)
        self.assertIn(GUEST, told)
        self.assertNotIn("x@other.example", told)

    def test_administrators_make_change_and_delete_groups(self) -> None:
        self.client.force_login(self.admin)
        self.client.post(
            "/organisation/groups/new/", {"name": "Board", "members": "Ingrid Sæther, yuki@nordhavn.example"}
        )
        board = PeopleGroup.objects.get(name="Board")
        self.assertEqual(set(board.members.all()), {self.ingrid, self.yuki})
        url = f"/organisation/groups/{board.pk}/"
        for fields, told in (
            ({"name": "safety team", "members": ""}, "There is a group of this name already."),
            ({"name": "Board", "members": "nobody@x.example"}, "nobody here is called nobody@x.example"),
            ({"name": "", "members": ""}, "Enter a name."),
        ):
            self.assertContains(self.client.post(url, fields), told, status_code=422)
        self.client.post(url, {"name": "The board", "members": "Yuki Tanaka"})
        self.assertContains(self.client.get("/organisation/groups/"), "The board")
        self.assertEqual(list(board.members.all()), [self.yuki])
        self.assertContains(self.client.get(f"{url}delete/"), "Delete the group The board?")
        self.client.post(f"{url}delete/")
        self.assertFalse(PeopleGroup.objects.filter(pk=board.pk).exists())
        self.assertTrue(type(self.yuki).objects.filter(pk=self.yuki.pk).exists())

    def test_there_are_no_such_pages_for_others(self) -> None:
        for url in ("", "new/", f"{self.team.pk}/", f"{self.team.pk}/delete/"):
            self.assertEqual(self.client.get(f"/organisation/groups/{url}").status_code, 404)
            self.assertEqual(self.client.post(f"/organisation/groups/{url}", {"name": "x"}).status_code, 404)
        self.assertEqual(PeopleGroup.objects.get().name, "Safety team")


@pytest.mark.parametrize(
    ("typed", "normal"),
    [
        ("@Example.ORG", "example.org"),
        (" example.org. ", "example.org"),
        ("müller.example", "xn--mller-kva.example"),
        ("xn--mller-kva.example", "xn--mller-kva.example"),
    ],
)
def test_domains_are_stored_in_one_way(typed: str, normal: str) -> None:
    assert domains.normal(typed) == normal


@given(st.text(max_size=40))
def test_a_domain_that_is_one_stays_itself_and_nothing_else_is(typed: str) -> None:
    try:
        found = domains.normal(typed)
    except ValueError:
        return
    assert domains.normal(found) == found
    assert domains.domain_of(f"somebody@{found}") == found
    assert set(found) <= set("abcdefghijklmnopqrstuvwxyz0123456789-.")


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("x@example.org", "x@example.org"),
        ("x@müller.example", "x@müller.example"),
        ("x@xn--mller-kva.example", "x@müller.example"),
        ("x@localhost", "x@localhost"),
    ],
)
def test_an_address_is_stored_in_one_way(typed: str, stored: str) -> None:
    assert domains.one_spelling(typed) == stored
    assert domains.one_spelling(domains.as_in_dns(stored)) == stored


OTHER_SPELLINGS = (
    "x@exam\N{SOFT HYPHEN}ple.org",
    "x@exam\N{ZERO WIDTH SPACE}ple.org",
    "x@ｅxample.org",
    "x@faß.example",
    "x@xn--exmple-cua-.org",
    "x@xn--a.org",
    "ſteve@example.org",
    "\N{LATIN SMALL LETTER DOTLESS I}@example.org",
)


@pytest.mark.parametrize("typed", OTHER_SPELLINGS)
def test_another_way_to_write_an_address_is_none(typed: str) -> None:
    with pytest.raises(ValueError, match=r"x|ſ|ı"):
        domains.one_spelling(typed)


@given(st.text(max_size=40).map(str.lower))
def test_what_dns_takes_for_one_domain_is_one_address(typed: str) -> None:
    try:
        stored = domains.one_spelling(f"x@{typed}.example")
        in_dns = f"{typed}.example".encode("idna").decode("ascii")
    except ValueError:
        return
    assert domains.one_spelling(f"x@{in_dns}") == stored


@given(st.sampled_from(["a.example", "b.a.example", "xa.example", "c.example"]), st.sampled_from(["only", "except"]))
def test_only_and_except_are_opposites(domain: str, rule: str) -> None:
    some = GuestAddresses(rule, ("a.example",))
    assert some.take(f"x@{domain}") == ((domain in {"a.example", "b.a.example"}) == (rule == "only"))
    assert not some.take("no address") and not some.take("")
    assert GuestAddresses().take("no address")
    assert replace(some, rule="any").take(f"x@{domain}")
