"""The order of an encrypted meeting: one commit per epoch, told to everybody in order, and somebody always asked."""

from __future__ import annotations

from collections import defaultdict
from typing import Any
from unittest import TestCase

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from meetings.e2ee import delivery as rules
from meetings.e2ee.delivery import Delivery, NotNow, Outbox

GROUP = "g" * 22


class Fakes:
    """Members that do what they are asked, at once or when told to."""

    def __init__(self, *people: str) -> None:
        self.delivery = Delivery()
        self.now = 100.0
        self.inside = dict.fromkeys(people, True)
        self.told: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self.groups = 0
        self.hear(self.delivery.present(self.inside, self.now))
        for person in people:
            self.hello(person)

    def hear(self, outbox: Outbox) -> None:
        for person, message in outbox:
            self.told[person].append(message)

    def last(self, person: str, kind: str) -> dict[str, Any]:
        return [message for message in self.told[person] if message["type"] == kind][-1]

    def has(self, person: str, kind: str) -> bool:
        return any(message["type"] == kind for message in self.told[person])

    def hello(self, person: str) -> None:
        self.hear(self.delivery.hello(person, f"kp-{person}", self.now))

    def create(self, person: str) -> None:
        self.groups += 1
        self.hear(self.delivery.created(person, f"{self.groups}".rjust(22, "g"), self.now))

    def pass_time(self, seconds: float) -> None:
        end = self.now + seconds
        while (due := self.delivery.next_at()) is not None and due <= end:
            assert due >= self.now - 1e-9, "time must not stand still"
            self.now = max(due, self.now + 1e-6)
            self.hear(self.delivery.tick(self.now))
        self.now = end

    def commit(self, person: str, **changed: Any) -> None:
        """Does the work that this person was last given."""
        work = self.last(person, "e2ee.work")
        add = [(entry["participant"], entry["offer"]) for entry in work["add"]]
        fields: dict[str, Any] = {
            "group": work["group"], "epoch": work["epoch"], "commit": f"by-{person}-{work['epoch']}",
            "welcome": "welcome" if add else None, "add": add, "remove": work["remove"], **changed,
        }  # fmt: skip
        self.hear(self.delivery.commit(person, now=self.now, **fields))

    def apply(self, *people: str) -> None:
        for person in people:
            assert self.delivery.group is not None
            self.hear(self.delivery.applied(person, self.delivery.group, self.delivery.epoch, self.now))

    def present(self, **changed: bool | None) -> None:
        for person, connected in changed.items():
            self.inside.pop(person) if connected is None else self.inside.__setitem__(person, connected)
        self.hear(self.delivery.present(self.inside, self.now))


def three() -> Fakes:
    """anna began, ben and carl came in together; everybody is up to date."""
    fakes = Fakes("anna", "ben", "carl")
    fakes.create("anna")
    fakes.pass_time(0.2)
    fakes.commit("anna")
    fakes.apply("anna", "ben", "carl")
    return fakes


class Beginning(TestCase):
    def test_the_first_to_say_hello_is_asked_and_the_others_are_added_together(self) -> None:
        fakes = Fakes("anna", "ben", "carl")
        assert fakes.told["anna"] == [{"type": "e2ee.create"}] and not fakes.told["ben"]
        fakes.create("anna")
        assert not fakes.has("anna", "e2ee.work")
        fakes.pass_time(0.2)
        assert [entry["participant"] for entry in fakes.last("anna", "e2ee.work")["add"]] == ["ben", "carl"]

    def test_nobody_else_may_begin_and_whoever_does_not_answer_is_passed_over(self) -> None:
        fakes = Fakes("anna", "ben")
        with self.assertRaises(NotNow):
            fakes.create("ben")
        fakes.pass_time(3.1)
        assert fakes.has("ben", "e2ee.create")
        with self.assertRaises(NotNow):
            fakes.create("anna")
        fakes.create("ben")

    def test_a_creator_who_leaves_or_loads_anew_is_not_waited_for(self) -> None:
        fakes = Fakes("anna", "ben")
        fakes.present(anna=None)
        fakes.create("ben")
        again = Fakes("anna")
        again.hello("anna")
        assert [message["type"] for message in again.told["anna"]] == ["e2ee.create", "e2ee.create"]

    def test_a_group_that_everybody_has_left_is_forgotten(self) -> None:
        fakes = three()
        fakes.present(anna=None, ben=None, carl=None)
        assert fakes.delivery.group is None
        fakes.present(dora=True)
        fakes.hello("dora")
        assert fakes.has("dora", "e2ee.create")


