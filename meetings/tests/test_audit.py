"""The audit chain: whatever is changed, deleted, moved or cut off is found, and what is erased stays provable."""

from __future__ import annotations

import importlib
import io
import json
import stat
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest import TestCase as PlainTestCase
from uuid import uuid4

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import transaction
from django.test import TestCase, TransactionTestCase

from meetings import audit, chain
from meetings.audit import checkpoints, words
from meetings.audit.verify import first_outside
from meetings.models import AuditDetail, AuditEntry
from meetings.network import truncate_network
from meetings.refusals import Counted, Tally
from meetings.tests.domain_case import DomainCase

NOON = datetime(2026, 11, 24, 12, 0, 30, tzinfo=UTC)


class ChainTests(DomainCase, TestCase):
    def setUp(self) -> None:
        super().setUp()
        AuditDetail.objects.all().delete()
        AuditEntry.objects.all().delete()
        self.board = self.meeting()
        for number in range(5):
            audit.record("door.let_in", actor=self.ingrid, meeting=self.board, target=f"Guest {number}", reason="knock")
        self.count = AuditEntry.objects.count()

    def assert_broken(self, number: int | None = None) -> None:
        report = audit.verify()
        self.assertFalse(report.intact, "the change was not found")
        self.assertTrue(report.why)
        if number is not None:
            self.assertEqual(report.first_broken, number)

    def test_an_untouched_chain_is_intact(self) -> None:
        self.assertEqual(audit.verify(), audit.Report(self.count))

    def test_every_single_field_that_is_changed_is_found(self) -> None:
        changes: dict[str, Callable[[AuditEntry], Any]] = {
            "at": lambda entry: entry.at + timedelta(microseconds=1),
            "kind": lambda entry: "door.turned_away",
            "commitment": lambda entry: entry.commitment[::-1],
            "previous": lambda entry: entry.previous[::-1],
            "digest": lambda entry: entry.digest[::-1],
            "number": lambda entry: 99,
        }
        for field, change in changes.items():
            with self.subTest(field=field), transaction.atomic():
                victim = AuditEntry.objects.get(number=3)
                if field == "number":
                    # The details' key points at it: turn the check off as an intruder with the file would.
                    AuditDetail.objects.filter(entry_id=3).delete()
                AuditEntry.objects.filter(number=3).update(**{field: change(victim)})
                self.assert_broken(3)
                transaction.set_rollback(True)

    def test_every_field_of_the_details_that_is_changed_is_found(self) -> None:
        other = self.meeting(title="Another")
        stranger = self.person("marcus@nordhavn.example", "Marcus Bell")
        details = AuditDetail.objects.get(entry_id=3)
        for change in (
            {"body": details.body.replace("Guest", "Quest")},
            {"body": details.body + " "},
            {"body": ""},
            {"salt": details.salt[::-1]},
            {"salt": ""},
            {"meeting": other},
            {"actor": stranger},
            {"people": "somebody else"},
            {"people": ""},
        ):
            with self.subTest(change=list(change)), transaction.atomic():
                AuditDetail.objects.filter(entry_id=3).update(**change)
                self.assert_broken(3)
                transaction.set_rollback(True)

    def test_a_network_that_is_changed_moved_or_emptied_is_found(self) -> None:
        number = audit.record("door.refused", meeting=self.board, target="Leila", network="203.0.113.77").number
        salt = AuditDetail.objects.get(entry_id=number).network_salt
        for change in (
            {"network": "198.51.100.0/24"},
            {"network_salt": salt[::-1]},
            {"network": "", "network_salt": ""},
        ):
            with self.subTest(change=change), transaction.atomic():
                AuditDetail.objects.filter(entry_id=number).update(**change)
                self.assert_broken(number)
                transaction.set_rollback(True)
        AuditDetail.objects.filter(entry_id=3).update(network="203.0.113.0/24", network_salt=salt)
        self.assert_broken(3)

    def test_the_body_commits_to_the_network_and_does_not_hold_it(self) -> None:
        entry = audit.record("door.refused", target="Leila", network="203.0.113.77")
        self.assertNotIn("203.0.113", entry.detail.body)
        self.assertEqual(audit.body_of(entry)["network"], "203.0.113.0/24")

    def test_an_entry_of_the_first_version_that_holds_its_network_still_proves_itself(self) -> None:
        entry = audit.record("door.refused", target="Leila")
        body = entry.detail.body.replace('"network":""', '"network":"203.0.113.0/24"')
        commitment = chain.commitment_of(entry.detail.salt, body)
        digest = chain.digest_of(entry.number, entry.at, entry.kind, commitment, entry.previous)
        AuditDetail.objects.filter(entry=entry).update(body=body, people="")
        importlib.import_module("meetings.migrations.0005_audit_index").fill(apps, None)
        AuditEntry.objects.filter(pk=entry.pk).update(commitment=commitment, digest=digest)
        self.assertTrue(audit.verify().intact)
        self.assertEqual(audit.body_of(AuditEntry.objects.get(pk=entry.pk))["network"], "203.0.113.0/24")
        AuditDetail.objects.filter(entry=entry).update(network="198.51.100.0/24")
        self.assert_broken(entry.number)

    def test_a_whole_entry_written_anew_breaks_what_follows(self) -> None:
        victim = AuditEntry.objects.get(number=3)
        details = AuditDetail.objects.get(entry_id=3)
        body = details.body.replace("Guest", "Quest")
        commitment = chain.commitment_of(details.salt, body)
        digest = chain.digest_of(3, victim.at, victim.kind, commitment, victim.previous)
        AuditDetail.objects.filter(entry_id=3).update(body=body, people=details.people.replace("guest", "quest"))
        AuditEntry.objects.filter(number=3).update(commitment=commitment, digest=digest)
        self.assert_broken(4)

    def test_an_entry_that_is_deleted_is_found(self) -> None:
        AuditDetail.objects.filter(entry_id=3).delete()
        AuditEntry.objects.filter(number=3).delete()
        self.assert_broken(3)

    def test_the_first_entry_that_is_deleted_is_found(self) -> None:
        AuditDetail.objects.filter(entry_id=1).delete()
        AuditEntry.objects.filter(number=1).delete()
        self.assert_broken(1)

    def test_details_that_are_deleted_without_a_record_of_it_are_found(self) -> None:
        AuditDetail.objects.filter(entry_id=3).delete()
        self.assert_broken(3)

    def test_an_end_that_is_cut_off_is_found_by_the_checkpoint(self) -> None:
        audit.checkpoint()
        last = self.count
        AuditDetail.objects.filter(entry_id=last).delete()
        AuditEntry.objects.filter(number=last).delete()
        self.assert_broken(last)

    def test_a_chain_that_is_cut_off_and_grown_again_is_found_by_the_checkpoint(self) -> None:
        audit.checkpoint()
        last = self.count
        AuditDetail.objects.filter(entry_id=last).delete()
        AuditEntry.objects.filter(number=last).delete()
        audit.record("door.let_in", target="somebody else")
        self.assert_broken(last)

    def test_an_empty_log_beside_a_checkpoint_is_found(self) -> None:
        audit.checkpoint()
        AuditDetail.objects.all().delete()
        AuditEntry.objects.all().delete()
        self.assert_broken(1)

    def test_a_checkpoint_that_was_changed_is_found(self) -> None:
        audit.checkpoint()
        line = json.loads(checkpoints.lines_path().read_text())
        for field, value in {
            "number": 1,
            "digest": "0" * 64,
            "at": "2026-01-01T00:00:00Z",
            "signature": "AAAA",
        }.items():
            with self.subTest(field=field):
                checkpoints.lines_path().write_text(json.dumps(line | {field: value}) + "\n")
                self.assert_broken()

    def test_a_checkpoint_of_another_servers_key_is_found(self) -> None:
        audit.checkpoint()
        checkpoints.key_path().unlink()
        self.assert_broken()

    def test_a_half_written_last_line_is_no_tampering_and_does_not_swallow_the_next(self) -> None:
        audit.checkpoint()
        with checkpoints.lines_path().open("a") as file:
            file.write('{"number": 7, "dig')
        self.assertTrue(audit.verify().intact)
        audit.checkpoint()
        self.assertTrue(audit.verify().intact)
        self.assertEqual([note.number for note in checkpoints.read()], [self.count, self.count])

    def test_the_key_and_the_lines_are_for_the_server_alone(self) -> None:
        audit.checkpoint()
        for path in (checkpoints.key_path(), checkpoints.lines_path()):
            self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600)

    def test_a_long_log_whose_checkpoints_are_gone_is_found(self) -> None:
        while AuditEntry.objects.count() < checkpoints.EVERY_ENTRIES:
            audit.record("door.let_in")
        checkpoints.lines_path().unlink(missing_ok=True)
        self.assert_broken(checkpoints.EVERY_ENTRIES)

    def test_erasing_empties_the_details_and_keeps_the_chain(self) -> None:
        erased = audit.erase(AuditEntry.objects.filter(number__in=(2, 3, 5)), by=self.ingrid, reason="retention")
        self.assertEqual(erased, 3)
        self.assertTrue(audit.verify().intact)
        self.assertNotIn("Guest 0", "".join(AuditDetail.objects.filter(entry_id=2).values_list("body", flat=True)))
        last = AuditEntry.objects.select_related("detail").order_by("-number")[0]
        self.assertEqual(audit.body_of(last)["facts"]["numbers"], [[2, 3], [5, 5]])
        self.assertIn("erased", audit.sentence(AuditEntry.objects.get(number=2)))

    def test_erasing_twice_writes_one_entry_and_never_erases_the_record_of_it(self) -> None:
        audit.erase(AuditEntry.objects.all())
        count = AuditEntry.objects.count()
        self.assertEqual(audit.erase(AuditEntry.objects.all()), 0)
        self.assertEqual(AuditEntry.objects.count(), count)
        self.assertTrue(audit.verify().intact)

    def test_deleting_a_meeting_or_an_account_does_not_break_the_chain(self) -> None:
        self.board.delete()
        self.assertTrue(audit.verify().intact)

    def test_the_chain_holds_no_names_titles_or_addresses(self) -> None:
        audit.record("door.let_in", actor=self.ingrid, meeting=self.board, target="Leila", network="203.0.113.77")
        rows = " ".join(str(row) for row in AuditEntry.objects.values_list())
        for secret in ("Leila", "Ingrid", "Trial", "203.0.113"):
            self.assertNotIn(secret, rows)

    def test_addresses_are_truncated_whoever_writes_them(self) -> None:
        entry = audit.record("account.signed_in", network="203.0.113.77")
        self.assertEqual(audit.body_of(entry)["network"], "203.0.113.0/24")

    def test_what_has_no_stable_form_is_not_written(self) -> None:
        with self.assertRaises(TypeError):
            audit.record("door.let_in", thing=object())
        self.assertEqual(AuditEntry.objects.count(), self.count)

    def test_the_command_says_so_and_exits_with_1(self) -> None:
        out = io.StringIO()
        call_command("audit", "verify", stdout=out)
        self.assertEqual(out.getvalue(), f"audit chain intact: {self.count} entries\n")
        AuditEntry.objects.filter(number=4).update(kind="door.refused")
        with self.assertRaises(CommandError) as broken:
            call_command("audit", "verify", stdout=out)
        self.assertIn("entry 4", str(broken.exception))
        self.assertEqual(broken.exception.returncode, 1)


