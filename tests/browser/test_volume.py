"""How loud one person hears another: by keys in a real page, with the elements that play what comes in."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

PAGE = """async () => {
  const load = (name) => import(`/static/js/${name}.js`);
  const [{ personMenu }, { Volumes }, { AudioOut }, { Emitter }] = await Promise.all(
    ["room/person_menu", "media/volumes", "elements/sounds", "lib/emitter"].map(load));
  window.roster = Object.assign(new Emitter(), { you: "you", capabilities: { host: false } });
  window.volumes = new Volumes(roster);
  const button = Object.assign(document.createElement("button"), { textContent: "Actions" });
  const root = document.createElement("div");
  document.querySelector("main").replaceChildren(button, root);
  const out = new AudioOut(root, { volumeOf: (participant) => volumes.of(participant), onBlocked: () => undefined });
  const sources = [["peter", "microphone"], ["peter", "screen_audio"], ["leila", "microphone"]];
  const incoming = sources.map(([participant, source]) =>
    [`${participant}:${source}`, { participant, source, stream: new MediaStream() }]);
  window.play = (of) => out.play(new Map(incoming.filter(([, { participant }]) => of.includes(participant))));
  window.loud = () => Object.fromEntries(
    [...root.children].map(({ dataset, volume }) => [`${dataset.of} ${dataset.source}`, volume]));
  volumes.on("change", () => play(["peter", "leila"]));
  play(["peter", "leila"]);
  const menu = personMenu({ roster, volumes, stage: { pinned: null, smallWindow: () => null } });
  button.onclick = () => menu({ participant: "peter", name: "Peter" }, button);
}"""


@pytest.fixture
def page(some_page: Page) -> Page:
    some_page.evaluate(PAGE)
    return some_page


def loud(page: Page) -> Any:
    return page.evaluate("loud()")


def test_one_person_is_heard_as_loud_as_a_key_says_until_they_leave(page: Page) -> None:
    slider = page.get_by_role("slider", name="Volume")
    entry = page.get_by_role("menuitem", name="Volume…")
    page.get_by_role("button", name="Actions").press("Enter")
    entry.press("Enter")
    expect(slider).to_be_focused()
    expect(slider).to_have_attribute("aria-valuetext", "100%")
    expect(page.get_by_role("button", name="Full volume")).to_be_disabled()
    for _ in range(8):
        slider.press("ArrowLeft")
    expect(slider).to_have_attribute("aria-valuetext", "60%")
    assert loud(page) == {"peter microphone": 0.6, "peter screen_audio": 0.6, "leila microphone": 1}
    slider.press("Home")
    assert loud(page)["peter microphone"] == 0
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Actions")).to_be_focused()

    page.evaluate("play(['leila'])")  # their microphone was off for a while
    page.evaluate("play(['peter', 'leila'])")
    assert loud(page)["peter microphone"] == 0
    page.keyboard.press("Enter")
    expect(entry).to_contain_text("0%")
    entry.press("Enter")
    page.get_by_role("button", name="Full volume").press("Enter")
    expect(slider).to_be_focused()
    assert loud(page)["peter microphone"] == 1

    slider.press("Home")
    page.evaluate("roster.emit('gone', { person: { participant: 'peter' } })")
    assert loud(page)["peter microphone"] == 1


def test_where_a_page_cannot_say_how_loud_something_plays_nothing_is_offered(page: Page) -> None:
    page.evaluate("Object.defineProperty(HTMLMediaElement.prototype, 'volume', { get: () => 1, set: () => undefined })")
    page.get_by_role("button", name="Actions").press("Enter")
    expect(page.get_by_role("menuitem")).to_have_text(["Pin for me"])
