"""The administration's pages about authorization services and Red5 Pro servers: plain forms, every answer a page."""

from __future__ import annotations

import re
from html import unescape
from typing import Any
from unittest.mock import patch

from meetings.models import AuditEntry
from meetings.outgoing.models import AllowedDestination
from meetings.roundtrip import answering, protocol, services
from meetings.roundtrip.models import AuthorizationService, StreamAnswers
from meetings.roundtrip.services import Settings
from meetings.tests.answering_service import answer, served, stall
from portal.tests.test_pages import PagesCase

PAGE = "/organisation/authorization/"
STREAMS = "/organisation/streams/"


def filled(**changes: Any) -> dict[str, Any]:
    """The form as it is posted for a new service; None leaves a field out."""
    fields = {
        "is_on": "on",
        "url": "https://auth.example.org/lintel",
        "profile": "signed",
        "names": "opaque",
        "lease_seconds": "60",
    } | changes
    return {name: value for name, value in fields.items() if value is not None}


class TheService(PagesCase):
    def post(self, **changes: Any) -> Any:
        return self.client.post(PAGE, filled(**changes), follow=True)

    def test_it_is_set_changed_and_switched_off(self) -> None:
        page = self.post(hosts_may_replace="on", lease_seconds="300")
        self.assertContains(page, "Saved. It acts at once")
        row = AuthorizationService.objects.get()
        assert (row.is_on, row.lease_seconds, row.hosts_may_replace) == (True, 300, True)
        self.assertContains(page, 'value="https://auth.example.org/lintel"')
        self.post(is_on=None)
        assert services.service_of(None).is_on is False
        assert services.service_of(None).url, "what was set stays"

    def test_what_can_not_be_asked_is_said_at_its_field_and_nothing_is_lost(self) -> None:
        for url, words in (
            ("", "Enter the address of the service."),
            ("auth.example.org", "This is not a URL"),
            ("http://auth.example.org/", "Only https:// is allowed"),
            ("https://10.0.0.7/", "which is not a public address"),
            ("https://169.254.169.254/", "which is never asked"),
        ):
            page = self.post(url=url, names="email")
            assert page.status_code == 422
            self.assertContains(page, words, status_code=422)
            self.assertContains(page, "There is a problem", status_code=422)
            self.assertContains(page, 'href="#id_url"', status_code=422)
            assert page.context["form"]["names"].value() == "email"
        for changes in ({"lease_seconds": "5"}, {"lease_seconds": "x"}, {"profile": "red6"}, {"names": None}):
            assert self.post(**changes).status_code == 422
        assert not AuthorizationService.objects.exists()

    def test_a_secret_is_shown_once(self) -> None:
        self.post()
        page = self.client.post(PAGE + "secret/")
        shown = re.search(r'<code class="whole" id="the-secret">([^<]+)</code>', page.content.decode())
        assert shown is not None
        assert services.as_asked(services.service_of(None)).secrets[0] == shown[1]
        self.assertNotContains(self.client.get(PAGE), shown[1])
        self.assertContains(self.client.get(PAGE), "The one before works until")

    def test_the_test_shows_the_whole_exchange_without_secrets(self) -> None:
        with served(answer(200, {"result": True, "ttl": 90, "grants": ["audio"]})) as service:
            AllowedDestination.objects.create(text=service.url)
            self.post(url=f"{service.url}/rta")
            trial = {"trial-type": "publisher", "trial-username": "ann", "trial-token": "a-secret-token"}
            page = self.client.post(PAGE + "test/", trial)
            request = service.requests[0]
        text = unescape(page.content.decode())
        assert "Yes: they may." in text and "It lasts 90 seconds." in text and "It grants: audio." in text
        assert f"POST {service.url}/rta/validateCredentials" in text
        assert '"username":"ann"' in text and '"token":"a-se…"' in text
        assert '{"result": true, "ttl": 90, "grants": ["audio"]}' in text
        assert "connected after" in text and "answer read after" in text
        for secret in (request.json["password"], request.headers["x-rta-signature"], 'token":"a-secret-token'):
            assert secret not in text
        assert 'value="a-secret-token"' in text, "what was typed stays in the form"

    def test_a_service_that_does_not_answer_is_a_sentence(self) -> None:
        with served(answer(302, b"", headers="Location: http://127.0.0.1/\r\n")) as service:
            AllowedDestination.objects.create(text=service.url)
            self.post(url=service.url)
            page = self.client.post(PAGE + "test/", {"trial-type": "subscriber"})
            self.assertContains(page, "No answer: nobody new would be let in.")
            self.assertContains(page, "The service answered with status 302 instead of 200.")
            service.reply = answer(200, b'{"result": "<script>alert(1)</script>"}')
            page = self.client.post(PAGE + "test/", {"trial-type": "subscriber"})
            self.assertNotContains(page, "<script>alert")
            service.reply = stall
            with patch.object(protocol, "DEADLINE_SECONDS", 0.2):
                page = self.client.post(PAGE + "test/", {"trial-type": "subscriber"})
            self.assertContains(page, "There was no whole answer within 0.2 seconds.")
            self.assertContains(page, "Nothing that could be read.")

    def test_nothing_is_sent_before_something_is_saved(self) -> None:
        self.assertContains(self.client.get(PAGE), "Save an address first.")
        page = self.client.post(PAGE + "test/", {"trial-type": "subscriber"})
        assert page.status_code == 200
        self.assertNotContains(page, "exchange-title")

    def test_places_are_added_and_removed(self) -> None:
        add = PAGE.replace("authorization/", "outgoing/allow/")
        for wrong, words in (("", "Enter a network"), ("0.0.0.0/0", "too wide"), ("169.254.169.254", "never asked")):
            page = self.client.post(add, {"allow-text": wrong})
            self.assertContains(page, words, status_code=422)
        page = self.client.post(add, {"allow-text": "10.20.0.0/16"}, follow=True)
        self.assertContains(page, "Requests may go to 10.20.0.0/16.")
        self.post(url="https://10.20.0.7/")
        row = AllowedDestination.objects.get()
        assert row.added_by == self.admin
        page = self.client.post(f"/organisation/outgoing/{row.pk}/disallow/", follow=True)
        self.assertContains(page, "Requests no longer go to 10.20.0.0/16.")
        assert AuditEntry.objects.filter(kind__startswith="outgoing.").count() == 2

    def test_meetings_with_a_service_of_their_own_are_listed(self) -> None:
        meeting = self.meeting()
        self.post(hosts_may_replace="on")
        services.change_service(self.ingrid, meeting, Settings("https://own.example.org/"))
        self.assertContains(self.client.get(PAGE), "https://own.example.org/")