class CommitTests(DomainCase, TransactionTestCase):
    def test_an_entry_goes_with_the_action_that_is_rolled_back(self) -> None:
        with self.assertRaises(RuntimeError), transaction.atomic():
            audit.record("door.let_in", target="Leila")
            raise RuntimeError
        self.assertEqual(AuditEntry.objects.count(), 0)
        self.assertEqual(checkpoints.read(), [])

    def test_every_hundredth_entry_is_signed(self) -> None:
        for _number in range(checkpoints.EVERY_ENTRIES):
            audit.record("door.let_in")
        self.assertIn(checkpoints.EVERY_ENTRIES, [note.number for note in checkpoints.read()])
        self.assertTrue(audit.verify().intact)

    def test_a_full_disk_does_not_undo_what_was_acknowledged(self) -> None:
        checkpoints.lines_path().mkdir()
        with self.assertLogs("lintel.audit", "ERROR"):
            for _number in range(checkpoints.EVERY_ENTRIES):
                audit.record("door.let_in")
        self.assertEqual(AuditEntry.objects.count(), checkpoints.EVERY_ENTRIES)

    def test_refusals_over_the_budget_are_counted_in_one_entry(self) -> None:
        for _try in range(25):
            audit.record_refusal("door.refused", network="198.51.100.0/24", now=NOON, reason="locked")
        self.assertEqual(AuditEntry.objects.filter(kind="door.refused").count(), 20)
        audit.record_refusal("door.refused", network="192.0.2.0/24", now=NOON + timedelta(minutes=1), reason="locked")
        counted = AuditEntry.objects.get(kind="door.refusals_counted")
        self.assertEqual(audit.body_of(counted)["facts"]["count"], 5)
        self.assertIn("5 times", audit.sentence(counted))

    def test_a_checkpoint_at_the_end_writes_what_was_only_counted(self) -> None:
        later = NOON + timedelta(days=1)
        for _try in range(22):
            audit.record_refusal("door.refused", network="198.51.100.0/24", now=later, reason="locked")
        audit.checkpoint()
        self.assertEqual(AuditEntry.objects.filter(kind="door.refusals_counted").count(), 1)
        self.assertEqual(checkpoints.read()[-1].number, AuditEntry.objects.count())


