"""Finding entries: every filter narrows to what it names, and groups and results leave no kind out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import TestCase

from meetings import audit
from meetings.audit.facts import facts_of
from meetings.audit.kinds import Group, Result, group_of, result_of
from meetings.audit.search import Search, network_sought
from meetings.audit.words import SENTENCES, kind_words
from meetings.models import AuditDetail
from meetings.tables import as_csv, plain_cell
from meetings.tests.domain_case import DomainCase


def found(**search: Any) -> set[int]:
    return set(Search(**search).among(AuditDetail.objects.all()).values_list("entry_id", flat=True))


class Filters(DomainCase, TestCase):
    def test_every_kind_is_in_the_group_and_has_the_result_that_the_tables_say(self) -> None:
        kinds = [*SENTENCES, "organisation.renamed", "retention.changed", "webhook.made", "host.future", "door.future"]
        numbers = {audit.record(kind).number: kind for kind in kinds}
        for group in Group:
            expected = {number for number, kind in numbers.items() if group_of(kind) is group}
            assert found(kind=group.value) & set(numbers) == expected, group
        for result in Result:
            expected = {number for number, kind in numbers.items() if result_of(kind) is result}
            assert found(result=result.value) & set(numbers) == expected, result

    def test_a_person_is_found_by_any_part_of_a_name_or_address_in_any_case(self) -> None:
        entry = audit.record("door.let_in", actor=self.ingrid, target="ØYSTEIN  Ås", email="O.As@Medreg.example")
        for part in ("øystein", "ØYSTEIN ÅS", "ås", "o.as@medreg", "Ingrid sæ", "SÆTHER", self.ingrid.email):
            assert entry.number in found(person=part), part
        for part in ("reason", "facts", "actor", "%", "_y", "\\", '"'):
            assert entry.number not in found(person=part), part

    def test_a_person_who_was_renamed_is_found_by_both_names(self) -> None:
        entry = audit.record("door.let_in", actor=self.ingrid)
        self.ingrid.name = "Ingrid Hansen"
        self.ingrid.save()
        assert entry.number in found(person="Hansen") & found(person="Sæther")

    def test_somebody_at_the_door_is_found_by_the_invited_address(self) -> None:
        occurrence = self.occurrence()
        invitation = self.invitation(occurrence)
        self.come(occurrence, invitation=invitation, name="P.")
        kinds = set(AuditDetail.objects.filter(entry_id__in=found(person=invitation.email)).values_list("entry__kind"))
        assert ("door.knocked",) in kinds

    def test_a_meeting_is_found_by_its_id_and_by_its_title(self) -> None:
        board = self.meeting(title="Trial safety board")
        self.meeting(title="Budget round")
        assert found(meeting=str(board.pk)) == found(meeting="SAFETY")
        assert found(meeting=str(board.pk)) == {d.entry_id for d in AuditDetail.objects.filter(meeting=board)}

    def test_a_network_is_found_by_any_of_its_addresses(self) -> None:
        here = audit.record("door.refused", network="203.0.113.77").number
        six = audit.record("door.refused", network="2001:db8:1234:5678::1").number
        assert found(network=network_sought("203.0.113.5")) == {here}
        assert found(network=network_sought("203.0.113.0/24")) == {here}
        assert found(network=network_sought("2001:db8:1234:ffff::2")) == {six}

    def test_times_include_the_first_moment_and_exclude_the_last(self) -> None:
        noon = datetime(2026, 11, 24, 12, tzinfo=UTC)
        entry = audit.record("door.left", at=noon).number
        second = timedelta(seconds=1)
        assert entry in found(at_from=noon, at_before=noon + second)
        assert entry not in found(at_from=noon + second)
        assert entry not in found(at_before=noon)

    def test_what_was_erased_is_found_by_no_name_and_no_network(self) -> None:
        entry = audit.record("door.let_in", target="Leila", network="203.0.113.7", meeting=self.meeting())
        audit.erase(type(entry).objects.filter(pk=entry.pk))
        assert entry.number not in found(person="leila") | found(network="203.0.113.0/24") | found(meeting="trial")
        assert entry.number in found(kind="door")


class Words(DomainCase, TestCase):
    def test_every_fact_has_a_name_and_a_plain_value(self) -> None:
        entry = audit.record(
            "door.refused",
            reason="locked",
            row="guest",
            door_set_to_knock=True,
            numbers=[[1, 3], [7, 7]],
            changes={"guests": "knocks", "title": True},
            something_new=None,
        )
        assert dict(facts_of(entry)) == {
            "Reason": "the door was locked",
            "Who they came as": "guest with a personal link",
            "Anyone else with the link knocks from now on": "yes",
            "Entries": "1–3, 7",
            "What changed": "guests you invited: knocks, title",
            "Something new": "–",
        }

    def test_a_kind_is_named_without_the_names_in_it(self) -> None:
        assert kind_words("door.let_in") == "… let … in"
        assert kind_words("door.future") == "door.future"


@pytest.mark.parametrize("text", ["", "x", "10.0.0.0/8", "2001:db8::/32", "203.0.113.0/33", "0/0"])
def test_what_is_no_network_of_the_log(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        network_sought(text)


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("Ingrid", "Ingrid"),
        ("=1+1", "'=1+1"),
        ("  @SUM(A1)", "'  @SUM(A1)"),
        ("\n-1", "'\n-1"),
        ("＋1", "'＋1"),
        ("a=b", "a=b"),
        ("x\0y", "xy"),
        ("\0=1", "'=1"),
        ("", ""),
        (" ", " "),
    ],
)
def test_cells(text: str, cell: str) -> None:
    assert plain_cell(text) == cell


def test_a_table_keeps_numbers_and_quotes_what_would_break_a_line() -> None:
    assert as_csv([(7, 'say "no"', "a,b", "two\nlines", None)]) == '7,"say ""no""","a,b","two\nlines",\r\n'
