"""A personal link on a second device: who may move it, what goes along, and what holding the link is not enough for."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.test import TestCase
from django.utils import timezone

from meetings import arrivals, budgets
from meetings.arrivals import Arrival, Wish
from meetings.door import Refuse, Rules, Wait, with_preset
from meetings.models import AuditEntry, Block, EmailCode, Invitation, InvitationToken, Participant, SecondDevice
from meetings.services import door as services
from meetings.services import hosting, invitations, mailed_codes, moves
from meetings.services.errors import Wrong
from meetings.tests.domain_case import DomainCase
from meetings.visitors import Visitor

State = Participant.State
FIRST, SECOND = "203.0.113.0/24", "198.51.100.0/24"


class MoveCase(DomainCase, TestCase):
    """Peter stands at the door with the first device; somebody comes with the same link on another."""

    rules = with_preset(Rules(opens_minutes=None), "guests_knock")

    def setUp(self) -> None:
        super().setUp()
        self.board = self.occurrence(rules=self.rules)
        self.host = self.host_inside(self.board)
        self.guest = self.invitation(self.board)
        secret = invitations.mint_link(self.guest).rpartition("/i/")[2]
        token = invitations.open_link(secret)
        assert token is not None
        self.token = token
        self.seat = self.arrive("laptop", FIRST).participant

    def arrive(self, device: str, network: str = SECOND, now: Any = None, **wish: str) -> Arrival:
        visitor = Visitor(user=None, session_key="", browser="", link=self.token.pk, network=network)
        asked = Wish(name="Peter Lindqvist", **wish)
        code = self.board.meeting.code
        return arrivals.arrive(code, visitor, device, asked, lambda _: True, now or timezone.now())

    def answer(self, device: str) -> Any:
        return self.arrive(device).seen.decision

    def enter(self) -> None:
        services.let_in(self.host, self.seat)
        services.entered(self.seat)

    def holder(self) -> str:
        return Invitation.objects.get(pk=self.guest.pk).claimed_device

    def kinds(self, *of: str) -> list[str]:
        return list(AuditEntry.objects.filter(kind__in=of).values_list("kind", flat=True))


class AskingTests(MoveCase):
    def test_holding_the_link_is_never_enough(self) -> None:
        self.assertEqual(self.answer("phone"), Refuse("link_in_use"))
        self.assertEqual(self.answer("phone"), Refuse("link_in_use"))
        self.assertEqual(self.holder(), "laptop")
        self.assertFalse(Participant.objects.filter(device="phone").exists())

    def test_a_second_use_is_remembered_with_its_network_and_written_down_once(self) -> None:
        self.arrive("phone")
        self.arrive("phone")
        self.assertEqual(list(SecondDevice.objects.values_list("device", "network")), [("phone", SECOND)])
        self.assertEqual(Invitation.objects.get(pk=self.guest.pk).claimed_network, FIRST)
        self.assertEqual(self.kinds("invitation.link_in_use"), ["invitation.link_in_use"])

    def test_only_so_many_second_devices_are_remembered(self) -> None:
        for number in range(moves.REMEMBERED + 5):
            self.arrive(f"phone-{number}")
        self.assertEqual(SecondDevice.objects.count(), moves.REMEMBERED)

    def test_who_asks_waits_at_the_door_and_is_told_so(self) -> None:
        arrival = self.arrive("phone", move="ask")
        self.assertEqual(arrival.seen.decision, Wait("moving"))
        self.assertEqual(arrival.participant.state, State.WAITING)
        self.assertEqual(self.answer("phone"), Wait("moving"), "they come back after a cut")
        link = arrivals.link_in_use(arrival.seen, "phone", timezone.now())
        self.assertEqual((link.here, link.asks), (True, "yours"))
        self.assertEqual(self.holder(), "laptop")

    def test_one_asks_at_a_time(self) -> None:
        self.arrive("phone", move="ask")
        other = self.arrive("tablet", move="ask")
        self.assertEqual(other.seen.decision.reason, "link_in_use")
        self.assertGreater(other.seen.decision.until, timezone.now())
        self.assertEqual(arrivals.link_in_use(other.seen, "tablet", timezone.now()).asks, "anothers")

    def test_a_wish_ends_by_itself_and_with_the_wait(self) -> None:
        seat = self.arrive("phone", move="ask").participant
        SecondDevice.objects.update(asked_at=timezone.now() - timedelta(minutes=11))
        self.assertEqual(self.answer("phone"), Refuse("link_in_use"))
        SecondDevice.objects.update(asked_at=timezone.now())
        self.assertEqual(self.answer("phone"), Wait("moving"))
        services.left(Participant.objects.get(pk=seat.pk), "stopped")
        self.assertEqual(self.answer("phone"), Refuse("link_in_use"))
        self.assertEqual(self.arrive("phone", move="ask").seen.decision.reason, "link_in_use", "not at once again")

    def test_wishes_are_budgeted_by_invitation_whatever_the_device(self) -> None:
        for number in range(budgets.MOVES.most + 3):
            self.arrive(f"phone-{number}", move="ask")
            SecondDevice.objects.filter(answer="").exclude(asked_at=None).update(answer="withdrawn")
        self.assertEqual(SecondDevice.objects.exclude(asked_at=None).count(), budgets.MOVES.most)

    def test_nobody_is_troubled_where_the_door_refuses_anyway(self) -> None:
        hosting.lock(self.host, self.board)
        self.assertEqual(self.arrive("phone", move="ask").seen.decision, Refuse("locked"))
        Block.objects.create(occurrence=self.board, device="phone")
        self.assertEqual(self.arrive("phone", move="ask").seen.decision, Refuse("blocked"))
        self.assertFalse(SecondDevice.objects.exclude(asked_at=None).exists())

    def test_a_lock_does_not_part_somebody_inside_from_their_own_seat(self) -> None:
        self.enter()
        hosting.lock(self.host, self.board)
        self.assertEqual(self.arrive("phone", move="ask").seen.decision, Wait("moving"))

    def test_a_link_of_nobody_is_claimed_not_moved(self) -> None:
        Invitation.objects.update(claimed_device="")
        self.assertEqual(self.arrive("phone", move="ask").seen.decision, Wait("knock"))
        self.assertEqual(self.holder(), "phone")


class ApprovalTests(MoveCase):
    def setUp(self) -> None:
        super().setUp()
        self.enter()
        self.asker = self.arrive("phone", move="ask").participant
        self.wish = SecondDevice.objects.get()

    def agree(self, *, allow: bool = True, by: Participant | None = None) -> None:
        moves.answer(by or self.seat, self.wish.pk, timezone.now(), allow=allow)

    def test_yes_on_the_first_device_moves_link_and_seat(self) -> None:
        self.agree()
        self.assertEqual(self.holder(), "phone")
        self.asker.refresh_from_db()
        self.assertEqual((self.asker.state, self.asker.name), (State.INSIDE, "Peter Lindqvist"))
        self.assertEqual(self.ask(self.board, invitation=self.guest, device="phone").reason, "seat")
        self.assertEqual(self.ask(self.board, invitation=self.guest, device="laptop"), Refuse("link_moved"))
        self.assertEqual(self.kinds("invitation.moved"), ["invitation.moved"])

    def test_the_old_device_is_out_and_has_to_ask_in_its_turn(self) -> None:
        self.agree()
        services.put_out(Participant.objects.get(pk=self.seat.pk), Refuse("link_moved"))
        self.assertEqual(self.answer("laptop"), Refuse("link_in_use"))
        self.assertEqual(self.arrive("laptop", move="ask").seen.decision, Wait("moving"))
        self.assertIsNone(Participant.objects.get(device="laptop").let_in_at)

    def test_no_keeps_the_link_and_ends_the_asking_for_a_while_for_everybody(self) -> None:
        self.agree(allow=False)
        self.assertEqual(self.holder(), "laptop")
        self.assertEqual(self.answer("phone").reason, "move_refused")
        self.assertEqual(self.arrive("tablet", move="ask").seen.decision.reason, "link_in_use")
        self.assertEqual(self.ask(self.board, invitation=self.guest, device="laptop").reason, "seat")
        self.assertEqual(self.kinds("invitation.move_refused"), ["invitation.move_refused"])

    def test_nobody_answers_for_another_link_device_or_time(self) -> None:
        other = self.invitation(self.board, "leila@haddad.example")
        stranger = self.come(self.board, invitation=other, device="tablet", name="Leila")
        for by in (stranger, self.asker, self.host):
            with self.subTest(by=by.name), self.assertRaises(Wrong):
                self.agree(by=by)
        SecondDevice.objects.update(asked_at=timezone.now() - timedelta(minutes=11))
        with self.assertRaises(Wrong):
            self.agree()
        self.assertEqual(self.holder(), "laptop")

    def test_an_answer_counts_once(self) -> None:
        self.agree()
        with self.assertRaises(Wrong):
            self.agree(allow=False)
        self.assertEqual(self.holder(), "phone")

    def test_who_was_put_out_answers_nothing(self) -> None:
        hosting.remove(self.host, self.seat)
        with self.assertRaises(Wrong):
            self.agree()

    def test_a_revoked_link_moves_nowhere(self) -> None:
        Invitation.objects.update(revoked_at=timezone.now())
        with self.assertRaises(Wrong):
            self.agree()

    def test_who_waits_moves_with_their_place_at_the_door(self) -> None:
        hosting.move_to_door(self.host, self.seat)
        knocked_at = Participant.objects.get(pk=self.seat.pk).knocked_at
        self.agree()
        self.asker.refresh_from_db()
        self.assertEqual((self.asker.state, self.asker.knocked_at), (State.WAITING, knocked_at))
        self.assertEqual(self.ask(self.board, invitation=self.guest, device="phone"), Wait("knock"))


class HostTests(MoveCase):
    def setUp(self) -> None:
        super().setUp()
        self.enter()
        self.asker = self.arrive("phone", move="ask").participant

    def test_a_hosts_let_in_moves_the_link(self) -> None:
        services.let_in(self.host, self.asker)
        self.assertEqual(self.holder(), "phone")
        self.assertEqual(self.ask(self.board, invitation=self.guest, device="phone").reason, "seat")
        self.assertEqual(self.ask(self.board, invitation=self.guest, device="laptop"), Refuse("link_moved"))

    def test_a_hosts_no_is_about_the_second_device_alone(self) -> None:
        services.turn_away(self.host, self.asker, note="Who are you?")
        decision = self.answer("phone")
        self.assertEqual((decision.reason, decision.until > timezone.now()), ("not_let_in", True))
        self.assertEqual(self.ask(self.board, invitation=self.guest, device="laptop").reason, "seat")
        self.assertEqual(self.arrive("phone", move="ask").seen.decision.reason, "not_let_in")

    def test_a_block_of_the_second_device_leaves_the_guest_alone(self) -> None:
        services.turn_away(self.host, self.asker, block=True)
        self.assertEqual(self.answer("phone"), Refuse("blocked"))
        self.assertEqual(self.ask(self.board, invitation=self.guest, device="laptop").reason, "seat")

    def test_a_guest_who_was_turned_away_does_not_come_back_on_another_device(self) -> None:
        other = self.invitation(self.board, "leila@haddad.example")
        token = InvitationToken.objects.create(invitation=other, digest="d")
        self.token, self.guest = token, other
        first = self.arrive("first").participant
        services.turn_away(self.host, first)
        self.assertEqual(self.arrive("second", move="ask").seen.decision.reason, "not_let_in")


class CodeTests(MoveCase):
    def code(self, device: str = "phone") -> str:
        self.assertTrue(self.arrive(device, move="code").asks_code)
        self.assertTrue(mailed_codes.send(self.guest, device))
        return mailed_codes.mint(EmailCode.objects.latest("pk"))

    def test_the_mailed_code_moves_the_link(self) -> None:
        self.enter()
        arrival = self.arrive("phone", move="code", email_code=self.code())
        self.assertEqual(arrival.seen.decision.reason, "seat")
        self.assertEqual((self.holder(), arrival.participant.state), ("phone", State.INSIDE))
        self.assertEqual(self.ask(self.board, invitation=self.guest, device="laptop"), Refuse("link_moved"))

    def test_a_wrong_code_and_a_code_for_another_device_move_nothing(self) -> None:
        right = self.code()
        for device, digits in (("phone", f"{(int(right) + 1) % 1_000_000:06d}"), ("tablet", right)):
            with self.subTest(device=device), self.assertRaises(arrivals.WrongEmailCode):
                self.arrive(device, move="code", email_code=digits)
        self.assertEqual(self.holder(), "laptop")

    def test_the_code_works_while_another_device_asks_and_when_nobody_is_there(self) -> None:
        services.left(self.seat, "left")
        self.arrive("tablet", move="ask")
        arrival = self.arrive("phone", move="code", email_code=self.code())
        self.assertEqual((arrival.seen.decision, self.holder()), (Wait("knock"), "phone"))

    def test_a_code_without_a_wish_to_move_is_not_one(self) -> None:
        self.assertEqual(self.arrive("phone", email_code=self.code()).seen.decision, Refuse("link_in_use"))
        self.assertEqual(self.holder(), "laptop")


class VerifiedGuestTests(MoveCase):
    rules = with_preset(Rules(opens_minutes=None), "named_people")

    def test_a_moved_seat_stays_and_a_new_entry_asks_for_the_code(self) -> None:
        self.assertIsNone(self.seat, "they have to type the code first")
        Invitation.objects.update(claimed_device="laptop", claimed_network=FIRST)
        EmailCode.objects.create(
            occurrence=self.guest.occurrence, invitation=self.guest, device="laptop", digest="x", used_at=timezone.now()
        )
        seat = services.entered(self.arrive("laptop").participant)
        self.arrive("phone", move="ask")
        moves.answer(seat, SecondDevice.objects.get().pk, timezone.now(), allow=True)
        self.assertEqual(self.answer("phone").reason, "seat")
        services.left(Participant.objects.get(device="phone"), "left")
        self.assertEqual(self.answer("phone"), Refuse("verify_email"))
