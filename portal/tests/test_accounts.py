"""Accounts: who gets one, how people sign in, and what ends when an account does."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
from allauth.account.models import EmailAddress
from django.contrib.sessions.models import Session
from django.core import mail
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.test import Client, TestCase
from django.utils import timezone
from django_tasks_db.management.commands.db_worker import Worker

from meetings.audit import sentence
from meetings.models import AuditEntry
from meetings.services import invitations, scheduling
from portal.accounts import services
from portal.models import ApiToken, SetupLink, User

PASSWORD = "correct horse battery"


def person(email: str = "ingrid@example.org", **fields: Any) -> User:
    return services.create_person(
        email, fields.pop("name", "Ingrid Sæther"), password=fields.pop("password", PASSWORD), **fields
    )


def sign_in(client: Client, email: str, password: str = PASSWORD, **extra: Any) -> Any:
    return client.post("/sign-in/", {"login": email, "password": password}, **extra)


def kinds() -> list[str]:
    return list(AuditEntry.objects.order_by("number").values_list("kind", flat=True))


def run_jobs() -> None:
    Worker(
        queue_names=["*"],
        interval=0,
        batch=True,
        backend_name="default",
        startup_delay=False,
        max_tasks=None,
        worker_id="tests",
        excluded_queue_names=[],
    ).run()


class AccountsCase(TestCase):
    def setUp(self) -> None:
        cache.clear()  # the sign-in limits of the tests before


class SigningIn(AccountsCase):
    def test_a_person_signs_in_with_email_and_password_in_any_case(self) -> None:
        person()
        answer = sign_in(self.client, "Ingrid@Example.ORG")
        assert answer.status_code == 302
        assert answer["Location"] == "/meetings/"
        assert self.client.session["_auth_user_id"]
        assert kinds()[-1] == "account.signed_in"

    def test_the_page_to_return_to_is_kept(self) -> None:
        person()
        shown = self.client.get("/sign-in/?next=/m/abcd-efgh-jkmn").content.decode()
        assert 'name="next" value="/m/abcd-efgh-jkmn"' in shown
        answer = self.client.post(
            "/sign-in/", {"login": "ingrid@example.org", "password": PASSWORD, "next": "/m/abcd-efgh-jkmn"}
        )
        assert answer["Location"] == "/m/abcd-efgh-jkmn"

    def test_the_page_to_return_to_is_ours(self) -> None:
        person()
        for elsewhere in ("https://evil.example/", "//evil.example/", "https:evil.example", "javascript:alert(1)"):
            client = Client()
            answer = client.post("/sign-in/", {"login": "ingrid@example.org", "password": PASSWORD, "next": elsewhere})
            assert answer["Location"] == "/meetings/", elsewhere

    def test_wrong_password_unknown_and_deactivated_accounts_read_the_same(self) -> None:
        admin = person("admin@example.org", role="admin")
        gone = person("gone@example.org")
        services.deactivate(gone, by=admin)
        person()
        texts = set()
        for email, password in (
            ("ingrid@example.org", "wrong password"),
            ("nobody@example.org", "wrong password"),
            ("gone@example.org", PASSWORD),
        ):
            answer = sign_in(Client(), email, password)
            assert answer.status_code == 200
            shown = answer.content.decode()
            assert "That email and password don’t match." in shown
            assert "<title>Error: Sign in" in shown
            assert "There is a problem" in shown
            texts.add(re.sub(r'value="[^"]*"', "", shown))
        assert len(texts) == 1

    def test_guessing_ends_after_five_tries_also_for_the_right_password(self) -> None:
        person()
        for _ in range(5):
            sign_in(Client(), "ingrid@example.org", "wrong password")
        answer = sign_in(Client(), "ingrid@example.org")
        assert "Too many tries. Wait 5 minutes" in answer.content.decode()
        assert "_auth_user_id" not in self.client.session

    def test_guessing_for_an_unknown_account_ends_the_same_way(self) -> None:
        for _ in range(5):
            sign_in(Client(), "nobody@example.org", "wrong password")
        assert "Too many tries. Wait 5 minutes" in sign_in(Client(), "nobody@example.org").content.decode()

    def test_a_session_gets_a_new_key_at_sign_in(self) -> None:
        person()
        self.client.get("/sign-in/")
        session = self.client.session
        session["kept"] = 1
        session.save()
        before = session.session_key
        sign_in(self.client, "ingrid@example.org")
        assert self.client.session.session_key != before
        assert not Session.objects.filter(pk=before).exists()

    def test_signing_out_needs_a_post(self) -> None:
        person()
        sign_in(self.client, "ingrid@example.org")
        self.client.get("/sign-out/")
        assert "_auth_user_id" in self.client.session
        self.client.post("/sign-out/")
        assert "_auth_user_id" not in self.client.session
        assert kinds()[-1] == "account.signed_out"

    def test_a_form_of_another_site_is_refused(self) -> None:
        strict = Client(enforce_csrf_checks=True)
        answer = strict.post("/sign-in/", {"login": "a@example.org", "password": "x"})
        assert answer.status_code == 403

    def test_nobody_signs_up(self) -> None:
        before = User.objects.count()
        assert "Accounts are by invitation" in self.client.get("/sign-up/").content.decode()
        self.client.post("/sign-up/", {"email": "me@example.org", "password1": PASSWORD, "password2": PASSWORD})
        assert User.objects.count() == before

    def test_refused_sign_ins_are_logged_without_filling_the_log(self) -> None:
        for number in range(40):
            sign_in(Client(REMOTE_ADDR="198.51.100.9"), "nobody@example.org", f"guess {number}")
        assert 5 <= kinds().count("account.sign_in_refused") <= 10


class FirstAdministrator(AccountsCase):
    def link(self) -> str:
        link = services.first_administrator_link()
        assert link is not None
        return link.removeprefix("http://localhost:8000")

    def test_the_link_makes_an_administrator_and_signs_them_in(self) -> None:
        path = self.link()
        assert self.client.get(path).status_code == 200
        answer = self.client.post(path, {"name": "Ada", "email": "Ada@example.org", "password": PASSWORD})
        assert answer.status_code == 302
        ada = User.objects.get()
        assert (ada.email, ada.role, ada.is_admin) == ("ada@example.org", "admin", True)
        assert EmailAddress.objects.get(user=ada).verified
        assert self.client.session["_auth_user_id"] == str(ada.pk)

    def test_the_link_works_once(self) -> None:
        path = self.link()
        self.client.post(path, {"name": "Ada", "email": "ada@example.org", "password": PASSWORD})
        second = Client().post(path, {"name": "Eve", "email": "eve@example.org", "password": PASSWORD})
        assert second.status_code == 404
        assert User.objects.count() == 1

    def test_the_link_dies_with_the_first_account_however_that_was_made(self) -> None:
        path = self.link()
        person()
        assert self.client.get(path).status_code == 404
        answer = self.client.post(path, {"name": "Eve", "email": "eve@example.org", "password": PASSWORD})
        assert answer.status_code == 404
        assert services.first_administrator_link() is None

    def test_a_newer_link_replaces_the_older(self) -> None:
        older, newer = self.link(), self.link()
        assert self.client.get(older).status_code == 404
        assert self.client.get(newer).status_code == 200

    def test_the_link_lasts_a_day(self) -> None:
        path = self.link()
        SetupLink.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
        assert self.client.get(path).status_code == 404

    def test_a_weak_password_is_refused_and_the_link_stays(self) -> None:
        path = self.link()
        for weak in ("short", "0123456789", "password123", "ada@example.org"):
            answer = self.client.post(path, {"name": "Ada", "email": "ada@example.org", "password": weak})
            assert answer.status_code == 200, weak
            assert "There is a problem" in answer.content.decode()
        assert User.objects.count() == 0
        assert self.client.get(path).status_code == 200

    def test_the_secret_is_stored_hashed_only(self) -> None:
        secret = self.link().split("/")[2]
        assert len(secret) >= 43
        assert not SetupLink.objects.filter(digest__contains=secret).exists()

    def test_a_guessed_link_is_nothing(self) -> None:
        self.link()
        assert self.client.get("/setup/guess/").status_code == 404


class Invited(AccountsCase):
    def test_an_invited_person_chooses_a_password_once(self) -> None:
        admin = person("admin@example.org", role="admin")
        path = services.invite_person("Marcus@example.org", "Marcus Bell", "staff", by=admin).split(":8000")[1]
        assert "_auth_user_id" not in self.client.session
        shown = self.client.get(path).content.decode()
        assert "marcus@example.org" in shown
        self.client.post(path, {"name": "Marcus Bell", "password": PASSWORD})
        marcus = User.objects.get(email="marcus@example.org")
        assert marcus.role == "staff"
        assert marcus.check_password(PASSWORD)
        assert Client().get(path).status_code == 404

    def test_whoever_sets_a_password_in_another_way_has_no_link_left_that_sets_one(self) -> None:
        admin = person("admin@example.org", role="admin")
        marcus = person("marcus@example.org", name="Marcus")
        new = "a different phrase"

        def on_the_page() -> None:
            self.client.force_login(User.objects.get(pk=marcus.pk))
            answer = self.client.post("/account/", {"what": "password", "current": PASSWORD, "new": new})
            assert answer.status_code == 302, answer.content.decode()

        def by_mail() -> None:
            Client().post("/password/reset/", {"email": "marcus@example.org"})
            run_jobs()
            link = re.search(r"/password/reset/key/\S+", mail.outbox[-1].body)
            assert link is not None
            browser = Client()
            form = browser.get(link[0], follow=True).request["PATH_INFO"]
            assert browser.post(form, {"password1": "yet another phrase"}).status_code == 302

        def by_a_command() -> None:
            account = User.objects.get(pk=marcus.pk)
            account.set_password("one more phrase")
            account.save()

        for set_a_password in (on_the_page, by_mail, by_a_command):
            path = services.invite_again(marcus, by=admin).split(":8000")[1]
            assert Client().get(path).status_code == 200
            before = User.objects.get(pk=marcus.pk).password
            set_a_password()
            assert User.objects.get(pk=marcus.pk).password != before, set_a_password
            assert Client().get(path).status_code == 404, set_a_password
            assert Client().post(path, {"name": "Eve", "password": PASSWORD}).status_code == 404

    def test_the_address_of_an_invited_account_cannot_be_changed_with_the_link(self) -> None:
        admin = person("admin@example.org", role="admin")
        path = services.invite_person("marcus@example.org", "Marcus", "staff", by=admin).split(":8000")[1]
        self.client.post(path, {"name": "Marcus", "email": "eve@example.org", "password": PASSWORD})
        assert not User.objects.filter(email="eve@example.org").exists()

    def test_without_the_link_an_invited_account_cannot_sign_in(self) -> None:
        admin = person("admin@example.org", role="admin")
        services.invite_person("marcus@example.org", "Marcus", "staff", by=admin)
        for password in ("", "!", "None"):
            assert sign_in(Client(), "marcus@example.org", password).status_code == 200

    def test_only_administrators_invite_and_deactivate(self) -> None:
        staff = person()
        other = person("other@example.org")
        with pytest.raises(PermissionError):
            services.invite_person("x@example.org", "X", "admin", by=staff)
        with pytest.raises(PermissionError):
            services.deactivate(other, by=staff)
        with pytest.raises(PermissionError):
            services.change_role(staff, "admin", by=staff)

    def test_links_that_a_deactivated_host_had_copied_open_nothing(self) -> None:
        admin, host = person("admin@example.org", role="admin"), person()
        board = scheduling.start_now(host)
        guest = invitations.invite(host, board.occurrences.get(), "peter@medreg.example", send=False)
        secret = invitations.mint_link(guest, by=host).rpartition("/")[2]
        assert invitations.open_link(secret) is not None
        services.deactivate(host, by=admin)
        assert invitations.open_link(secret) is None
        services.reactivate(host, by=admin)
        assert invitations.open_link(secret) is None
        assert "invitation.links_withdrawn" in kinds()

    def test_an_administrator_who_lost_the_role_a_moment_ago_does_nothing(self) -> None:
        admin = person("admin@example.org", role="admin")
        User.objects.filter(pk=admin.pk).update(role="staff")
        with pytest.raises(PermissionError):
            services.invite_person("x@example.org", "X", "staff", by=admin)
        with pytest.raises(PermissionError):
            services.change_role(person(), "admin", by=admin)

    def test_one_address_is_one_account_whatever_its_case(self) -> None:
        person("ingrid@example.org")
        with pytest.raises(ValidationError):
            person("INGRID@example.org")


class Deactivated(AccountsCase):
    def test_deactivating_ends_sessions_links_and_tokens_at_once(self) -> None:
        admin = person("admin@example.org", role="admin")
        ingrid = person()
        token = services.make_token(ingrid, "script", [])
        sign_in(self.client, "ingrid@example.org")
        assert self.client.get("/account/").status_code == 200
        services.deactivate(ingrid, by=admin)
        assert self.client.get("/account/").status_code == 302
        assert services.token_holder(token) is None
        assert "account.deactivated" in kinds()

    def test_reactivating_does_not_revive_old_sessions_and_tokens(self) -> None:
        admin = person("admin@example.org", role="admin")
        ingrid = person()
        token = services.make_token(ingrid, "script", [])
        sign_in(self.client, "ingrid@example.org")
        services.deactivate(ingrid, by=admin)
        services.reactivate(ingrid, by=admin)
        assert self.client.get("/account/").status_code == 302
        assert services.token_holder(token) is None
        assert sign_in(Client(), "ingrid@example.org").status_code == 302

    def test_an_account_is_shut_before_its_sessions_are_looked_for_and_they_stay_dead(self) -> None:
        admin = person("admin@example.org", role="admin")
        ingrid = person()
        sign_in(self.client, "ingrid@example.org")
        with patch("portal.accounts.services.end_sessions", side_effect=OSError), pytest.raises(OSError):
            services.deactivate(ingrid, by=admin)
        assert self.client.get("/account/").status_code == 302
        services.reactivate(ingrid, by=admin)
        assert self.client.get("/account/").status_code == 302

    def test_an_administrator_cannot_lock_themselves_out(self) -> None:
        admin = person("admin@example.org", role="admin")
        with pytest.raises(ValidationError):
            services.deactivate(admin, by=admin)


class OwnAccount(AccountsCase):
    def setUp(self) -> None:
        super().setUp()
        self.ingrid = person()
        sign_in(self.client, "ingrid@example.org")

    def test_name_and_time_zone_are_changed(self) -> None:
        self.client.post("/account/", {"what": "profile", "name": "Ingrid S.", "time_zone": "Europe/Oslo"})
        self.ingrid.refresh_from_db()
        assert (self.ingrid.name, self.ingrid.time_zone) == ("Ingrid S.", "Europe/Oslo")

    def test_a_name_has_no_parts_that_nobody_sees_and_its_change_is_in_the_log(self) -> None:
        self.client.post("/account/", {"what": "profile", "name": "Ada\u202e\u200b\nAdmin\u2060", "time_zone": ""})
        self.ingrid.refresh_from_db()
        assert self.ingrid.name == "Ada Admin"
        entry = AuditEntry.objects.select_related("detail").get(kind="account.renamed")
        assert sentence(entry) == "Ingrid Sæther calls themselves Ada Admin now."
        for nothing in ("\u200b\u2060", " ", "A" * 121):
            answer = self.client.post("/account/", {"what": "profile", "name": nothing, "time_zone": ""})
            assert "There is a problem" in answer.content.decode()
        self.client.post("/account/", {"what": "profile", "name": "Ada Admin", "time_zone": "Europe/Oslo"})
        assert kinds().count("account.renamed") == 1

    def test_an_unknown_time_zone_is_refused(self) -> None:
        answer = self.client.post("/account/", {"what": "profile", "name": "I", "time_zone": "Mars/Base"})
        assert "There is a problem" in answer.content.decode()

    def test_the_role_cannot_be_posted(self) -> None:
        self.client.post("/account/", {"what": "profile", "name": "I", "role": "admin", "is_active": "1"})
        self.ingrid.refresh_from_db()
        assert self.ingrid.role == "staff"

    def test_changing_the_password_needs_the_current_one(self) -> None:
        answer = self.client.post("/account/", {"what": "password", "current": "wrong", "new": "another long password"})
        assert "That isn’t your current password." in answer.content.decode()
        self.ingrid.refresh_from_db()
        assert self.ingrid.check_password(PASSWORD)

    def test_changing_the_password_signs_other_browsers_out(self) -> None:
        other = Client()
        sign_in(other, "ingrid@example.org")
        self.client.post("/account/", {"what": "password", "current": PASSWORD, "new": "another long password"})
        assert self.client.get("/account/").status_code == 200
        assert other.get("/account/").status_code == 302
        assert sign_in(Client(), "ingrid@example.org", "another long password").status_code == 302
        assert "account.password_changed" in kinds()

    def test_other_browsers_are_signed_out_on_request(self) -> None:
        other = Client()
        sign_in(other, "ingrid@example.org")
        self.client.post("/account/", {"what": "sessions"})
        assert other.get("/account/").status_code == 302
        assert self.client.get("/account/").status_code == 200

    def test_the_page_is_for_those_signed_in(self) -> None:
        assert Client().get("/account/")["Location"] == "/sign-in/?next=/account/"


class ForgottenPassword(AccountsCase):
    def ask(self, email: str) -> Any:
        answer = self.client.post("/password/reset/", {"email": email}, follow=True)
        run_jobs()
        return answer

    def test_the_answer_is_the_same_for_unknown_accounts(self) -> None:
        person()
        pages = {self.ask(email).content for email in ("ingrid@example.org", "nobody@example.org")}
        assert len(pages) == 1
        assert [message.to for message in mail.outbox] == [["ingrid@example.org"]]
        assert "It works for three days, or until you sign in." in mail.outbox[0].body
        assert mail.outbox[0].extra_headers["Auto-Submitted"] == "auto-generated"

    def test_the_mailed_link_sets_a_password_once_and_ends_sessions(self) -> None:
        person()
        other = Client()
        sign_in(other, "ingrid@example.org")
        self.ask("ingrid@example.org")
        link = re.search(r"http://localhost:8000(/password/reset/key/\S+)", str(mail.outbox[0].body))
        assert link is not None
        shown = self.client.get(link[1], follow=True)
        action = re.search(r'action="([^"]+set-password/)"', shown.content.decode())
        assert action is not None
        self.client.post(action[1], {"password1": "another long password"})
        assert sign_in(Client(), "ingrid@example.org", "another long password").status_code == 302
        assert other.get("/account/").status_code == 302
        assert "can’t be used" in Client().get(link[1], follow=True).content.decode()
        assert "account.password_reset" in kinds()

    def test_no_secret_lies_in_the_queue(self) -> None:
        person()
        self.client.post("/password/reset/", {"email": "ingrid@example.org"})
        from django_tasks_db.models import DBTaskResult

        job = DBTaskResult.objects.get()
        assert job.args_kwargs == {"args": [str(User.objects.get().pk)], "kwargs": {}}

    def test_the_host_of_the_link_is_ours_whatever_the_request_said(self) -> None:
        person()
        answer = self.client.post("/password/reset/", {"email": "ingrid@example.org"}, HTTP_HOST="evil.example")
        assert answer.status_code == 400
        self.ask("ingrid@example.org")
        assert all("http://localhost:8000/" in str(message.body) for message in mail.outbox)


class Tokens(AccountsCase):
    def test_a_token_is_shown_once_and_stored_hashed(self) -> None:
        token = services.make_token(person(), "script", ["read"])
        row = ApiToken.objects.get()
        assert token not in (row.digest, row.name)
        holder = services.token_holder(token)
        assert holder is not None
        assert holder.scopes == ["read"]

    def test_unknown_scopes_are_refused(self) -> None:
        with pytest.raises(ValidationError):
            services.make_token(person(), "script", ["everything"])

    def test_wrong_revoked_and_overlong_tokens_are_nobody(self) -> None:
        token = services.make_token(person(), "script", [])
        assert services.token_holder(token[:-1]) is None
        assert services.token_holder("") is None
        assert services.token_holder("lintel_" + "x" * 1000) is None
        ApiToken.objects.update(revoked_at=timezone.now())
        assert services.token_holder(token) is None
