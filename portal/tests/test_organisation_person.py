"""The page about one person's data: look up, hand out, erase; and what is left of an account afterwards."""

from __future__ import annotations

import json
import re
from typing import Any

from django.contrib.sessions.models import Session
from django.test import Client

from meetings import audit
from meetings.models import AuditEntry, PeopleGroup
from meetings.services import groups, invitations, scheduling
from meetings.tests.pages_case import text_of
from meetings.tests.test_personal import everything_stored
from meetings.webhooks import services as webhooks
from portal.accounts import services
from portal.models import ApiToken, User
from portal.tests.test_pages import PagesCase

PAGE = "/organisation/person/"


class PersonCase(PagesCase):
    def setUp(self) -> None:
        super().setUp()
        self.marcus = self.person("marcus@nordhavn.example", "Marcus Bell", time_zone="Europe/Oslo")
        self.there = self.occurrence(people=["peter@medreg.example", "marcus@nordhavn.example"])

    def look_up(self, email: str) -> Any:
        return self.client.post(PAGE, {"email": email})

    def erase(self, email: str, **more: Any) -> Any:
        return self.client.post(PAGE + "erase/", {"email": email, "sure": "True"} | more, follow=True)

    def file(self, email: str) -> Any:
        answer = self.client.post(PAGE + "export/", {"email": email})
        assert answer["Content-Disposition"] == 'attachment; filename="personal-data.json"'
        return json.loads(text_of(answer))


class LookingUp(PersonCase):
    def test_it_tells_how_much_is_kept_and_leaves_no_trace(self) -> None:
        before = AuditEntry.objects.count()
        answer = self.look_up("Peter@MedReg.example")
        self.assertContains(answer, "Has no account.")
        self.assertContains(answer, "Everything as a file")
        self.assertContains(answer, "Erase…")
        assert dict(answer.context["rows"])["Invitations, with their links and devices"] == 1
        self.assertContains(self.look_up("marcus@nordhavn.example"), "Has an account.")
        assert AuditEntry.objects.count() == before

    def test_whom_nobody_knows_is_said_so(self) -> None:
        answer = self.look_up("nobody@medreg.example")
        self.assertContains(answer, "Nothing is kept about nobody@medreg.example.")
        self.assertNotContains(answer, "Erase…")

    def test_what_is_no_address_is_said_beside_the_field(self) -> None:
        for url in (PAGE, PAGE + "export/", PAGE + "erase/"):
            answer = self.client.post(url, {"email": "peter"})
            self.assertContains(answer, "Enter an email address", status_code=422)

    def test_no_address_stands_in_an_address_bar(self) -> None:
        page = self.client.get(PAGE, {"email": "peter@medreg.example"})
        self.assertNotContains(page, "peter@medreg.example")
        assert "method=" in page.content.decode()
        assert not re.search(r'href="[^"]*(@|%40)', self.look_up("peter@medreg.example").content.decode())

    def test_staff_have_no_such_page_and_erase_nobody(self) -> None:
        self.client.force_login(self.ingrid)
        for url in (PAGE, PAGE + "export/", PAGE + "erase/"):
            answer = self.client.post(url, {"email": "peter@medreg.example", "sure": "True"})
            assert answer.status_code == 404, url
        assert self.there.invitations.filter(email="peter@medreg.example").exists()


class TheFile(PersonCase):
    def test_it_holds_everything_and_is_recorded(self) -> None:
        self.client.force_login(self.admin)
        services.make_token(self.marcus, "Calendar", ["read"])
        groups.make_group(self.admin, "Safety", [self.marcus])
        webhooks.make(self.marcus, url="https://marcus.example/")
        theirs = Client()
        theirs.force_login(self.marcus)
        found = self.file("marcus@nordhavn.example")
        assert found["addresses"] == ["marcus@nordhavn.example"]
        assert found["account"]["name"] == "Marcus Bell"
        assert [one["name"] for one in found["account"]["api_tokens"]] == ["Calendar"]
        assert found["account"]["groups"] == ["Safety"]
        assert [one["url"] for one in found["account"]["webhooks"]] == ["https://marcus.example/"]
        assert len(found["account"]["sessions"]) == 1
        assert [one["email"] for one in found["invitations"]] == ["marcus@nordhavn.example"]
        assert {"account.signed_in", "invitation.created", "token.made"} <= {one["kind"] for one in found["audit_log"]}
        assert "peter" not in json.dumps(found).casefold()
        entry = AuditEntry.objects.get(kind="person.exported")
        assert audit.sentence(entry) == "Ada Admin exported everything about Marcus Bell."

    def test_no_secret_is_in_it(self) -> None:
        token = services.make_token(self.marcus, "Calendar", ["read"])
        text = json.dumps(self.file("marcus@nordhavn.example"))
        for secret in (token, self.marcus.password, *ApiToken.objects.values_list("digest", flat=True)):
            assert secret not in text
        assert self.there.meeting.code not in text

    def test_a_guest_without_an_account_gets_one_too(self) -> None:
        found = self.file("peter@medreg.example")
        assert found["account"] is None
        assert [one["email"] for one in found["invitations"]] == ["peter@medreg.example"]


