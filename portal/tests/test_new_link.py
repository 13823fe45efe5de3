"""Send me a new link: to the invited address alone, on a page that tells nobody whether there is one."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.core import mail
from django.core.cache import cache
from django.test import Client, TestCase
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from meetings import budgets, tasks
from meetings.models import AuditEntry, Block, DoorPolicy, Invitation, InvitationToken, Occurrence
from meetings.services import asked_links, invitations, links
from meetings.tests.domain_case import DomainCase

PETER = "peter@medreg.example"


class NewLinkTests(DomainCase, TestCase):
    seal = asked_links.sealed(PETER)

    def setUp(self) -> None:
        super().setUp()
        cache.clear()
        self.addCleanup(cache.clear)
        self.board = self.occurrence()
        self.peter = self.invitation(self.board, PETER)
        Invitation.objects.update(by_mail=True)

    def ask(self, address: str, client: Client | None = None) -> Any:
        return (client or self.client).post("/new-link/", {"email": address}, follow=True)

    def of(self, address: str = PETER) -> list[Any]:
        return asked_links.of_address(asked_links.sealed(address), timezone.now())

    def test_a_link_goes_to_the_invited_address_and_hosts_read_of_it(self) -> None:
        before = InvitationToken.objects.count()
        asked_links.send(self.seal, timezone.now())
        tasks.send_new_link.func(str(self.peter.pk))
        assert [one.to for one in mail.outbox] == [[PETER]]
        assert InvitationToken.objects.count() == before + 1
        assert AuditEntry.objects.filter(kind="invitation.asked_again").count() == 1
        self.client.force_login(self.ingrid)
        self.assertContains(self.client.get(f"/meetings/{self.board.meeting_id}/"), "Asked for a new link")

    def test_every_address_is_answered_alike(self) -> None:
        pages = [self.ask(address, Client()) for address in (PETER, f" {PETER.upper()} ", "nobody@elsewhere.example")]
        assert {page.status_code for page in pages} == {200}
        assert len({page.content for page in pages}) == 1
        assert [page.redirect_chain for page in pages] == [[("/new-link/sent/", 302)]] * 3

    def test_no_address_lies_in_the_queue(self) -> None:
        self.ask("nobody@elsewhere.example")
        jobs = list(DBTaskResult.objects.filter(task_path=tasks.send_asked_links.module_path))
        self.assertEqual(len(jobs), 1)
        self.assertNotIn("nobody@", str([job.args_kwargs for job in jobs]))

    def test_what_is_no_address_is_said(self) -> None:
        for text in ("", "peter", "a@b@c", "x" * 300 + "@a.example"):
            answer = self.client.post("/new-link/", {"email": text})
            self.assertContains(answer, "There is a problem", status_code=422)

    def test_nobody_who_was_shut_out_gets_one(self) -> None:
        block = Block.objects.create(occurrence=self.board, invitation=self.peter)
        assert self.of() == []
        block.delete()
        assert self.of() == [self.peter.pk]
        leila = self.person("leila@nordhavn.example", "Leila Haddad")
        asked = invitations.invite(self.ingrid, self.board, leila.email, send=False)
        assert self.of(leila.email) == [asked.pk]
        leila.is_active = False
        leila.save()
        assert self.of(leila.email) == []
        invitations.revoke(self.ingrid, self.peter)
        assert self.of() == []
        assert asked_links.send(self.seal, timezone.now()) == 0

    def test_only_for_meetings_that_are_still_to_come_and_as_the_hosts_want_it(self) -> None:
        Invitation.objects.update(by_mail=False)
        assert self.of() == [], "their host hands links over"
        Invitation.objects.update(by_mail=True)
        DoorPolicy.objects.create(guest_addresses="except", guest_domains=["medreg.example"])
        assert self.of() == [], "the organisation takes no guests from there"
        DoorPolicy.objects.all().delete()
        Occurrence.objects.update(ended_at=timezone.now())
        assert self.of() == []

    def test_a_link_is_mailed_every_few_minutes_at_most(self) -> None:
        key, now = self.seal, timezone.now()
        assert [asked_links.send(key, now + timedelta(minutes=minutes)) for minutes in (0, 1, 6)] == [1, 0, 1]

    def test_the_old_link_stays_dead(self) -> None:
        old = invitations.mint_link(self.peter).rpartition("/i/")[2]
        links.replace_link(self.ingrid, self.peter, send=False)
        asked_links.send(self.seal, timezone.now())
        assert invitations.open_link(old) is None

    def test_one_network_asks_only_so_often(self) -> None:
        answers = [
            self.client.post("/new-link/", {"email": f"a{n}@b.example"}) for n in range(budgets.ASKED_LINKS.most + 1)
        ]
        assert [answer.status_code for answer in answers[-2:]] == [302, 429]
