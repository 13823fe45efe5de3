"""Arrivals and hosts' answers, as they are stored: who may act, what follows, what is written down."""

from __future__ import annotations

from datetime import timedelta

from django.test import TestCase
from django.utils import timezone

from meetings import audit
from meetings.admission import IllegalEvent
from meetings.door import Admit, Refuse, Rules, Wait, Way, WithoutHost, with_preset
from meetings.models import AuditEntry, Block, Change, Invitation, Participant
from meetings.services import door as services
from meetings.services import invitations, scheduling
from meetings.services.errors import NotAHost, Wrong
from meetings.tests.domain_case import DomainCase

State = Participant.State


def reason(decision: object) -> str:
    return f"{type(decision).__name__} {decision.reason}"  # type: ignore[attr-defined]


class ArrivalTests(DomainCase, TestCase):
    def test_a_guest_knocks_is_let_in_and_keeps_the_seat(self) -> None:
        board = self.occurrence()
        guest = self.invitation(board)
        host = self.host_inside(board)
        seat = self.come(board, invitation=guest)
        self.assertEqual((seat.state, seat.kind), (State.WAITING, "guest"))
        self.assertEqual(self.ask(board, invitation=guest, device="device-1"), Wait("knock"))
        services.let_in(host, seat)
        self.assertEqual(reason(self.ask(board, invitation=guest, device="device-1")), "Admit let_in")
        services.entered(seat)
        self.assertEqual(reason(self.ask(board, invitation=guest, device="device-1")), "Admit seat")
        again = self.come(board, invitation=guest)
        self.assertEqual((again.pk, again.state), (seat.pk, State.INSIDE))

    def test_the_first_to_enter_starts_the_meeting_once(self) -> None:
        board = self.occurrence()
        host = self.host_inside(board)
        board.refresh_from_db()
        started = board.started_at
        self.assertIsNotNone(started)
        services.entered(host)
        board.refresh_from_db()
        self.assertEqual(board.started_at, started)
        self.assertEqual(AuditEntry.objects.filter(kind="meeting.started").count(), 1)

    def test_a_refusal_makes_no_seat_and_closes_the_one_there_is(self) -> None:
        board = self.occurrence()
        self.assertIsNone(self.come(board))
        self.assertEqual(Participant.objects.count(), 0)
        guest = self.invitation(board)
        seat = self.come(board, invitation=guest)
        board.locked_at = timezone.now() + timedelta(hours=1)
        services.arrive(
            board, row="guest", user=None, invitation=guest, device="device-1", name="P", network="", session_key="",
            decision=Refuse("locked"), now=timezone.now(),
        )  # fmt: skip
        seat.refresh_from_db()
        self.assertEqual(seat.state, State.REFUSED)

    def test_a_let_in_belongs_to_the_device_and_the_link_it_was_given_to(self) -> None:
        board = self.occurrence()
        peter, leila = self.invitation(board), self.invitation(board, "leila@haddad.example")
        host = self.host_inside(board)
        services.let_in(host, self.come(board, invitation=peter))
        self.assertEqual(self.ask(board, invitation=leila, device="device-1"), Wait("knock"))
        self.assertEqual(self.ask(board, invitation=peter, device="device-2"), Wait("knock"))
        self.assertEqual(self.ask(board, device="device-1"), Refuse("closed", unknown=True))

    def test_who_was_let_in_keeps_the_name_that_the_host_saw(self) -> None:
        board = self.occurrence()
        guest = self.invitation(board)
        seat = self.come(board, invitation=guest, name="Peter")
        self.assertEqual(self.come(board, invitation=guest, name="Peter Lindqvist").name, "Peter Lindqvist")
        services.let_in(self.ingrid, seat, revision=1)
        self.assertEqual(self.come(board, invitation=guest, name="Ingrid Sæther").name, "Peter Lindqvist")
        services.entered(seat)
        self.assertEqual(self.come(board, invitation=guest, name="Ingrid Sæther").name, "Peter Lindqvist")

    def test_every_arrival_is_written_with_its_reason(self) -> None:
        board = self.occurrence()
        self.come(board, invitation=self.invitation(board))
        last = AuditEntry.objects.select_related("detail").order_by("-number")[0]
        self.assertEqual((last.kind, audit.body_of(last)["facts"]["reason"]), ("door.knocked", "knock"))
        self.assertEqual(audit.body_of(last)["network"], "203.0.113.0/24")

    def test_a_flood_of_refusals_writes_twenty_rows_and_no_seat(self) -> None:
        board = self.occurrence()
        before = Change.objects.count()
        for number in range(40):
            self.come(board, device=f"device-{number}", network="198.51.100.0/24")
        self.assertLessEqual(AuditEntry.objects.filter(kind="door.refused").count(), 40)
        self.assertGreaterEqual(AuditEntry.objects.filter(kind="door.refused").count(), 20)
        self.assertEqual((Participant.objects.count(), Change.objects.count()), (0, before))

    def test_people_whose_socket_is_lost_may_return_and_those_who_stop_waiting_too(self) -> None:
        board = self.occurrence()
        seat = self.come(board, invitation=self.invitation(board))
        services.left(seat, "stopped")
        self.assertEqual(seat.state, State.LEFT)
        self.assertEqual(self.come(board, invitation=seat.invitation).state, State.WAITING)

    def test_nobody_enters_a_meeting_that_is_over_or_a_seat_that_was_closed(self) -> None:
        board = self.occurrence()
        host = self.host_inside(board)
        seat = self.come(board, invitation=self.invitation(board))
        services.turn_away(host, seat)
        with self.assertRaises(IllegalEvent):
            services.entered(seat)
        services.end_for_everyone(host, board)
        other = self.come(self.occurrence(), user=self.ingrid, device="d")
        other.occurrence = board
        other.save()
        with self.assertRaises(IllegalEvent):
            services.entered(other)