class Erasing(PersonCase):
    def test_it_is_asked_first(self) -> None:
        answer = self.client.post(PAGE + "erase/", {"email": "peter@medreg.example"})
        self.assertContains(answer, "Erase peter@medreg.example?")
        assert self.there.invitations.filter(email="peter@medreg.example").exists()
        hidden = dict(re.findall(r'name="(email|sure)" value="([^"]+)"', answer.content.decode()))
        assert hidden == {"email": "peter@medreg.example", "sure": "True"}
        self.assertContains(self.client.post(PAGE + "erase/", hidden, follow=True), "Erased.")
        assert "peter" not in everything_stored()

    def test_of_an_account_nothing_is_left_that_tells_whose_it_was(self) -> None:
        token = services.make_token(self.marcus, "Calendar", ["read"])
        groups.make_group(self.admin, "Safety", [self.marcus])
        self.meeting(title="Weekly", hosts=[self.marcus])
        webhooks.make(self.marcus, url="https://marcus.example/")
        theirs = Client()
        theirs.force_login(self.marcus)
        self.client.post(PAGE + "export/", {"email": "marcus@nordhavn.example"})
        self.erase("marcus@nordhavn.example")
        assert "marcus" not in everything_stored()
        assert services.token_holder(token) is None
        assert theirs.get("/meetings/").status_code == 302
        assert not PeopleGroup.objects.get().members.exists()
        left = User.objects.get(pk=self.marcus.pk)
        assert (left.name, left.is_active, left.has_usable_password()) == ("Erased person", False, False)
        assert audit.verify().why == ""
        self.assertContains(self.look_up("marcus@nordhavn.example"), "Nothing is kept")

    def test_an_erased_account_is_no_longer_among_the_people(self) -> None:
        self.erase("marcus@nordhavn.example")
        self.assertNotContains(self.client.get("/people/"), "Erased person")
        for what in ("link/", "deactivate/", "reactivate/"):
            assert self.client.post(f"/people/{self.marcus.pk}/{what}").status_code == 404

    def test_the_address_can_have_an_account_again(self) -> None:
        self.erase("marcus@nordhavn.example")
        again = services.create_person("marcus@nordhavn.example", "Marcus", password=None, by=self.admin)
        assert again.pk != self.marcus.pk
        invitations.invite(self.ingrid, self.there, "marcus@nordhavn.example", send=False)

    def test_meetings_are_not_left_without_a_host(self) -> None:
        board = self.meeting(title="Board of one", hosts=[])
        answer = self.look_up("ingrid@nordhavn.example")
        self.assertContains(answer, "It can’t be erased yet.")
        self.assertContains(answer, "Board of one")
        self.assertContains(self.erase("ingrid@nordhavn.example"), "Meetings would be left without a host.")
        self.ingrid.refresh_from_db()
        assert self.ingrid.name == "Ingrid Sæther"
        for meeting in (board, self.there.meeting):
            scheduling.change_meeting(self.ingrid, meeting, hosts=[self.ingrid, self.marcus], tell=False)
        self.assertContains(self.erase("ingrid@nordhavn.example"), "Erased.")
        assert list(board.hosts.all()) == [self.marcus]

    def test_nobody_erases_themselves(self) -> None:
        answer = self.look_up(self.admin.email)
        self.assertContains(answer, "This is you.")
        self.assertNotContains(answer, "Erase…")
        self.assertContains(self.erase(self.admin.email), "You can’t erase yourself.")
        assert Session.objects.exists()
        self.admin.refresh_from_db()
        assert self.admin.is_active
