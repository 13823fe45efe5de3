"""A signed export proves itself with nothing but the standard library, and every change to it is found."""

from __future__ import annotations

import base64
import io
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.core.management import CommandError, call_command
from django.test import TestCase
from hypothesis import given, settings
from hypothesis import strategies as st

from meetings import audit, verify_export
from meetings.audit import checkpoints, signed
from meetings.audit.search import Search
from meetings.models import AuditDetail, AuditEntry
from meetings.tests.domain_case import DomainCase
from meetings.verify_export import Broken, NoExport, ed25519_verifies

Rows = list[dict[str, Any]]

RFC_8032_VECTORS = [
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
]
"""Section 7.1, tests 1 to 3."""


@pytest.mark.parametrize(("public", "message", "signature"), RFC_8032_VECTORS)
def test_signatures_of_rfc_8032(public: str, message: str, signature: str) -> None:
    key, text, good = bytes.fromhex(public), bytes.fromhex(message), bytes.fromhex(signature)
    assert ed25519_verifies(key, text, good)
    for position in (0, 31, 32, 63):
        bad = bytearray(good)
        bad[position] ^= 1
        assert not ed25519_verifies(key, text, bytes(bad))
    assert not ed25519_verifies(key, text + b"x", good)


def test_what_is_no_point_no_scalar_and_no_signature_verifies_nothing() -> None:
    public, _, signature = (bytes.fromhex(part) for part in RFC_8032_VECTORS[0])
    order = 2**252 + 27742317777372353535851937790883648493
    malleable = signature[:32] + (int.from_bytes(signature[32:], "little") + order).to_bytes(32, "little")
    assert not ed25519_verifies(public, b"", malleable)
    assert not ed25519_verifies(b"\xff" * 32, b"", signature)
    assert not ed25519_verifies((2**255 - 18).to_bytes(32, "little"), b"", signature)
    assert not ed25519_verifies(b"\x02" + bytes(31), b"", signature)
    assert not ed25519_verifies(public[:31], b"", signature)
    assert not ed25519_verifies(public, b"", signature[:63])


@settings(max_examples=15, deadline=None)
@given(st.binary(max_size=200))
def test_it_agrees_with_a_kept_library(message: bytes) -> None:
    key = Ed25519PrivateKey.generate()
    assert ed25519_verifies(key.public_key().public_bytes_raw(), message, key.sign(message))


class ExportCase(DomainCase, TestCase):
    def setUp(self) -> None:
        super().setUp()
        AuditDetail.objects.all().delete()
        AuditEntry.objects.all().delete()
        self.board = self.meeting()
        for number in range(4):
            audit.record(
                "door.refused", meeting=self.board, target=f"Guest {number}", network="203.0.113.7", reason="locked"
            )
            if number % 2:
                audit.checkpoint()
        self.count = AuditEntry.objects.count()

    def lines(self, **search: Any) -> list[str]:
        wanted = Search(**search)
        return "".join(signed.parts(wanted, *signed.span_of(wanted))).splitlines(keepends=True)

    def assert_broken(self, lines: list[str], why: str, fingerprint: str = "") -> None:
        with self.assertRaises(Broken) as broken:
            verify_export.verify(lines, fingerprint)
        self.assertIn(why, str(broken.exception))


