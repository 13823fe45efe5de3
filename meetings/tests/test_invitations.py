"""Personal links: unguessable, claimed once by one device, revocable; codes that prove a mailbox."""

from __future__ import annotations

import re
from datetime import timedelta

from django.test import TestCase
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from meetings import codes
from meetings.door import Refuse
from meetings.models import AuditDetail, AuditEntry, InvitationToken
from meetings.services import invitations
from meetings.services.errors import NotAHost, Wrong
from meetings.tests.domain_case import DomainCase

LINK = re.compile(r"http://localhost:8000/i/([A-Za-z0-9_-]{20,})")


def secret_of(link: str) -> str:
    found = LINK.fullmatch(link)
    assert found is not None, link
    return found[1]


class LinkTests(DomainCase, TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.board = self.occurrence()
        self.guest = self.invitation(self.board)

    def link(self) -> str:
        return secret_of(invitations.mint_link(self.guest, by=self.ingrid))

    def test_a_link_is_shown_once_and_stored_only_as_its_digest(self) -> None:
        secret = self.link()
        stored = " ".join(
            str(row)
            for model in (InvitationToken, AuditEntry, AuditDetail, DBTaskResult)
            for row in model.objects.values_list()
        )
        self.assertNotIn(secret, stored)
        self.assertEqual(InvitationToken.objects.get().digest, codes.digest(secret))

    def test_fetching_a_link_claims_nothing(self) -> None:
        secret = self.link()
        for _scanner in range(3):
            token = invitations.open_link(secret)
            self.assertEqual(token.invitation_id, self.guest.pk)
        self.guest.refresh_from_db()
        self.assertIsNotNone(self.guest.opened_at)
        self.assertEqual((self.guest.claimed_at, self.guest.claimed_device), (None, ""))

    def test_forged_cut_and_oversized_links_open_nothing(self) -> None:
        secret = self.link()
        for forged in ("", secret[:-1], secret + "A", secret.swapcase(), "A" * 32, "A" * 5000, "\x00", "é"):
            with self.subTest(forged=forged[:40]):
                self.assertIsNone(invitations.open_link(forged))

    def test_the_first_device_gets_the_link_and_its_siblings_die(self) -> None:
        first, second = self.link(), self.link()
        token = invitations.open_link(first)
        self.assertTrue(invitations.claim(self.guest, "device-1", timezone.now(), token=token))
        self.assertTrue(invitations.claim(self.guest, "device-1", timezone.now(), token=token))
        self.assertFalse(invitations.claim(self.guest, "device-2", timezone.now(), token=token))
        self.assertIsNone(invitations.open_link(second))
        self.assertIsNotNone(invitations.open_link(first))
        self.assertEqual(AuditEntry.objects.filter(kind="invitation.claimed").count(), 1)
        self.assertEqual(self.ask(self.board, invitation=self.guest, device="device-2"), Refuse("link_in_use"))

    def test_a_dead_link_or_no_device_claims_nothing(self) -> None:
        token = invitations.open_link(self.link())
        self.assertFalse(invitations.claim(self.guest, "", timezone.now(), token=token))
        invitations.revoke(self.ingrid, self.guest)
        self.assertFalse(invitations.claim(self.guest, "device-1", timezone.now(), token=token))
        self.assertFalse(invitations.claim(self.guest, "device-1", timezone.now()))

    def test_a_token_of_another_invitation_claims_nothing(self) -> None:
        other = self.invitation(self.board, "leila@haddad.example")
        token = invitations.open_link(secret_of(invitations.mint_link(other, by=self.ingrid)))
        self.assertFalse(invitations.claim(self.guest, "device-1", timezone.now(), token=token))

    def test_revoked_links_open_nothing_and_stay_dead_when_restored(self) -> None:
        secret = self.link()
        token = invitations.open_link(secret)
        invitations.claim(self.guest, "device-1", timezone.now(), token=token)
        invitations.revoke(self.ingrid, self.guest)
        self.assertIsNone(invitations.open_link(secret))
        self.assertEqual(
            self.ask(self.board, invitation=self.guest, device="device-1"), Refuse("revoked", unknown=True)
        )
        with self.assertRaises(Wrong):
            invitations.mint_link(self.guest, by=self.ingrid)
        with self.assertRaises(Wrong):
            invitations.send_again(self.ingrid, self.guest)
        invitations.restore(self.ingrid, self.guest, send=False)
        self.assertIsNone(invitations.open_link(secret))
        fresh = invitations.open_link(self.link())
        self.assertTrue(invitations.claim(self.guest, "device-2", timezone.now(), token=fresh))

    def test_a_cancelled_meetings_links_open_nothing(self) -> None:
        secret = self.link()
        self.board.cancelled_at = timezone.now()
        self.board.save()
        self.assertIsNone(invitations.open_link(secret))

    def test_links_end_with_the_occurrence(self) -> None:
        secret = self.link()
        self.board.ended_at = timezone.now()
        self.board.save()
        self.assertIsNone(invitations.open_link(secret))
        self.board.ended_at = None
        self.board.starts_at, self.board.ends_at = (self.now - timedelta(hours=hours) for hours in (3, 2))
        self.board.save()
        self.assertIsNone(invitations.open_link(secret), "its time is over and nobody came")
        self.board.started_at = self.board.starts_at
        self.board.save()
        self.assertIsNotNone(invitations.open_link(secret), "it is still going on")

    def test_only_so_many_links_live_at_once(self) -> None:
        oldest = self.link()
        for _copy in range(invitations.MAX_LIVE_LINKS):
            newest = self.link()
        self.assertEqual(InvitationToken.objects.filter(killed_at=None).count(), invitations.MAX_LIVE_LINKS)
        self.assertIsNone(invitations.open_link(oldest))
        self.assertIsNotNone(invitations.open_link(newest))

    def test_only_hosts_may_do_any_of_it(self) -> None:
        marcus = self.person("marcus@nordhavn.example", "Marcus Bell")
        for act in (
            lambda: invitations.invite(marcus, self.board, "x@y.example"),
            lambda: invitations.mint_link(self.guest, by=marcus),
            lambda: invitations.send_again(marcus, self.guest),
            lambda: invitations.revoke(marcus, self.guest),
            lambda: invitations.restore(marcus, self.guest),
            lambda: invitations.invite(None, self.board, "x@y.example"),
        ):
            with self.assertRaises(NotAHost):
                act()

    def test_an_address_is_invited_once_whatever_its_case(self) -> None:
        again = invitations.invite(self.ingrid, self.board, " PETER@medreg.example ", send=False)
        self.assertEqual(again.pk, self.guest.pk)

    def test_what_is_no_address_is_refused(self) -> None:
        for text in ("", "peter", "a@b", "a b@c.example", "a@b.example\nBcc: x@y.example", "x" * 250 + "@b.example"):
            with self.subTest(text=text[:30]), self.assertRaises(Wrong):
                invitations.invite(self.ingrid, self.board, text)
