"""Pages of the portal itself: people, the audit log, the theme, help, and pages that refuse."""

from __future__ import annotations

import re

from django.test import Client, RequestFactory, TestCase

from meetings.models import AuditEntry
from meetings.tests.domain_case import DomainCase
from portal.accounts.services import invite_person
from portal.config import BASE_DIR
from portal.models import SetupLink, User
from portal.views import csrf_failure


class PagesCase(DomainCase, TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.admin = self.person("admin@nordhavn.example", "Ada Admin", role=User.Role.ADMIN)
        self.client.force_login(self.admin)


class People(PagesCase):
    def test_an_account_is_made_and_its_link_is_shown_once(self) -> None:
        answer = self.client.post(
            "/people/invite/", {"name": "Yuki Tanaka", "email": "yuki@nordhavn.example", "role": "staff"}
        )
        link = re.search(r"http://localhost:8000(/setup/[\w-]+/)", answer.content.decode())[1]
        assert Client().get(link).status_code == 200
        self.assertContains(self.client.get("/people/"), "Invited, no password yet")
        self.assertNotContains(self.client.get("/people/"), link)

    def test_an_address_that_has_an_account_is_said_beside_its_field(self) -> None:
        data = {"name": "Again", "email": self.ingrid.email.upper(), "role": "staff"}
        answer = self.client.post("/people/invite/", data)
        assert answer.status_code == 422
        assert "email" in answer.context["form"].errors

    def test_a_role_that_does_not_exist_makes_no_account(self) -> None:
        before = User.objects.count()
        data = {"name": "Root", "email": "root@nordhavn.example", "role": "superuser"}
        assert self.client.post("/people/invite/", data).status_code == 422
        assert User.objects.count() == before

    def test_deactivating_asks_first_and_ends_the_sessions(self) -> None:
        theirs = Client()
        theirs.force_login(self.ingrid)
        url = f"/people/{self.ingrid.pk}/deactivate/"
        self.assertContains(self.client.get(url), "Deactivate Ingrid Sæther?")
        assert theirs.get("/meetings/").status_code == 200
        self.client.post(url)
        assert theirs.get("/meetings/").status_code == 302
        self.client.post(f"/people/{self.ingrid.pk}/reactivate/")
        self.ingrid.refresh_from_db()
        assert self.ingrid.is_active

    def test_somebody_is_made_an_administrator_and_then_no_longer(self) -> None:
        theirs = Client()
        theirs.force_login(self.ingrid)
        url = f"/people/{self.ingrid.pk}/role/"
        self.assertContains(self.client.get(url + "admin/"), "Make Ingrid Sæther an administrator?")
        assert theirs.get("/people/").status_code == 404
        for _twice in range(2):
            answer = self.client.post(url + "admin/", follow=True)
            self.assertContains(answer, "Ingrid Sæther is an administrator now.")
        assert theirs.get("/people/").status_code == 200
        assert AuditEntry.objects.filter(kind="account.role_changed").count() == 1
        self.assertContains(self.client.get(url + "staff/"), "Take the administrator’s role from Ingrid Sæther?")
        self.client.post(url + "staff/")
        assert theirs.get("/people/").status_code == 404

    def test_roles_that_are_not_given_here(self) -> None:
        for role in ("superuser", "Admin", ""):
            assert self.client.post(f"/people/{self.ingrid.pk}/role/{role}/").status_code == 404
        answer = self.client.post(f"/people/{self.admin.pk}/role/staff/", follow=True)
        self.assertContains(answer, "You can’t change your own role.")
        self.client.post(f"/people/{self.ingrid.pk}/deactivate/")
        assert self.client.post(f"/people/{self.ingrid.pk}/role/admin/").status_code == 404
        self.ingrid.refresh_from_db()
        assert self.ingrid.role == "staff"

    def test_ones_own_account_stays(self) -> None:
        answer = self.client.post(f"/people/{self.admin.pk}/deactivate/", follow=True)
        self.assertContains(answer, "You can’t deactivate your own account.")

    def test_a_new_link_kills_the_earlier_one(self) -> None:
        first = invite_person("new@nordhavn.example", "New", "staff", self.admin)
        person = User.objects.get(email="new@nordhavn.example")
        self.client.post(f"/people/{person.pk}/link/")
        assert SetupLink.objects.filter(user=person, used_at=None).count() == 1
        assert Client().get(first.removeprefix("http://localhost:8000")).status_code != 200

    def test_people_are_found_by_a_part_of_the_name_or_address(self) -> None:
        self.assertContains(self.client.get("/people/", {"q": "INGRID"}), "ingrid@nordhavn.example")
        self.assertContains(self.client.get("/people/", {"q": "%"}), "Nobody has a name")

    def test_there_is_no_such_page_for_staff(self) -> None:
        self.client.force_login(self.ingrid)
        for url in ("/people/", "/people/invite/", f"/people/{self.admin.pk}/deactivate/", "/audit/", "/audit.csv"):
            assert self.client.get(url).status_code == 404, url
        self.assertNotContains(self.client.get("/meetings/"), "Audit log")


class EverybodysPages(TestCase):
    def test_choosing_a_theme_leads_to_no_page_but_one_of_ours(self) -> None:
        for back in (
            "½",
            "account",
            "https://evil.example/",
            "//evil.example/",
            "javascript:alert(1)",
            "",
            "/\r\nSet-Cookie: a=b",
        ):
            answer = self.client.post("/theme/", {"theme": "dark", "next": back})
            self.assertEqual(answer.status_code, 302, back)
            self.assertRegex(answer["Location"], r"\A/(%0D%0ASet-Cookie:%20a=b)?\Z")

    def test_the_theme_is_kept_in_a_cookie_and_shown_without_a_script(self) -> None:
        answer = self.client.post("/theme/", {"theme": "dark", "next": "/help/keyboard/"})
        assert answer["Location"] == "/help/keyboard/"
        self.assertContains(self.client.get("/help/keyboard/"), 'data-theme="dark"')
        self.client.post("/theme/", {"theme": "system"})
        self.assertNotContains(self.client.get("/help/keyboard/"), "data-theme")

    def test_a_theme_that_is_none_and_a_way_out_of_the_portal_are_ignored(self) -> None:
        answer = self.client.post("/theme/", {"theme": "x", "next": "https://evil.example/"})
        assert answer["Location"] == "/"
        assert "lintel_theme" not in answer.cookies
        assert self.client.post("/theme/", {"theme": "dark", "next": "//evil.example"})["Location"] == "/"
        self.client.cookies["lintel_theme"] = '"><script>'
        self.assertNotContains(self.client.get("/help/keyboard/"), "<script>")

    def test_help_is_readable_by_everybody(self) -> None:
        for topic in ("encryption", "keyboard", "browsers"):
            self.assertContains(self.client.get(f"/help/{topic}/"), "<h1>", html=False)
        assert self.client.get("/help/../secret/").status_code == 404

    def test_help_never_promises_more_encryption_than_there_is(self) -> None:
        text = self.client.get("/help/encryption/").content.decode()
        assert "It opens no door" in text
        assert "The pages that make and use the key come from the server too" in text
        assert "holds the keys" in text
        for limit in (
            "could serve other pages",
            "not prevented, unless the meeting is sealed",
            "can film their screen",
        ):
            assert limit in text

    def test_people_who_open_the_address_of_a_form_are_told_so_and_programs_get_the_status(self) -> None:
        self.client.cookies["sessionid"] = "not a session"
        answer = self.client.get("/theme/", headers={"Accept": "text/html,*/*;q=0.8"})
        self.assertContains(answer, "This address only takes what a form sends.", status_code=405)
        assert answer["Allow"] == "POST"
        assert self.client.get("/theme/").content == b""

    def test_refusing_pages_tell_nothing_and_have_no_inline_code(self) -> None:
        request = RequestFactory().get("/")
        for answer in (self.client.get("/nowhere/"), csrf_failure(request)):
            text = answer.content.decode()
            assert "Traceback" not in text
            assert not re.search(r"<style|style=|\son\w+=|<script(?![^>]+src=)", text)

    def test_no_template_has_inline_code(self) -> None:
        for path in (BASE_DIR / "templates").rglob("*.html"):
            if "mail" in path.parts:
                continue  # mail programs know no stylesheets of ours
            text = path.read_text()
            assert not re.search(r"<style|\sstyle=|\son(click|load|error|change|submit)=|<script>", text), path
