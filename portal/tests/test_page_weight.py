"""What a first view brings before anybody touches the page: the goal of docs/benchmarks.md, kept without a browser."""

from __future__ import annotations

from django.test import TestCase

from meetings.tests.live_case import make_link, make_meeting, make_user
from portal.tests.first_view import modules, weights

MOST_BYTES = 60_000


class PageWeightTests(TestCase):
    def assert_light(self, path: str) -> None:
        found = weights(self.client.get(path, follow=True).content.decode())
        assert {"css/base.css", "icons/sprite.svg"} < set(found), path
        heaviest = sorted(found.items(), key=lambda one: -one[1])[:10]
        assert sum(found.values()) <= MOST_BYTES, f"{path}: {sum(found.values())} bytes, most of it {heaviest}"

    def test_nobody_waits_for_more_than_the_goal(self) -> None:
        host = make_user("Ingrid Sæther")
        occurrence = make_meeting(host, encryption="e2ee")
        _, secret = make_link(occurrence, "peter@medreg.example", name="Peter Lindqvist")
        for path in ("/sign-in/", "/m/aaaa-bbbb-cccc", f"/i/{secret}"):
            self.assert_light(path)
        self.client.force_login(host)
        self.assert_light(f"/m/{occurrence.meeting.code}")

    def test_what_a_module_imports_by_itself_is_counted_and_what_it_asks_for_later_is_not(self) -> None:
        found = modules("js/room/main.js")
        assert {"js/room/question.js", "js/lib/i18n.js", "js/lib/emitter.js"} <= found
        assert not {"js/room/visit.js", "js/room/inside.js", "js/e2ee/encryption.js"} & found
        assert "js/media/call.js" in modules("js/room/visit.js")