class Proving(ExportCase):
    def test_an_untouched_file_is_intact(self) -> None:
        report = verify_export.verify(self.lines(), signed.fingerprint())
        self.assertEqual((report.first, report.last, report.details), (1, self.count, self.count))
        self.assertEqual(report.fingerprint, signed.fingerprint())
        self.assertGreaterEqual(report.checkpoints, 2)

    def test_details_that_were_erased_or_filtered_still_verify(self) -> None:
        audit.erase(AuditEntry.objects.filter(number__in=(2, 3)))
        report = verify_export.verify(self.lines(person="guest 3"))
        self.assertEqual((report.details, report.erased, report.left_out), (1, 2, self.count + 1 - 3))
        self.assertNotIn("Guest 2", "".join(self.lines(person="guest 3")))

    def test_networks_that_were_erased_still_verify(self) -> None:
        AuditDetail.objects.update(network="", network_salt="")
        self.assertEqual(verify_export.verify(self.lines()).details, self.count)

    def test_a_part_of_the_chain_verifies_by_itself(self) -> None:
        third = AuditEntry.objects.get(number=3)
        report = verify_export.verify(self.lines(at_from=third.at))
        self.assertEqual((report.first, report.last), (3, self.count))

    def test_an_entry_of_the_first_version_verifies(self) -> None:
        lines = self.lines()
        self.assertIn('"network_salt"', lines[1])
        detail = {"salt": "s", "body": '{"network":"203.0.113.0/24"}', "network": "203.0.113.0/24", "network_salt": ""}
        commitment = verify_export._sha256(f"s\n{detail['body']}")
        verify_export._detail(1, commitment, detail)
        with self.assertRaises(Broken):
            verify_export._detail(1, commitment, {**detail, "network": "198.51.100.0/24"})

    def test_every_field_of_every_line_that_is_changed_is_found(self) -> None:
        lines = self.lines()
        for position, line in enumerate(lines):
            row = json.loads(line)
            for name, value in row.items():
                if name == "absent":
                    continue
                for changed in (None, 0, {**value, "salt": "x"} if isinstance(value, dict) else "y"):
                    if changed == value:
                        continue
                    again = [*lines]
                    again[position] = json.dumps({**row, name: changed}, ensure_ascii=False) + "\n"
                    with self.subTest(line=row["type"], field=name), self.assertRaises((Broken, NoExport)):
                        verify_export.verify(again)

    def test_the_first_entry_that_does_not_fit_is_named(self) -> None:
        def changed(change: Callable[[Rows], None]) -> list[str]:
            rows = [json.loads(line) for line in self.lines()]
            change(rows)
            return [json.dumps(row, ensure_ascii=False) + "\n" for row in rows]

        def row(rows: Rows, number: int) -> dict[str, Any]:
            return next(one for one in rows if one["type"] == "entry" and one["number"] == number)

        def forge(rows: Rows) -> None:
            row(rows, 3)["detail"]["body"] = row(rows, 3)["detail"]["body"].replace("Guest", "Quest")

        self.assert_broken(changed(forge), "the details of entry 3 were changed")
        self.assert_broken(changed(lambda rows: row(rows, 3).update(kind="door.entered")), "entry 3 was changed")
        self.assert_broken(changed(lambda rows: rows.remove(row(rows, 3))), "entry 3 is missing")
        self.assert_broken(
            changed(lambda rows: row(rows, 3)["detail"].update(network="198.51.100.0/24")),
            "the network of entry 3 was changed",
        )
        self.assert_broken(changed(lambda rows: row(rows, 3).update(detail=None)), "the chain does not cover")

    def test_a_file_that_is_cut_off_says_after_which_entry(self) -> None:
        lines = self.lines()
        for keep in range(1, len(lines)):
            self.assert_broken(lines[:keep], "truncated: it is cut off after entry")
        self.assert_broken([*lines[:3], lines[3][:40]], "truncated: the line after entry")

    def test_what_is_added_is_found(self) -> None:
        lines = self.lines()
        self.assert_broken([*lines, lines[1]], "something was added after the end")
        note = next(line for line in lines if '"checkpoint"' in line)
        again = [*lines]
        again.insert(lines.index(note), note)
        self.assert_broken(again, "does not cover")

    def test_a_file_signed_by_somebody_else_is_found_by_the_fingerprint(self) -> None:
        expected = signed.fingerprint()
        checkpoints.key_path().unlink()
        checkpoints.lines_path().unlink()
        verify_export.verify(self.lines())
        self.assert_broken(self.lines(), "it was signed by another key", expected)

    def test_a_key_in_the_head_that_did_not_sign_is_found(self) -> None:
        lines = self.lines()
        head = json.loads(lines[0])
        other = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
        head["key"]["public"] = base64.b64encode(other).decode()
        self.assert_broken([json.dumps(head) + "\n", *lines[1:]], "is not signed by this key")

    def test_what_is_no_export_says_so(self) -> None:
        for text in ("", "x", "[]", "{}", '{"type":"head","format":"lintel-audit-export-9"}', "[" * 100_000):
            with self.subTest(text=text[:40]), self.assertRaises(NoExport):
                verify_export.verify([text])

    def test_many_checkpoints_are_thinned_and_the_last_is_kept(self) -> None:
        audit.record("door.left")
        audit.checkpoint()
        kept = list(checkpoints.within(1, self.count + 1, most=2))
        self.assertEqual(len(kept), 2)
        self.assertEqual(kept[-1].number, max(note.number for note in checkpoints.read()))


class Commands(ExportCase):
    def setUp(self) -> None:
        super().setUp()
        self.directory = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.path = self.directory / "audit.signed.jsonl"

    def call(self, *arguments: str) -> str:
        out = io.StringIO()
        call_command("audit", *arguments, stdout=out)
        return out.getvalue()

    def test_a_file_is_written_once_and_recorded(self) -> None:
        said = self.call("export", str(self.path))
        self.assertIn(self.call("fingerprint").strip(), said)
        self.assertEqual(AuditEntry.objects.latest("number").kind, "audit.exported")
        with self.assertRaises(CommandError):
            self.call("export", str(self.path))

    def test_the_program_needs_nothing_but_itself_and_the_standard_library(self) -> None:
        self.call("export", str(self.path))
        alone = shutil.copy(verify_export.__file__, self.directory / "verify_export.py")

        def proof(*arguments: str) -> subprocess.CompletedProcess[str]:
            command = [sys.executable, "-I", "-S", str(alone), *arguments]
            return subprocess.run(command, capture_output=True, text=True, check=False, cwd=self.directory, timeout=60)

        done = proof(str(self.path), "--fingerprint", signed.fingerprint())
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(f"intact: entries 1 to {self.count} of Lintel", done.stdout)
        self.path.write_text(self.path.read_text().replace("Guest 1", "Quest 1"))
        done = proof(str(self.path))
        self.assertEqual((done.returncode, done.stderr), (1, "broken: the details of entry 3 were changed\n"))
        done = proof(str(self.directory / "nothing"))
        self.assertEqual(done.returncode, 2)

    def test_the_command_of_the_server_does_the_same(self) -> None:
        self.call("export", str(self.path))
        self.call("verify-export", str(self.path))
        self.path.write_text(self.path.read_text()[:-200])
        with self.assertRaises(SystemExit) as ended:
            self.call("verify-export", str(self.path))
        self.assertEqual(ended.exception.code, 1)