class Committing(TestCase):
    def test_everybody_is_told_in_order_and_newcomers_get_the_welcome(self) -> None:
        fakes = three()
        for person in ("anna",):
            assert fakes.last(person, "e2ee.commit")["epoch"] == 1
        assert [message["type"] for message in fakes.told["ben"]] == ["e2ee.welcome", "e2ee.activate"]
        assert fakes.last("carl", "e2ee.activate") == {
            "type": "e2ee.activate",
            "group": fakes.delivery.group,
            "epoch": 1,
        }

    def test_the_first_commit_for_an_epoch_counts_and_no_other(self) -> None:
        fakes = three()
        fakes.present(dora=True)
        fakes.hello("dora")
        fakes.pass_time(5)  # everybody was asked
        fakes.commit("ben")
        for person in ("anna", "carl", "ben"):
            with self.assertRaises(NotNow):
                fakes.commit(person)
        assert fakes.delivery.epoch == 2
        assert fakes.last("anna", "e2ee.commit")["from"] == "ben"

    def test_what_does_not_fit_is_refused_and_changes_nothing(self) -> None:
        fakes = three()
        fakes.present(dora=True, erik=True)
        fakes.hello("dora")
        fakes.pass_time(0.2)
        offer = fakes.last("anna", "e2ee.work")["add"][0]["offer"]
        before = repr(fakes.delivery)
        for changed in (
            {"epoch": 0}, {"epoch": 2}, {"group": "h" * 22}, {"welcome": None}, {"add": [("dora", offer + 1)]},
            {"add": [("erik", offer)]}, {"remove": ["ben"]}, {"remove": ["nobody"]}, {"add": []},
            {"add": [], "welcome": None},
        ):  # fmt: skip
            with self.assertRaises(NotNow, msg=str(changed)):
                fakes.commit("anna", **changed)
        for person in ("ben", "dora", "nobody"):
            fakes.told[person].append(fakes.last("anna", "e2ee.work"))
            with self.assertRaises(NotNow, msg=person):
                fakes.commit(person)
        assert repr(fakes.delivery) == before

    def test_a_commit_that_does_nothing_of_what_was_asked_moves_nobody_and_the_next_member_is_asked(self) -> None:
        fakes = three()
        fakes.present(dora=True)
        fakes.hello("dora")
        fakes.pass_time(0.2)
        for _ in range(5):
            with self.assertRaises(NotNow):
                fakes.commit("anna", add=[], welcome=None)
        fakes.pass_time(1.2)
        fakes.commit("ben")
        assert fakes.has("dora", "e2ee.welcome")

    def test_whoever_cannot_follow_a_welcome_is_added_by_somebody_else_and_by_the_same_where_nobody_else_is(
        self,
    ) -> None:
        for others, asked in ((("ben", "carl"), "ben"), ((), "anna")):
            fakes = three()
            fakes.present(dora=True, **{who: None for who in ("ben", "carl") if who not in others})
            fakes.hello("dora")
            fakes.pass_time(0.2)
            fakes.commit("anna")
            fakes.apply("anna", *others)
            fakes.hear(fakes.delivery.nack("dora", str(fakes.delivery.group), fakes.delivery.epoch, fakes.now))
            fakes.hello("dora")
            fakes.told.clear()
            fakes.pass_time(0.2)
            assert [who for who in ("anna", "ben", "carl") if fakes.has(who, "e2ee.work")] == [asked]
            fakes.commit(asked)
            assert fakes.has("dora", "e2ee.welcome")

    def test_a_member_whose_welcomes_are_no_good_is_asked_again_when_nobody_else_answers(self) -> None:
        fakes = three()
        fakes.present(dora=True)
        fakes.hello("dora")
        fakes.pass_time(0.2)
        fakes.commit("anna")
        fakes.apply("anna", "ben", "carl")
        fakes.hear(fakes.delivery.nack("dora", str(fakes.delivery.group), fakes.delivery.epoch, fakes.now))
        fakes.hello("dora")
        fakes.told.clear()
        fakes.pass_time(5)
        assert fakes.has("anna", "e2ee.work")

    def test_a_committer_who_says_nothing_is_followed_by_the_next_then_by_anybody(self) -> None:
        fakes = three()
        fakes.present(dora=True)
        fakes.hello("dora")
        fakes.pass_time(0.2)
        asked = [person for person in ("anna", "ben", "carl") if fakes.has(person, "e2ee.work")]
        assert asked == ["anna"]
        fakes.told.clear()
        fakes.pass_time(1.2)
        assert fakes.has("ben", "e2ee.work") and not fakes.has("carl", "e2ee.work")
        fakes.pass_time(3)
        assert fakes.has("carl", "e2ee.work")
        fakes.commit("carl")
        assert fakes.has("dora", "e2ee.welcome")

    def test_a_committer_who_dies_is_not_waited_for(self) -> None:
        fakes = three()
        fakes.present(dora=True)
        fakes.hello("dora")
        fakes.pass_time(0.2)
        fakes.present(anna=None)
        fakes.pass_time(0.01)
        assert [entry["participant"] for entry in fakes.last("ben", "e2ee.work")["add"]] == ["dora"]
        assert fakes.last("ben", "e2ee.work")["remove"] == ["anna"]

    def test_somebody_who_was_removed_is_taken_out_within_a_fraction_of_a_second(self) -> None:
        fakes = three()
        fakes.present(carl=None)
        fakes.pass_time(0.2)
        fakes.commit("anna")
        assert fakes.last("ben", "e2ee.commit")["remove"] == ["carl"]
        assert not fakes.has("carl", "e2ee.commit")

    def test_a_lost_socket_costs_the_leaf_after_ten_seconds(self) -> None:
        fakes = three()
        fakes.present(carl=False)
        fakes.pass_time(9)
        assert not fakes.has("ben", "e2ee.work") and fakes.last("anna", "e2ee.work")["epoch"] == 0
        fakes.pass_time(2)
        assert fakes.last("anna", "e2ee.work")["remove"] == ["carl"]

    def test_whoever_says_hello_again_is_added_again_and_not_asked_meanwhile(self) -> None:
        fakes = three()
        fakes.hello("anna")
        fakes.pass_time(0.2)
        work = fakes.last("ben", "e2ee.work")
        assert [entry["participant"] for entry in work["add"]] == ["anna"] and work["remove"] == []
        fakes.commit("ben")
        assert fakes.has("anna", "e2ee.welcome")

    def test_keys_are_refreshed_every_half_hour(self) -> None:
        fakes = three()
        fakes.pass_time(29 * 60)
        assert fakes.last("anna", "e2ee.work")["epoch"] == 0
        fakes.pass_time(2 * 60)
        assert fakes.last("anna", "e2ee.work")["refresh"] is True
        fakes.commit("anna")
        assert fakes.delivery.epoch == 2

    def test_newcomers_for_whom_nothing_speaks_are_shown_to_others_then_wait_for_a_word(self) -> None:
        fakes = three()
        fakes.present(gast=True)
        fakes.hello("gast")
        fakes.pass_time(0.2)
        offers = [(entry["participant"], entry["offer"]) for entry in fakes.last("anna", "e2ee.work")["add"]]
        for person in ("anna", "ben", "carl"):
            assert fakes.last(person, "e2ee.work")["add"]
            fakes.hear(fakes.delivery.decline(person, offers, more=False, now=fakes.now))
            fakes.pass_time(0.2)
        assert fakes.delivery.held == {"gast"}
        count = len(fakes.told["anna"])
        fakes.pass_time(3)
        assert len(fakes.told["anna"]) == count
        fakes.hear(fakes.delivery.word("gast", "a host's word", fakes.now))
        fakes.pass_time(0.2)
        assert fakes.last("anna", "e2ee.work")["add"][0]["word"] == "a host's word"
        assert fakes.delivery.held == frozenset()


