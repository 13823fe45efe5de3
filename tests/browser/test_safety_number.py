"""Two people compare sixty digits, in a real page: what is shown, which answer counts, and where the focus is then."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

PAGE = """async () => {
  const { askSafetyNumber } = await import("/static/js/elements/safety_number.js");
  const member = (name, byte) => ({ key: btoa(String.fromCharCode(...Array(65).fill(byte))).replaceAll("=", ""),
    who: { name, participant: name, account: null } });
  const button = Object.assign(document.createElement("button"), { textContent: "Compare" });
  const answer = document.createElement("output");
  button.onclick = async () => { answer.textContent = await askSafetyNumber(member("Ingrid", 4), member("Peter", 5)); };
  document.querySelector("main").replaceChildren(button, answer);
}"""


@pytest.fixture
def page(some_page: Page) -> Page:
    some_page.evaluate(PAGE)
    return some_page


@pytest.mark.parametrize(("key", "answer"), [("Enter", "true"), ("Escape", "false")])
def test_only_who_says_so_has_seen_the_same(page: Page, key: str, answer: str) -> None:
    compare = page.get_by_role("button", name="Compare")
    compare.press("Enter")
    question = page.get_by_role("dialog", name="Compare with Peter")
    groups = question.get_by_role("list", name="Safety number, twelve groups of five digits").get_by_role("listitem")
    expect(groups).to_have_count(12)
    expect(groups.first).to_have_text(re.compile(r"^\d{5}$"))
    expect(question.get_by_role("button", name="Same for both")).to_be_focused()
    page.keyboard.press(key)
    expect(question).to_have_count(0)
    expect(compare).to_be_focused()
    expect(page.get_by_role("status")).to_have_text(answer)
