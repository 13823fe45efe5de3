"""What was turned away reaches the hosts: in the history, on the page, in the room and by mail; and nobody else."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from asgiref.sync import sync_to_async
from django.core import mail
from django.test import TestCase, override_settings
from django.utils import timezone

from meetings import audit, tasks
from meetings.attempts import MANY_NETWORKS, Attempt, Turned
from meetings.models import AuditDetail, AuditEntry, Invitation
from meetings.services import hosting, invitations, links, turned_away
from meetings.services.turned_away import Link
from meetings.tests.domain_case import DomainCase
from meetings.tests.live_case import Browser, LiveCase, make_link, make_user, running_live
from meetings.tests.pages_case import GUEST, PLAIN_TASKS, PagesCase


def kinds() -> list[str]:
    return list(AuditEntry.objects.order_by("number").values_list("kind", flat=True))


@override_settings(TASKS=PLAIN_TASKS)
class Storing(DomainCase, TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.there = self.occurrence()
        self.guest = self.invitation(self.there)

    def store(self, *networks: str, link: str = "meeting", count: int = 1, after: float = 0, **more: Any) -> int:
        """How many warnings that gave."""
        invitation = str(self.guest.pk) if link == "personal" else ""
        attempt = Attempt(str(self.there.pk), link, invitation, **more)
        now = timezone.now() + timedelta(minutes=after)
        return len(turned_away.store([Turned(attempt, network, count, now) for network in networks], now))

    def net(self, number: int) -> str:
        return f"203.0.{number}.0/24"

    def test_each_source_is_one_entry_in_plain_words(self) -> None:
        self.store(self.net(1), count=3)
        entry = AuditEntry.objects.select_related("detail").latest("number")
        self.assertEqual(
            audit.sentence(entry),
            "3 tries with the meeting’s link were turned away: the door's rules say “turned away”.",
        )
        self.store(self.net(1), link="personal", reason="revoked")
        entry = AuditEntry.objects.select_related("detail").latest("number")
        self.assertEqual(
            audit.sentence(entry),
            "1 try with the personal link of Peter Lindqvist was turned away: their invitation was revoked or their "
            "link replaced.",
        )
        self.assertTrue(audit.verify().intact)

    def test_the_report_counts_by_link_and_tells_networks_apart(self) -> None:
        self.store(self.net(1), self.net(2), count=3)
        self.store(self.net(1))
        self.store(self.net(9), link="personal", reason="revoked")
        self.come(self.there, device="x", name="Jonathan")  # refused by the rules, with an entry of its own
        lines = turned_away.report(self.there)
        self.assertEqual([(line.link.kind, line.count, line.networks) for line in lines], [
            ("meeting", 8, 3), ("personal", 1, 1),
        ])  # fmt: skip
        self.assertEqual(lines[1].link, Link("personal", str(self.guest.pk), "Peter Lindqvist"))

    def test_another_meeting_s_tries_are_no_part_of_it(self) -> None:
        self.store(self.net(1))
        self.assertEqual(turned_away.report(self.occurrence(title="Other")), [])

    def test_a_link_tried_from_many_networks_is_warned_of_once_an_hour(self) -> None:
        many = MANY_NETWORKS["meeting"]
        self.assertEqual(self.store(*(self.net(number) for number in range(many - 1))), 0)
        self.assertEqual(self.store(self.net(many)), 1)
        self.assertEqual(self.store(self.net(many + 1)), 0)
        self.assertEqual(self.store(self.net(many + 2), after=59), 0)
        self.assertEqual(kinds().count("door.link_tried_widely"), 1)
        self.assertEqual(self.store(*(self.net(number) for number in range(many)), after=62), 1)

    def test_many_tries_from_one_network_are_no_spreading(self) -> None:
        for _ in range(20):
            self.assertEqual(self.store(self.net(1), count=50), 0)

    def test_tries_of_an_hour_ago_are_not_added_up(self) -> None:
        for number in range(MANY_NETWORKS["meeting"] * 2):
            self.assertEqual(self.store(self.net(number), after=number * 30), 0)

    def test_a_personal_link_is_warned_of_sooner_and_by_itself(self) -> None:
        many = MANY_NETWORKS["personal"]
        self.assertEqual(self.store(*(self.net(number) for number in range(many)), link="meeting"), 0)
        self.assertEqual(self.store(*(self.net(number) for number in range(many)), link="personal"), 1)

    def test_a_second_device_counts_for_the_warning_and_is_not_written_twice(self) -> None:
        before = len(kinds())
        for number in range(MANY_NETWORKS["personal"]):
            audit.record(
                "door.refused", occurrence=self.there, target="Peter", network=self.net(number), reason="link_in_use",
                row="guest", invitation=self.guest.pk,
            )  # fmt: skip
        self.assertEqual(self.store(self.net(1), link="personal", reason="link_in_use", is_recorded=True), 1)
        self.assertEqual(len(kinds()) - before, MANY_NETWORKS["personal"] + 1)

    def test_a_meeting_that_is_gone_meanwhile_is_left_out(self) -> None:
        self.there.meeting.delete()
        self.assertEqual(self.store(self.net(1)), 0)

    def test_a_flood_beyond_the_budget_is_counted_for_the_meeting_that_it_is_about(self) -> None:
        now = timezone.now()
        for _ in range(25):
            audit.record_refusal(
                "door.refused", network="198.51.100.9", now=now, occurrence=self.there, reason="locked", row="anyone"
            )
        audit.flush_refusals(everything=True)
        counted = AuditDetail.objects.get(entry__kind="door.refusals_counted")
        self.assertEqual(counted.meeting, self.there.meeting)
        self.assertEqual(sum(line.count for line in turned_away.report(self.there)), 25)


class Mails(PagesCase):
    def setUp(self) -> None:
        super().setUp()
        self.board = self.meeting(people=[GUEST], title="Trial safety board")
        self.there = self.board.occurrences.select_related("meeting").get()

    def tried(self, link: str = "meeting", invitation: str = "", networks: int = 1) -> None:
        attempt = Attempt(str(self.there.pk), link, invitation)
        turned_away.store(
            [Turned(attempt, f"203.0.{number}.0/24", 2, timezone.now()) for number in range(networks)], timezone.now()
        )

    def test_hosts_are_mailed_with_the_one_thing_that_helps(self) -> None:
        self.board.hosts.add(self.yuki)
        self.tried(networks=MANY_NETWORKS["meeting"])
        tasks.warn_of_link.func(str(self.there.pk), str(self.yuki.pk), "meeting", "")
        message = mail.outbox[-1]
        self.assertEqual(message.to, [self.yuki.email])
        self.assertEqual(message.subject, "A link of “Trial safety board” is being tried from many networks")
        for text in (
            "The meeting’s link for “Trial safety board” is being tried from many networks.",
            "10 tries with the meeting’s link were turned away, from 5 networks",
            f"/meetings/{self.board.pk}/link/replace/",
            f"/meetings/{self.board.pk}/history/?result=refused",
        ):
            self.assertIn(text, message.body)
        self.assertNotIn(self.board.code, message.body)

    def test_whoever_hosts_no_more_is_told_nothing(self) -> None:
        self.tried(networks=MANY_NETWORKS["meeting"])
        tasks.warn_of_link.func(str(self.there.pk), str(self.marcus.pk), "meeting", "")
        self.assertEqual(mail.outbox, [])

    def test_after_the_end_whoever_scheduled_it_is_told_if_there_was_anything(self) -> None:
        host = self.host_inside(self.there)
        hosting.end_for_everyone(host, self.there)
        tasks.tell_turned_away.func(str(self.there.pk))
        self.assertEqual(mail.outbox, [])
        guest = Invitation.objects.get(email=GUEST)
        self.tried("personal", str(guest.pk))
        self.tried()
        tasks.tell_turned_away.func(str(self.there.pk))
        message = mail.outbox[-1]
        self.assertEqual(message.to, [self.ingrid.email])
        self.assertIn("* 2 tries with the meeting’s link were turned away.\n", message.body)
        self.assertIn(f"* 2 tries with the personal link of {GUEST} were turned away.\n", message.body)

    def test_the_page_tells_hosts_and_points_out_a_spreading_link(self) -> None:
        url = f"/meetings/{self.board.pk}/"
        self.assertNotContains(self.client.get(url), "Turned away</h2>")
        self.tried()
        page = self.client.get(url)
        self.assertContains(page, "2 tries with the meeting’s link were turned away.")
        self.assertNotContains(page, "being tried from many networks")
        self.tried(networks=MANY_NETWORKS["meeting"])
        page = self.client.get(url)
        self.assertContains(page, "This link is being tried from many networks.")
        self.assertContains(page, f'href="/meetings/{self.board.pk}/link/replace/">Replace link')
        links.replace_meeting_link(self.ingrid, self.board)
        hosting.end_for_everyone(self.host_inside(self.there), self.there)
        self.assertNotContains(self.client.get(url), "Replace link</a>")

    def test_other_invitees_are_told_nothing(self) -> None:
        invitations.invite(self.ingrid, self.there, self.yuki.email, send=False)
        self.tried()
        self.assertNotContains(self.as_(self.yuki).get(f"/meetings/{self.board.pk}/"), "turned away")


class AtTheDoor(LiveCase):
    def rules(self) -> dict[str, Any]:
        return {"door_anyone": "turned_away"}

    def setUp(self) -> None:
        super().setUp()
        self.invitation, self.secret = make_link(self.occurrence, "peter@medreg.example", name="Peter Lindqvist")

    async def told(self, live: Any) -> list[tuple[str, int]]:
        """What is written down when everything that is held back is told."""
        await live.turned_away.store(everything=True)

        def lines() -> list[tuple[str, int]]:
            return [(line.link.kind, line.count) for line in turned_away.report(self.occurrence)]

        return await sync_to_async(lines)()

    async def test_a_stranger_with_the_meetings_link_is_told_to_hosts_and_learns_nothing(self) -> None:
        async with running_live() as live:
            stranger = Browser(live)
            await stranger.page(self.code)
            self.assertEqual(await self.told(live), [])  # programs that fetch a link are nobody
            answers = [await stranger.look(self.code), await stranger.arrive(self.code, "Jonathan")]
            for answer in answers:
                self.assertEqual(answer, {"outcome": "refuse", "reason": "closed", "until": None})
            self.assertEqual(await self.told(live), [("meeting", 1)])

    async def test_codes_that_name_nothing_are_told_to_nobody(self) -> None:
        async with running_live() as live:
            await Browser(live).arrive("2222-3333-4444", "Jonathan")
            self.assertEqual(len(live.turned_away.attempts), 0)

    async def test_whoever_signs_in_or_opens_the_right_link_afterwards_is_no_news(self) -> None:
        async with running_live() as live:
            colleague, guest = Browser(live, network="203.0.113.7"), Browser(live, network="198.51.100.9")
            for browser in (colleague, guest):
                await browser.page(self.code)
                await browser.arrive(self.code, "Somebody")
            await colleague.sign_in(await sync_to_async(make_user)("Yuki Tanaka"))
            await colleague.look(self.code)
            await guest.open_link(self.secret)
            await guest.look(self.code)
            self.assertEqual(await self.told(live), [])

    async def test_links_that_are_dead_are_told_by_whose_they_were(self) -> None:
        await sync_to_async(invitations.revoke)(self.host, self.invitation)
        async with running_live() as live:
            thief = Browser(live)
            answer = await thief.open_link(self.secret)
            self.assertNotIn(self.code, answer["Location"])
            self.assertEqual(await self.told(live), [("personal", 1)])

    async def test_a_revoked_link_that_a_browser_still_holds_is_told_as_that_link(self) -> None:
        async with running_live() as live:
            guest = Browser(live)
            await guest.open_link(self.secret)
            await sync_to_async(invitations.revoke)(self.host, self.invitation)
            await guest.page(self.code)
            await guest.arrive(self.code, "Peter")
            self.assertEqual(await self.told(live), [("personal", 1)])

    async def test_a_replaced_meeting_link_is_told_as_such(self) -> None:
        old = self.code
        await sync_to_async(links.replace_meeting_link)(self.host, self.occurrence.meeting)
        async with running_live() as live:
            stranger = Browser(live)
            await stranger.page(old)
            await stranger.arrive(old, "Jonathan")
            self.assertEqual(await self.told(live), [("former", 1)])

    async def test_hosts_inside_are_told_and_nobody_else(self) -> None:
        async with running_live() as live:
            host = await (await Browser(live).sign_in(self.host)).join(self.code)
            member = await sync_to_async(make_user)("Yuki Tanaka")
            other = await (await Browser(live, network="203.0.113.7").sign_in(member)).join(self.code)
            for number in range(MANY_NETWORKS["meeting"]):
                stranger = Browser(live, network=f"198.51.{number}.9")
                await stranger.page(self.code)
                await stranger.arrive(self.code, "Jonathan")
            await live.turned_away.store(everything=True)
            told = await host.message("turned_away")
            [tried] = told["tries"]
            self.assertEqual((tried["link"], tried["count"], tried["networks"]), ("meeting", 5, 5))
            self.assertTrue(tried["warned_at"])
            self.assertEqual(tried["replace"], f"/meetings/{self.occurrence.meeting_id}/link/replace/")
            await other.ask("hand", raised=True)
            self.assertNotIn("turned_away", [message["type"] for message in other.heard])

    async def test_a_host_who_comes_later_is_told_what_was(self) -> None:
        async with running_live() as live:
            stranger = Browser(live)
            await stranger.page(self.code)
            await stranger.arrive(self.code, "Jonathan")
            await live.turned_away.store(everything=True)
            host = await (await Browser(live).sign_in(self.host)).join(self.code)
            await live.turned_away.tick()
            self.assertEqual((await host.message("turned_away"))["tries"][0]["count"], 1)
            again = await (await Browser(live, network="203.0.113.9").sign_in(self.host)).join(self.code)
            self.assertEqual((await again.message("turned_away"))["tries"][0]["count"], 1)
