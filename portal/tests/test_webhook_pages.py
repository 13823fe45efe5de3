"""One's own webhooks and the administration's list of all: plain forms, every answer a page, secrets shown once."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape
from typing import Any
from unittest import mock

from django.utils import timezone

from meetings import audit
from meetings.models import AuditEntry
from meetings.outgoing.models import AllowedDestination
from meetings.tests.answering_service import answer, served
from meetings.webhooks import services
from meetings.webhooks.events import EVENTS
from meetings.webhooks.models import Webhook, WebhookDelivery
from portal.tests.test_pages import PagesCase

PAGE = "/account/webhooks/"
ALL = "/organisation/webhooks/"
URL = "https://hooks.example.org/lintel"


def filled(**changes: Any) -> dict[str, Any]:
    """The form as it is posted; None leaves a field out."""
    fields = {"url": URL, "which": "all", "covers": "own"} | changes
    return {name: value for name, value in fields.items() if value is not None}


class Ones(PagesCase):
    def setUp(self) -> None:
        super().setUp()
        self.client.force_login(self.ingrid)

    def made(self, **changes: Any) -> Webhook:
        self.client.post(PAGE, filled(**changes))
        return Webhook.objects.latest("created_at")

    def test_it_is_reached_from_the_account(self) -> None:
        self.assertContains(self.client.get("/account/"), f'href="{PAGE}"')
        page = self.client.get(PAGE)
        for name, meaning in EVENTS.items():
            self.assertContains(page, name)
            self.assertContains(page, str(meaning))

    def test_it_is_made_and_its_secret_is_shown_once(self) -> None:
        page = self.client.post(PAGE, filled())
        shown = re.search(r'<code class="whole" id="the-secret">([^<]+)</code>', page.content.decode())
        assert shown is not None and shown[1].startswith("whsec_")
        hook = Webhook.objects.get()
        assert (hook.owner, hook.url, hook.events, hook.covers) == (self.ingrid, URL, [], "own")
        own = f"{PAGE}{hook.pk}/"
        self.assertNotContains(self.client.get(own), "whsec_")
        self.assertContains(self.client.get(PAGE), own)
        page = self.client.post(own + "secret/")
        again = re.search(r'<code class="whole" id="the-secret">([^<]+)</code>', page.content.decode())
        assert again is not None and again[1] != shown[1]
        self.assertContains(page, "signed with the one before too")

    def test_what_can_not_be_used_is_said_at_its_field_and_nothing_is_lost(self) -> None:
        for changes, field, words in (
            ({"url": ""}, "url", "Enter an address."),
            ({"url": "hooks.example.org"}, "url", "This is not a URL"),
            ({"url": "http://hooks.example.org/"}, "url", "Only https:// is allowed"),
            ({"url": "https://10.0.0.7/"}, "url", "which is not a public address"),
            ({"url": "https://169.254.169.254/"}, "url", "which is never asked"),
            ({"url": "https://hooks.example.org/" + "x" * 500}, "url", "too long"),
            ({"which": "chosen"}, "events", "Choose at least one event."),
            ({"which": "chosen", "events": ["door.opened"]}, "events", "door.opened"),
        ):
            page = self.client.post(PAGE, filled(**changes))
            self.assertContains(page, words, status_code=422)
            self.assertContains(page, "There is a problem", status_code=422)
            self.assertContains(page, f'href="#id_{field}"', status_code=422)
            if changes.get("url"):
                self.assertContains(page, changes["url"], status_code=422)
        assert not Webhook.objects.exists()

    def test_staff_do_not_hear_of_every_meeting_whatever_they_post(self) -> None:
        self.assertNotContains(self.client.get(PAGE), "Every meeting")
        assert self.made(covers="organisation").covers == "own"
        self.client.force_login(self.admin)
        assert self.made(covers="organisation").covers == "organisation"

    def test_it_is_changed_switched_off_and_on_and_ended(self) -> None:
        hook = self.made()
        own = f"{PAGE}{hook.pk}/"
        page = self.client.post(own, filled(which="chosen", events=["door.knocked"]), follow=True)
        self.assertContains(page, "Saved.")
        page = self.client.post(own, filled(url="https://10.0.0.7/"))
        self.assertContains(page, "which is not a public address", status_code=422)
        hook.refresh_from_db()
        assert (hook.url, hook.events) == (URL, ["door.knocked"])
        self.assertContains(self.client.post(own + "switch/", {"on": "no"}, follow=True), "Switch on")
        assert not Webhook.objects.get().is_on
        self.client.post(own + "switch/", {"on": "yes"})
        assert Webhook.objects.get().is_on
        self.assertContains(self.client.get(own + "end/"), "End this webhook?")
        self.client.post(own + "end/")
        assert not Webhook.objects.exists()

    def test_a_test_is_sent_and_how_it_came_out_is_said(self) -> None:
        with served(answer(200)) as service:
            AllowedDestination.objects.create(text=service.url, for_everybody=True)
            hook = self.made(url=service.url)
            page = self.client.post(f"{PAGE}{hook.pk}/test/")
            self.assertContains(page, "It arrived: the answer had status 200.")
            service.reply = answer(404)
            page = self.client.post(f"{PAGE}{hook.pk}/test/")
            self.assertContains(page, "It did not arrive.")
            self.assertContains(page, "It answered with status 404.")

    def test_what_became_of_each_event_is_shown(self) -> None:
        hook = self.made()
        self.assertContains(self.client.get(f"{PAGE}{hook.pk}/"), "Nothing yet.")
        audit.record("door.locked", actor=self.ingrid, meeting=self.meeting())
        problem = "There is no address for hooks.example.org."
        WebhookDelivery.objects.update(attempts=3, problem=problem, tried_at=timezone.now())
        Webhook.objects.update(failing_since=timezone.now() - timedelta(hours=2), failures=3)
        text = unescape(self.client.get(f"{PAGE}{hook.pk}/").content.decode())
        assert "meeting.locked" in text and "on its way" in text and f"3 tries: {problem}" in text
        assert "Nothing has arrived since" in text
        Webhook.objects.update(is_on=False, off_because="It answered that it is gone (410).")
        assert "It was switched off by itself." in self.client.get(f"{PAGE}{hook.pk}/").content.decode()

    def test_too_many_is_a_sentence(self) -> None:
        with mock.patch.object(services, "MOST_WEBHOOKS", 1):
            self.made()
            self.assertContains(self.client.post(PAGE, filled()), "End one first.", status_code=422)


class TheOrganisations(PagesCase):
    def test_an_administrator_sees_whose_they_are_without_what_may_be_secret_and_ends_them(self) -> None:
        self.assertContains(self.client.get(ALL), "No program is told anything.")
        hook, _ = services.make(self.ingrid, url="https://hooks.example.org/t/their-secret")
        page = self.client.get(ALL)
        self.assertContains(page, "Ingrid Sæther")
        self.assertContains(page, "https://hooks.example.org")
        self.assertNotContains(page, "their-secret")
        question = self.client.get(f"{ALL}{hook.pk}/end/")
        self.assertContains(question, "The webhook of Ingrid Sæther")
        self.assertNotContains(question, "their-secret")
        assert Webhook.objects.exists()
        self.assertContains(self.client.post(f"{ALL}{hook.pk}/end/", follow=True), "The webhook was ended.")
        assert not Webhook.objects.exists()
        assert AuditEntry.objects.get(kind="webhook.ended").detail.actor_id == self.admin.pk

    def test_many_come_in_pages(self) -> None:
        with mock.patch("portal.pages.organisation_webhooks.PER_PAGE", 1):
            for url in (URL, "https://other.example.org/"):
                services.make(self.ingrid, url=url)
            self.assertNotContains(self.client.get(ALL), "other.example.org")
            self.assertContains(self.client.get(ALL, {"page": "2"}), "other.example.org")
