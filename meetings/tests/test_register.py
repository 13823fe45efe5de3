"""A register and the queries about one visitor say the same about everybody, and a register costs few queries."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

from allauth.account.models import EmailAddress
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import TestCase
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from meetings import selectors
from meetings.live import facts, storing
from meetings.models import (
    Block,
    DoorException,
    DoorPolicy,
    EmailCode,
    Invitation,
    ListedTogether,
    Occurrence,
    Participant,
    PeopleGroup,
    SecondDevice,
)
from meetings.register import Register
from meetings.tests.live_case import make_meeting, make_user

ROUNDS = 12


class RegisterTests(TestCase):
    def setUp(self) -> None:
        self.host = make_user("Ingrid Sæther")

    def test_it_says_the_same_as_asking_one_by_one(self) -> None:
        for seed in range(ROUNDS):
            chance = random.Random(seed)
            occurrence = self._crowd(chance, seed)
            register = Register(occurrence)
            for seat in register.seats:
                with self.subTest(seed=seed, seat=seat):
                    self._same(occurrence, seat, register)

    def _same(self, occurrence: Occurrence, seat: Participant, register: Register) -> None:
        who: dict[str, Any] = {"user": seat.user, "invitation": seat.invitation}
        row = selectors.visitor_row(occurrence, **who)
        self.assertEqual(selectors.visitor_row(occurrence, **who, register=register), row)
        asked: dict[str, Any] = {"participant": seat, "device": seat.device, "host_inside": True, "now": timezone.now()}
        one = selectors.facts_for(occurrence, row=row, **who, **asked)
        self.assertEqual(selectors.facts_for(occurrence, row=row, **who, **asked, register=register), one)

    def _crowd(self, chance: random.Random, seed: int) -> Occurrence:
        """Accounts, guests and strangers with every kind of past, sharing devices now and then."""
        now = timezone.now()
        occurrence = make_meeting(self.host, door_guests=chance.choice(["knocks", "walks_in"]))
        group = PeopleGroup.objects.create(name=f"Group {seed}")
        together = {"meeting": occurrence.meeting, "added_at": now}
        if chance.random() < 0.5:
            ListedTogether.objects.create(group=group, **together)
        if chance.random() < 0.3:
            ListedTogether.objects.create(domain="nordhavn.example", **together)
        policy = {"guest_addresses": chance.choice(["any", "only", "except"]), "guest_domains": ["nordhavn.example"]}
        DoorPolicy.objects.update_or_create(pk=1, defaults=policy)
        for number in range(6):
            user = invitation = None
            address = f"p{seed}.{number}@nordhavn.example"
            if chance.random() < 0.6:
                user = get_user_model().objects.create_user(address, f"P{number}", is_active=chance.random() < 0.9)
                EmailAddress.objects.create(user=user, email=address, verified=chance.random() < 0.7)
                if chance.random() < 0.5:
                    group.members.add(user)
                if chance.random() < 0.2:
                    occurrence.meeting.hosts.add(user)
            if chance.random() < 0.7:
                invitation = Invitation.objects.create(
                    occurrence=occurrence,
                    email=address,
                    user=user if chance.random() < 0.5 else None,
                    claimed_device=chance.choice(["", "d0", f"d{number}"]),
                    revoked_at=chance.choice([None, None, now]),
                )
            device = f"d{chance.choice([number, number, 0])}"
            if chance.random() < 0.3 and invitation is not None:
                EmailCode.objects.create(
                    occurrence=occurrence,
                    invitation=invitation,
                    device=device,
                    digest="x",
                    used_at=chance.choice([None, now]),
                    failed_at=chance.choice([None, None, now]),
                )
            if chance.random() < 0.3:
                EmailCode.objects.create(
                    occurrence=occurrence,
                    email=address,
                    device=device,
                    digest="x",
                    used_at=chance.choice([None, now]),
                )
            if chance.random() < 0.4 and invitation is not None:
                SecondDevice.objects.create(
                    invitation=invitation,
                    device=device,
                    seen_at=now,
                    asked_at=chance.choice([None, now, now - timedelta(hours=1)]),
                    answer=chance.choice(["", "", *SecondDevice.Answer.values]),
                    refused_until=chance.choice([None, now + timedelta(minutes=1)]),
                )
            if chance.random() < 0.3:
                Block.objects.create(
                    occurrence=occurrence,
                    user=chance.choice([user, None]),
                    invitation=chance.choice([invitation, None]),
                    device=chance.choice([device, ""]),
                    removed=chance.random() < 0.5,
                    lifted_at=chance.choice([None, None, now]),
                )
            if chance.random() < 0.3:
                DoorException.objects.create(
                    meeting=occurrence.meeting,
                    user=user,
                    email="" if user is not None else address,
                    way=chance.choice(["walks_in", "knocks", "turned_away"]),
                    set_at=now,
                )
            Participant.objects.create(
                occurrence=occurrence,
                kind="guest",
                state=chance.choice(Participant.State.values),
                user=user,
                invitation=invitation if user is None or chance.random() < 0.3 else None,
                device=device if user is not None or invitation is not None else f"d{number}",
                name=f"P{number}",
                entered_at=chance.choice([None, now]),
                let_in_at=chance.choice([None, now]),
                must_knock=chance.random() < 0.2,
                refused_until=chance.choice([None, now + timedelta(minutes=1)]),
                session_key="" if user is None else f"s{number}",
            )
        return occurrence

    def test_a_crowd_costs_no_more_queries_than_a_few(self) -> None:
        costs = []
        for size in (2, 50):
            occurrence = make_meeting(self.host)
            ids = [str(_seat_of_some_kind(occurrence, size, number).pk) for number in range(size)]
            with CaptureQueriesContext(connection) as asked:
                verdicts = facts.judge(str(occurrence.pk), ids, [], [], timezone.now(), agreed=facts.Agreed())
            self.assertEqual(len(verdicts.judgements), size)
            costs.append(len(asked))
        self.assertEqual(costs[0], costs[1])
        self.assertLess(costs[0], 16)

    def test_finding_who_was_inside_before_a_restart_costs_no_more_for_a_crowd(self) -> None:
        costs = []
        for size in (2, 30):
            Occurrence.objects.all().delete()
            occurrence = make_meeting(self.host)
            ids = {str(_seat_of_some_kind(occurrence, size, number).pk) for number in range(size)}
            with CaptureQueriesContext(connection) as asked:
                found = facts.seats_of_interrupted_meetings()
            self.assertEqual({person.participant_id for person in found[str(occurrence.pk)]}, ids)
            costs.append(len(asked))
        self.assertEqual(costs[0], costs[1])

    def test_strangers_who_went_again_are_not_read_at_every_decision(self) -> None:
        now = timezone.now()
        said = (
            *({}, {"let_in_at": now}, {"refused_until": now + timedelta(minutes=5)}, {"must_knock": True}),
            *({"entered_at": now}, {"may_speak": False}, {"user": make_user("Marcus")}, {"state": "waiting"}),
        )
        occurrence = make_meeting(self.host)
        rows = [
            Participant.objects.create(
                occurrence=occurrence, device=f"d{number}", **({"kind": "anyone", "state": "left"} | some)
            )
            for number, some in enumerate(said)
        ]
        read = {seat.pk for seat in Register(occurrence).seats}
        self.assertEqual(read, {row.pk for row in rows[1:]})
        # Whose socket is open is answered, whatever became of their row.
        verdicts = facts.judge(str(occurrence.pk), [str(rows[0].pk)], [], [], now, agreed=facts.Agreed())
        self.assertEqual(verdicts.judgements[str(rows[0].pk)].decision.reason, "closed")
        storing.left(str(rows[-1].pk), "stopped")
        self.assertEqual(len(Register(occurrence).seats), len(rows) - 2)


def _seat_of_some_kind(occurrence: Occurrence, crowd: int, number: int) -> Participant:
    """By turns: signed in and invited, and a guest with a personal link, whose invitation names an account."""
    address = f"p{crowd}.{number}@nordhavn.example"
    user = get_user_model().objects.create_user(address, f"P{number}")
    EmailAddress.objects.create(user=user, email=address, verified=True)
    invitation = Invitation.objects.create(occurrence=occurrence, email=address, user=user)
    is_guest = number % 2 == 1
    return Participant.objects.create(
        occurrence=occurrence,
        kind="guest" if is_guest else "listed",
        state="inside",
        user=None if is_guest else user,
        invitation=invitation if is_guest else None,
        device=f"d{number}",
        name=f"P{number}",
        entered_at=timezone.now(),
        session_key="" if is_guest else f"s{number}",
    )
