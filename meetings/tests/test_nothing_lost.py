"""What was acknowledged survives kill -9, and races have one winner. With a real database file and real processes."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from unittest import TestCase

from meetings import codes

ROOT = Path(__file__).resolve().parents[2]
ENOUGH_LINES = 60
DEADLINE_S = 60.0


class NothingLostTests(TestCase):
    tables = b""
    """The database as it is before any test, made for the first and the same for all."""

    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory(prefix="lintel-kill-")
        self.addCleanup(directory.cleanup)
        self.data = Path(directory.name)
        kept = {name: value for name, value in os.environ.items() if not name.startswith("LINTEL_")}
        self.env = kept | {"LINTEL_DATA_DIR": directory.name, "DJANGO_SETTINGS_MODULE": "portal.settings"}
        if not self.tables:
            self.manage("migrate", "--verbosity", "0")
            type(self).tables = (self.data / "lintel.sqlite3").read_bytes()
        (self.data / "lintel.sqlite3").write_bytes(self.tables)

    def manage(self, *words: str) -> str:
        done = subprocess.run(
            [sys.executable, "manage.py", *words],
            cwd=ROOT,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def start(self, *words: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "meetings.tests.acknowledging", *words]
        return subprocess.Popen(command, cwd=ROOT, env=self.env, stdout=subprocess.PIPE, text=True)

    def acknowledged_until_killed(self, lines: int) -> list[list[str]]:
        """Lets the worker run until so many lines are promised, kills it in the middle of whatever it does."""
        worker = self.start("work")
        assert worker.stdout is not None
        self.addCleanup(worker.stdout.close)
        deadline = threading.Timer(DEADLINE_S, worker.kill)
        deadline.start()
        promised = [line for line, _number in zip(worker.stdout, range(lines), strict=False)]
        worker.kill()
        deadline.cancel()
        worker.wait(timeout=10)
        promised += worker.stdout.readlines()
        self.assertGreaterEqual(len(promised), lines, "the worker did not get far enough")
        return [line.split() for line in promised if line.endswith("\n")]

    def test_nothing_acknowledged_is_missing_after_kill_9_and_the_chain_is_intact(self) -> None:
        promised: list[list[str]] = []
        for round_number in range(3):
            # Another number of lines each time, so that the kill falls into other moments.
            promised += self.acknowledged_until_killed(ENOUGH_LINES + 7 * round_number)
            self.assertIn("audit chain intact", self.manage("audit", "verify"))
        database = sqlite3.connect(self.data / "lintel.sqlite3")
        self.addCleanup(database.close)
        questions = {
            "meeting": "SELECT 1 FROM meetings_meeting WHERE id = ?",
            "inside": "SELECT 1 FROM meetings_participant WHERE id = ? AND entered_at IS NOT NULL",
            "invitation": "SELECT 1 FROM meetings_invitation WHERE id = ?",
            "link": "SELECT 1 FROM meetings_invitationtoken WHERE digest = ?",
            "claim": "SELECT 1 FROM meetings_invitation WHERE id = ? AND claimed_device <> ''",
            "let_in": "SELECT 1 FROM meetings_participant WHERE id = ? AND knocked_at IS NOT NULL",
            "removed": "SELECT 1 FROM meetings_participant WHERE id = ? AND state = 'removed'",
        }
        self.assertEqual({what for what, _key in promised}, set(questions))
        for what, key in promised:
            stored = codes.digest(key) if what == "link" else key.replace("-", "")
            self.assertIsNotNone(database.execute(questions[what], (stored,)).fetchone(), f"{what} {key} is missing")
        # Each action and its entry are one: as many of one as of the other.
        for kind, table in (("meeting.scheduled", "meetings_meeting"), ("invitation.created", "meetings_invitation")):
            entries = database.execute("SELECT COUNT(*) FROM meetings_auditentry WHERE kind = ?", (kind,)).fetchone()
            self.assertEqual(entries, database.execute(f"SELECT COUNT(*) FROM {table}").fetchone())  # noqa: S608

    def test_of_devices_that_claim_one_link_in_the_same_moment_exactly_one_wins(self) -> None:
        racers = self.start("race", "8")
        out, _none = racers.communicate(timeout=DEADLINE_S)
        self.assertEqual(racers.returncode, 0, out)
        rounds = [line.split() for line in out.splitlines()]
        self.assertEqual(len(rounds), 8)
        for _round, answered, winner, claimed, live in rounds:
            self.assertEqual((answered, winner, live), ("4", claimed, "1"))
