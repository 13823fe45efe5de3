"""The audit log's pages: what is found, what a file holds, and that reading leaves a trace."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from typing import Any
from unittest import mock

from django.http import HttpResponse

from meetings import audit, verify_export
from meetings.audit import export, signed
from meetings.models import AuditDetail, AuditEntry
from meetings.tests.pages_case import text_of
from portal.tests.test_pages import PagesCase


class AuditCase(PagesCase):
    def rows(self, **filters: Any) -> list[dict[str, Any]]:
        return list(self.client.get("/audit/", filters).context["rows"])

    def file(self, form_of: str, **filters: Any) -> Any:
        return self.client.get(f"/audit.{form_of}", filters)

    def cells(self, **filters: Any) -> list[list[str]]:
        return list(csv.reader(io.StringIO(text_of(self.file("csv", **filters)))))

    def objects(self, **filters: Any) -> list[dict[str, Any]]:
        return [json.loads(line) for line in text_of(self.file("jsonl", **filters)).splitlines()]


class Reading(AuditCase):
    def test_a_number_that_no_row_has_finds_nothing(self) -> None:
        board = self.meeting(title="Trial safety board")
        self.client.force_login(self.ingrid)
        for digits in (19, 40, 5000):
            number = "9" * digits
            assert self.client.get(f"/audit/{number}/").status_code == 404
            assert self.client.get(f"/meetings/{board.pk}/history/{number}/").status_code == 404
            assert self.client.get("/meetings/earlier/", {"page": number}).status_code == 200
            assert self.client.get("/audit/", {"before": number}).status_code in {200, 404}

    def test_opening_it_is_recorded_in_it_and_the_page_says_so(self) -> None:
        answer = self.client.get("/audit/")
        self.assertContains(answer, "Opening this page is an entry too.")
        self.assertContains(answer, "Ada Admin opened the audit log")

    def test_a_log_that_was_read_still_proves_itself(self) -> None:
        self.client.get("/audit/", {"person": 'ada"; DROP TABLE', "meeting": "'%_\\"})
        assert audit.verify().first_broken is None

    def test_filters_narrow_it_and_can_be_cleared(self) -> None:
        board = self.meeting(title="Trial safety board", people=["peter@medreg.example"])
        self.meeting(title="Budget round")
        rows = self.rows(meeting="safety")
        assert {row["meeting"] for row in rows} == {board}
        assert len(self.rows(kind="meeting.scheduled")) == 2
        assert self.rows(person="PETER@medreg")
        answer = self.client.get("/audit/", {"from": "2999-01-01"})
        self.assertContains(answer, "No entries match.")
        self.assertContains(answer, '<a href="/audit/">Clear filters</a>')

    def test_what_can_not_be_read_is_said_beside_its_field_and_nothing_is_shown(self) -> None:
        before = AuditEntry.objects.count()
        for field, value, said in (
            ("to", "yesterday", "Enter a date such as"),
            ("to", "9999-12-31", "Enter a date such as"),
            ("from", "0001-01-01", "Enter a date such as"),
            ("network", "10.0.0.0/8", "Enter an address such as"),
            ("network", "here", "Enter an address such as"),
            ("kind", "nonsense", "Select a valid choice"),
            ("result", "nonsense", "Select a valid choice"),
            ("person", "x" * 101, "at most 100 characters"),
        ):
            answer = self.client.get("/audit/", {field: value})
            self.assertContains(answer, said)
            self.assertContains(answer, "Nothing is shown until the filters can be read.")
            assert "rows" not in answer.context
        answer = self.client.get("/audit/", {"from": "2026-02-02", "to": "2026-01-01"})
        self.assertContains(answer, "The last day lies before the first.")
        assert AuditEntry.objects.count() == before

    def test_days_are_those_of_the_reader(self) -> None:
        late = datetime(2026, 11, 24, 23, 30, tzinfo=UTC)
        audit.record("door.knocked", target="Late", at=late)
        on_the_25th = {"from": "2026-11-25", "to": "2026-11-25", "kind": "door"}
        assert not self.rows(**on_the_25th)
        self.admin.time_zone = "Europe/Oslo"
        self.admin.save()
        self.assertContains(self.client.get("/audit/", on_the_25th), "25 Nov 2026, 00:30:00")

    def test_nobody_reads_it_unseen_by_naming_a_place_to_go_on_from(self) -> None:
        self.client.get("/audit/")
        newest = AuditEntry.objects.latest("number").number
        assert self.rows(before=10**9)
        assert AuditEntry.objects.get(number__gt=newest).kind == "audit.opened"

    def test_pages_of_it_neither_overlap_nor_leave_out(self) -> None:
        for number in range(130):
            audit.record("door.knocked", target=f"Guest {number}")
        first = self.client.get("/audit/", {"kind": "door.knocked"})
        second = self.client.get("/audit/", {"kind": "door.knocked", "before": first.context["older"]})
        numbers = [row["number"] for answer in (first, second) for row in answer.context["rows"]]
        assert len(numbers) == len(set(numbers)) == 130
        self.assertContains(first, "kind=door.knocked&amp;before=")
        self.assertContains(second, "Newest entries")

    def test_the_number_of_queries_does_not_grow_with_the_entries(self) -> None:
        audit.record("door.knocked", target="One")
        with self.assertNumQueries(FuzzyCount()) as few:
            self.client.get("/audit/", {"kind": "door"})
        for number in range(40):
            audit.record("door.knocked", target=f"Guest {number}", actor=self.ingrid)
        with self.assertNumQueries(len(few)):
            self.client.get("/audit/", {"kind": "door"})


class FuzzyCount(int):
    """Any number."""

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = int.__hash__


class Entries(AuditCase):
    def test_an_entry_has_an_address_and_tells_everything_it_holds(self) -> None:
        board = self.meeting(title="Trial safety board")
        entry = audit.record(
            "door.refused", meeting=board, target="Jonathan M.", network="203.0.113.77", reason="locked", row="guest"
        )
        answer = self.client.get(f"/audit/{entry.number}/")
        for text in (
            "Jonathan M. was turned away by the rules: guest with a personal link, the door was locked.",
            "Trial safety board",
            "203.0.113.0/24",
            "Who they came as",
            entry.digest,
            entry.previous,
            "It fits the entries before and after it",
        ):
            self.assertContains(answer, text)
        opened = AuditEntry.objects.select_related("detail").latest("number")
        assert audit.body_of(opened)["facts"] == {"number": entry.number}
        assert opened.kind == "audit.opened"

    def test_there_is_none_for_a_number_that_was_not_given_out(self) -> None:
        assert self.client.get("/audit/999999/").status_code == 404
        assert self.client.get("/audit/0/").status_code == 404

    def test_an_erased_entry_says_which_entry_erased_it(self) -> None:
        entry = audit.record("door.refused", target="Jonathan M.")
        audit.erase(AuditEntry.objects.filter(pk=entry.pk), reason="retention")
        erasing = AuditEntry.objects.latest("number").number
        answer = self.client.get(f"/audit/{entry.number}/")
        self.assertContains(answer, f"Who and why were erased; entry {erasing} records it.")
        self.assertNotContains(answer, "Jonathan")
        self.assertContains(answer, "It fits the entries before and after it")

    def test_an_entry_that_was_changed_says_so(self) -> None:
        entry = audit.record("door.refused", target="Jonathan M.")
        audit.record("door.knocked", target="Leila")
        for change in ({"people": "x"}, {"body": entry.detail.body + " "}, {"body": "", "salt": ""}):
            AuditDetail.objects.filter(pk=entry.pk).update(**change)
            self.assertContains(self.client.get(f"/audit/{entry.number}/"), "This entry doesn’t fit.")
        AuditEntry.objects.filter(pk=entry.number).update(kind="door.entered")
        self.assertContains(self.client.get(f"/audit/{entry.number}/"), "This entry doesn’t fit.")


class Files(AuditCase):
    def setUp(self) -> None:
        super().setUp()
        self.board = self.meeting(title="Trial safety board")
        for number in range(7):
            audit.record("door.knocked", meeting=self.board, target=f"Guest {number}", network="203.0.113.7")

    def test_a_file_holds_exactly_the_filtered_entries(self) -> None:
        filters = {"kind": "door", "person": "guest", "meeting": str(self.board.pk)}
        shown = [row["number"] for row in self.rows(**filters)]
        assert len(shown) == 7
        table = self.cells(**filters)
        assert [int(row[0]) for row in table[1:]] == shown
        objects = self.objects(**filters)
        assert [one["number"] for one in objects] == shown
        assert objects[0]["target"] == "Guest 6"
        assert objects[0]["meeting"] == {"id": str(self.board.pk), "title": "Trial safety board"}
        assert {len(row) for row in table} == {len(table[0])}

    def test_a_file_longer_than_a_batch_is_whole(self) -> None:
        with mock.patch.object(export, "BATCH", 3):
            assert len(self.cells(kind="door.knocked")) == 8
            assert len(self.objects(kind="door.knocked")) == 7

    def test_making_a_file_is_recorded_with_its_filters(self) -> None:
        self.file("csv", kind="door")
        last = AuditEntry.objects.select_related("detail").latest("number")
        assert last.kind == "audit.exported"
        assert audit.body_of(last)["facts"] == {"filters": {"kind": "door"}, "format": "csv", "count": 7}

    def test_no_file_is_made_of_filters_that_can_not_be_read(self) -> None:
        before = AuditEntry.objects.count()
        answer = self.file("csv", to="yesterday")
        assert answer.status_code == 422
        self.assertContains(answer, "Enter a date such as", status_code=422)
        assert AuditEntry.objects.count() == before

    def test_more_than_a_file_holds_is_refused_with_what_helps_and_never_cut_off(self) -> None:
        with mock.patch.object(export, "MOST", 5):
            answer = self.file("jsonl")
            assert answer.status_code == 422
            self.assertContains(answer, "a file holds 5. Choose fewer days", status_code=422)
            assert len(self.objects(person="Guest 1")) == 1

    def test_no_cell_of_the_table_is_a_formula(self) -> None:
        for sign in ("=", "+", "-", "@", "\t=", " =", "\r=", "＝"):
            audit.record("door.knocked", target="x", actor_label=f"{sign}SUM(A1)")
        names = [row[3] for row in self.cells(kind="door.knocked") if "SUM" in row[3]]
        assert len(names) == 8
        assert all(name.startswith("'") for name in names)

    def test_a_signed_file_proves_itself_and_keeps_back_what_the_filter_does(self) -> None:
        text = text_of(self.file("signed.jsonl", person="guest 3"))
        report = verify_export.verify(text.splitlines(keepends=True), signed.fingerprint())
        assert (report.first, report.details) == (1, 1)
        assert "Guest 4" not in text
        last = AuditEntry.objects.select_related("detail").latest("number")
        assert last.number == report.last + 1
        assert audit.body_of(last)["facts"]["format"] == "signed.jsonl"
        self.assertContains(self.client.get("/audit/"), signed.fingerprint())

    def test_no_signed_file_is_made_of_nothing_or_of_too_much(self) -> None:
        answer = self.file("signed.jsonl", **{"from": "2999-01-01"})
        self.assertContains(answer, "There is no entry in these days.", status_code=422)
        with mock.patch.object(signed, "MOST", 3):
            self.assertContains(self.file("signed.jsonl"), "a file holds 3.", status_code=422)

    def test_a_form_that_there_is_not(self) -> None:
        answer: HttpResponse = self.file("exe")
        assert answer.status_code == 404

    def test_times_are_utc_and_the_readers(self) -> None:
        self.admin.time_zone = "Asia/Tokyo"
        self.admin.save()
        audit.record("door.left", target="Late", at=datetime(2026, 11, 24, 23, 30, tzinfo=UTC))
        head, row = self.cells(kind="door.left")
        assert head[2] == "Time (Asia/Tokyo)"
        assert row[1:3] == ["2026-11-24T23:30:00Z", "2026-11-25 08:30:00"]
