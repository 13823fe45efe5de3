"""Budgets: one list, the same in the operators' guide; and whoever is let through is locked out by nobody else."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from unittest import TestCase

import pytest

from meetings import budgets
from meetings.budgets import Budget, Rate
from meetings.live.sockets import Sockets
from meetings.live.tries import Tries
from meetings.network import site_of, source_of
from meetings.signaling.rates import AddressBudgets
from meetings.visitors import Visitor

ROOT = Path(__file__).resolve().parents[2]
LISTED = [one for _title, group in budgets.ALL for one in group]


def test_the_guide_for_operators_has_the_same_list() -> None:
    assert budgets.as_table() in (ROOT / "docs" / "operations.md").read_text()


def test_every_budget_is_in_the_list_once_and_has_a_name_of_its_own() -> None:
    made = [one for one in vars(budgets).values() if isinstance(one, Budget)]
    assert sorted(one.name for one in made) == sorted({one.name for one in LISTED})
    assert len(LISTED) == len(made)


def test_rates_are_settled_nowhere_else() -> None:
    sources = [path for package in ("meetings", "portal") for path in (ROOT / package).rglob("*.py")]
    settled = re.compile(r"\bRate\((?!count)|\bRate\.per_")
    elsewhere = [path.name for path in sources if "tests" not in path.parts and settled.search(path.read_text())]
    assert elsewhere == ["budgets.py"]


@pytest.mark.parametrize(
    ("limit", "said"),
    [
        (Rate.per_minute(20), "20 a minute"),
        (Rate.per_hour(6), "6 an hour"),
        (Rate(5 / 300, 5), "5 in 5 minutes"),
        (Rate(10, 100), "10 a second, 100 at once"),
        (50, "50 at once"),
    ],
)
def test_words(limit: Rate | int, said: str) -> None:
    assert Budget("x", "y", limit, "z").said == said


@pytest.mark.parametrize(
    ("address", "source", "site"),
    [
        ("203.0.113.7", "203.0.113.7", ""),
        ("::ffff:203.0.113.7", "203.0.113.7", ""),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64", "2001:db8:1::/48"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64", "2001:db8:1::/48"),
        ("fe80::1%eth0", "fe80::/64", "fe80::/48"),
        ("", "unknown", ""),
        ("unix:/x", "unknown", ""),
    ],
)
def test_whose_tries_are_counted_together(address: str, source: str, site: str) -> None:
    assert (source_of(address), site_of(address), site_of(source)) == (source, site, site)


def test_what_is_refused_by_one_of_the_two_counts_in_neither() -> None:
    now = 0.0
    counted = AddressBudgets(Rate.per_minute(2), lambda: now)
    first, sources = "2001:db8:1::/64", [f"2001:db8:1:{number:x}::/64" for number in range(1, 20)]
    assert [counted.take(first) for _ in range(4)] == [True, True, False, False]
    taken = [counted.take(source) for source in sources]
    assert sum(taken) == 2 * budgets.OF_A_SITE - 2
    assert counted.seconds_until(sources[-1]) > 0
    assert counted.take(sources[-1], "something else")
    assert counted.take("2001:db8:2::/64")
    assert counted.take("203.0.113.7")
    now = 30.0  # a tenth of a /48's is as much as an address has
    assert [counted.take(sources[-1]) for _ in range(3)] == [True, True, False]


def visitor(address: str = "203.0.113.7", *, user: Any = None, link: int | None = None) -> Visitor:
    return Visitor(user, "", "", link, "", address=source_of(address))


class TriesTests(TestCase):
    def setUp(self) -> None:
        self.now = 1_000.0
        self.tries = Tries(lambda: self.now)

    def use_up(self, one: Visitor) -> None:
        while not self.tries.seconds_to_wait(one):
            self.tries.refuse(one)

    def test_tries_run_out_and_come_back(self) -> None:
        stranger = visitor()
        for _ in range(budgets.TRIES.most):
            self.assertEqual(self.tries.seconds_to_wait(stranger), 0)
            self.tries.refuse(stranger)
        wait = self.tries.seconds_to_wait(stranger)
        self.assertGreater(wait, 0)
        self.now += wait
        self.assertEqual(self.tries.seconds_to_wait(stranger), 0)

    def test_a_stranger_uses_up_nothing_of_anybody_else(self) -> None:
        self.use_up(visitor())

        class Account:
            pk = "ingrid"

        for other in (visitor("203.0.113.8"), visitor(user=Account()), visitor(link=7)):
            self.assertEqual(self.tries.seconds_to_wait(other), 0)

    def test_whoever_holds_a_leaked_link_uses_up_nothing_of_its_owner(self) -> None:
        self.use_up(visitor("198.51.100.9", link=7))
        self.assertEqual(self.tries.seconds_to_wait(visitor("203.0.113.7", link=7)), 0)

    def test_the_addresses_of_one_ipv6_network_are_one(self) -> None:
        self.use_up(visitor("2001:db8:1:2::1"))
        self.assertGreater(self.tries.seconds_to_wait(visitor("2001:db8:1:2:ffff::9")), 0)
        self.assertEqual(self.tries.seconds_to_wait(visitor("2001:db8:1:3::1")), 0)

    def test_somebody_with_a_whole_site_of_ipv6_runs_out_too(self) -> None:
        for number in range(budgets.TRIES.most * budgets.OF_A_SITE):
            self.tries.refuse(visitor(f"2001:db8:1:{number:x}::1"))
        self.assertGreater(self.tries.seconds_to_wait(visitor("2001:db8:1:ffff::1")), 0)
        self.assertEqual(self.tries.seconds_to_wait(visitor("2001:db8:1:ffff::1", link=7)), 0)
        self.assertEqual(self.tries.seconds_to_wait(visitor("2001:db8:2::1")), 0)

    def test_questions_run_out_with_the_time_to_wait(self) -> None:
        asked = [self.tries.ask(visitor()) for _ in range(budgets.REQUESTS.most + 1)]
        self.assertEqual(asked[:-1], [0.0] * budgets.REQUESTS.most)
        self.assertGreater(asked[-1], 0)
        self.assertEqual(self.tries.ask(visitor(link=7)), 0)

    def test_codes_that_a_stranger_has_mailed_leave_the_owner_some(self) -> None:
        thief, owner = visitor("198.51.100.9", link=7), visitor("203.0.113.7", link=7)
        for _ in range(budgets.MAILED_CODES.most):
            self.assertTrue(self.tries.may_be_mailed("invitation", thief))
            self.tries.was_mailed("invitation", thief)
        self.assertFalse(self.tries.may_be_mailed("invitation", thief))
        self.assertTrue(self.tries.may_be_mailed("invitation", owner))
        self.assertLess(budgets.MAILED_CODES.most, budgets.MAILED_CODES_OF_ALL.most)

    def test_nor_does_somebody_with_a_whole_site_ask_or_come_or_have_mailed_more_than_ten_do(self) -> None:
        def everywhere(do: Any) -> int:
            return sum(bool(do(visitor(f"2001:db8:1:{number:x}::1"))) for number in range(4_000))

        tries = self.tries
        self.assertEqual(everywhere(lambda one: not tries.ask(one)), budgets.REQUESTS.most * budgets.OF_A_SITE)
        self.assertFalse(tries.ask(visitor("203.0.113.7")))

        def give(one: Visitor) -> bool:
            if wait := tries.seconds_to_give(f"{one.address}@example.org", one):
                return not wait
            tries.gave(f"{one.address}@example.org", one)
            return True

        self.assertEqual(everywhere(give), budgets.GIVEN_CODES.most * budgets.OF_A_SITE)


class SocketsTests(TestCase):
    def test_a_whole_site_of_ipv6_has_ten_times_of_what_an_address_has(self) -> None:
        sockets: Any = Sockets()
        most = budgets.OPENING_SOCKETS.most * budgets.OF_A_SITE
        opening = [object() for _ in range(most)]
        at = [f"2001:db8:1:{number:x}::/64" for number in range(most + 1)]
        self.assertTrue(all(sockets.count_in(one, source) for one, source in zip(opening, at, strict=False)))
        self.assertFalse(sockets.count_in(object(), at[-1]))
        self.assertTrue(sockets.count_in(object(), "2001:db8:2::/64"))
        sockets.count_out(opening[0])
        self.assertTrue(sockets.count_in(object(), at[-1]))

    def test_few_may_wait_for_their_first_message_and_many_may_be_open(self) -> None:
        sockets: Any = Sockets()
        opening = [object() for _ in range(budgets.OPENING_SOCKETS.most)]
        self.assertTrue(all(sockets.count_in(one, "a") for one in opening))
        self.assertFalse(sockets.count_in(object(), "a"))
        self.assertTrue(sockets.count_in(object(), "b"))
        for one in opening:
            sockets.said_hello(one)
        self.assertTrue(sockets.count_in(object(), "a"))
        while len(sockets) < budgets.SOCKETS.most + 1:
            one = object()
            self.assertTrue(sockets.count_in(one, "a"))
            sockets.said_hello(one)
        self.assertFalse(sockets.count_in(object(), "a"))
        for one in opening:
            sockets.count_out(one)
            sockets.count_out(one)
        self.assertTrue(sockets.count_in(object(), "a"))
