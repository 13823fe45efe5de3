"""The stage in a real page of its own: whom this person made large, and what a second click does."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, expect

PAGE = """async (sheet) => {
  const { Stage } = await import("/static/js/elements/stage.js");
  const link = Object.assign(document.createElement("link"), { rel: "stylesheet", href: sheet });
  await new Promise((done) => { link.onload = done; document.head.append(link); });
  const part = (tag, look) => Object.assign(document.createElement(tag), { className: look });
  const [root, list, pager] = [part("div", "stage"), part("ul", "tiles"), part("div", "pager")];
  root.style.cssText = "inline-size: 1200px; block-size: 700px";
  root.append(list, pager);
  document.body.replaceChildren(root);
  const names = ["Ingrid", "Peter", "Leila", "Yuki", "Marcus"];
  const people = new Map(names.map((name, index) => [name, { participant: name, name, connected: true, microphone: true,
    camera: false, screen: false, guest: false, host: false, hand: null, entered_at: `2026-01-01T00:00:0${index}Z` }]));
  const call = { incoming: new Map(), unplayable: new Map(), show: (tiles) => (window.asked = tiles) };
  window.people = people;
  window.stage = new Stage({ stage: root, list, pager, call, ownStream: () => null, openMenu: () => undefined,
    isUnreadable: () => false, volumeOf: (participant) => (participant === "Peter" ? 0.4 : 1),
    roster: { you: "Ingrid", hands: [], people } });
  stage.render();
}"""


@pytest.fixture
def page(some_page: Page) -> Page:
    some_page.evaluate(PAGE, "/static/css/room.css")
    return some_page


def tile(page: Page, name: str, source: str = "camera") -> Locator:
    return page.locator(f'[data-participant="{name}"][data-source="{source}"]')


def widths(page: Page) -> dict[str, float]:
    found: dict[str, float] = page.evaluate("""() => Object.fromEntries([...document.querySelectorAll(".tile")]
      .map((tile) => [tile.dataset.participant, parseFloat(tile.style.getPropertyValue("--w"))]))""")
    return found


def test_who_is_pinned_is_large_in_the_grid_too_until_a_second_double_click(page: Page) -> None:
    assert len(set(widths(page).values())) == 1
    tile(page, "Leila").dblclick()
    pinned = widths(page)
    assert all(pinned["Leila"] > 2 * pinned[name] for name in ("Ingrid", "Peter", "Yuki", "Marcus")), pinned
    expect(tile(page, "Leila").get_by_text("Pinned")).to_be_visible()
    page.evaluate("() => { people.delete('Leila'); stage.render(); }")
    assert len(set(widths(page).values())) == 1, "who left is large no more"
    tile(page, "Peter").dblclick()
    tile(page, "Peter").dblclick()
    assert len(set(widths(page).values())) == 1


def test_a_shared_screen_fills_ones_own_and_its_button_says_the_way_back(page: Page) -> None:
    page.evaluate("() => { people.get('Yuki').screen = true; stage.render(); }")
    shared = tile(page, "Yuki", "screen")
    shared.dblclick()
    expect(shared.get_by_role("button", name="Leave full screen")).to_be_visible()
    assert page.evaluate("document.fullscreenElement.dataset.source") == "screen"
    shared.get_by_role("button", name="Leave full screen").click()
    expect(shared.get_by_role("button", name="Full screen", exact=True)).to_be_visible()
    assert page.evaluate("document.fullscreenElement") is None


def test_cameras_of_others_are_not_asked_for_while_this_person_hides_them_and_screens_are(page: Page) -> None:
    page.evaluate("() => { people.get('Peter').camera = people.get('Yuki').screen = true; stage.render(); }")
    sources = "asked.map(({ participant, source }) => `${participant} ${source}`)"
    assert "Peter camera" in page.evaluate(sources)
    page.evaluate("() => { stage.othersCameras = false; stage.render(); }")
    assert page.evaluate(sources) == ["Yuki screen"]
    expect(tile(page, "Peter").get_by_text("Hidden by you")).to_be_visible()
    expect(tile(page, "Peter")).to_have_attribute("aria-label", "Peter, camera hidden by you")
    expect(tile(page, "Leila").get_by_text("Hidden by you")).to_be_hidden()
    page.evaluate("() => { stage.othersCameras = true; stage.render(); }")
    assert "Peter camera" in page.evaluate(sources)
    expect(tile(page, "Peter").get_by_text("Hidden by you")).to_be_hidden()


def test_who_was_made_quieter_here_says_so(page: Page) -> None:
    expect(tile(page, "Peter").get_by_text("40%")).to_be_visible()
    expect(tile(page, "Peter")).to_have_attribute("aria-label", "Peter, volume 40%, camera off")
    expect(tile(page, "Leila")).to_have_attribute("aria-label", "Leila, camera off")
