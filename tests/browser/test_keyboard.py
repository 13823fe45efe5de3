"""The way into a meeting, about its room and out again without a mouse, and what keys do in the portal.

Whoever can't point presses Tab until they are where they want to be: nothing here focuses or clicks by itself.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.browser.conftest import Portal
from tests.browser.test_room_main_job import INGRID, Seat
from tests.support.accounts import PASSWORD

Visitor = Callable[..., BrowserContext]
MOST_STEPS = 90
WHERE = """() => {
  const at = document.activeElement;
  if (at === document.body) return "";
  const texts = [at.getAttribute("aria-label"), ...[...(at.labels ?? []), at].map(({ textContent }) => textContent)];
  return texts.find((text) => text?.trim())?.trim().replace(/\\s+/g, " ") ?? "";
}"""
SEEN = """() => {
  const at = document.activeElement;
  const { x, y, width, height } = at.getBoundingClientRect();
  const hit = document.elementFromPoint(x + width / 2, y + height / 2);
  return Boolean(hit) && (at.contains(hit) || hit.contains(at) || Boolean(hit.closest("label")?.contains(at)));
}"""
"""Whether what has the focus is in view and nothing lies over it (WCAG 2.4.11)."""

GO_BESIDE_FIELD = """() => {
  const parts = [...document.querySelector(".joinbox").elements].slice(-2);
  const [field, go] = parts.map((one) => one.getBoundingClientRect());
  return field.top === go.top && field.right === go.left;
}"""

NOTES_WHAT_IS_SENT = """() => addEventListener("submit", ({ target }) => {
  sessionStorage.sent = `${target.elements.password.type} ${[...new FormData(target).keys()]}`;
})"""


@pytest.fixture(scope="module")
def portal(server: Portal) -> Portal:
    server.create_people((INGRID, "Ingrid Sæther", "admin"))
    return server


def tab_to(page: Page, name: str, key: str = "Tab") -> None:
    """Presses `key` until the focus is on what begins with `name`, and in view."""
    passed: list[str] = []
    for _ in range(MOST_STEPS):
        page.keyboard.press(key)
        passed.append(str(page.evaluate(WHERE)))
        if passed[-1].startswith(name):
            assert page.evaluate(SEEN), f"{name} has the focus under something else"
            return
    pytest.fail(f"no {name} by {key}: {passed}")


def press(page: Page, name: str, key: str = "Tab") -> None:
    tab_to(page, name, key)
    page.keyboard.press("Enter")


def opened_and_closed(page: Page, opens: str, what: Locator, back: Locator) -> None:
    """By these keys it opens with the focus in it; Escape closes it, and the focus is where it was."""
    page.keyboard.press(opens)
    expect(what.locator(":focus")).to_have_count(1)
    page.keyboard.press("Escape")
    expect(what).to_be_hidden()
    expect(back).to_be_focused()


@pytest.mark.timeout(300)
def test_nobody_needs_a_mouse(portal: Portal, visitor: Visitor) -> None:
    host = Seat(visitor().new_page())
    page = host.page
    page.goto(f"{portal.url}/sign-in/")
    tab_to(page, "Email")
    page.keyboard.type(INGRID)
    tab_to(page, "Password")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/meetings/")
    press(page, "Start now")
    page.wait_for_url("**/m/*")
    expect(host.button("Join")).to_be_visible()
    press(page, "Continue without")
    press(page, "Join")
    host.state("connected")
    expect(page.locator("#room-title")).to_be_focused()

    page.keyboard.press("F2")
    tab_to(page, "More", "ArrowRight")
    more = host.tool("More")
    opened_and_closed(page, "Enter", page.get_by_role("menu", name="More"), more)
    opened_and_closed(page, "Shift+Slash", page.get_by_role("dialog", name="Settings"), more)
    chip = page.locator("#chip-encryption")
    for key, button in (("C", host.tool("Chat")), ("P", host.tool("People")), ("O", host.tool("Host")), ("X", chip)):
        opened_and_closed(page, f"Alt+Shift+Key{key}", page.locator("#panel"), button)

    # Round the page, and out of every part of it.
    around: list[str] = []
    while len(around) < MOST_STEPS and (not around or around[-1] != "End-to-end encrypted"):
        page.keyboard.press("Tab")
        around.append(str(page.evaluate(WHERE)))
    assert {"Skip to main content", "Copy link", "Host"} < set(around), around
    assert around[-1] == "End-to-end encrypted", around
    page.set_viewport_size({"width": 390, "height": 844})
    expect(page.locator("#toolbar [tabindex='0']")).to_be_visible()  # what had the focus last isn't there any more
    page.keyboard.press("F2")
    press(page, "More", "ArrowRight")
    tab_to(page, "Network", "ArrowDown")
    opened_and_closed(page, "Enter", page.locator("#panel"), more)
    page.keyboard.press("Alt+Shift+KeyC")
    expect(page.get_by_role("heading", name="Chat")).to_be_focused()
    tab_to(page, "More")
    expect(page.locator("#panel")).to_be_hidden()
    press(page, "Leave", "ArrowRight")
    host.state("left")
    expect(page.get_by_role("heading", level=1, name="You left")).to_be_focused()
    assert host.wrong == []


def test_a_password_is_shown_while_it_is_typed_and_hidden_when_it_is_sent(portal: Portal, visitor: Visitor) -> None:
    page = visitor().new_page()
    page.goto(f"{portal.url}/sign-in/")
    show, typed = page.get_by_role("button", name="Show password"), page.get_by_label("Password")
    page.get_by_role("textbox", name="Email").fill("nobody@nordhavn.example")
    typed.fill("correct horse")
    expect(typed).to_have_attribute("type", "password")
    typed.press("Tab")
    expect(show).to_be_focused()
    for key, pressed, kind in (("Enter", "true", "text"), ("Space", "false", "password"), ("Space", "true", "text")):
        show.press(key)
        expect(show).to_have_attribute("aria-pressed", pressed)
        expect(typed).to_have_attribute("type", kind)
    expect(typed).to_have_value("correct horse")

    page.evaluate(NOTES_WHAT_IS_SENT)
    typed.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("That email and password don’t match.")
    assert page.evaluate("sessionStorage.sent") == "password csrfmiddlewaretoken,login,password"


def test_on_a_phone_the_menu_gives_way_to_who_tabs_out_of_it(portal: Portal, visitor: Visitor) -> None:
    page = visitor(viewport={"width": 390, "height": 844}).new_page()
    portal.sign_in(page, INGRID)
    rail = page.locator("#rail")
    press(page, "Menu")
    expect(rail).to_be_visible()
    press(page, "ISIngrid Sæther")
    tab_to(page, "Sign out", "ArrowUp")
    page.keyboard.press("Escape")
    expect(rail.locator("summary")).to_be_focused()
    tab_to(page, "Meeting code or link")
    expect(rail).to_be_hidden()
    assert page.evaluate(GO_BESIDE_FIELD), "the button has dropped under its field"
