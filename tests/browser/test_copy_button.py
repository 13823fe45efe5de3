"""Buttons of the room that copy a link, in a real page: what they say and when they can’t."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import Portal

LINK = "https://meet.example.org/m/aaaa-bbbb-cccc"
PAGE = """async (link) => {
  const { copyButton } = await import("/static/js/elements/copy_button.js");
  window.said = [];
  addEventListener("said", ({ detail }) => said.push(detail));
  document.querySelector("main").replaceChildren(copyButton(() => link, "Copy link"));
}"""

FORBIDDEN = """() => {
  navigator.clipboard.writeText = () => Promise.reject(new DOMException("no", "NotAllowedError"));
}"""


@pytest.fixture
def context(visitor: Callable[..., BrowserContext]) -> BrowserContext:
    return visitor()


@pytest.fixture
def page(server: Portal, context: BrowserContext) -> Page:
    opened = context.new_page()
    opened.clock.install()
    opened.goto(f"{server.url}/help/keyboard/")
    opened.evaluate(PAGE, LINK)
    return opened


def test_a_link_is_copied_and_said_to_be_and_the_button_is_then_what_it_was(
    page: Page, context: BrowserContext
) -> None:
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy link").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == LINK
    assert page.evaluate("said") == ["Link copied"]
    page.clock.run_for(3000)
    expect(page.get_by_role("button", name="Copy link")).to_be_visible()


def test_where_a_page_may_not_copy_the_link_is_shown_to_be_copied_by_hand(page: Page) -> None:
    page.evaluate(FORBIDDEN)
    page.get_by_role("button", name="Copy link").press("Enter")
    question = page.get_by_role("dialog", name="Copy the link")
    expect(question.get_by_role("textbox")).to_be_focused()
    expect(question.get_by_role("textbox")).to_have_value(LINK)
    assert question.get_by_role("textbox").evaluate("(field) => field.selectionEnd - field.selectionStart") == len(LINK)
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Copy link")).to_be_focused()
    assert page.evaluate("said") == []