class TallyTests(PlainTestCase):
    def test_each_source_and_each_minute_has_a_budget_of_its_own(self) -> None:
        tally = Tally(each_minute=2)
        self.assertEqual([tally.note("a", NOON) for _ in range(4)], [True, True, False, False])
        self.assertTrue(tally.note("b", NOON))
        self.assertTrue(tally.note("a", NOON + timedelta(minutes=1)))
        self.assertEqual(tally.due(NOON), [])
        minute = NOON.replace(second=0)
        self.assertEqual(tally.due(NOON + timedelta(minutes=1)), [Counted("a", None, minute, 2)])
        self.assertEqual(tally.due(NOON + timedelta(minutes=1)), [])


class WordsTests(DomainCase, TestCase):
    def test_every_kind_makes_a_sentence_without_what_it_lacks(self) -> None:
        for kind in words.SENTENCES:
            with self.subTest(kind=kind):
                text = audit.sentence(audit.record(kind, actor=self.ingrid, target="Leila {name}"))
                self.assertTrue(text.endswith("."))
                self.assertNotRegex(text, r"\{(actor|target|role|source|changes|what)\}")

    def test_names_are_values_and_never_templates(self) -> None:
        entry = audit.record("door.let_in", actor_label="{target} {0}", target="{actor.pk}")
        self.assertEqual(audit.sentence(entry), "{target} {0} let {actor.pk} in.")

    def test_an_unknown_kind_is_named(self) -> None:
        self.assertIn("door.future", audit.sentence(audit.record("door.future", actor=self.ingrid)))