class Following(TestCase):
    def test_whoever_comes_back_hears_what_they_missed(self) -> None:
        fakes = three()
        group = str(fakes.delivery.group)
        seq = fakes.delivery.seq
        fakes.present(ben=False)
        fakes.delivery.message("anna", group, 1, "chat", "one", fakes.now)
        fakes.present(dora=True)
        fakes.hello("dora")
        fakes.pass_time(0.2)
        fakes.commit("anna")
        fakes.told.clear()
        fakes.present(ben=True)
        fakes.hear(fakes.delivery.resume("ben", group, seq, fakes.now))
        assert [(message["type"], message["seq"]) for message in fakes.told["ben"]] == [
            ("e2ee.app", seq + 1),
            ("e2ee.commit", seq + 2),
        ]
        fakes.told.clear()
        fakes.hear(fakes.delivery.resume("anna", group, seq, fakes.now))
        assert [message["type"] for message in fakes.told["anna"]] == ["e2ee.commit"], (
            "one's own message was shown when it was sent"
        )

    def test_what_the_log_no_longer_holds_means_hello(self) -> None:
        fakes = three()
        group = str(fakes.delivery.group)
        seq = fakes.delivery.seq
        for _ in range(20):
            fakes.delivery.message("anna", group, 1, "chat", "x" * 60_000, fakes.now)
        with self.assertRaises(NotNow):
            fakes.delivery.resume("ben", group, seq, fakes.now)
        fakes.delivery.resume("ben", group, fakes.delivery.seq, fakes.now)
        for wrong in ({"participant": "dora"}, {"group": "h" * 22}, {"seq": fakes.delivery.seq + 1}, {"seq": -1}):
            with self.assertRaises(NotNow, msg=str(wrong)):
                fakes.delivery.resume(
                    **{"participant": "ben", "group": group, "seq": fakes.delivery.seq, "now": fakes.now} | wrong
                )

    def test_nobody_hears_what_was_said_before_they_came(self) -> None:
        """They could not open it, and would learn of everybody how much they wrote to each other, and when."""
        fakes = three()
        group = str(fakes.delivery.group)
        before = fakes.delivery.seq
        fakes.delivery.message("anna", group, 1, "chat", "sealed", fakes.now)
        fakes.present(dora=True)
        fakes.hello("dora")
        fakes.pass_time(0.2)
        fakes.commit("anna")
        came = fakes.last("dora", "e2ee.welcome")["seq"]
        fakes.delivery.message("anna", group, 2, "chat", "sealed too", fakes.now)
        for seq in range(before, came):
            with self.assertRaises(NotNow, msg=str(seq)):
                fakes.delivery.resume("dora", group, seq, fakes.now)
        assert [message["seq"] for _, message in fakes.delivery.resume("dora", group, came, fakes.now)] == [came + 1]
        assert fakes.delivery.resume("ben", group, before, fakes.now), "who was there hears all of it"

    def test_a_commit_that_half_of_the_others_refuse_ends_the_group(self) -> None:
        fakes = three()
        fakes.present(dora=True)
        fakes.hello("dora")
        fakes.pass_time(0.2)
        fakes.commit("anna")
        fakes.told.clear()
        group = str(fakes.delivery.group)
        fakes.hear(fakes.delivery.nack("dora", group, 2, fakes.now))
        assert fakes.delivery.group == group, "a newcomer who can't come in is their own trouble"
        fakes.hear(fakes.delivery.nack("ben", group, 2, fakes.now))
        assert fakes.delivery.group is None
        assert fakes.has("anna", "e2ee.reset") and fakes.has("carl", "e2ee.reset")

    def test_messages_go_to_members_of_these_epochs_only(self) -> None:
        fakes = three()
        group = str(fakes.delivery.group)
        seq, outbox = fakes.delivery.message("anna", group, 1, "chat", "sealed", fakes.now)
        assert [person for person, _ in outbox] == ["ben", "carl"]
        assert outbox[0][1]["seq"] == seq and outbox[0][1]["from"] == "anna"
        for participant, its_group, epoch in (("dora", group, 1), ("anna", "h" * 22, 1), ("anna", group, 2)):
            with self.assertRaises(NotNow):
                fakes.delivery.message(participant, its_group, epoch, "chat", "sealed", fakes.now)


