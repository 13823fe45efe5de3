"""Erasing a person: nothing of them is left, nobody else loses anything, and what let them in lets nobody in."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from asgiref.sync import sync_to_async
from django.apps import apps
from django.db.models import CharField, TextField
from django.test import TestCase

from meetings import audit
from meetings.door import Refuse, Way
from meetings.models import (
    AuditDetail,
    AuditEntry,
    Block,
    EmailCode,
    Invitation,
    Occurrence,
    Participant,
    Revocation,
    SecondDevice,
    Stay,
)
from meetings.personal import Person, Traces, told
from meetings.services import door, exceptions, invitations, links, personal
from meetings.services.errors import NotAnAdministrator, Wrong
from meetings.signaling.protocol import Close
from meetings.tests.domain_case import DomainCase
from meetings.tests.live_case import Browser, LiveCase, make_link, make_user, running_live

PETER = Person(frozenset({"peter@medreg.example"}))


def everything_stored() -> str:
    """Every text of every row, to look for what must not be there."""
    found: list[str] = []
    for model in apps.get_models():
        names = [field.name for field in model._meta.fields if isinstance(field, CharField | TextField)]
        found += [str(row) for row in model._default_manager.values_list(*names)] if names else []
    return "\n".join(found).casefold()


class PersonalCase(DomainCase, TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.admin = self.person("ada@nordhavn.example", "Ada Admin", role="admin")
        self.there = self.occurrence()
        self.peter = self.invitation(self.there)
        self.leila = invitations.invite(self.ingrid, self.there, "leila@medreg.example", "Leila Farahani", send=False)
        self.host_inside(self.there)

    def inside(self, invitation: Invitation, device: str, name: str) -> Participant:
        invitations.claim(invitation, device, self.now, network="203.0.113.0/24")
        seat = self.come(self.there, invitation=invitation, device=device, name=name)
        assert seat is not None
        door.let_in(self.ingrid, seat)
        return door.entered(seat)


class Finding(PersonalCase):
    def test_what_is_about_them_is_found_and_nothing_else(self) -> None:
        seat = self.inside(self.peter, "device-peter", "Peter")
        other = self.inside(self.leila, "device-leila", "Leila")
        traces = Traces(PETER)
        assert list(traces.invitations) == [self.peter]
        assert list(traces.seats) == [seat]
        about = {entry.pk: entry.detail for entry in AuditEntry.objects.select_related("detail")}
        for number, detail in about.items():
            names_peter = str(seat.pk) in detail.body or "peter@medreg.example" in detail.body
            assert (number in traces.entries) is names_peter, detail.body
            assert not (number in traces.entries and str(other.pk) in detail.body)

    def test_an_address_within_a_longer_one_is_not_theirs(self) -> None:
        audit.record("account.sign_in_refused", target="notpeter@medreg.example")
        audit.record("account.sign_in_refused", target="peter@medreg.example.org")
        mine = audit.record("account.sign_in_refused", target="peter@medreg.example")
        assert mine.number in Traces(PETER).entries
        assert mine.number - 1 not in Traces(PETER).entries
        assert mine.number - 2 not in Traces(PETER).entries

    def test_an_account_is_found_by_what_it_did_and_what_was_done_to_it(self) -> None:
        marcus = self.person("marcus@nordhavn.example", "Marcus Bell")
        own = audit.record("meeting.changed", actor=marcus)
        listed = audit.record("organisation.group_changed", target="Safety", joined=["marcus@nordhavn.example"])
        done = audit.record("account.role_changed", actor=self.admin, target="Marcus Bell", account=marcus.pk)
        namesake = audit.record("door.left", target="Marcus Bell")
        traces = Traces(Person(frozenset({"marcus@nordhavn.example"}), marcus))
        assert {own.number, listed.number, done.number} <= set(traces.entries)
        assert namesake.number not in traces.entries

    def test_the_file_holds_what_was_found(self) -> None:
        self.inside(self.peter, "device-peter", "Peter")
        exceptions.set_exception(self.ingrid, self.there.meeting, "peter@medreg.example", Way.KNOCKS)
        sections = {name: list(rows) for name, rows in told(Traces(PETER))}
        assert [row["email"] for row in sections["invitations"]] == ["peter@medreg.example"]
        assert len(sections["at_the_door_and_inside"][0]["stays"]) == 1
        assert sections["exceptions"][0]["way"] == Way.KNOCKS
        assert len(sections["audit_log"]) == len(Traces(PETER).entries)
        assert "leila" not in str(sections["invitations"]).casefold()


class Erasing(PersonalCase):
    def test_nothing_of_them_is_left_and_the_others_lose_nothing(self) -> None:
        self.inside(self.peter, "device-peter", "Peter Lindqvist")
        self.inside(self.leila, "device-leila", "Leila Farahani")
        self.come(self.there, invitation=self.peter, device="another", name="Peter Lindqvist")
        EmailCode.objects.create(
            occurrence=self.peter.occurrence, invitation=self.peter, device="device-peter", digest="d"
        )
        exceptions.set_exception(self.ingrid, self.there.meeting, "peter@medreg.example", Way.KNOCKS)
        SecondDevice.objects.create(
            invitation=self.peter, device="another", network="198.51.100.0/24", seen_at=self.now
        )
        Revocation.objects.create(service_key="organisation", username="Peter@medreg.example")
        links.change_person(self.ingrid, self.peter, email="lindqvist@medreg.example", send=False)
        audit.record("account.sign_in_refused", target="peter@medreg.example", network="198.51.100.7")
        both = Person(frozenset({"peter@medreg.example", "lindqvist@medreg.example"}))
        leilas = Traces(Person(frozenset({"leila@medreg.example"})))
        kept = [(entry, AuditDetail.objects.get(pk=entry).body) for entry in leilas.entries]
        personal.erase(self.admin, both)
        text = everything_stored()
        for mark in ("peter", "lindqvist", "device-peter", "198.51.100"):
            assert mark not in text, mark
        assert kept
        assert all(AuditDetail.objects.get(pk=entry).body == body for entry, body in kept)
        assert audit.verify().why == ""
        assert Traces(both).counts() == dict.fromkeys(("invitations", "seats", "exceptions", "entries"), 0)

    def test_how_many_were_inside_and_when_still_adds_up(self) -> None:
        seat = self.inside(self.peter, "device-peter", "Peter")
        personal.erase(self.admin, PETER)
        seat.refresh_from_db()
        assert (seat.name, seat.network, seat.invitation, seat.user) == ("Erased person", "", None, None)
        assert Stay.objects.get(participant=seat).left_at is not None

    def test_what_let_them_in_lets_nobody_in_any_more(self) -> None:
        secret = invitations.mint_link(self.peter).rpartition("/i/")[2]
        seat = self.inside(self.peter, "device-peter", "Peter")
        personal.erase(self.admin, PETER)
        seat.refresh_from_db()
        assert seat.state == Participant.State.REFUSED
        assert invitations.open_link(secret) is None
        with self.assertRaises(Wrong):
            invitations.restore(self.ingrid, Invitation.objects.get(pk=self.peter.pk))
        assert links.restore_all(self.ingrid, self.there) == 0

    def test_a_block_holds_while_the_meeting_lasts(self) -> None:
        seat = self.inside(self.peter, "device-peter", "Peter")
        door.remove(self.ingrid, seat)
        personal.erase(self.admin, PETER)
        assert Block.objects.get().device == "device-peter"
        assert isinstance(self.ask(self.there, device="device-peter"), Refuse)

    def test_a_block_goes_with_the_person_once_the_meeting_is_over(self) -> None:
        seat = self.inside(self.peter, "device-peter", "Peter")
        door.remove(self.ingrid, seat)
        door.end_for_everyone(self.ingrid, self.there)
        personal.erase(self.admin, PETER)
        assert not Block.objects.exists()

    def test_a_block_stays_while_the_meeting_has_a_date_to_come(self) -> None:
        seat = self.inside(self.peter, "device-peter", "Peter")
        door.remove(self.ingrid, seat)
        door.end_for_everyone(self.ingrid, self.there)
        week = timedelta(days=7)
        later = {"starts_at": self.there.starts_at + week, "ends_at": self.there.ends_at + week}
        Occurrence.objects.create(meeting=self.there.meeting, **later)
        personal.erase(self.admin, PETER)
        assert Block.objects.get().device == "device-peter"

    def test_who_did_it_is_recorded_without_who_it_was(self) -> None:
        personal.erase(self.admin, PETER)
        entry = AuditEntry.objects.select_related("detail").latest("number")
        body = json.loads(entry.detail.body)
        assert (entry.kind, body["actor"]) == ("person.erased", str(self.admin.pk))
        assert body["facts"] == {"invitations": 1, "seats": 0, "exceptions": 0, "entries": 2}
        assert "peter" not in entry.detail.body.casefold()

    def test_only_administrators_erase(self) -> None:
        before = everything_stored()
        for by in (self.ingrid, None):
            with self.assertRaises(NotAnAdministrator):
                personal.erase(by, PETER)
        assert everything_stored() == before

    def test_whom_nobody_knows_changes_nothing(self) -> None:
        found = personal.erase(self.admin, Person(frozenset({"nobody@medreg.example"})))
        assert set(found.values()) == {0}


class Refusals(PersonalCase):
    def test_a_refused_guest_is_found_by_address(self) -> None:
        door.lock(self.ingrid, self.there)
        self.come(self.there, invitation=self.peter, device="device-peter", name="Peter")
        refused = AuditEntry.objects.get(kind="door.refused")
        assert refused.number in Traces(PETER).entries


class Live(LiveCase):
    def rules(self) -> dict[str, Any]:
        return {"door_guests": Way.WALKS_IN, "door_anyone": Way.WALKS_IN}

    async def test_an_erased_guest_is_out_of_the_room_and_stays_in_by_no_other_row(self) -> None:
        admin = await sync_to_async(make_user)("Ada", role="admin")
        _invitation, secret = await sync_to_async(make_link)(self.occurrence, "peter@medreg.example", name="Peter")
        async with running_live() as live:
            host = await self.host_inside(live)
            browser = Browser(live)
            await browser.open_link(secret)
            guest = await browser.join(self.code, "Peter")
            await guest.message("room")
            await host.message("person")
            await sync_to_async(personal.erase)(admin, PETER)
            assert await guest.closed() == Close.REFUSED
            await host.message("gone")
