"""Guessing passwords runs out, and never for the owner: not by tries from elsewhere, and not in a browser of theirs."""

from __future__ import annotations

from typing import Any

from django.core import mail
from django.test import Client

from meetings import budgets
from meetings.models import AuditEntry
from portal.accounts import services
from portal.tests.test_accounts import PASSWORD, AccountsCase, person, run_jobs, sign_in

EMAIL = "ingrid@example.org"
WRONG = "wrong password"


def from_(address: str) -> Client:
    return Client(REMOTE_ADDR=address)


class SigningIn(AccountsCase):
    def setUp(self) -> None:
        super().setUp()
        self.ingrid = person()

    def guess(self, address: str, times: int, email: str = EMAIL) -> list[int]:
        return [sign_in(from_(address), email, WRONG).status_code for _ in range(times)]

    def test_what_runs_out_is_said_with_the_time_to_wait_and_the_same_for_no_account(self) -> None:
        answers = []
        for email in (EMAIL, "nobody@example.org"):
            assert self.guess("198.51.100.9", 5, email) == [200] * 5
            answer = sign_in(from_("198.51.100.9"), email, PASSWORD)
            assert answer.status_code == 429
            assert answer["Retry-After"] == "300"
            self.assertContains(answer, "Too many tries. Wait 5 minutes", status_code=429)
            answers.append(sorted(answer.headers))
        assert answers[0] == answers[1]

    def test_tries_from_elsewhere_do_not_lock_the_owner_out(self) -> None:
        assert self.guess("198.51.100.9", 8)[-1] == 429
        assert sign_in(from_("203.0.113.7"), EMAIL).status_code == 302

    def test_the_addresses_of_one_ipv6_network_are_one(self) -> None:
        self.guess("2001:db8:1:2::1", 5)
        assert sign_in(from_("2001:db8:1:2:ffff::9"), EMAIL).status_code == 429
        assert sign_in(from_("2001:db8:1:3::1"), EMAIL).status_code == 302

    def test_a_guesser_with_a_whole_site_of_ipv6_runs_out(self) -> None:
        most = budgets.FAILED_SIGN_INS.most * budgets.OF_A_SITE
        tried = [self.guess(f"2001:db8:1:{number:x}::1", 1, f"{number}@example.org")[0] for number in range(most + 1)]
        assert tried == [200] * most + [429]
        assert sign_in(from_("2001:db8:2::1"), EMAIL).status_code == 302

    def test_a_guesser_with_many_addresses_runs_out_and_a_browser_of_the_owner_does_not(self) -> None:
        mine = from_("203.0.113.7")
        assert sign_in(mine, EMAIL).status_code == 302
        mine.post("/sign-out/")
        for number in range(budgets.FAILED_SIGN_INS_OF_ALL.most // 5):
            assert self.guess(f"198.51.100.{number}", 5) == [200] * 5
        assert self.guess("192.0.2.1", 1) == [429]
        assert sign_in(from_("203.0.113.8"), EMAIL).status_code == 429
        assert sign_in(mine, EMAIL).status_code == 302
        assert sign_in(from_("203.0.113.8"), "other@example.org", WRONG).status_code == 200

    def test_tries_that_are_refused_use_up_nothing_of_what_is_for_everybody(self) -> None:
        self.guess("198.51.100.9", 70)
        assert sign_in(from_("203.0.113.8"), EMAIL).status_code == 302

    def test_a_new_password_by_mail_ends_what_others_tried(self) -> None:
        for number in range(budgets.FAILED_SIGN_INS_OF_ALL.most // 5):
            self.guess(f"198.51.100.{number}", 5)
        mine = from_("203.0.113.7")
        mine.post("/password/reset/", {"email": EMAIL})
        run_jobs()
        link = next(line for line in str(mail.outbox[0].body).split() if "/password/reset/key/" in line)
        shown = mine.get(link.removeprefix("http://localhost:8000"), follow=True)
        mine.post(shown.redirect_chain[-1][0], {"password1": "another long password"})
        assert sign_in(mine, EMAIL, "another long password").status_code == 302

    def test_a_browser_of_the_owner_has_its_own_tries_and_they_run_out_too(self) -> None:
        mine = from_("203.0.113.7")
        sign_in(mine, EMAIL)
        mine.post("/sign-out/")
        assert [sign_in(mine, EMAIL, WRONG).status_code for _ in range(6)] == [200] * 5 + [429]
        assert sign_in(from_("203.0.113.7"), EMAIL).status_code == 302

    def test_the_cookie_can_not_be_made_up_and_is_for_its_accounts_only(self) -> None:
        person("marcus@example.org", name="Marcus")
        mine = from_("203.0.113.7")
        sign_in(mine, "marcus@example.org")
        mine.post("/sign-out/")
        cookie = mine.cookies["lintel-known"]
        assert cookie["httponly"]
        assert "marcus" not in cookie.value
        self.guess("203.0.113.7", 5)
        assert sign_in(mine, EMAIL).status_code == 429  # known, but not for this account
        for forged in ("x", cookie.value[:-2] + "xx", ""):
            thief = from_("203.0.113.7")
            thief.cookies["lintel-known"] = forged
            assert sign_in(thief, EMAIL).status_code == 429

    def test_signing_in_often_is_no_guessing(self) -> None:
        client = from_("203.0.113.7")
        for _ in range(12):
            assert sign_in(client, EMAIL).status_code == 302
            client.post("/sign-out/")

    def test_tries_beyond_the_budget_are_in_the_log_without_filling_it(self) -> None:
        self.guess("198.51.100.9", 50)
        rows = AuditEntry.objects.filter(kind="account.sign_in_refused").select_related("detail")
        assert 5 <= rows.count() <= 10
        assert '"count":32' in rows.latest("number").detail.body


class OtherEntrances(AccountsCase):
    def ask(self, email: str, address: str) -> Any:
        return from_(address).post("/password/reset/", {"email": email}, follow=True)

    def test_nobody_can_fill_a_mailbox_and_the_page_stays_the_same(self) -> None:
        person()
        pages = {self.ask(EMAIL, f"198.51.100.{number}").content for number in range(8)}
        pages.add(self.ask("nobody@example.org", "192.0.2.1").content)
        run_jobs()
        assert len(mail.outbox) == budgets.RESET_MAILS.most
        assert len(pages) == 1

    def test_asking_for_mails_runs_out_by_address(self) -> None:
        statuses = [self.ask(f"n{number}@example.org", "198.51.100.9").status_code for number in range(22)]
        assert statuses == [200] * budgets.RESETS.most + [429] * 2
        answer = self.ask(EMAIL, "198.51.100.9")
        assert answer["Retry-After"] == "60"
        self.assertContains(answer, "Wait a minute, then try again.", status_code=429)
        assert self.ask(EMAIL, "203.0.113.7").status_code == 200

    def test_guessing_set_up_links_runs_out_and_right_ones_cost_nothing(self) -> None:
        path = services.first_administrator_link()
        assert path is not None
        path = path.removeprefix("http://localhost:8000")
        mine = from_("203.0.113.7")
        assert {mine.get(path).status_code for _ in range(30)} == {200}
        guesser = from_("198.51.100.9")
        statuses = [guesser.get(f"/setup/guess{number}/").status_code for number in range(22)]
        assert statuses == [404] * budgets.SETUP_LINKS.most + [429] * 2
        assert guesser.get(path).status_code == 429
        assert mine.get(path).status_code == 200
