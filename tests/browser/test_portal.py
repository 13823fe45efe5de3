"""The portal in a real Chromium: schedule, copy a link, change, revoke; with and without scripts; axe on every page."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.axe import violations
from tests.browser.conftest import Portal

INGRID = "ingrid@nordhavn.example"
GUEST = "p.lindqvist@medreg.example"
Visitor = Callable[..., BrowserContext]


@pytest.fixture(scope="module")
def portal(server: Portal) -> Portal:
    server.create_people(
        (INGRID, "Ingrid Sæther", "admin"),
        ("yuki@nordhavn.example", "Yuki Tanaka", "staff"),
        ("amara@nordhavn.example", "Amara Okafor", "staff"),
    )
    return server


@pytest.fixture
def page(portal: Portal, visitor: Visitor) -> Page:
    """Signed in as Ingrid, who is an administrator."""
    opened = visitor().new_page()
    portal.sign_in(opened, INGRID)
    return opened


def fill_form(page: Page, title: str) -> None:
    page.wait_for_load_state()  # before its scripts run a form is a plain one, which has a test of its own
    page.get_by_role("textbox", name="Title").fill(title)
    page.get_by_label("Date").fill((date.today() + timedelta(days=3)).isoformat())
    page.get_by_label("Starts").fill("14:30")
    page.get_by_role("combobox", name="Length").select_option(label="45 min")
    page.get_by_role("combobox", name="Time zone").select_option("Europe/Oslo")


def schedule(portal: Portal, page: Page, title: str, people: str = GUEST) -> None:
    page.goto(f"{portal.url}/meetings/new/")
    fill_form(page, title)
    page.get_by_role("textbox", name="People and guests").fill(people)
    page.get_by_role("button", name="Schedule and send invitations").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(title)
    page.wait_for_load_state()


def test_a_meeting_is_scheduled_with_chips_and_its_door_is_foretold(
    portal: Portal, page: Page, artifacts: Path
) -> None:
    page.get_by_role("link", name="Schedule").click()
    fill_form(page, "Trial safety board")
    people = page.get_by_role("textbox", name="People and guests")
    people.fill("Yuki Tanaka")
    people.press("Enter")
    people.press_sequentially(f"{GUEST},")
    people.press_sequentially("nobody at all")
    people.press("Enter")
    expect(page.locator(".chip-wrong")).to_have_text(re.compile("nobody at all"))
    page.get_by_role("button", name="Remove nobody at all").click()
    foretold = page.locator("#preview")
    expect(foretold.get_by_role("listitem").filter(has_text=GUEST)).to_contain_text("knocks")
    page.get_by_role("radio", name="Named people only").check(force=True)
    expect(foretold.get_by_role("listitem").filter(has_text="Amara Okafor")).to_contain_text("turned away")
    expect(foretold.get_by_role("listitem").filter(has_text=GUEST)).to_contain_text("walks in after a code")
    page.screenshot(path=str(artifacts / "portal-schedule.png"), full_page=True)
    page.get_by_role("button", name="Schedule and send invitations").click()
    expect(page.get_by_role("status").first).to_contain_text("2 invitations are on their way")
    rows = page.get_by_role("region", name="Invitations").get_by_role("row")
    expect(rows).to_have_count(3)
    expect(rows.filter(has_text=GUEST)).to_contain_text("Walks in after a code")
    page.screenshot(path=str(artifacts / "portal-meeting.png"), full_page=True)


def test_raising_a_row_raises_what_must_be_above_it_and_says_so(portal: Portal, page: Page) -> None:
    page.goto(f"{portal.url}/meetings/new/")
    page.get_by_role("radio", name="Named people only").check(force=True)
    strangers = page.get_by_role("group", name=re.compile("Anyone else with the link"))
    strangers.get_by_role("radio", name="Knocks").check(force=True)
    expect(page.locator("#also-changed")).to_contain_text("Others signed in at Nordhavn")
    for preset in ("Named people only", "Guests knock", "Everyone knocks", "Anyone with the link"):
        expect(page.get_by_role("radio", name=preset)).not_to_be_checked()


def test_what_was_typed_survives_a_reload_until_it_is_sent(portal: Portal, page: Page) -> None:
    page.goto(f"{portal.url}/meetings/new/")
    page.get_by_role("textbox", name="Title").fill("Half a thought")
    people = page.get_by_role("textbox", name="People and guests")
    people.fill(GUEST)
    people.press("Enter")
    page.reload()
    expect(page.get_by_role("textbox", name="Title")).to_have_value("Half a thought")
    expect(page.locator(".chip").filter(has_text=GUEST)).to_be_visible()
    page.get_by_role("button", name="Start over").click()
    expect(page.get_by_role("textbox", name="Title")).to_have_value("")


def test_an_error_is_summed_up_on_top_and_takes_the_focus(portal: Portal, page: Page) -> None:
    page.goto(f"{portal.url}/meetings/new/")
    page.get_by_role("textbox", name="Title").fill("Too late")
    page.get_by_label("Date").fill("2020-02-02")
    page.get_by_role("button", name="Schedule and send invitations").click()
    summary = page.get_by_role("alert").filter(has_text="There is a problem")
    expect(summary).to_be_focused()
    expect(page).to_have_title(re.compile(r"^Error: "))
    summary.get_by_role("link").click()
    expect(page.get_by_label("Date")).to_be_focused()


def test_a_personal_link_is_copied_revoked_and_restored(portal: Portal, page: Page) -> None:
    schedule(portal, page, "Candidate interview")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=portal.url)
    row = page.get_by_role("region", name="Invitations").get_by_role("row").filter(has_text=GUEST)
    row.get_by_role("button", name="Copy link").click()
    expect(page.locator("#copied")).to_contain_text(GUEST)
    assert re.fullmatch(rf"{portal.url}/i/[\w-]{{22,}}", page.evaluate("navigator.clipboard.readText()"))
    row.get_by_role("button", name="Revoke").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(row).to_contain_text("Turned away")
    row.get_by_role("button", name="Restore").click()
    expect(row.get_by_role("button", name="Send again")).to_be_visible()
    expect(page.get_by_role("region", name="History")).to_contain_text("Ingrid Sæther revoked the invitation")


def test_where_the_clipboard_is_closed_the_link_is_shown_to_copy_by_hand(portal: Portal, visitor: Visitor) -> None:
    context = visitor()
    context.add_init_script("delete Navigator.prototype.clipboard")
    page = context.new_page()
    portal.sign_in(page, INGRID)
    schedule(portal, page, "No clipboard here")
    page.get_by_role("button", name="Copy link").click()
    shown = page.get_by_role("dialog").get_by_role("textbox")
    expect(shown).to_have_value(re.compile(rf"^{portal.url}/i/"))
    page.keyboard.press("Escape")
    expect(page.locator("#copy-by-hand input")).to_have_value("")


def test_an_edit_lists_what_it_changes_before_it_is_saved(portal: Portal, page: Page) -> None:
    schedule(portal, page, "Ethics committee", f"Yuki Tanaka, {GUEST}")
    page.get_by_role("link", name="Edit").click()
    page.get_by_role("radio", name="Everyone knocks").check(force=True)
    page.get_by_role("button", name=f"Remove {GUEST}").click()
    changes = page.get_by_role("region", name="What you are changing")
    expect(changes).to_contain_text("People you listed, signed in")
    expect(changes).to_contain_text(GUEST)
    page.get_by_role("button", name="Save quietly").click()
    expect(page.get_by_role("status").first).to_contain_text("Nobody was told")
    door = page.get_by_role("region", name="The door")
    expect(door.get_by_role("listitem").filter(has_text="Listed, signed in")).to_contain_text("knock")


def test_everything_works_without_scripts(portal: Portal, visitor: Visitor) -> None:
    page = visitor(java_script_enabled=False).new_page()
    portal.sign_in(page, INGRID)
    page.get_by_role("link", name="Schedule").click()
    fill_form(page, "Plain forms")
    page.get_by_role("textbox", name="People and guests").fill(f"Amara Okafor, {GUEST}")
    page.get_by_role("radio", name="Everyone knocks").check(force=True)
    page.get_by_role("button", name="Schedule and send invitations").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Plain forms")
    door = page.get_by_role("region", name="The door")
    expect(door.get_by_role("listitem").filter(has_text="Listed, signed in")).to_contain_text("knock")
    row = page.get_by_role("region", name="Invitations").get_by_role("row").filter(has_text=GUEST)
    row.get_by_role("button", name="Copy link").click()
    expect(page.locator("code")).to_have_text(re.compile(rf"^{portal.url}/i/"))
    page.get_by_role("link", name="Back to the meeting").click()
    row.get_by_role("button", name="Revoke").click()
    page.get_by_role("button", name="Revoke").click()
    expect(row.get_by_role("button", name="Restore")).to_be_visible()
    page.get_by_role("link", name="Edit").click()
    page.get_by_role("radio", name="Guests knock").check(force=True)
    page.get_by_role("button", name="Save quietly").click()
    expect(page.get_by_role("region", name="What you are changing")).to_contain_text("Nothing is saved yet")
    page.get_by_role("button", name="Save quietly").click()
    expect(door.get_by_role("listitem").filter(has_text="Listed, signed in")).to_contain_text("walk in")


def test_the_theme_is_kept(portal: Portal, page: Page) -> None:
    page.goto(f"{portal.url}/meetings/")
    page.locator("summary", has_text="Ingrid Sæther").click()
    page.get_by_role("button", name="Dark").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.goto(f"{portal.url}/people/")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


PAGES = (
    "/meetings/",
    "/meetings/new/",
    "MEETING",
    "MEETING/edit/",
    "MEETING/cancel/",
    "/meetings/earlier/",
    "/people/",
    "/people/invite/",
    "MEETING/history/",
    "MEETING/devices/",
    "/audit/",
    "/audit/?network=nowhere",
    "/audit/1/",
    "/account/",
    "/account/webhooks/",
    "/organisation/webhooks/",
    "/organisation/authorization/",
    "/organisation/streams/",
    "/help/encryption/",
    "/help/keyboard/",
    "/help/browsers/",
    "/nothing-here/",
)


LOOKS: dict[str, tuple[tuple[int, Literal["dark", "light"]], ...]] = {
    "across": ((1440, "light"), (390, "dark")),
    "the other way": ((1440, "dark"), (390, "light")),
}
AT_400_PERCENT = 320
"""As wide as a page is for who reads one of 1280 pixels at four times its size: WCAG 1.4.10."""


@pytest.mark.parametrize("looks", ["across", pytest.param("the other way", marks=pytest.mark.extra)])
def test_axe_finds_nothing_and_no_page_scrolls_sideways(portal: Portal, visitor: Visitor, looks: str) -> None:
    context = visitor(reduced_motion="reduce")
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda said: errors.append(said.text) if "Content Security Policy" in said.text else None)
    portal.sign_in(page, INGRID)
    schedule(portal, page, f"Looked at by axe, {looks}")
    meeting = page.url.partition("#")[0].removeprefix(portal.url).rstrip("/")
    found: list[str] = []

    def look(what: str) -> None:
        for width, theme in LOOKS[looks]:
            page.set_viewport_size({"width": width, "height": 900})
            page.emulate_media(color_scheme=theme)
            found.extend(f"{what}, {width} {theme}: {said}" for said in _violations(page))
            if page.evaluate("document.documentElement.scrollWidth") > width:
                found.append(f"{what}, {width}: scrolls sideways")
        page.set_viewport_size({"width": AT_400_PERCENT, "height": 640})
        if page.evaluate("document.documentElement.scrollWidth") > AT_400_PERCENT:
            found.append(f"{what}, {AT_400_PERCENT}: scrolls sideways")

    for path in PAGES:
        page.goto(portal.url + path.replace("MEETING", meeting))
        look(path)
        if path == "/account/webhooks/":
            page.get_by_role("textbox", name="Address").fill(
                "https://hooks.example.org/a-long-path/of-one-program/lintel"
            )
            page.get_by_role("button", name="Add webhook").click()
            expect(page.locator("#the-secret")).to_be_visible()
            look("a new webhook")
    context.clear_cookies()
    for path in ("/sign-in/", "/new-link/", "/new-link/sent/", "/help/encryption/", "/nothing-here/"):
        page.goto(portal.url + path)
        look(path)
    assert not found, "\n".join(found)
    assert not errors


def _violations(page: Page) -> list[str]:
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    return [
        f"{violation['id']} at {node['target']}: {node.get('failureSummary', '')}"
        for violation in violations(page, runOnly=tags)
        for node in violation["nodes"]
    ]