class HostTests(DomainCase, TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.board = self.occurrence()
        self.host = self.host_inside(self.board)
        self.guest = self.invitation(self.board)
        self.seat = self.come(self.board, invitation=self.guest)

    def enter(self) -> None:
        services.let_in(self.host, self.seat)
        services.entered(self.seat)

    def actions(self) -> dict[str, object]:
        return {
            "let_in": lambda by: services.let_in(by, self.seat),
            "keep_waiting": lambda by: services.keep_waiting(by, self.seat, "soon"),
            "turn_away": lambda by: services.turn_away(by, self.seat),
            "remove": lambda by: services.remove(by, self.seat),
            "move_to_door": lambda by: services.move_to_door(by, self.seat),
            "mute": lambda by: services.mute_recorded(by, self.seat, "microphone"),
            "lock": lambda by: services.lock(by, self.board),
            "unlock": lambda by: services.unlock(by, self.board),
            "end": lambda by: services.end_for_everyone(by, self.board),
        }

    def test_nobody_but_a_host_of_this_meeting_now_may_do_any_of_it(self) -> None:
        colleague = self.person("marcus@nordhavn.example", "Marcus Bell")
        other_board = scheduling.schedule_meeting(
            colleague, title="Other", starts_at=self.now, duration_minutes=60, time_zone="UTC", send=False
        ).occurrences.get()
        theirs = self.host_inside(other_board, colleague)
        listed = self.come(self.board, user=colleague, device="marcus")
        services.entered(listed)
        demoted = self.person("old@nordhavn.example", "Old Host")
        gone = self.person("gone@nordhavn.example", "Gone Host", is_active=False)
        self.board.meeting.hosts.add(gone)
        outside = self.come(self.board, user=self.ingrid, device="another tablet")
        people = {
            "a guest at the door": self.seat,
            "a colleague inside": listed,
            "a colleague's account": colleague,
            "a host of another meeting": theirs,
            "somebody who hosted once": demoted,
            "a deactivated host": gone,
            "a host's seat that is not inside": outside,
            "nobody": None,
        }
        count = AuditEntry.objects.count()
        for who, by in people.items():
            for name, act in self.actions().items():
                if by is None and name == "lock":
                    continue  # that is the meeting's own rule
                with self.subTest(who=who, action=name), self.assertRaises(NotAHost):
                    act(by)  # type: ignore[operator]
        self.assertEqual(AuditEntry.objects.count(), count)
        self.seat.refresh_from_db()
        self.assertEqual((self.seat.state, self.seat.let_in_at), (State.WAITING, None))

    def test_a_blocked_host_may_do_nothing(self) -> None:
        marcus = self.person("marcus@nordhavn.example", "Marcus Bell")
        self.board.meeting.hosts.add(marcus)
        seat = self.host_inside(self.board, marcus)
        services.remove(self.host, seat)
        for by in (seat, marcus):
            with self.assertRaises(NotAHost):
                services.let_in(by, self.seat)
        self.assertEqual(self.ask(self.board, user=marcus, device="x"), Refuse("removed"))

    def test_a_host_acts_through_the_api_with_the_account(self) -> None:
        services.let_in(self.ingrid, self.seat)
        self.assertIsNotNone(self.seat.let_in_at)

    def test_a_no_holds_two_minutes_on_every_device_and_link(self) -> None:
        services.turn_away(self.host, self.seat, note="This session is for panel members.")
        until = self.seat.refused_until
        self.assertEqual(self.seat.refused_by, "Ingrid Sæther")
        for device in ("device-1", "device-2"):
            self.assertEqual(
                self.ask(self.board, invitation=self.guest, device=device), Refuse("not_let_in", until=until)
            )
        later = until + timedelta(seconds=1)
        self.assertEqual(self.ask(self.board, invitation=self.guest, device="device-1", now=later), Wait("knock"))

    def test_a_block_covers_account_link_and_device(self) -> None:
        other = self.invitation(self.board, "leila@haddad.example")
        services.turn_away(self.host, self.seat, block=True)
        self.assertEqual(self.ask(self.board, invitation=self.guest, device="device-9"), Refuse("blocked"))
        self.assertEqual(self.ask(self.board, invitation=other, device="device-1"), Refuse("blocked"))
        self.assertEqual(self.ask(self.board, invitation=other, device="device-2"), Wait("knock"))

    def test_an_arrival_that_was_answered_before_a_no_does_not_undo_it(self) -> None:
        answered = self.ask(self.board, invitation=self.guest, device="device-1")
        services.turn_away(self.host, self.seat, note="Not today")
        seat = services.arrive(
            self.board, row="guest", user=None, invitation=self.guest, device="device-1", name="P", network="",
            session_key="", decision=answered, now=timezone.now(),
        )  # fmt: skip
        self.assertEqual((seat.note, seat.refused_by), ("Not today", self.ingrid.name))
        self.assertEqual(reason(self.ask(self.board, invitation=self.guest, device="device-1")), "Refuse not_let_in")

    def test_an_account_made_after_its_address_was_invited_shares_the_guests_block(self) -> None:
        peter = self.person("peter@medreg.example", "Peter Lindqvist")
        self.assertIsNone(Invitation.objects.get(pk=self.guest.pk).user)
        seat = services.entered(self.come(self.board, user=peter, device="laptop"))
        services.remove(self.host, seat)
        self.assertEqual(reason(self.ask(self.board, invitation=self.guest, device="phone")), "Refuse removed")

    def test_a_removed_account_does_not_come_back_signed_out_by_a_link_of_its_own(self) -> None:
        marcus = self.person("marcus@nordhavn.example", "Marcus Bell")
        board = self.occurrence(preset="anyone_with_link", people=[marcus])
        link = board.invitations.get()
        for block, answer in ((False, Wait("knock")), (True, Refuse("removed"))):
            seat = self.come(board, user=marcus, device="marcus", host_inside=True)
            services.let_in(self.ingrid, seat)
            services.entered(seat)
            services.remove(self.ingrid, seat, block=block)
            self.assertEqual(self.ask(board, invitation=link, device="a new browser"), answer)

    def test_a_guest_who_was_removed_does_not_come_back_as_the_account_that_the_link_names(self) -> None:
        marcus = self.person("marcus@nordhavn.example", "Marcus Bell")
        board = self.occurrence(people=[marcus])
        seat = self.come(board, invitation=board.invitations.get())
        services.let_in(self.ingrid, seat)
        services.entered(seat)
        services.remove(self.ingrid, seat)
        self.assertEqual(self.ask(board, user=marcus, device="a new browser"), Refuse("removed"))

    def test_a_block_of_anybody_ends_walking_in_with_the_link(self) -> None:
        marcus = self.person("marcus@nordhavn.example", "Marcus Bell")
        board = self.occurrence(preset="anyone_with_link")
        host = self.host_inside(board)
        seat = self.come(board, user=marcus, device="marcus")
        services.entered(seat)
        services.remove(host, seat)
        self.assertEqual(self.ask(board, device="a new browser"), Wait("knock"))
        board = self.occurrence(preset="anyone_with_link")
        services.turn_away(self.ingrid, self.come(board, device="early", host_inside=False), block=True)
        self.assertEqual(self.ask(board, device="a new browser"), Wait("knock"))

    def test_a_blocked_device_does_not_shut_out_the_host_who_owns_it(self) -> None:
        services.turn_away(self.host, self.seat, block=True)
        self.assertIsInstance(self.ask(self.board, user=self.ingrid, device="device-1"), Admit)

    def test_a_removed_person_stays_out_whatever_they_try(self) -> None:
        self.enter()
        services.remove(self.host, self.seat, note="Wrong meeting")
        self.assertEqual(self.seat.state, State.REMOVED)
        for device in ("device-1", "device-2"):
            self.assertEqual(self.ask(self.board, invitation=self.guest, device=device), Refuse("removed"))
        self.assertEqual(self.ask(self.board, device="device-1"), Refuse("closed", unknown=True))

    def test_removed_without_a_block_somebody_who_would_walk_in_has_to_knock(self) -> None:
        marcus = self.person("marcus@nordhavn.example", "Marcus Bell")
        seat = self.come(self.board, user=marcus, device="marcus")
        services.entered(seat)
        services.remove(self.host, seat, block=False)
        for device in ("marcus", "marcus-2"):
            self.assertEqual(self.ask(self.board, user=marcus, device=device), Wait("knock"))
            self.come(self.board, user=marcus, device=device)
            self.assertEqual(self.ask(self.board, user=marcus, device=device), Wait("knock"))

    def test_removing_somebody_who_came_by_the_meeting_link_closes_that_row(self) -> None:
        board = self.occurrence(preset="anyone_with_link")
        host = self.host_inside(board)
        seat = self.come(board, device="stranger")
        services.entered(seat)
        services.remove(host, seat)
        board.meeting.refresh_from_db()
        self.assertEqual(board.meeting.door_anyone, Way.KNOCKS)
        self.assertEqual(self.ask(board, device="a new browser"), Wait("knock"))
        last = AuditEntry.objects.select_related("detail").order_by("-number")[0]
        self.assertIn("knocks from now on", audit.sentence(last))

    def test_moved_back_to_the_door_only_a_host_lets_them_in_again(self) -> None:
        self.enter()
        services.move_to_door(self.host, self.seat)
        self.assertEqual(self.ask(self.board, invitation=self.guest, device="device-1"), Wait("knock"))
        services.let_in(self.host, self.seat)
        self.assertIsInstance(self.ask(self.board, invitation=self.guest, device="device-1"), Admit)

    def test_hosts_cannot_remove_themselves_or_move_each_other_to_the_door(self) -> None:
        marcus = self.person("marcus@nordhavn.example", "Marcus Bell")
        self.board.meeting.hosts.add(marcus)
        other = self.host_inside(self.board, marcus)
        for act in (
            lambda: services.remove(self.host, self.host),
            lambda: services.remove(self.ingrid, self.host),
            lambda: services.move_to_door(self.host, other),
        ):
            with self.assertRaises(Wrong):
                act()

    def test_answers_that_fit_no_state_change_nothing(self) -> None:
        self.enter()
        count = AuditEntry.objects.count()
        for act in (
            lambda: services.let_in(self.host, self.seat),
            lambda: services.turn_away(self.host, self.seat),
            lambda: services.keep_waiting(self.host, self.seat, "x"),
        ):
            with self.assertRaises(IllegalEvent):
                act()
        self.assertEqual((AuditEntry.objects.count(), Block.objects.count()), (count, 0))

    def test_a_lock_refuses_newcomers_keeps_seats_and_lets_hosts_answer_those_at_the_door(self) -> None:
        marcus = self.person("marcus@nordhavn.example", "Marcus Bell")
        inside = self.come(self.board, user=marcus, device="marcus")
        services.entered(inside)
        services.lock(self.host, self.board)
        self.assertEqual(reason(self.ask(self.board, user=marcus, device="marcus")), "Admit seat")
        self.assertEqual(self.ask(self.board, invitation=self.guest, device="device-1"), Wait("knock"))
        self.assertEqual(self.ask(self.board, user=marcus, device="marcus-2"), Refuse("locked"))
        services.let_in(self.host, self.seat)
        self.assertEqual(reason(self.ask(self.board, invitation=self.guest, device="device-1")), "Admit let_in")
        services.unlock(self.host, self.board)
        self.assertEqual(reason(self.ask(self.board, user=marcus, device="marcus-2")), "Admit walks_in")

    def test_ending_closes_every_seat_once(self) -> None:
        services.end_for_everyone(self.host, self.board)
        self.assertEqual(set(Participant.objects.values_list("state", flat=True)), {State.LEFT})
        self.assertEqual(self.ask(self.board, invitation=self.guest, device="device-1"), Refuse("ended"))
        self.assertEqual(self.ask(self.board, device="device-1"), Refuse("closed", unknown=True))
        for act in (services.end_for_everyone, services.lock, services.unlock):
            with self.assertRaises((IllegalEvent, NotAHost)):
                act(self.ingrid, self.board)

    def test_a_forgotten_meeting_ends_only_when_nobody_is_inside(self) -> None:
        services.end_forgotten(self.board)
        self.board.refresh_from_db()
        self.assertIsNone(self.board.ended_at)
        services.left(self.host, "lost")
        services.end_forgotten(self.board)
        self.board.refresh_from_db()
        self.assertIsNotNone(self.board.ended_at)

    def test_put_out_by_the_rules_is_written_with_its_reason(self) -> None:
        self.enter()
        invitations.revoke(self.ingrid, self.guest)
        decision = self.ask(self.board, invitation=self.guest, device="device-1")
        self.assertEqual(decision, Refuse("revoked", unknown=True))
        services.put_out(self.seat, decision)
        self.assertEqual(self.seat.state, State.REFUSED)

    def test_every_change_wakes_the_owner_of_the_meeting(self) -> None:
        before = Change.objects.filter(occurrence=self.board).count()
        services.lock(self.host, self.board)
        services.let_in(self.host, self.seat)
        self.assertEqual(Change.objects.filter(occurrence=self.board).count(), before + 2)


class RowTests(DomainCase, TestCase):
    def test_listed_are_accounts_and_their_proved_addresses_only(self) -> None:
        marcus = self.person("marcus@nordhavn.example", "Marcus Bell")
        marcus.emailaddress_set.create(email="bell@proved.example", verified=True)
        marcus.emailaddress_set.create(email="bell@typed.example", verified=False)
        named = with_preset(Rules(opens_minutes=None), "named_people")
        for address, answer in {
            "marcus@nordhavn.example": "Admit walks_in",
            "Bell@Proved.example": "Admit walks_in",
            "bell@typed.example": "Refuse closed",
        }.items():
            with self.subTest(address=address):
                board = self.occurrence(rules=named, people=[address])
                self.assertEqual(reason(self.ask(board, user=marcus, device="m")), answer)

    def test_the_best_of_several_proofs_counts(self) -> None:
        marcus = self.person("marcus@nordhavn.example", "Marcus Bell")
        board = self.occurrence(preset="named_people")
        guest = self.invitation(board)
        self.assertEqual(reason(self.ask(board, user=marcus, invitation=guest, device="m")), "Refuse verify_email")
        self.assertEqual(reason(self.ask(board, user=self.ingrid, invitation=guest, device="m")), "Admit host")

    def test_a_link_of_another_meeting_proves_nothing(self) -> None:
        board, other = self.occurrence(), self.occurrence()
        self.assertEqual(self.ask(board, invitation=self.invitation(other), device="m"), Refuse("closed", unknown=True))

    def test_a_revoked_colleague_does_not_walk_in_as_a_colleague(self) -> None:
        marcus = self.person("marcus@nordhavn.example", "Marcus Bell")
        board = self.occurrence(people=[marcus])
        self.host_inside(board)
        self.assertEqual(reason(self.ask(board, user=marcus, device="m")), "Admit walks_in")
        invitations.revoke(self.ingrid, board.invitations.get())
        self.assertEqual(self.ask(board, user=marcus, device="m"), Refuse("revoked", unknown=True))

    def test_deactivated_accounts_stay_out(self) -> None:
        marcus = self.person("marcus@nordhavn.example", "Marcus Bell")
        board = self.occurrence(people=[marcus])
        marcus.is_active = False
        marcus.save()
        self.assertEqual(self.ask(board, user=marcus, device="m"), Refuse("inactive", unknown=True))

    def test_a_deactivated_account_does_not_come_back_signed_out_by_a_link_of_its_own(self) -> None:
        leila = self.person("leila@nordhavn.example", "Leila Haddad")
        board = self.occurrence(preset="anyone_with_link", people=[leila])
        link = board.invitations.get()
        self.host_inside(board)
        self.assertEqual(self.ask(board, invitation=link, device="phone").reason, "walks_in")
        leila.is_active = False
        leila.save()
        self.assertEqual(self.ask(board, invitation=link, device="phone"), Refuse("inactive", unknown=True))
        marcus = self.person("marcus@nordhavn.example", "Marcus Bell")
        self.assertEqual(self.ask(board, user=marcus, invitation=link, device="desk").reason, "walks_in")

    def test_without_a_host_listed_people_start_only_where_the_rules_say_so(self) -> None:
        marcus = self.person("marcus@nordhavn.example", "Marcus Bell")
        for without_host, answer in {
            WithoutHost.WAIT: "Wait no_host",
            WithoutHost.LISTED_START: "Admit walks_in",
        }.items():
            rules = Rules(opens_minutes=None, without_host=without_host)
            board = self.occurrence(rules=rules, people=[marcus])
            self.assertEqual(reason(self.ask(board, user=marcus, device="m", host_inside=False)), answer)

    def test_early_people_wait_until_the_door_opens(self) -> None:
        marcus = self.person("marcus@nordhavn.example", "Marcus Bell")
        board = self.occurrence(rules=Rules(opens_minutes=10), starts_at=self.now + timedelta(hours=1), people=[marcus])
        opens = board.starts_at - timedelta(minutes=10)
        self.assertEqual(self.ask(board, user=marcus, device="m"), Wait("early", until=opens))
        self.assertEqual(reason(self.ask(board, user=marcus, device="m", now=opens)), "Admit walks_in")

    def test_a_meeting_nobody_came_to_is_over_an_hour_after_its_end(self) -> None:
        board = self.occurrence()
        later = board.ends_at + timedelta(hours=1)
        self.assertEqual(self.ask(board, user=self.ingrid, device="m", now=later), Refuse("ended"))
