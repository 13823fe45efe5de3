"""Tries that open nothing are held back, forgiven when the same source comes in, and told once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from unittest import TestCase, mock

from meetings import attempts
from meetings.attempts import HELD, Attempt, Attempts, Turned

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
LINK = Attempt("board", "meeting")
HERE, NETWORK = "203.0.113.7", "203.0.113.0/24"


class AttemptsTests(TestCase):
    def setUp(self) -> None:
        self.attempts = Attempts()

    def note(self, *seconds: float, attempt: Attempt = LINK, source: str = HERE) -> None:
        for after in seconds:
            self.attempts.note(attempt, source, NETWORK, NOON + timedelta(seconds=after))

    def test_a_try_is_told_when_it_has_been_held_and_only_then(self) -> None:
        self.note(0)
        self.assertEqual(self.attempts.due(NOON + HELD - timedelta(seconds=1)), [])
        self.assertEqual(self.attempts.due(NOON + HELD), [Turned(LINK, NETWORK, 1, NOON)])
        self.assertEqual(self.attempts.due(NOON + HELD), [])

    def test_what_a_page_asks_at_once_is_one_try_and_what_comes_later_are_more(self) -> None:
        self.note(0, 0.1, 1.5, 10, 20, 20.5)
        self.assertEqual([one.count for one in self.attempts.due(NOON + HELD)], [3])

    def test_each_link_and_each_source_is_told_by_itself(self) -> None:
        self.note(0)
        self.note(0, source="198.51.100.9")
        self.note(0, attempt=Attempt("board", "personal", "peter"))
        self.assertEqual(len(self.attempts.due(NOON + HELD)), 3)

    def test_whoever_then_comes_in_is_forgiven_at_that_meeting_and_nobody_else_is(self) -> None:
        other = Attempt("other", "meeting")
        self.note(0)
        self.note(0, source="198.51.100.9")
        self.note(0, attempt=other)
        self.attempts.forgive("board", HERE)
        left = {(one.attempt.occurrence, one.network) for one in self.attempts.due(NOON + HELD)}
        self.assertEqual(left, {("board", NETWORK), ("other", NETWORK)})

    def test_coming_in_forgives_nobody_what_they_tried_with_a_link_of_somebody_else(self) -> None:
        for whose in ("peter", "leila"):
            self.note(0, attempt=Attempt("board", "personal", whose))
        self.note(0)
        self.attempts.forgive("board", HERE, "peter")
        self.assertEqual([one.attempt.invitation for one in self.attempts.everything()], ["leila"])
        self.note(0, attempt=Attempt("board", "personal", "leila"))
        self.attempts.forgive("board", HERE)
        self.assertEqual(len(self.attempts), 1)

    def test_a_flood_of_sources_is_told_as_one_and_fills_nothing(self) -> None:
        with mock.patch.object(attempts, "MOST", 10):
            for number in range(50):
                self.note(number * 3, source=f"source {number}")
        self.assertEqual(len(self.attempts), 11)
        rest = [one for one in self.attempts.everything() if one.network == ""]
        self.assertEqual([one.count for one in rest], [40])