class Disorder(RuleBasedStateMachine):
    """People come, go, break off, answer late or never. Whatever happens, the order is one order."""

    @initialize()
    def begin(self) -> None:
        self.fakes = Fakes()
        self.commits: dict[tuple[str, int], str] = {}
        self.read: dict[str, int] = defaultdict(int)

    people = st.sampled_from([*"abcde"])

    @rule(person=people)
    def come(self, person: str) -> None:
        self.fakes.present(**{person: True})
        self.fakes.hello(person)

    @rule(person=people)
    @precondition(lambda self: self.fakes.inside)
    def lose(self, person: str) -> None:
        if person in self.fakes.inside:
            self.fakes.present(**{person: False})

    @rule(person=people)
    def go(self, person: str) -> None:
        if person in self.fakes.inside:
            self.fakes.present(**{person: None})

    @rule(seconds=st.sampled_from([0.05, 0.2, 1.2, 4.0, 12.0]))
    def wait(self, seconds: float) -> None:
        self.fakes.pass_time(seconds)

    @rule(person=people)
    def answer(self, person: str) -> None:
        fakes = self.fakes
        try:
            if fakes.has(person, "e2ee.create") and fakes.delivery.group is None:
                fakes.create(person)
            elif fakes.has(person, "e2ee.work"):
                fakes.commit(person)
        except NotNow:
            pass

    @rule(person=people)
    def follow(self, person: str) -> None:
        fakes = self.fakes
        if person in fakes.delivery.members:
            fakes.apply(person)

    @rule(person=people)
    def refuse(self, person: str) -> None:
        fakes = self.fakes
        if person in fakes.delivery.members and fakes.delivery.group:
            fakes.hear(fakes.delivery.nack(person, fakes.delivery.group, fakes.delivery.epoch, fakes.now))

    @invariant()
    def one_commit_per_epoch_and_an_order_without_holes(self) -> None:
        for person, messages in self.fakes.told.items():
            for message in messages[self.read[person] :]:
                if message["type"] == "e2ee.commit":
                    key = (message["group"], message["epoch"])
                    assert self.commits.setdefault(key, message["commit"]) == message["commit"]
            seqs = [message["seq"] for message in messages if "seq" in message]
            assert seqs == sorted(set(seqs))
            self.read[person] = len(messages)

    @invariant()
    def members_and_work_are_possible(self) -> None:
        delivery = self.fakes.delivery
        assert delivery.group is not None or not delivery.members
        work_waits = delivery.group is not None and (
            delivery.arrivals or any(m.is_leaving for m in delivery.members.values())
        )
        assert not work_waits or delivery.next_at() is not None, "work without anybody who will be asked"


Disorder.TestCase.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestDisorder = Disorder.TestCase


def test_limits_of_the_log() -> None:
    fakes = three()
    group = str(fakes.delivery.group)
    for _ in range(100):
        fakes.delivery.message("anna", group, 1, "chat", "x" * 40_000, fakes.now)
        assert fakes.delivery._log_bytes <= rules.MOST_BYTES_KEPT
    for _ in range(100):
        fakes.hello("carl")
        fakes.pass_time(0.2)
        fakes.commit("anna")
        fakes.apply("anna", "ben", "carl")
    assert sum(kept.is_commit for kept in fakes.delivery._log) <= rules.MOST_COMMITS_KEPT
