"""What every kind of page tells the browser, scored as the public observatory would."""

from __future__ import annotations

import re
from collections.abc import Mapping

from django.core.cache import cache
from django.test import Client, TestCase, override_settings

from portal.accounts import services
from portal.middleware import PERMISSIONS_POLICY

PASSWORD = "correct horse battery"
PAGES = [
    "/sign-in/",
    "/sign-up/",
    "/password/reset/",
    "/setup/nothing/",
    "/nowhere/",
    "/m/aaaa-bbbb-cccc",
    "/i/nothing",
]
SIGNED_IN = ["/account/", "/meetings/", "/meetings/new/", "/people/", "/audit/"]


def policy_of(headers: Mapping[str, str]) -> dict[str, list[str]]:
    parts = [part.split() for part in headers["Content-Security-Policy"].split(";")]
    return {part[0]: part[1:] for part in parts if part}


def assert_strict(path: str, headers: Mapping[str, str]) -> None:
    policy = policy_of(headers)
    assert policy["default-src"] == ["'none'"], path
    assert policy["frame-ancestors"] == ["'none'"], path
    assert policy["base-uri"] == ["'none'"], path
    assert policy["form-action"] == ["'self'"], path
    for name, sources in policy.items():
        allowed = {"'self'", "'none'"} | ({"blob:"} if name == "media-src" else set())
        assert set(sources) <= allowed, (path, name, sources)
    assert headers["X-Content-Type-Options"] == "nosniff", path
    assert headers["X-Frame-Options"] == "DENY", path
    assert headers["Referrer-Policy"] == "same-origin", path
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin", path
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin", path
    assert "no-store" in headers["Cache-Control"], path
    assert headers["Permissions-Policy"] == PERMISSIONS_POLICY, path


class Headers(TestCase):
    def setUp(self) -> None:
        cache.clear()

    def test_every_class_of_page_is_strict(self) -> None:
        for path in PAGES:
            assert_strict(path, self.client.get(path).headers)

    def test_pages_of_people_who_signed_in_are_strict(self) -> None:
        self.client.force_login(services.create_person("a@example.org", "A", role="admin", password=PASSWORD))
        for path in SIGNED_IN:
            answer = self.client.get(path)
            assert answer.status_code == 200, path
            assert_strict(path, answer.headers)

    def test_camera_and_microphone_are_for_our_own_pages_only(self) -> None:
        for name in ("camera", "microphone", "display-capture", "speaker-selection"):
            assert f"{name}=(self)" in PERMISSIONS_POLICY
        assert "geolocation=()" in PERMISSIONS_POLICY

    def test_no_page_has_inline_script_or_style_or_a_foreign_address(self) -> None:
        self.client.force_login(services.create_person("a@example.org", "A", role="admin", password=PASSWORD))
        for path in PAGES[:4] + SIGNED_IN:
            shown = self.client.get(path).content.decode()
            assert not re.search(r"<style|\sstyle=|\son[a-z]+=", shown), path
            for script in re.findall(r"<script[^>]*>", shown):
                assert " src=" in script or 'type="application/json"' in script, (path, script)
            for address in re.findall(r"""(?:src|href|action)=["'](https?:)?//([^"'/]+)""", shown):
                raise AssertionError((path, address))

    def test_cookies_are_out_of_reach_of_scripts_and_other_sites(self) -> None:
        services.create_person("a@example.org", "A", password=PASSWORD)
        answer = self.client.post("/sign-in/", {"login": "a@example.org", "password": PASSWORD})
        shown = self.client.get("/sign-in/")
        for cookie in [*answer.cookies.values(), *shown.cookies.values()]:
            assert cookie["httponly"], cookie
            assert cookie["samesite"] == "Lax", cookie
            assert cookie["path"] == "/"

    @override_settings(SECURE_HSTS_SECONDS=63_072_000)
    def test_over_https_browsers_are_told_to_stay_there_for_two_years(self) -> None:
        answer = Client().get("/sign-in/", secure=True)
        assert answer.headers["Strict-Transport-Security"] == "max-age=63072000"
