"""Attendance: every way in and out is noted, a cut is none, and what overlaps counts once."""

from __future__ import annotations

import csv
import importlib
import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.apps import apps
from django.test import TestCase

from meetings import attendance
from meetings.attendance import Span, merged
from meetings.models import Participant, Stay
from meetings.services import door as door_services
from meetings.services import hosting
from meetings.tests.domain_case import DomainCase
from meetings.tests.pages_case import GUEST, PagesCase

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def span(first: int, last: int | None) -> Span:
    return Span(NOON + timedelta(minutes=first), None if last is None else NOON + timedelta(minutes=last))


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        ([], []),
        ([(0, 5)], [(0, 5)]),
        ([(10, 20), (0, 5)], [(0, 5), (10, 20)]),
        ([(0, 10), (5, 20), (7, 8)], [(0, 20)]),
        ([(0, 10), (10, 20)], [(0, 20)]),
        ([(0, None), (5, 20), (30, None)], [(0, None)]),
        ([(0, 10), (5, None)], [(0, None)]),
    ],
)
def test_what_overlaps_counts_once(spans: list[tuple[int, int | None]], expected: list[tuple[int, int | None]]) -> None:
    assert merged(span(*one) for one in spans) == tuple(span(*one) for one in expected)


class Noting(DomainCase, TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.there = self.occurrence()
        self.host = self.host_inside(self.there)
        self.guest = self.come(self.there, invitation=self.invitation(self.there))

    def let_in(self) -> Participant:
        assert self.guest is not None
        door_services.let_in(self.host, self.guest)
        return door_services.entered(self.guest)

    def open_stays(self) -> int:
        return Stay.objects.filter(participant=self.guest, left_at=None).count()

    def test_waiting_at_the_door_is_no_attendance(self) -> None:
        assert not Stay.objects.filter(participant=self.guest).exists()
        assert [one.name for one in attendance.attended(self.there)] == ["Ingrid Sæther"]

    def test_every_way_out_ends_the_stay(self) -> None:
        ways: dict[str, Any] = {
            "left": lambda: door_services.left(self.guest, "left"),
            "removed": lambda: hosting.remove(self.host, self.guest, block=False),
            "sent back": lambda: hosting.move_to_door(self.host, self.guest),
            "put out": lambda: door_services.put_out(self.guest, door_services.Refuse("revoked")),
            "ended": lambda: hosting.end_for_everyone(self.host, self.there),
        }
        for way, go in ways.items():
            if way != "left":
                Participant.objects.filter(pk=self.guest.pk).update(state="waiting", must_knock=False)
                self.guest.refresh_from_db()
            self.let_in()
            assert self.open_stays() == 1, way
            go()
            assert self.open_stays() == 0, way
        person = attendance.attended(self.there)[1]
        assert Stay.objects.filter(participant=self.guest).count() == 5
        assert person.left_at is not None

    def test_a_cut_is_no_way_out(self) -> None:
        self.let_in()
        self.come(self.there, invitation=self.guest.invitation)
        door_services.entered(self.guest)
        assert Stay.objects.filter(participant=self.guest).count() == 1

    def test_two_devices_of_one_account_are_one_person(self) -> None:
        phone = self.come(self.there, user=self.ingrid, device="phone")
        door_services.entered(phone)
        people = attendance.attended(self.there)
        assert len(people) == 1
        assert len(people[0].spans) == 1

    def test_who_was_invited_and_did_not_come(self) -> None:
        people = attendance.attended(self.there)
        assert [one.email for one in attendance.absent(self.there, people)] == ["peter@medreg.example"]
        self.let_in()
        assert not attendance.absent(self.there, attendance.attended(self.there))

    def test_seats_of_before_keep_their_last_times(self) -> None:
        self.let_in()
        door_services.left(self.guest, "left")

        def noted() -> list[tuple[Any, bool]]:
            return [(one.participant_id, one.left_at is None) for one in Stay.objects.order_by("participant")]

        before = noted()
        Stay.objects.all().delete()
        importlib.import_module("meetings.migrations.0007_stays").note(apps, None)
        assert noted() == before


class OnThePage(PagesCase):
    def setUp(self) -> None:
        super().setUp()
        self.board = self.meeting(people=[self.yuki, GUEST])
        self.there = self.board.occurrences.select_related("meeting").get()
        self.url = f"/meetings/{self.board.pk}/"

    def stayed(self, *spans: tuple[int, int | None]) -> None:
        host = self.host_inside(self.there)
        host.stays.all().delete()
        for first, last in spans:
            one = span(first, last)
            Stay.objects.create(participant=host, entered_at=one.entered_at, left_at=one.left_at)

    def test_there_is_no_region_before_anybody_came(self) -> None:
        self.assertNotContains(self.client.get(self.url), "Attendance")

    def test_in_out_and_in_all_are_told_with_every_time(self) -> None:
        self.stayed((0, 20), (30, 62))
        row = self.client.get(self.url).context["attended"][0]
        assert (row["entered"], row["left"], row["total"]) == ("12:00", "13:02", "52 min")
        assert row["spans"] == ["12:00 to 12:20", "12:30 to 13:02"]
        self.assertContains(self.client.get(self.url), "Invited and not there: Yuki Tanaka, p.lindqvist@medreg.example")

    def test_who_is_inside_has_no_last_time(self) -> None:
        self.stayed((0, None))
        self.assertContains(self.client.get(self.url), "In the room")

    def test_it_stays_after_the_end_and_is_for_hosts_only(self) -> None:
        self.stayed((0, None))
        hosting.end_for_everyone(self.there.participants.get(), self.there)
        self.assertContains(self.client.get(self.url), "Attendance")
        yuki = self.as_(self.yuki)
        self.assertNotContains(yuki.get(self.url), "Attendance")
        assert yuki.get(f"{self.url}attendance.csv").status_code == 404

    def test_the_table_has_a_row_for_each_person(self) -> None:
        self.stayed((0, 20), (30, 62))
        self.ingrid.name = "=Ingrid()"
        self.ingrid.time_zone = "Europe/Oslo"
        self.ingrid.save()
        answer = self.client.get(f"{self.url}attendance.csv")
        head, row = list(csv.reader(io.StringIO(answer.content.decode())))
        assert row == [
            "'=Ingrid()", self.ingrid.email, "Host", "2026-11-24T12:00:00Z", "2026-11-24T13:02:00Z",
            "2026-11-24 13:00:00", "2026-11-24 14:02:00", "52", "13:00 to 13:20; 13:30 to 14:02",
        ]  # fmt: skip
        assert head[5] == "First in (Europe/Oslo)"