@pytest.mark.parametrize(
    ("numbers", "spans", "outside"),
    [
        ([], [], None),
        ([1], [], 1),
        ([1, 2, 3], [[1, 3]], None),
        ([2, 4, 6], [[6, 9], [1, 4]], None),
        ([2, 5], [[1, 4], [6, 9]], 5),
        ([1, 50], [[1, 100], [2, 3]], None),
        ([10], [[11, 12]], 10),
    ],
)
def test_what_is_empty_must_lie_within_what_was_recorded(
    numbers: list[int], spans: list[list[int]], outside: int | None
) -> None:
    assert first_outside(numbers, spans) == outside


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.77", "203.0.113.0/24"),
        ("2001:db8:1234:5678::1", "2001:db8:1234::/48"),
        ("::ffff:203.0.113.77", "203.0.113.0/24"),
        ("fe80::1%eth0", "fe80::/48"),
        ("", ""),
        ("unix:/run/x", ""),
    ],
)
def test_networks(address: str, network: str) -> None:
    assert truncate_network(address) == network


def test_plain_values() -> None:
    number = uuid4()
    assert chain.plain({"ids": {number}, "at": NOON}) == {"ids": [str(number)], "at": "2026-11-24T12:00:30.000000Z"}
    assert chain.ranges([3, 1, 2, 7]) == [[1, 3], [7, 7]]
