"""Blocks: who sees them, lifting one, and that it gives no more than a knock."""

from __future__ import annotations

from typing import Any

from asgiref.sync import sync_to_async
from django.test import TestCase
from django.utils import timezone

from meetings import audit
from meetings.door import Admit, Refuse, Wait
from meetings.models import AuditEntry, Block, Participant
from meetings.services import blocks, door, hosting
from meetings.services.errors import NotAHost
from meetings.tests.domain_case import DomainCase
from meetings.tests.live_case import Browser, LiveCase, running_live
from meetings.tests.pages_case import PagesCase


class Lifting(DomainCase, TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.marcus = self.person("marcus@nordhavn.example", "Marcus Bell")
        self.board = self.occurrence(people=[self.marcus])
        self.guest = self.invitation(self.board)
        self.host_inside(self.board)

    def knock(self) -> Participant:
        seat = self.come(self.board, invitation=self.guest)
        assert seat is not None
        return seat

    def blocked(self) -> int:
        door.turn_away(self.ingrid, self.knock(), block=True)
        return Block.objects.latest("pk").pk

    def test_who_was_turned_away_may_knock_again_at_once(self) -> None:
        number = self.blocked()
        self.assertEqual(self.ask(self.board, invitation=self.guest), Refuse("blocked"))
        [shown] = blocks.in_force(self.board.meeting)
        self.assertEqual((shown.name, shown.by, shown.removed), ("Peter Lindqvist", "Ingrid Sæther", False))
        blocks.lift_block(self.ingrid, self.board.meeting, number)
        self.assertEqual(blocks.in_force(self.board.meeting), [])
        self.assertIsInstance(self.ask(self.board, invitation=self.guest), Wait)
        entry = AuditEntry.objects.select_related("detail").latest("number")
        self.assertEqual(audit.sentence(entry), "Ingrid Sæther lifted the block on Peter Lindqvist.")

    def test_who_was_removed_does_not_walk_in_although_their_row_does(self) -> None:
        seat = self.come(self.board, user=self.marcus)
        assert seat is not None
        self.assertIsInstance(self.ask(self.board, user=self.marcus, device="device-1"), Admit)
        hosting.remove(self.ingrid, door.entered(seat), block=True)
        [shown] = blocks.in_force(self.board.meeting)
        self.assertEqual((shown.name, shown.removed, shown.is_account), ("Marcus Bell", True, True))
        blocks.lift_block(self.ingrid, self.board.meeting, shown.id)
        for device in ("device-1", "device-2"):
            self.assertIsInstance(self.ask(self.board, user=self.marcus, device=device), Wait)

    def test_the_other_blocks_stand(self) -> None:
        number = self.blocked()
        other = self.invitation(self.board, "leila@haddad.example")
        seat = self.come(self.board, invitation=other, device="device-2", name="Leila Haddad")
        assert seat is not None
        door.turn_away(self.ingrid, seat, block=True)
        self.assertEqual([one.name for one in blocks.in_force(self.board.meeting)], ["Leila Haddad", "Peter Lindqvist"])
        blocks.lift_block(self.ingrid, self.board.meeting, number)
        self.assertEqual(self.ask(self.board, invitation=other, device="device-2"), Refuse("blocked"))
        self.assertEqual([one.name for one in blocks.in_force(self.board.meeting)], ["Leila Haddad"])

    def test_only_a_host_of_that_meeting_lifts_it_and_only_once(self) -> None:
        number = self.blocked()
        admin = self.person("admin@nordhavn.example", "Ada Admin", role="admin")
        for by in (self.marcus, admin, None):
            with self.assertRaises(NotAHost):
                blocks.lift_block(by, self.board.meeting, number)
        elsewhere = self.occurrence().meeting
        self.assertIsNone(blocks.lift_block(self.ingrid, elsewhere, number))
        self.assertEqual(self.ask(self.board, invitation=self.guest), Refuse("blocked"))
        self.assertIsNotNone(blocks.lift_block(self.ingrid, self.board.meeting, number))
        before = AuditEntry.objects.count()
        self.assertIsNone(blocks.lift_block(self.ingrid, self.board.meeting, number))
        self.assertEqual(AuditEntry.objects.count(), before)

    def test_a_block_without_a_device_touches_no_other_seat(self) -> None:
        seat = self.knock()
        number = Block.objects.create(occurrence=self.board, user=self.marcus).pk
        Participant.objects.filter(pk=seat.pk).update(refused_until=timezone.now(), must_knock=False)
        blocks.lift_block(self.ingrid, self.board.meeting, number)
        seat.refresh_from_db()
        self.assertEqual((seat.refused_until is None, seat.must_knock), (False, False))


class Live(LiveCase):
    def rules(self) -> Any:
        return {"door_anyone": "knocks"}

    async def test_a_program_lifts_it_and_the_person_knocks_at_the_open_door(self) -> None:
        async with running_live() as live:
            host = await self.host_inside(live)
            browser = Browser(live)
            talk = await browser.join(self.code, "Leila")
            knocker = (await talk.message("door"))["participant"]
            await host.ask("door.refuse", participant=knocker, block=True)
            await talk.closed()
            self.assertEqual((await browser.arrive(self.code, "Leila"))["reason"], "blocked")
            block = await Block.objects.aget()
            await sync_to_async(blocks.lift_block)(self.host, self.occurrence.meeting, block.pk)
            again = await browser.join(self.code, "Leila")
            self.assertEqual((await again.message("door"))["reason"], "knock")


class OnThePage(PagesCase):
    def setUp(self) -> None:
        super().setUp()
        self.board = self.scheduled(people="Marcus Bell")
        self.url = f"/meetings/{self.board.pk}/"
        there = self.board.occurrences.get()
        self.block = Block.objects.create(occurrence=there, user=self.yuki, device="d" * 43, removed=True)

    def lift(self, client: Any = None, **fields: object) -> Any:
        return (client or self.client).post(f"{self.url}blocks/lift/", fields, follow=True)

    def test_a_host_sees_and_lifts_it(self) -> None:
        page = self.client.get(self.url)
        self.assertContains(page, "Blocked</h3>")
        self.assertContains(page, "the block on Yuki Tanaka")
        self.assertContains(page, "Removed, ")
        answer = self.lift(block=self.block.pk)
        self.assertContains(answer, "Yuki Tanaka may knock again.")
        self.assertNotContains(answer, "Blocked</h3>")
        self.assertContains(self.lift(block=self.block.pk), "That block was lifted already.")

    def test_nobody_else_does(self) -> None:
        for who in (self.marcus, self.yuki):
            self.assertEqual(self.lift(self.as_(who), block=self.block.pk).status_code, 404)
        for bad in ("", "-1", "1 ", "²", "9" * 40):
            self.assertEqual(self.lift(block=bad).status_code, 404)
        self.block.refresh_from_db()
        self.assertIsNone(self.block.lifted_at)