class AMeetingsOwn(PagesCase):
    def setUp(self) -> None:
        super().setUp()
        self.found = self.meeting()
        self.page = f"/meetings/{self.found.pk}/authorization/"
        self.client.force_login(self.ingrid)

    def let_hosts(self) -> None:
        services.change_service(None, None, Settings("https://auth.example.org/", hosts_may_replace=True))

    def test_without_leave_it_says_so_and_takes_nothing(self) -> None:
        services.change_service(None, None, Settings("https://auth.example.org/"))
        page = self.client.get(self.page)
        self.assertContains(page, "authorization service must agree to everybody in this meeting")
        self.assertContains(page, "Your administrator doesn’t allow")
        self.assertNotContains(page, '<form method="post" id="service"')
        for path in (self.page, self.page + "secret/", self.page + "test/"):
            assert self.client.post(path, filled()).status_code == 404
        assert AuthorizationService.objects.count() == 1

    def test_a_host_names_one_shows_its_secret_and_tries_it(self) -> None:
        self.let_hosts()
        with served(answer(200, {"result": False, "reason": "Not today."})) as service:
            AllowedDestination.objects.create(text=service.url, for_everybody=True)
            page = self.client.post(self.page, filled(url=service.url), follow=True)
            self.assertContains(page, "This meeting asks a service of its own.")
            self.assertContains(self.client.post(self.page + "secret/"), 'id="the-secret"')
            page = self.client.post(self.page + "test/", {"trial-type": "publisher"})
            self.assertContains(page, "No: they may not.")
            self.assertContains(page, "Not today.")
        asked = services.asked_about(self.found)
        assert asked is not None and asked.key == str(self.found.pk)

    def test_a_host_does_not_switch_the_organisations_off(self) -> None:
        self.let_hosts()
        self.client.post(self.page, filled(is_on=None, url="", hosts_may_replace="on"))
        asked = services.asked_about(self.found)
        assert asked is not None and asked.key == "organisation"
        assert not services.service_of(self.found).hosts_may_replace

    def test_the_meetings_page_says_that_somebody_else_must_agree(self) -> None:
        self.assertNotContains(self.client.get(f"/meetings/{self.found.pk}/"), "authorization service")
        self.let_hosts()
        page = self.client.get(f"/meetings/{self.found.pk}/")
        self.assertContains(page, "authorization service must agree too")
        self.assertContains(page, self.page)


class Streams(PagesCase):
    def test_it_is_switched_on_with_a_secret_address_shown_once(self) -> None:
        page = self.client.post(STREAMS, {"is_on": "on", "networks": ""})
        self.assertContains(page, "Make a secret address first", status_code=422)
        page = self.client.post(STREAMS + "secret/")
        shown = re.search(r"http://localhost:8000/rta/([^<]+)</code>", page.content.decode())
        assert shown is not None
        self.assertContains(self.client.post(STREAMS, {"is_on": "on", "networks": ""}, follow=True), "Saved.")
        assert answering.may_ask(answering.answers_now(), shown[1], "203.0.113.9")
        self.assertNotContains(self.client.get(STREAMS), shown[1])

    def test_networks_are_one_a_line_and_wrong_ones_are_named(self) -> None:
        page = self.client.post(STREAMS, {"is_on": "on", "networks": "203.0.113.0/24\nnonsense"})
        self.assertContains(page, "“nonsense” is not a network", status_code=422)
        assert not StreamAnswers.objects.exists()
        self.client.post(STREAMS, {"is_on": "on", "networks": "203.0.113.0/24, 2001:db8:1::/48\n\n"})
        assert answering.answers_now().networks == ["203.0.113.0/24", "2001:db8:1::/48"]
