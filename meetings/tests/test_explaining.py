"""`manage.py door explain`: it says what the door says, and never repeats a link."""

from __future__ import annotations

import io
import logging
from typing import Any
from unittest import mock

from django.core.management import CommandError, call_command
from django.test import TestCase
from django.utils import timezone

from meetings import explaining
from meetings.door import Way
from meetings.models import AuditEntry, Invitation
from meetings.services import door as door_services
from meetings.services import exceptions, groups, invitations, lists
from meetings.tests.domain_case import DomainCase

PETER = "peter@medreg.example"


class Explaining(DomainCase, TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.marcus = self.person("marcus@nordhavn.example", "Marcus Bell")
        self.board = self.occurrence(people=[(PETER, "Peter Lindqvist")])
        self.peter = self.board.invitations.get()
        self.link = invitations.mint_link(self.peter)

    def told(self, person: str, meeting: str = "", **more: Any) -> list[str]:
        out = io.StringIO()
        call_command("door", "explain", meeting or str(self.board.meeting.code), person, stdout=out, **more)
        return out.getvalue().splitlines()

    def test_an_account_a_guest_a_link_and_anyone(self) -> None:
        title, who, why = self.told("Marcus@Nordhavn.example")
        assert title.startswith("Trial safety board, ")
        assert who == "Marcus Bell, known by the account: signed in, not listed"
        assert why.startswith("Waits (no_host). No host is inside")
        self.host_inside(self.board)
        assert self.told(PETER)[2].startswith("Waits (knock). Invited guests knock at this door (since ")
        assert self.told(self.link)[1:] == [
            "Peter Lindqvist, known by this personal link: an invited guest",
            self.told(PETER)[2],
        ]
        assert self.told("anyone")[2].startswith("Turned away (closed). Others with the link are turned away")
        assert self.told("ingrid@nordhavn.example")[2] == "Comes in (host). Hosts always walk in."

    def test_a_meeting_is_named_by_id_code_or_link(self) -> None:
        meeting = self.board.meeting
        ways = {
            tuple(self.told("anyone", way))
            for way in (
                str(meeting.pk),
                meeting.code.upper(),
                f"http://x/m/{meeting.code}",
                f"http://x/m/{meeting.code}?#sealed=1.1.x",
            )
        }
        assert len(ways) == 1

    def test_it_says_what_the_door_says(self) -> None:
        self.host_inside(self.board)
        team = groups.make_group(self.person("a@nordhavn.example", "Ada", role="admin"), "Safety team", [self.marcus])
        lists.change_lists(self.ingrid, self.board.meeting, [team], tell=False)
        exceptions.set_exception(self.ingrid, self.board.meeting, PETER, Way.WALKS_IN)
        for person, asked in ((self.marcus.email, {"user": self.marcus}), (PETER, {"invitation": self.peter})):
            explained = explaining.explain(self.board.meeting, person, timezone.now())
            decision = self.ask(self.board, **asked)
            assert explained.decision == decision
            assert explained.decision.because == decision.because
        assert "through the group “Safety team”" in self.told(self.marcus.email)[2]
        assert "An exception for this person" in self.told(self.link)[2]

    def test_a_seat_and_a_hosts_word_count(self) -> None:
        self.host_inside(self.board)
        seat = self.come(self.board, invitation=self.peter)
        door_services.let_in(self.ingrid, seat)
        assert self.told(PETER)[2].startswith("Comes in (let_in). A host let them in (since ")
        door_services.entered(seat)
        assert self.told(self.link)[2].startswith("Comes in (seat).")

    def test_links_that_open_nothing_say_so(self) -> None:
        other = invitations.mint_link(self.occurrence(people=[PETER]).invitations.get())
        assert "a personal link for another meeting or time" in self.told(other)[1]
        assert "a link that opens nothing here" in self.told("x" * 40)[1]
        dead = self.link
        invitations.start_afresh(self.peter)
        assert "replaced or used up" in self.told(dead)[1]
        invitations.revoke(self.ingrid, self.peter)
        assert self.told(PETER)[2].startswith("Turned away (revoked). Their invitation was revoked (since ")

    def test_a_link_is_read_from_standard_input_claims_nothing_and_is_repeated_nowhere(self) -> None:
        secret = self.link.rpartition("/")[2]
        entries = AuditEntry.objects.count()
        with self.assertNoLogs(level=logging.INFO), mock.patch("sys.stdin", io.StringIO(self.link + "\n")):
            said = "\n".join(self.told("-"))
        assert secret not in said
        with self.assertRaises(CommandError) as error:
            self.told(self.link, "no-such-meeting")
        assert secret not in str(error.exception)
        invitation = Invitation.objects.get(pk=self.peter.pk)
        assert (invitation.opened_at, invitation.claimed_at) == (None, None)
        assert AuditEntry.objects.count() == entries

    def test_what_names_nobody_is_told_in_one_line(self) -> None:
        for person in ("peter", "", "x" * 300 + "@x.example"):
            with self.assertRaises(CommandError):
                self.told(person)
        assert "no account has this address" in self.told("stranger@x.example")[1]
