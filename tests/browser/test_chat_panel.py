"""The chat’s panel in a real page of its own: where it scrolls to, and what becomes of what could not be sent."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

PAGE = """async (sheet) => {
  const { ChatPanel } = await import("/static/js/elements/chat_panel.js");
  const link = Object.assign(document.createElement("link"), { rel: "stylesheet", href: sheet });
  await new Promise((done) => { link.onload = done; document.head.append(link); });
  window.sent = []; // each with what answers it
  window.say = (participant, text) => chat.add({ participant, name: "Peter", text, at: new Date().toISOString() });
  const roster = { you: "you", people: new Map(), capabilities: { chat: true }, meeting: { rights: {} } };
  window.chat = new ChatPanel({ roster, isSealed: () => false, onUnread: () => undefined, files: {},
    send: (text) => new Promise((sent, refused) => window.sent.push({ text, sent, refused })) });
  const panel = Object.assign(document.createElement("section"), { className: "panel" });
  panel.dataset.panel = "chat";
  panel.style.height = "400px";
  panel.append(chat.body, chat.foot);
  document.querySelector("main").replaceChildren(panel);
  for (let n = 0; n < 30; n++) say("peter", `Message ${n}`);
}"""
TO_THE_END = "() => chat.body.scrollHeight - chat.body.scrollTop - chat.body.clientHeight"


@pytest.fixture
def page(some_page: Page) -> Page:
    some_page.evaluate(PAGE, "/static/css/room.css")
    return some_page


def read_further_up(page: Page) -> None:
    page.evaluate("() => { chat.body.scrollTop = 0; }")
    assert page.evaluate(TO_THE_END) > 80


def test_who_reads_further_up_stays_there_and_is_told_of_what_is_new(page: Page) -> None:
    newer = page.get_by_role("button", name="New messages")
    assert page.evaluate(TO_THE_END) < 2
    expect(newer).to_be_hidden()
    read_further_up(page)
    page.evaluate("chat.note('Marcus was let in')")
    expect(newer).to_be_hidden()
    page.evaluate("say('peter', 'Are you there?')")
    assert page.evaluate(TO_THE_END) > 80
    newer.click()
    expect(page.get_by_text("Are you there?")).to_be_in_viewport()
    expect(newer).to_be_hidden()
    expect(page.get_by_role("log")).to_be_focused()


def test_ones_own_message_is_always_shown(page: Page) -> None:
    read_further_up(page)
    page.evaluate("say('you', 'Here I am')")
    expect(page.get_by_text("Here I am")).to_be_in_viewport()
    expect(page.get_by_role("button", name="New messages")).to_be_hidden()


def test_what_could_not_be_sent_is_sent_once_again_and_says_so_each_time(page: Page) -> None:
    page.get_by_role("textbox", name="Message").fill("Hello")
    page.keyboard.press("Enter")
    page.evaluate("sent[0].refused()")
    again = page.get_by_role("button", name="Try again")
    again.press("Enter")
    again.press("Enter")
    assert page.evaluate("sent.length") == 2
    page.evaluate("sent[1].refused()")
    expect(again).to_have_count(1)
    expect(again).not_to_have_attribute("aria-disabled", "true")
    expect(again).to_be_focused()
    again.press("Enter")
    page.evaluate("sent[2].sent()")
    expect(again).to_have_count(0)
    expect(page.get_by_role("textbox", name="Message")).to_be_focused()
